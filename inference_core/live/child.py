"""The child process of a live capture: opens the camera, tracks, records, tells. Started by `process` alone, see
`python.BOOT`; it ends by itself when the caller stops it, or is gone."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from typing import BinaryIO

import numpy as np

from inference_core.dlib_module import load_dlib
from inference_core.engine import load_network
from inference_core.errors import LPRNetError, OutputError, VideoError
from inference_core.frames import CAMERA, Frame, FrameSource, open_frames
from inference_core.frames.opencv import hush_ffmpeg
from inference_core.images import encode_image, write_image
from inference_core.live.messages import (ENDED, FAILED, LIVE, LOADING, OPENING, LiveResult, LiveStatus, LiveTexture)
from inference_core.live.mirror import mirrored_pose, mirrored_vertices
from inference_core.live.options import LiveOptions
from inference_core.live.outlet import Outlet
from inference_core.live.cameras import found_cameras
from inference_core.live_smoothing import LiveSmoother
from inference_core.take import TakeWriter, take_frame
from inference_core.take_header import SKIN, SKIN_SEEN
from inference_core.texture import sample_texture
from inference_core.tracking import FrameResult, capture
from inference_core.video import VideoOptions, header_of, rising

INPUT, OUTPUT, ERRORS = 0, 1, 2
GRACE_S = 12.0                      # for what is in work and the end of the take, once a stop is asked for
LAST_WORDS_S, SKIN_S = 1.0, 9.0     # the skin takes a second where the processor is free
SURE, FRONTAL_DEG, LARGE = 0.9, 20.0, 80.0          # of the face that gives the texture; its box in pixels
# Blender for macOS says no word of cameras in its Info.plist, so the system refuses it any
MAC_HINT = ("; on a Mac start Blender from a Terminal that may use the camera (System Settings, Privacy & Security, "
            "Camera)")


def main(order: dict, commands: BinaryIO) -> None:
    """Does what was ordered and ends the process. commands: its end is the order to stop."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)        # Ctrl-C in a terminal: the caller decides
    stop = Stop(_own_input(commands))
    outlet = Outlet(_own_output(), stop.now)
    code = 0
    try:
        if order["task"] == "cameras":
            hush_ffmpeg()
            stop.listen()
            outlet.put(LiveStatus(ENDED, cameras=tuple(found_cameras(stop.asked))))
        else:
            outlet.put(_live(LiveOptions.from_json(order["options"]), outlet, stop))
    except LPRNetError as error:
        unasked = isinstance(error, VideoError) and stop.asked.is_set()     # of a camera that nobody wants any more
        outlet.put(LiveStatus(ENDED) if unasked else LiveStatus(FAILED, str(error)))
    except BaseException as error:      # a fault of ours: told to the user, and whole to standard error
        traceback.print_exc()
        outlet.put(LiveStatus(FAILED, f"the live capture broke off by a fault of the program ({type(error).__name__}: "
                              f"{error}); please report it"))
        code = 1
    outlet.close(LAST_WORDS_S)
    os._exit(code)                      # threads that wait for a camera or for commands would not let it end


class Stop:
    """Asked for once, from any thread; by the end of `commands` as soon as `listen` was called.

    What is to be loaded should be then: on Windows a library that looks at standard input as it starts, as one of
    NumPy's does, waits for the thread that reads there, and with it everybody who loads anything, for good
    (numpy/numpy#24290). `_own_input` is for what comes later all the same, such as a camera's driver.
    """

    def __init__(self, commands: BinaryIO) -> None:
        self.asked = threading.Event()
        self._commands = commands
        self._source: FrameSource | None = None

    def listen(self) -> None:
        threading.Thread(target=self._watch, name="commands", daemon=True).start()

    def ends(self, source: FrameSource) -> None:
        """What a stop must end, since it may wait."""
        self._source = source

    def now(self) -> None:
        self.asked.set()
        if self._source is not None:
            self._source.close()

    def _watch(self) -> None:
        while self._commands.readline(64):
            pass
        self.now()
        time.sleep(GRACE_S)
        os._exit(1)                     # a take on the disk is whole up to its last frame at any time


def _own_input(commands: BinaryIO) -> BinaryIO:
    """Standard input for commands alone: libraries that look there find nothing, and need not wait; see `Stop`."""
    own = os.dup(commands.fileno())
    nowhere = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nowhere, INPUT)
    os.close(nowhere)
    return os.fdopen(own, "rb")


def _own_output() -> BinaryIO:
    """Standard output for messages alone: what libraries print there goes to standard error."""
    own = os.dup(OUTPUT)
    os.dup2(ERRORS, OUTPUT)
    if sys.platform == "win32":
        import msvcrt
        msvcrt.setmode(own, os.O_BINARY)
    return os.fdopen(own, "wb")


