"""`lprnet export`: a take becomes files of other programs."""

from __future__ import annotations

import argparse
import os
from contextlib import nullcontext
from pathlib import Path

from inference_core.cli.image import TEXTURE_SIZES, whole_number

KINDS = ("obj", "ply", "glb", "pc2", "mdd", "landmarks", "pose", "npz")
ENDINGS = {"landmarks": "landmarks.csv", "pose": "pose.csv"}
OF_MANY = ("obj", "ply")         # a file a frame
OF_FILES = (".obj", ".ply", ".glb", ".pc2", ".mdd", ".csv", ".npz")
CLIP = "a file of the clip"
READ_OFTEN = {"glb": 7}         # times that a frame is read


def add_command(commands) -> None:
    parser = commands.add_parser(
        "export", help="write a take to files of other programs", formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Write a take as a sequence of meshes (.obj .ply), an animation (.glb), point caches (.pc2 .mdd), "
                    "a\ntable (landmarks.csv pose.csv) or numbers for NumPy (.npz). Smoothed, unless --raw.",
        epilog="lprnet export clip.lprtake -o clip.glb\nlprnet export clip.lprtake -o meshes --format ply\n"
               "lprnet export clip.lprtake -o meshes/shot.%04d.obj --head\n"
               "lprnet export clip.lprtake -o clip.glb --texture\nlprnet export clip.lprtake -o clip_pose.csv --raw")
    parser.add_argument("take", type=Path, metavar="TAKE", help="a folder that `lprnet video` has written")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT",
                        help="a file of one of the kinds, for .obj and .ply also with a place for the frame's number "
                             "(%%04d or ####), counted as the pictures of a sequence are; or a folder, with "
                             "--format")
    parser.add_argument("--format", choices=KINDS, help="what OUT is, where its ending does not say so")
    add_reading_options(parser)
    parser.add_argument("--head", action="store_true",
                        help="meshes and point caches move as the head did (a .glb always has that, on its node)")
    parser.add_argument("--texture", nargs="?", const="", metavar="CLIP",
                        help="meshes with the skin, from the best frames of the clip, by default where it was captured")
    parser.add_argument("--texture-size", type=take_texture_size, default=1024, metavar="PIXELS")
    parser.set_defaults(run=run, parser=parser)


def take_texture_size(text: str) -> int:
    from inference_core.take_texture import LARGEST
    return whole_number(text, TEXTURE_SIZES[0], LARGEST)


def add_reading_options(parser: argparse.ArgumentParser) -> None:
    """What every command that reads takes understands; see `read_take`."""
    steadiness = parser.add_mutually_exclusive_group()
    steadiness.add_argument("--raw", action="store_true", help="as it was captured, not smoothed")
    steadiness.add_argument("--smooth", type=float, metavar="STRENGTH", help="of all smoothing: 0 = raw (default: 1)")
    parser.add_argument("--up-to-damage", action="store_true", help="read what comes before damage in a take")


def read_take(options: argparse.Namespace):
    """-> the take of `options.take`, smoothed as asked for. Says so where it is not complete."""
    from inference_core.cli import say
    from inference_core.smoothing import SmoothingOptions, smooth
    from inference_core.take import open_take
    from inference_core.take_check import checked

    strength = 0.0 if options.raw else options.smooth
    smoothing = SmoothingOptions() if strength is None else SmoothingOptions(*[strength] * 4)
    take = checked(open_take(options.take, up_to_damage=options.up_to_damage))
    if not take.complete:
        say(f"{options.take}: not finished, it ends after {len(take)} frames")
    if strength == 0:
        return take
    return smooth(take, smoothing)


def run(options: argparse.Namespace) -> int:
    from inference_core.files import made_folder

    kind, path, folder = target(options)
    if options.texture is not None and kind in ENDINGS:
        options.parser.error(f"--texture is for meshes and .npz, not for {path}")
    with made_folder(folder) if folder else nullcontext():
        files = export(options, kind, path)
    for file in files:
        print(file)
    return 0


