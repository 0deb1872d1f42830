# SPDX-License-Identifier: GPL-3.0-or-later
"""`image`: photos become .blend files, one for each or all in one."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

PICTURES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")


def add_command(commands: Any) -> None:
    """The parser and what it runs."""
    from inference_core.cli.image import add_capture_options

    parser = commands.add_parser(
        "image", help="capture the faces of photos into new .blend files",
        description="Capture the faces of photos. With -o OUT.blend all stand side by side in one file; with a folder "
                    "each photo gets a file of its own.")
    parser.add_argument("photos", type=Path, nargs="+", metavar="PHOTO", help="a picture, or a folder of pictures")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT", help="a .blend file, or a folder")
    parser.add_argument("--camera-match", action="store_true",
                        help="the head before the camera, so that it covers the face in the photo; one photo a file")
    add_capture_options(parser)
    parser.set_defaults(run=run, parser=parser)


def run(options: argparse.Namespace) -> int:
    """A photo that fails does not keep the others from being done; returns the worst exit code."""
    from inference_core.cli.image import capture_options
    from inference_core.engine import load_network
    from inference_core.files import made_folder

    from ..scene.blend_file import check_output

    capture_options(options)
    photos = list(_pictures(options.photos))
    together = options.output.suffix.lower() == ".blend" and not os.path.isdir(options.output)
    if options.camera_match and together and len(photos) > 1:
        options.parser.error("--camera-match: a camera shows one photo; give a folder with -o")
    if not together and options.output.suffix and not os.path.isdir(options.output):
        check_output(options.output)                    # says what is wrong with the ending
    with nullcontext() if together else made_folder(options.output):
        jobs = _jobs(photos, options.output, together)
        check_output(jobs[0][0])                        # found out now, not after the work
        load_network(options.weights, options.engine)   # without it no photo can be done
        return _capture_all(jobs, options)


def _capture_all(jobs: list[tuple[Path, list[Path]]], options: argparse.Namespace) -> int:
    """Do the photos; returns the worst exit code."""
    from inference_core.cli import report, say
    from inference_core.errors import InputError

    count = sum(len(group) for _, group in jobs)
    codes, start, number = [], time.monotonic(), 0
    for output, group in jobs:
        captured = []
        for photo in group:
            number += 1
            try:
                captured.append(_capture(photo, options))
            except InputError as error:
                codes.append(report(error))
            if number < count:
                left = (time.monotonic() - start) / number * (count - number)
                say(f"{number}/{count} photos, {left:.0f} s left")
        if captured:
            faces = _save(output, captured, options)
            print(f"{output}: {faces} face{'s' if faces > 1 else ''}", flush=True)
    if codes and count > 1:
        say(f"{len(codes)} of {count} photos failed" + (", the others are done" if len(codes) < count else ""))
    return max(codes, default=0)


def _pictures(photos: list[Path]) -> Iterator[Path]:
    """Files, and the pictures in folders by their names. Raises InputError for a folder without one."""
    from inference_core.errors import InputError

    for photo in photos:
        if not photo.is_dir():
            yield photo
            continue
        found = sorted(path for path in photo.iterdir() if path.suffix.lower() in PICTURES and path.is_file())
        if not found:
            raise InputError(f"{photo}: no picture lies in this folder; give one with {' '.join(PICTURES)} files")
        yield from found


def _jobs(photos: list[Path], output: Path, together: bool) -> list[tuple[Path, list[Path]]]:
    """Which photos go into which file; photos of the same name from several folders get different ones."""
    if together:
        return [(output, photos)]
    jobs, used = [], set()
    for photo in photos:
        name, number = photo.stem, 1
        while name.lower() in used:
            number += 1
            name = f"{photo.stem}-{number}"
        used.add(name.lower())
        jobs.append((output / f"{name}.blend", [photo]))
    return jobs


def _capture(photo: Path, options: argparse.Namespace) -> Any:
    from inference_core.cli.image import capture_options

    from ..capture import capture_photo
    return capture_photo(photo, capture_options(options), options.texture_size)


def _save(output: Path, captured: list[Any], options: argparse.Namespace) -> int:
    """Returns how many faces are in the file."""
    import bpy

    from ..scene.blend_file import save_blend
    from ..scene.photo import add_photo
    from ..scene.stage import clear_file, light, set_stage

    scene = clear_file()
    things: list[bpy.types.Object] = []
    for photo in captured:
        things += add_photo(photo, scene, scene.collection, place=len(things), camera_match=options.camera_match)
    if options.camera_match:
        light(scene)                                    # the camera stays as it was matched
    else:
        set_stage(scene, things)
    save_blend(output)
    return len(things)
