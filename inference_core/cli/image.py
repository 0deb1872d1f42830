"""`lprnet image`: photos become mesh files or pictures."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

MESHES, PICTURES = ("obj", "ply", "glb", "npz"), ("png",)
DEFAULT_FORMAT = "glb"
TEXTURE_SIZES = (16, 8192)
Places = frozenset[tuple[int, int]]     # of `files.places_on_disk`


@dataclass(frozen=True)
class Job:
    """One photo and where its result goes; with several faces a number is added to the name."""

    photo: Path
    output: Path


def add_command(commands) -> None:
    parser = commands.add_parser(
        "image", help="capture the faces of photos", formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Capture the faces of photos as textured 3D meshes, or draw what was found.",
        epilog="lprnet image portrait.jpg -o portrait.glb\nlprnet image family.jpg -o family.obj --all-faces\n"
               "lprnet image photos/*.jpg -o faces --format ply\n"
               "lprnet image portrait.jpg -o seen.png --picture overlay")
    parser.add_argument("photos", type=Path, nargs="+", metavar="PHOTO")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT",
                        help="a file ending in .obj .ply .glb .npz .png; for several photos a folder")
    parser.add_argument("--format", choices=MESHES + PICTURES,
                        help=f"where OUT is a folder (default: {DEFAULT_FORMAT})")
    parser.add_argument("--picture", choices=("overlay", "depth"),
                        help="what a .png shows: mesh and landmarks over the photo, or the depth (default: overlay)")
    add_capture_options(parser)
    parser.set_defaults(run=run, parser=parser)


def add_capture_options(parser: argparse.ArgumentParser) -> None:
    """What every command that captures photos understands; see `capture_options`."""
    parser.add_argument("--all-faces", action="store_true", help="every face of a photo, not the largest alone")
    parser.add_argument("--box", type=_box, metavar="L,T,R,B",
                        help="where the face is, in pixels; no detector then (--box=-10,... where it begins with a "
                             "minus)")
    parser.add_argument("--engine", choices=("litert", "tensorflow"), default="litert")
    parser.add_argument("--weights", default="default", metavar="NAME", help="a network that `lprnet info` lists")
    parser.add_argument("--texture-size", type=texture_size, default=1024, metavar="PIXELS")


def capture_options(options: argparse.Namespace):
    """-> CaptureOptions. Leaves the program where the options do not go together."""
    from inference_core.regression import CaptureOptions

    if options.box and options.all_faces:
        options.parser.error("--box says where one face is, and --all-faces asks for all; give one of them")
    return CaptureOptions(all_faces=options.all_faces, box=options.box, engine=options.engine, weights=options.weights)


def run(options: argparse.Namespace) -> int:
    """A photo that fails does not keep the others from being done; returns the worst exit code."""
    from inference_core.engine import load_network
    from inference_core.files import check_writable, made_folder, places_on_disk

    kept = places_on_disk(options.photos)
    jobs, folder = plan(options, kept)
    with made_folder(folder) if folder else nullcontext():
        check_writable(jobs[0].output)                      # found out now, not after the work
        load_network(options.weights, options.engine)       # without it no photo can be done
        return capture_all(jobs, options, kept)


def capture_all(jobs: list[Job], options: argparse.Namespace, kept: Places) -> int:
    """Do the photos; returns the worst exit code."""
    from inference_core.cli import report
    from inference_core.errors import InputError, OutputError

    codes, start = [], time.monotonic()
    for number, job in enumerate(jobs, 1):
        try:
            for path in capture(job, options, kept):
                print(_progress(number, len(jobs), start) + str(path), flush=True)
            codes.append(0)
        except (InputError, OutputError) as error:
            codes.append(report(error))
    failed = sum(code != 0 for code in codes)
    if failed and len(jobs) > 1:
        others = ", the others are done" if failed < len(jobs) else ""
        print(f"lprnet: {failed} of {len(jobs)} photos failed{others}", file=sys.stderr)
    return max(codes)


def plan(options: argparse.Namespace, kept: Places) -> tuple[list[Job], Path | None]:
    """What is to be done, checked before anything is, and the folder that it wants. Raises InputError; wrong options
    leave the program. kept: where the photos lie."""
    ending = options.output.suffix.lower().removeprefix(".")
    one_file = ending in MESHES + PICTURES and not os.path.isdir(options.output)
    if one_file and len(options.photos) > 1:
        options.parser.error(f"{len(options.photos)} photos do not fit into the file {options.output}; give a folder "
                             "and --format")
    if one_file and options.format not in (None, ending):
        options.parser.error(f"--format {options.format} does not fit OUT {options.output}")
    if ending == "blend":
        options.parser.error("a .blend is made by: python -m lprnet_blender image PHOTO -o OUT.blend")
    if (not one_file and ending and not options.format and len(options.photos) == 1
            and not os.path.isdir(options.output)):
        options.parser.error(f"files ending in .{ending} cannot be written; choose one of "
                             f".{' .'.join(MESHES + PICTURES)}, or a folder and --format")
    kind = ending if one_file else options.format or DEFAULT_FORMAT
    if options.picture and kind not in PICTURES:
        options.parser.error("--picture is for .png files")
    capture_options(options)
    if one_file:
        jobs = [Job(options.photos[0], options.output)]
    else:
        jobs = [Job(photo, options.output / f"{name}.{kind}") for photo, name in _named(options.photos)]
    _keep_photos((path for job in jobs for path in outputs(job, options, faces=1)), kept)
    return jobs, None if one_file else options.output


def capture(job: Job, options: argparse.Namespace, kept: Places) -> Iterator[Path]:
    """Do one photo; gives the paths of the files written."""
    from inference_core.photo import capture_photo

    image, faces = capture_photo(job.photo, capture_options(options))
    paths = outputs(job, options, len(faces))
    if len(paths) > 1:                                      # how many there are was not known before
        _keep_photos(paths, kept)
    if _is_overlay(job, options):
        from inference_core.images import write_image
        from inference_core.pictures import draw_overlay
        write_image(job.output, draw_overlay(image, faces))
        yield job.output
        return
    for path, face in zip(paths, faces):
        _write(path, image, face, options)
        yield path


def outputs(job: Job, options: argparse.Namespace, faces: int) -> list[Path]:
    """What a photo with so many faces becomes: a file for each of them, or one picture of all."""
    if not options.all_faces or _is_overlay(job, options):
        return [job.output]
    return [job.output.with_stem(f"{job.output.stem}-{number}") for number in range(1, faces + 1)]


def _is_overlay(job: Job, options: argparse.Namespace) -> bool:
    return job.output.suffix.lower() == ".png" and options.picture != "depth"


def _keep_photos(paths: Iterable[Path], kept: Places) -> None:
    from inference_core.files import refuse_places
    refuse_places((file for path in paths for file in _files_of(path)), kept, "one of the photos")


def _write(path: Path, image, face, options: argparse.Namespace) -> None:
    if path.suffix.lower() == ".png":
        from inference_core.images import write_image
        from inference_core.pictures import depth_picture
        write_image(path, depth_picture(face, image.shape[:2]))
        return
    from inference_core.formats import write_mesh
    from inference_core.texture import sample_texture
    write_mesh(path, face, sample_texture(image, face, options.texture_size))


def _named(photos: list[Path]) -> Iterator[tuple[Path, str]]:
    """Photos of the same name from several folders get different names."""
    used: set[str] = set()
    for photo in photos:
        name, number = photo.stem, 1
        while name.lower() in used:
            number += 1
            name = f"{photo.stem}-{number}"
        used.add(name.lower())
        yield photo, name


def _files_of(output: Path) -> list[Path]:
    from inference_core.formats import files_of
    return [output] if output.suffix.lower() == ".png" else files_of(output)


def _progress(number: int, count: int, start: float) -> str:
    """Nothing for one photo; else which it is and how long the rest will take."""
    if count == 1:
        return ""
    left = (time.monotonic() - start) / number * (count - number)
    return f"[{number}/{count}, {left:.0f} s left] "


def _box(text: str) -> tuple[float, ...]:
    parts = text.split(",")
    try:
        box = tuple(float(part) for part in parts)
    except ValueError:
        box = ()
    if len(box) != 4:
        raise argparse.ArgumentTypeError(f"{text!r} is not four numbers: left,top,right,bottom in pixels")
    return box


def texture_size(text: str) -> int:
    return whole_number(text, *TEXTURE_SIZES)


def whole_number(text: str, low: int, high: int) -> int:
    if not text.isdecimal() or not low <= int(text) <= high:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {low} to {high}")
    return int(text)
