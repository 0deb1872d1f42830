"""What a user of a benchmark names on the command line, opened, or refused in a sentence before anything is measured."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path

from training.pool import Pool, open_pool

PICTURES = (".jpg", ".png")


def pools(parser: argparse.ArgumentParser, folders: Iterable[Path]) -> list[Pool]:
    """Folders of training.pool. Ends the program where one is none."""
    try:
        return [open_pool(folder) for folder in folders]
    except ValueError as error:
        parser.error(str(error))


def pictures(parser: argparse.ArgumentParser, folder: Path | None) -> list[Path]:
    """The pictures in a folder by name; none for no folder. Ends the program where it holds none."""
    if folder is None:
        return []
    files = sorted(path for path in folder.iterdir() if path.suffix in PICTURES) if folder.is_dir() else []
    if not files:
        parser.error(f"{folder}: no folder with pictures ({', '.join(PICTURES)}); give another")
    return files
