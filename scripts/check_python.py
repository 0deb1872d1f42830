"""Stops the installation with one clear sentence where it could only fail later."""

import importlib.util
import sys

if sys.version_info[:2] != (3, 11):
    sys.exit(
        "The pinned versions (bpy 5.0.1) need Python 3.11, but this is Python {}.{}. Install Python 3.11, or name "
        "it: make PYTHON=/path/to/python3.11".format(*sys.version_info[:2])
    )
if importlib.util.find_spec("ensurepip") is None:
    sys.exit("This Python cannot make virtual environments. On Debian: apt-get install python3-venv")
