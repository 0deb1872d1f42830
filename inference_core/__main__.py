"""python -m inference_core: the same as the command lprnet."""

import sys

from inference_core.cli import main

sys.exit(main())
