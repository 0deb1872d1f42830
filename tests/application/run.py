"""make test-application: the zip in a real Blender with a window, clicked through with a mouse; pictures of every step.

    python tests/application/run.py [STEP...]

Debian's Blender 4.3.2 (Python 3.13) in build/application/root; needs root on Debian x86-64. Screenshots are in
out/application/. A step that fails says what was asked for, keeps a picture of that moment, and the rest goes on.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent
sys.path[:0] = [str(REPOSITORY), str(HERE.parent), str(HERE)]

from desktop import desktop, in_own_mounts              # noqa: E402
from steps import STEPS, Application                    # noqa: E402

ROOT, SHOTS = REPOSITORY / "build" / "application" / "root", REPOSITORY / "out" / "application"


def main(wanted: list[str]) -> int:
    """Returns 0 when every step did what a user expects."""
    if unknown := set(wanted) - set(STEPS):
        print(f"test-application: no such step: {', '.join(sorted(unknown))}; there are {', '.join(STEPS)}",
              file=sys.stderr)
        return 2
    if "LPRNET_OWN_MOUNTS" not in os.environ:
        made = subprocess.run([HERE / "make_root.sh", ROOT], check=False)
        return made.returncode or in_own_mounts([sys.executable, str(Path(__file__).resolve()), *wanted])
    from build_addon import build
    zip_path = build("linux-x64", REPOSITORY / "build" / "addon")
    shutil.rmtree(SHOTS, ignore_errors=True)
    SHOTS.mkdir(parents=True)
    failed = []
    with (tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
          desktop(ROOT, Path(folder), SHOTS) as screen):
        application = Application(screen, zip_path)
        application.install()
        with screen.blender():
            application.open()
            for number, name in enumerate(wanted or STEPS, 1):
                application.prefix = f"{number:02d}_{name}"
                try:
                    STEPS[name](application)
                    print(f"{name}: passed", flush=True)
                except AssertionError:
                    failed.append(name)
                    application.shot("failed")
                    print(f"{name}: FAILED\n{traceback.format_exc()}", flush=True)
                    application.recover()
        shutil.copy(Path(folder) / "blender.log", SHOTS / "blender.log")
    count = len(wanted or STEPS)
    print(f"{count - len(failed)} passed, {len(failed)} failed; pictures in {SHOTS}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
