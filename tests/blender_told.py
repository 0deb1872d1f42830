"""What a script that ran in Blender told: the line TOLD and JSON. Not a test itself."""

from __future__ import annotations

import json
import subprocess


def told_by(done: subprocess.CompletedProcess[str]) -> dict:
    lines = [line for line in done.stdout.splitlines() if line.startswith("TOLD ")]
    assert lines, done.stdout + done.stderr
    return json.loads(lines[0].removeprefix("TOLD "))