def _live(options: LiveOptions, outlet: Outlet, stop: Stop) -> LiveStatus:
    outlet.put(LiveStatus(LOADING))
    network = load_network(options.track.weights, options.track.engine, options.track.threads)
    _load_the_rest()
    stop.listen()                       # while the camera opens, too: that may take a minute, or for ever
    outlet.put(LiveStatus(OPENING))
    with ExitStack() as stack:
        source = stack.enter_context(_open(options.target))
        stop.ends(source)
        outlet.put(LiveStatus(LIVE))
        header = header_of(source, VideoOptions(track=options.track), network.card)
        session = _Session(options, source, outlet, stack)
        for result in capture(_until(source, session, stop), options.track):
            if session.writer is None and options.take:
                session.writer = stack.enter_context(TakeWriter.create(options.take, header, network.topology))
            session.take(result)
        session.skin_work.join(SKIN_S)
    return LiveStatus(ENDED, frames=session.frames, lost=session.lost, recorded=session.recorded)


def _load_the_rest() -> None:
    """The libraries that else would be loaded at their first use; see `Stop`."""
    import encodings.idna               # noqa: F401 - for the names of hosts

    from inference_core.frames import camera, stream        # noqa: F401
    hush_ffmpeg()
    with suppress(ImportError):         # said when a face is only found with it
        load_dlib()


def _open(target: str) -> FrameSource:
    try:
        return open_frames(target)
    except VideoError as error:
        if sys.platform == "darwin" and target.startswith(CAMERA):
            raise VideoError(f"{error}{MAC_HINT}") from error
        raise


def _until(source: FrameSource, session: _Session, stop: Stop) -> Iterator[Frame]:
    """The frames up to a stop, or to the end of the source."""
    try:
        for frame in rising(source):
            if stop.asked.is_set():
                return
            session.frame = frame
            yield frame
    except VideoError as error:
        if stop.asked.is_set():             # that is how the wait for a frame was ended
            return
        kept = f"; the take {session.writer.path} keeps the {session.recorded} frames before" if session.writer else ""
        raise VideoError(f"{error}{kept}") from error


class _Session:
    """What becomes of each result: recorded raw, smoothed, told."""

    def __init__(self, options: LiveOptions, source: FrameSource, outlet: Outlet, stack: ExitStack) -> None:
        self.frames, self.lost = 0, 0
        self.frame: Frame | None = None             # the last one; its result comes next
        self.writer: TakeWriter | None = None
        self.skin_work = threading.Thread(target=lambda: None)
        self.skin_work.start()
        self._start_s = source.start_s or time.monotonic()
        self._smooth, self._outlet = LiveSmoother(options.smoothing), outlet
        self._texture_size, self._mirror = options.texture_size, options.mirror

    @property
    def recorded(self) -> int:
        return self.writer.frames if self.writer else 0

    def take(self, result: FrameResult) -> None:
        self._record(result)
        steady = self._smooth(result).face
        self.lost += steady is None
        numbers = dict(number=self.frames, index=result.index, time_s=result.time_s, lost=self.lost,
                       recorded=self.recorded, arrived_s=self._start_s + result.time_s, size=result.size)
        self.frames += 1
        if steady is not None:
            pose, vertices = steady.pose, steady.vertices_canonical
            if self._mirror:
                pose, vertices = mirrored_pose(pose, result.size[0]), mirrored_vertices(vertices, steady.topology)
            numbers |= dict(confidence=steady.confidence, pose=pose, vertices_canonical=vertices)
        self._outlet.put(LiveResult(**numbers, done_s=time.monotonic()))
        self._skin(result)

    def _record(self, result: FrameResult) -> None:
        if self.writer is None:
            return
        try:
            self.writer.add(take_frame(result))
        except OutputError as error:
            cause = getattr(error.__cause__, "strerror", None) or error.__cause__ or error
            raise OutputError(f"{self.writer.path}: nothing more can be recorded ({cause}); the take keeps its "
                              f"{self.recorded} frames: free some space, then record another one") from error

    def _skin(self, result: FrameResult) -> None:
        """Once, from the first frame that shows the face well; in a thread, since it takes half a second."""
        face = result.face
        if not self._texture_size or face is None or face.confidence < SURE:
            return
        yaw, pitch, _ = face.pose.yaw_pitch_roll_deg
        if max(abs(yaw), abs(pitch)) > FRONTAL_DEG or face.box[2] - face.box[0] < LARGE:
            return
        size, self._texture_size = self._texture_size, 0
        image, take = self.frame.image, self.writer.path if self.writer else None

        def work() -> None:
            texture = sample_texture(image, face, size)
            skin = texture.image
            # the unwrap is symmetric, so that its mirror image is the skin of the mirrored face
            png = encode_image(np.ascontiguousarray(skin[:, ::-1]) if self._mirror else skin)
            if png is not None:
                self._outlet.put(LiveTexture(png))
            if take is not None:
                with suppress(OutputError):         # a full disk is told by the take itself
                    write_image(take / SKIN, skin)
                    write_image(take / SKIN_SEEN, np.uint8(255) * texture.visible)

        self.skin_work = threading.Thread(target=work, name="skin", daemon=True)
        self.skin_work.start()
