"""A virtual screen with a mouse, a keyboard and Blender on it, inside the Debian that make_root.sh made."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

WIDTH, HEIGHT, DISPLAY = 1280, 800, ":91"
ANSWER_S, TEXT_S, MAGNIFY = 90.0, 40.0, 3
Box = tuple[int, int, int, int]                      # x, y of the top left corner, width, height
EVERYWHERE: Box = (0, 0, WIDTH, HEIGHT)
# Windows without a frame: what Blender says of places in its window is then true of the screen
OPENBOX = """<openbox_config xmlns="http://openbox.org/3.4/rc"><applications><application class="*">
<decor>no</decor></application></applications></openbox_config>"""
INSIDE = Path(__file__).resolve().parent / "inside.py"


class Desktop:
    """`root`: the Debian; `folder`, a folder on this side, is /exchange in there, with ask.py and answer.json."""

    def __init__(self, root: Path, folder: Path, shots: Path) -> None:
        self.root, self.folder, self.shots = root, folder, shots
        self.read = ""                                  # the words that were found last
        self._blender: subprocess.Popen[str] | None = None

    def run(self, *command: str, timeout_s: float = 120.0) -> subprocess.CompletedProcess[str]:
        """A command inside the Debian."""
        return subprocess.run(self._inside(*command), capture_output=True, text=True, timeout=timeout_s, check=False)

    def start(self, *command: str, log: str) -> subprocess.Popen[str]:
        with (self.folder / log).open("w") as stream:
            return subprocess.Popen(self._inside(*command), stdout=stream, stderr=subprocess.STDOUT, text=True,
                                    stdin=subprocess.DEVNULL)

    def _inside(self, *command: str) -> list[str]:
        settings = [f"DISPLAY={DISPLAY}", "BLENDER_USER_RESOURCES=/exchange/user", "HOME=/exchange/home",
                    "LC_ALL=C.UTF-8", "PATH=/usr/bin:/bin:/usr/sbin", "OMP_NUM_THREADS=1"]
        return ["chroot", str(self.root), "env", "-i", *settings, *command]

    def ask(self, question: str, wait_s: float = ANSWER_S) -> Any:
        """The value of a Python expression in the running Blender."""
        answer = self.folder / "answer.json"
        answer.unlink(missing_ok=True)
        part = self.folder / "ask.part"
        part.write_text(question, encoding="utf-8")
        part.rename(self.folder / "ask.py")
        self._when(answer.is_file, wait_s, f"Blender gave no answer to {question}")
        told = json.loads(answer.read_text(encoding="utf-8"))
        if "error" in told:
            raise AssertionError(told["error"])
        return told["answer"]

    def until(self, question: str, wait_s: float = ANSWER_S) -> Any:
        """Ask again and again until the answer is true."""
        return self._when(lambda: self.ask(question), wait_s, f"never true: {question}")

    def _when(self, condition: Any, wait_s: float, otherwise: str) -> Any:
        end = time.monotonic() + wait_s
        while time.monotonic() < end:
            if value := condition():
                return value
            if self._blender is not None and self._blender.poll() is not None:
                raise AssertionError(f"Blender ended: {(self.folder / 'blender.log').read_text()[-2000:]}")
            time.sleep(0.1)
        raise AssertionError(f"{otherwise} (after {wait_s:.0f} s)")

    def shot(self, name: str) -> Path:
        """The whole screen as a picture, drawn anew."""
        drawn = self.ask("DRAWN[0], redraw()")[0]
        with suppress(AssertionError):                  # where another window or a full one hides the 3D view
            self.until(f"DRAWN[0] > {drawn}", wait_s=5)
        time.sleep(0.5)
        self.run("import", "-window", "root", "/exchange/shot.png")
        return Path(shutil.copy(self.folder / "shot.png", self.shots / f"{name}.png"))

    def find_text(self, words: str, within: Box = EVERYWHERE) -> list[tuple[int, int]]:
        """Each middle of these words on the screen (x, y), as an OCR reads them, from the top down."""
        x, y, width, height = within
        self.run("import", "-window", "root", "/exchange/look.png")
        self.run("convert", "/exchange/look.png", "-crop", f"{width}x{height}+{x}+{y}", "+repage", "-colorspace", "Gray",
                 "-resize", f"{MAGNIFY * 100}%", "-level", "45%,85%", "-negate", "/exchange/read.png")
        table = self.run("tesseract", "/exchange/read.png", "-", "--psm", "11", "--dpi", "300", "tsv").stdout
        lines = [line.split("\t") for line in table.splitlines()[1:]]
        read = [fields for fields in lines if len(fields) == 12 and fields[11].strip()]
        self.read = " ".join(fields[11] for fields in read)
        wanted, found = words.lower().split(), []
        for start in range(len(read) - len(wanted) + 1):
            part = read[start:start + len(wanted)]
            if [fields[11].lower().strip(".,:|_()[]") for fields in part] == wanted:
                left, top = int(part[0][6]), int(part[0][7])
                right, bottom = int(part[-1][6]) + int(part[-1][8]), int(part[-1][7]) + int(part[-1][9])
                found.append((x + (left + right) // (2 * MAGNIFY), y + (top + bottom) // (2 * MAGNIFY)))
        return sorted(found, key=lambda place: place[1])

    def click(self, x: int, y: int, button: int = 1) -> None:
        self.run("xdotool", "mousemove", str(x), str(y), "sleep", "0.3", "click", str(button), "sleep", "0.3")

    def click_text(self, words: str, within: Box = EVERYWHERE, which: int = 0) -> None:
        """Click on these words; waits until they are there, `which` of them where they are there several times."""
        end = time.monotonic() + TEXT_S
        while not (places := self.find_text(words, within)):
            assert time.monotonic() < end, f"{words!r} is not in {within} of the screen, only {self.read!r}"
        self.click(*places[which])

    def key(self, *keys: str) -> None:
        self.run("xdotool", "key", *keys)

    def point(self, x: int, y: int) -> None:
        self.run("xdotool", "mousemove", str(x), str(y), "sleep", "0.3")

    def sidebar(self) -> Box:
        x, y, width, height = self.ask("region('UI')")
        return x, y, width, height

    @contextmanager
    def blender(self) -> Iterator[None]:
        """Blender with its window over the whole screen, and its answers."""
        self._blender = self.start("blender", "--window-geometry", "0", "0", str(WIDTH), str(HEIGHT),
                                   "-P", "/exchange/inside.py", "--", "/exchange", log="blender.log")
        try:
            self.ask("1")
            yield
        finally:
            self._blender.kill()
            self._blender.wait()
            self._blender = None


@contextmanager
def desktop(root: Path, folder: Path, shots: Path) -> Iterator[Desktop]:
    """The screen with a window manager. Runs in a mount namespace of its own (see run.py), whose mounts end with it."""
    there = root / "exchange"
    there.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "proc", "proc", str(root / "proc")], check=True)
    subprocess.run(["mount", "--rbind", "/dev", str(root / "dev")], check=True)
    subprocess.run(["mount", "--bind", str(folder), str(there)], check=True)
    for name in ("user", "home"):
        (folder / name).mkdir(exist_ok=True)
    shutil.copy(INSIDE, folder / "inside.py")
    screen = Desktop(root, folder, shots)
    processes = [screen.start("Xvfb", DISPLAY, "-screen", "0", f"{WIDTH}x{HEIGHT}x24", "+extension", "GLX", "-nolisten",
                              "tcp", log="xvfb.log")]
    try:
        end = time.monotonic() + 30
        while screen.run("xdotool", "getdisplaygeometry").returncode and time.monotonic() < end:
            time.sleep(0.2)
        (folder / "openbox.xml").write_text(OPENBOX, encoding="ascii")
        processes.append(screen.start("openbox", "--config-file", "/exchange/openbox.xml", log="openbox.log"))
        yield screen
    finally:
        for process in reversed(processes):
            process.terminate()
            process.wait()


def in_own_mounts(command: list[str]) -> int:
    """Run a command so that what it mounts is seen by nobody else and ends with it."""
    return subprocess.run(["unshare", "--mount", "--propagation", "private", *command], check=False,
                          env={**os.environ, "LPRNET_OWN_MOUNTS": "1"}).returncode
