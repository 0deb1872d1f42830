"""From a clip to a take on the disk: what `lprnet video` does, for scripts and Blender as well."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import datetime, timezone
from itertools import chain
from pathlib import Path

from inference_core.engine import ROLE, load_network
from inference_core.errors import InputError, OutputError, TakeError, VideoError
from inference_core.frames import Frame, FrameOptions, FrameSource, open_frames
from inference_core.take import Take, TakeHeader, TakeWriter, open_take, take_frame
from inference_core.take_check import TICK_S, checked
from inference_core.take_source import part_of, source_of
from inference_core.take_writer import begun
from inference_core.track_state import TrackState, read_state
from inference_core.tracking import FrameResult, TrackOptions, capture
from inference_core.weights import WeightsCard, detector_file

ANEW = "capture again under another name"
PARTS = {"decoder": "the network's decoder", "detector": "the detector", "crop_scale": "the network's crop",
         "crop_up": "the network's crop"}

KINDS = {str: (str,), bool: (bool,), int: (int,), float: (int, float)}          # that a header may hold for an option
SHOWN = 40                      # characters of a value that does not fit

OnFrame = Callable[["Progress"], None]


@dataclass(frozen=True)
class VideoOptions:
    """frames: which part of the clip; track: how it is captured; resume: go on with a take that was stopped, or begin
    where there is none."""

    frames: FrameOptions = field(default_factory=FrameOptions)
    track: TrackOptions = field(default_factory=TrackOptions)
    resume: bool = False


@dataclass(frozen=True)
class Progress:
    """done frames are in the take, `lost` of them without a face; before: were there when a resume began; expected: how
    many the clip claims to have, None = unknown; result: of the last frame, while it goes on."""

    done: int
    lost: int
    before: int
    expected: int | None
    result: FrameResult | None = None


def capture_video(target: str | Path, take: str | Path, options: VideoOptions = VideoOptions(),
                  on_frame: OnFrame = lambda progress: None) -> Progress:
    """Capture a clip into a take, frame by frame; whatever stops it, what was captured stays and can be resumed, and
    the resumed take is the one that would have come without the stop.

    Raises InputError (VideoError where the clip is at fault), OutputError, TakeError, WeightsError, EngineError.
    """
    take = Path(take)
    network = load_network(options.track.weights, options.track.engine, options.track.threads)      # also tries it out
    with open_frames(target, options.frames) as source:
        header = header_of(source, options, network.card)
        if options.resume and begun(take):
            return _go_on(source, take, header, options, on_frame)
        frames = rising(source)
        first = next(frames)                    # a clip without a frame leaves no take behind
        with TakeWriter.create(take, header, network.topology) as writer:
            try:
                nothing = Progress(0, 0, 0, expected_frames(source, options.frames))
                return _write(chain([first], frames), writer, nothing, TrackState(), options, on_frame)
            except KeyboardInterrupt:
                if source.info.sha256 is None:      # how a camera is ended: nothing could go on with this take
                    with suppress(OutputError):
                        writer.close()
                raise


def header_of(source: FrameSource, options: VideoOptions, card: WeightsCard) -> TakeHeader:
    """What a new take says of itself."""
    topology, info = card.topology, source.info
    return TakeHeader(source=source_of(info, options.frames),
                      topology={"name": topology.name, "sha256": topology.sha256},
                      weights=_weights_of(card, options.track.engine),
                      track=asdict(options.track), fps=info.fps / options.frames.every, size=info.size,
                      created=datetime.now(timezone.utc).isoformat(timespec="seconds"))


def _weights_of(card: WeightsCard, engine: str) -> dict:
    """Everything that the answers depend on."""
    files = {role: card.files[role].sha256 for role in ("decoder",) if role in card.files}
    detector = detector_file()
    files |= {"detector": detector.sha256} if detector else {}
    return {"name": card.name, "sha256": card.file(ROLE[engine]).sha256, **files,
            "crop_scale": card.crop_scale, "crop_up": card.crop_up}


def options_of(take: str | Path) -> VideoOptions:
    """The options that a take was captured with, to resume it with the same. Raises TakeError."""
    header = open_take(take).header
    try:
        for part in fields(TrackOptions):
            value = header.track.get(part.name, part.default)
            if type(value) not in KINDS[type(part.default)]:
                raise InputError(f"{part.name} is {str(value)[:SHOWN]!r}")
        return VideoOptions(part_of(header.source), TrackOptions(**header.track), resume=True)
    except (TypeError, InputError) as error:
        raise TakeError(f"{take}: its options cannot be read ({error}); {ANEW}") from error


def expected_frames(source: FrameSource, options: FrameOptions) -> int | None:
    """By what the container claims."""
    fps, claimed = source.info.fps, source.info.frames
    if not claimed:
        return None
    first = round(options.start_s * fps)
    last = claimed if options.end_s is None or not fps else min(claimed, round(options.end_s * fps))
    return max(-(-(last - first) // options.every), 1)


def _go_on(source: FrameSource, path: Path, header: TakeHeader, options: VideoOptions, on_frame: OnFrame) -> Progress:
    if source.info.sha256 is None:
        raise InputError(f"{source.info.name}: what it showed is gone, its take cannot be resumed; {ANEW}")
    so_far = checked(open_take(path))
    _check_same(path, so_far, header)
    with TakeWriter.resume(path) as writer:
        progress = Progress(writer.frames, int((~so_far.valid[:writer.frames]).sum()), writer.frames,
                            expected_frames(source, options.frames))
        if writer.complete:
            return progress
        try:
            state = read_state(writer.state) if writer.state else TrackState()
        except ValueError as error:
            raise TakeError(f"{path}: cannot be resumed ({error}); {ANEW}") from error
        return _write(_rest(source, writer), writer, progress, state, options, on_frame)


def _rest(source: FrameSource, writer: TakeWriter) -> Iterator[Frame]:
    """The frames that a take does not have yet."""
    for frame in source:
        if frame.index >= writer.next_index:
            if frame.time_s <= writer.last_s:
                raise TakeError(f"{writer.path}: was begun otherwise, or altered: it ends at {writer.last_s:.3f} s, "
                                f"where frame {frame.index} of the clip is at {frame.time_s:.3f} s; {ANEW}")
            yield frame


def rising(frames: Iterable[Frame]) -> Iterator[Frame]:
    """Frames, each later than the one before. Of live sources: the clock that they are stamped by stands still for up
    to 16 ms on some systems."""
    last_s = -math.inf
    for frame in frames:
        if frame.time_s <= last_s:
            frame = replace(frame, time_s=last_s + TICK_S)
        last_s = frame.time_s
        yield frame


def _check_same(path: Path, take: Take, header: TakeHeader) -> None:
    """A take can only go on as it began. Raises TakeError saying what differs."""
    was, now = take.header, header
    pairs = [("the clip", was.source.get("sha256"), now.source["sha256"]),
             ("the network", was.weights["sha256"], now.weights["sha256"])]
    # older takes tell of the network's main file alone
    pairs += [(PARTS[key], was.weights[key], now.weights.get(key)) for key in PARTS if key in was.weights]
    # a clip whose pixels are no squares was once taken as it is stored
    pairs += [("the size of the pictures", tuple(was.size), tuple(now.size))]
    asked_then, asked_now = asdict(part_of(was.source)), asdict(part_of(now.source))
    pairs += [(f"the option {key}", asked_then[key], value) for key, value in asked_now.items()]
    track = asdict(TrackOptions()) | was.track          # older takes lack what was not asked for then
    pairs += [(f"the option {key}", track[key], value) for key, value in now.track.items() if key != "weights"]
    for what, before, after in pairs:
        if before != after:
            detail = f": {before} then, {after} now" if what.startswith("the option") else ""
            raise TakeError(f"{path}: was begun otherwise: {what} is not the same{detail}; give what it was begun "
                            f"with, or {ANEW}")


def _write(frames: Iterator[Frame], writer: TakeWriter, progress: Progress, state: TrackState, options: VideoOptions,
           on_frame: OnFrame) -> Progress:
    try:
        for result in capture(frames, options.track, state):
            frame = take_frame(result)
            writer.add(frame)
            progress = replace(progress, done=progress.done + 1, lost=progress.lost + (not frame.valid), result=result)
            on_frame(progress)
    except VideoError as error:
        raise VideoError(f"{error}; the take {writer.path} holds the {writer.frames} frames before") from error
    return replace(progress, result=None)