def export(options: argparse.Namespace, kind: str, path: Path) -> list[Path]:
    """-> the files."""
    from inference_core.cli.progress import ProgressLine
    from inference_core.files import check_writable
    from inference_core.take_formats import ExportOptions, export_take

    check_writable(path)
    take = read_take(options)
    keep_given(options, kind, path, take)
    texture = None if options.texture is None else _texture(take, options)
    line, calls = ProgressLine(), 0

    def on_frame() -> None:
        nonlocal calls
        calls += 1
        line.tell(min(calls // READ_OFTEN.get(kind, 1), len(take)), len(take))

    try:
        return export_take(take, path, kind, ExportOptions(options.head, texture), on_frame)
    finally:
        line.close()


def keep_given(options: argparse.Namespace, kind: str, path: Path, take) -> None:
    """Raises InputError where a file that is to be written is one of the take or of its clip."""
    from inference_core.files import refuse_overwriting
    from inference_core.take_formats import files_beside
    from inference_core.take_source import files_of

    paths = [path, *files_beside(path, kind, options.texture is not None)]
    keep_take(options.take, paths)
    if options.texture:
        refuse_overwriting(paths, files_of(Path(options.texture)), CLIP)
    else:
        keep_clip(take, options.take, paths, read=options.texture is not None)


def keep_clip(take, place: Path, paths: list[Path], read: bool = False) -> None:
    """Raises InputError where a file that is to be written is one of the clip that the take, which lies at `place`, was
    captured from. read: whether the clip will be read anyway."""
    from inference_core.files import refuse_overwriting
    from inference_core.take_source import clip_files, name_of, places_of

    source = take.header.source
    # where nothing can be the clip it is not even asked for: it may lie on another machine, or one that is gone
    if read or name_of(source).casefold() in (path.name.casefold() for path in paths):
        refuse_overwriting(paths, next(filter(None, map(clip_files, places_of(source, place))), []), CLIP)


def keep_take(take: Path, paths: list[Path]) -> None:
    """Raises InputError where a file that is to be written is one of the take."""
    from inference_core.files import refuse_overwriting
    from inference_core.take_header import PARTS
    refuse_overwriting(paths, (take / part for part in PARTS), "a file of the take")


def _texture(take, options: argparse.Namespace):
    """The skin, with a line of progress for each of the two parts of the work."""
    from inference_core.cli.progress import ProgressLine
    from inference_core.take_texture import take_texture

    lines: dict[str, ProgressLine] = {}

    def on_step(what: str, done: int, total: int) -> None:
        if what not in lines:
            close()
            lines[what] = ProgressLine(unit=what)
        lines[what].tell(done, total)

    def close() -> None:
        for line in lines.values():
            line.close()

    try:
        return take_texture(take, options.texture or None, options.texture_size, on_step)
    finally:
        close()


def target(options: argparse.Namespace) -> tuple[str, Path, Path | None]:
    """The kind, the file, and the folder to be made: one that is asked for, and the one for a file a frame. Raises
    OutputError for an ending that says no kind."""
    from inference_core.take_formats import kind_of

    path, kind = options.output, options.format
    if kind is None and (os.path.isdir(path) or not path.suffix):
        options.parser.error(f"{path} has no ending that says the kind; give --format with one of {' '.join(KINDS)}")
    if kind is None:
        kind = kind_of(path)
        return kind, path, path.parent if kind in OF_MANY else None
    ending = ENDINGS.get(kind, kind)
    given = "" if os.path.isdir(path) else path.suffix.lower()
    if given == f".{ending.rpartition('.')[2]}":
        return kind, path, path.parent if kind in OF_MANY else None
    if given in OF_FILES:
        options.parser.error(f"--format {kind} does not fit OUT {path}; give a name ending in .{ending}, or a folder")
    stem = options.take.resolve().stem.replace("%", "_").replace("#", "_")      # no place for a number
    return kind, path / f"{stem}{'_' if kind in ENDINGS else '.'}{ending}", path
