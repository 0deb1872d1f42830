"""The wheels inside the zips: which ones (wheels.sha256), fetched from the index as they are, what their names say."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from addon_build import BuildError

LOCK = Path(__file__).resolve().parent / "wheels.sha256"
PYTHONS = ("3.11", "3.13")                          # of Blender 4.2 to 5.0, and of 5.1 and later
_SYSTEMS = {"linux-x64": r"manylinux\w+_x86_64", "windows-x64": r"win_amd64", "macos-arm64": r"macosx_\d+_\d+_arm64"}
PLATFORMS = tuple(_SYSTEMS)


@dataclass(frozen=True)
class Wheel:
    """What the name of a wheel file says (https://packaging.python.org, binary distribution format)."""

    file: str
    package: str                                    # as pip knows it, with hyphens
    version: str
    python: str                                     # cp311
    abi: str                                        # cp311, or abi3 for every Python from `python` on
    systems: tuple[str, ...]                        # manylinux_2_27_x86_64, ...

    @property
    def platform(self) -> str | None:
        """Blender's name of the one platform that all the systems belong to, or None."""
        return next((name for name, pattern in _SYSTEMS.items()
                     if all(re.fullmatch(pattern, system) for system in self.systems)), None)

    def runs_on(self, python: str) -> bool:
        """Whether Python "3.11" can load it."""
        tag = f"cp{python.replace('.', '')}"
        return (self.python, self.abi) == (tag, tag) or self.abi == "abi3" and _number(self.python) <= _number(tag)


def _number(tag: str) -> tuple[int, int]:
    return int(tag[2]), int(tag[3:])


def read_name(file: str) -> Wheel:
    """Take a wheel's name apart. Raises BuildError where it is none that a zip of ours could hold."""
    found = re.fullmatch(r"([A-Za-z0-9_]+)-([A-Za-z0-9.!]+)-(cp3\d+)-(cp3\d+|abi3)-([a-z0-9_.]+)\.whl", file)
    if found is None:
        raise BuildError(f"{file}: not the name of a compiled wheel for CPython 3")
    package, version, python, abi, systems = found.groups()
    return Wheel(file, package.lower().replace("_", "-"), version, python, abi, tuple(systems.split(".")))


def locked_hashes(lock: Path = LOCK) -> dict[str, str]:
    """{wheel file name: SHA-256} of every wheel that may be shipped."""
    lines = [line for line in lock.read_text(encoding="ascii").splitlines() if line and not line.startswith("#")]
    return {file: digest for digest, file in (line.split() for line in lines)}


def wheels_of(platform: str, hashes: dict[str, str]) -> list[Wheel]:
    """The locked wheels of one platform, by name."""
    wheels = [wheel for wheel in map(read_name, sorted(hashes)) if wheel.platform == platform]
    for package in {wheel.package for wheel in map(read_name, hashes)}:
        for python in PYTHONS:
            if sum(wheel.package == package and wheel.runs_on(python) for wheel in wheels) != 1:
                raise BuildError(f"{LOCK.name}: not exactly one wheel of {package} for {platform}, Python {python}")
    return wheels


def fetch(wheel: Wheel, digest: str, cache: Path) -> Path:
    """The wheel as a file in the folder `cache`, downloaded when it is not there yet. Raises BuildError where the index
    cannot be reached, or has another file under this name than the locked one."""
    path = cache / wheel.file
    if not path.is_file():
        cache.mkdir(parents=True, exist_ok=True)
        _download(wheel, digest, cache)
    if hashlib.sha256(path.read_bytes()).hexdigest() != digest:
        raise BuildError(f"{path}: not the wheel that {LOCK.name} means (another SHA-256); delete it and try again")
    return path


def _download(wheel: Wheel, digest: str, cache: Path) -> None:
    systems = [argument for system in wheel.systems for argument in ("--platform", system)]
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        wanted = Path(folder) / "wanted.txt"
        wanted.write_text(f"{wheel.package}=={wheel.version} --hash=sha256:{digest}\n", encoding="ascii")
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
                   "--only-binary", ":all:", "--require-hashes", "-r", str(wanted), "--dest", folder,
                   "--implementation", "cp", "--abi", wheel.abi, *systems,
                   "--python-version", ".".join(map(str, _number(wheel.python if wheel.abi != "abi3" else "cp311")))]
        environment = {name: value for name, value in os.environ.items() if name != "PIP_CONSTRAINT"}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        got = Path(folder) / wheel.file
        if done.returncode or not got.is_file():
            lines = [line for line in done.stderr.splitlines() if not line.startswith("WARNING")]
            raise BuildError(f"{wheel.file}: the index did not give this wheel ({' '.join(lines)[-300:].strip()}); is "
                             "it reached, and are the versions of constraints.txt still there?")
        os.replace(got, cache / wheel.file)
