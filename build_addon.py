"""Make the add-on's zips for Blender 4.2 and later, or check one.

    python build_addon.py                               dist/lprnet_blender-VERSION-PLATFORM.zip, all three platforms
    python build_addon.py --platform linux-x64          one of them
    python build_addon.py --check dist/NAME.zip         what is wrong with a zip; exit code 1 if anything is

Needs Python 3.11 and pip. Wheels come from the package index as they are, must have the SHA-256 of
addon_build/wheels.sha256, and are kept in build/wheels/.
"""

from __future__ import annotations

import argparse
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

from addon_build import BuildError
from addon_build.check import check_zip
from addon_build.contents import WEIGHTS, collect, notice, write_zip
from addon_build.manifest import NAME as MANIFEST
from addon_build.manifest import make_manifest
from addon_build.wheels import LOCK, PLATFORMS, fetch, locked_hashes, wheels_of

REPOSITORY = Path(__file__).resolve().parent


def build(platform: str, folder: Path, *, repository: Path = REPOSITORY, lock: Path = LOCK,
          cache: Path = REPOSITORY / "build" / "wheels") -> Path:
    """Make the zip of one platform in `folder` and check it; wheels are kept in `cache`. Raises BuildError."""
    hashes = locked_hashes(lock)
    wheels = wheels_of(platform, hashes)
    version = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    base = repository / "lprnet_blender" / MANIFEST
    files: dict[str, bytes | Path] = {
        **collect(repository),
        MANIFEST: make_manifest(base, version, platform, wheels).encode(),
        "NOTICE": notice(repository, wheels, hashes),
        **{f"wheels/{wheel.file}": fetch(wheel, hashes[wheel.file], cache) for wheel in wheels},
    }
    path = folder / f"lprnet_blender-{version}-{platform.replace('-', '_')}.zip"
    write_zip(path, files)
    if problems := check_zip(path, hashes):
        path.unlink()
        raise BuildError("\n".join(f"{path}: {problem}" for problem in problems))
    print(_told(path, files))
    return path


def _told(path: Path, files: dict[str, bytes | Path]) -> str:
    def size(*starts: str) -> int:
        return sum(len(data) if isinstance(data, bytes) else data.stat().st_size
                   for name, data in files.items() if name.startswith(starts))

    parts = {name: size(name) for name in sorted(files) if name.startswith(("wheels/", f"{WEIGHTS}/"))}
    rest = size("") - sum(parts.values())
    lines = [f"{path}: {path.stat().st_size / 1e6:.1f} MB, {len(files)} files"]
    parts["modules, licences, manifest"] = rest
    lines += [f"  {count / 1e6:6.2f} MB  {name}" for name, count in parts.items()]
    return "\n".join(lines)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BuildError(f"{folder}: cannot be used as a folder ({error.strerror or error}); give another with "
                         "--output") from error


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit code: 0, or 1 with a sentence for each problem on standard error."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--platform", choices=PLATFORMS, action="append", help="may be given several times")
    parser.add_argument("--output", type=Path, default=REPOSITORY / "dist", metavar="FOLDER", help="instead of dist/")
    parser.add_argument("--check", type=Path, metavar="ZIP", help="build nothing, judge this zip")
    options = parser.parse_args(arguments)
    try:
        if options.check:
            problems = check_zip(options.check, locked_hashes())
            for problem in problems:
                print(f"{options.check}: {problem}", file=sys.stderr)
            if not problems:
                print(f"{options.check}: good")
            return 1 if problems else 0
        _make_folder(options.output)                        # before wheels are fetched for it
        for platform in options.platform or PLATFORMS:
            build(platform, options.output)
    except (BuildError, OSError) as error:
        print(f"build_addon: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("build_addon: stopped; give the same command again", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
