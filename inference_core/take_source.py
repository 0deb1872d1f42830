"""What the header of a take says of its source: the fields of SourceInfo, and which part of it was asked for; what may
be said of a source in a sentence."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from dataclasses import asdict, fields
from pathlib import Path

from inference_core.errors import InputError, TakeError, VideoError
from inference_core.frames import CAMERA, STREAMS, FrameOptions, SourceInfo
from inference_core.frames.images import find_pictures, is_sequence

LARGEST_NUMBER = 10**18
PLACE = re.compile(r"([^:]*|\[.*\])(:[0-9]*)?")          # host and port of an address
ASKED_FPS = "asked_fps"         # FrameOptions.fps: `fps` is the source's own


def source_of(info: SourceInfo, options: FrameOptions) -> dict:
    """TakeHeader.source. Files by where they are, not by how one came there: takes are read from other folders."""
    asked, known = asdict(options), asdict(info)
    if info.sha256 is not None:
        known["name"] = os.path.abspath(info.name)
    return known | {ASKED_FPS: asked.pop("fps")} | asked


def is_live(target: str | Path) -> bool:
    """A camera or a stream: what it showed is gone, so that nothing of it can be read again."""
    return str(target).lower().startswith((CAMERA, *STREAMS))


def safe_name(target: str | Path) -> str:
    """The source as it may be shown: addresses without name, password and what follows a question mark, as
    SourceInfo.name has them. Of what is no address nothing: a password with a stroke in it ends up in its path."""
    text = str(target)
    scheme, sign, address = text.partition("://")
    if not sign:
        return text
    host, slash, path = re.split(r"[?#]", address, maxsplit=1)[0].partition("/")
    place = host.rpartition("@")[2]
    return f"{scheme.lower()}://{place}{slash}{path}" if PLACE.fullmatch(place) else f"{scheme.lower()}://..."


def places_of(source: dict, take: Path) -> list[str]:
    """Where the source of a take may lie: where it was captured; else in the folder that the take is in, which it may
    have been moved with, or, in older takes, named from."""
    name = str(source.get("name", ""))
    beside = os.path.dirname(os.path.abspath(take))
    return list(dict.fromkeys((name, os.path.join(beside, name), os.path.join(beside, name_of(source)))))


def name_of(source: dict) -> str:
    """What the source of a take is called in its folder, whatever system it was captured on."""
    return str(source.get("name", "")).replace("\\", "/").rstrip("/").rpartition("/")[2]


def number_of(source: dict, index: int) -> int:
    """The number of a frame where its source is numbered, as a sequence of pictures from 1001 on; else its index."""
    first = source.get("first", 0)
    return index + (first if type(first) is int and 0 <= first < LARGEST_NUMBER else 0)


def files_of(target: Path) -> list[Path]:
    """A clip's own file, or its pictures."""
    if is_sequence(target):
        with suppress(VideoError):              # told when it is read
            return [picture.path for picture in find_pictures(target)]
    return [target]


def clip_files(place: str) -> list[Path]:
    """`files_of` where a clip may lie; [] where none does."""
    return [file for file in files_of(Path(place)) if os.path.isfile(file)]


def part_of(source: dict) -> FrameOptions:
    """The part of its source that a take was captured from. Raises TakeError where the header does not say it."""
    known = {field.name: source[field.name] for field in fields(FrameOptions) if field.name in source}
    if ASKED_FPS in source:             # older takes hold what was asked for as `fps`, and nothing of the source's own
        known["fps"] = source[ASKED_FPS]
    try:
        if type(known.get("every", 1)) is not int:
            raise InputError("every is no whole number")
        return FrameOptions(**known)
    except (TypeError, InputError) as error:
        raise TakeError(f"the take does not say which part of its source was captured ({error})") from error
