"""Video files, decoded by OpenCV's FFmpeg, with the stamps of the container.

Frames are found by decoding from the start, never by seeking: OpenCV seeks by number times mean frame rate, which is
another frame where the rate varies. Frames that are passed over are decoded but not converted. A packet that cannot be
decoded costs its frames and no others. Pictures whose pixels are no squares are stretched until they are.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from inference_core.errors import VideoError
from inference_core.frames.coded_size import SizeWatch, last_packet_s
from inference_core.frames.container import Container, read_container, why_no_video
from inference_core.frames.opencv import grab, hush_ffmpeg, open_capture
from inference_core.frames.source import (STAMP_TOLERANCE_S, FrameOptions, FrameSource, SourceInfo, Stamp,
                                            other_size)

MAX_PIXELS = 8192 * 8192
MAX_FRAMES = 10_000_000         # four days; a claim beyond is none
MAX_FPS = 999.0                 # 1000 and more are units of time, not rates
DEFAULT_FPS = 25.0              # steps where neither stamps nor a rate are known
FEW_FRAMES, SMALL_SHARE = 10, 0.02      # so many frames of a damaged clip, or such a share of them, may be lost
MOST_LATE = 4                           # frames behind a gap that come too late
EARLY_S = 1.0                   # a clip may end so long before it should
MOST_ASPECT, NEARLY_SQUARE = 4.0, 0.02  # of pixels
TURNS = {90: cv2.ROTATE_90_CLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_COUNTERCLOCKWISE}
Picture = Callable[[], np.ndarray]
CONVERT = "convert it: ffmpeg -i IN -c:v libx264 -pix_fmt yuv420p OUT.mp4"


def open_video(path: Path, options: FrameOptions) -> FrameSource:
    """The frames of a file. Raises VideoError where it is no video, or none of its frames can be decoded."""
    container, digest = _examined(path)
    hush_ffmpeg()
    capture = open_capture(str(path.absolute()), cv2.CAP_FFMPEG)
    try:
        reader = _Reader(path, container, capture)
        fps, frames = capture.get(cv2.CAP_PROP_FPS), capture.get(cv2.CAP_PROP_FRAME_COUNT)
        info = SourceInfo("video", str(path), reader.size, fps if 0 < fps <= MAX_FPS else 0.0,
                          int(frames) if 0 < frames <= MAX_FRAMES else None, digest)
    except BaseException:
        capture.release()
        raise
    return FrameSource(info, reader.stamps(info), options, reader.close)


def _examined(path: Path) -> tuple[Container, str]:
    """What can be known without decoding, and the SHA-256."""
    try:
        str(path.absolute()).encode()
    except UnicodeEncodeError as error:             # OpenCV crashes on it
        raise VideoError(f"{ascii(str(path))}: the name, or that of a folder it lies in, is not Unicode; rename "
                         "it") from error
    try:
        if path.exists() and not path.is_file():
            raise VideoError(f"{path}: not a plain file; give a video file")
        cause = why_no_video(path)
        if cause:
            raise VideoError(f"{path}: {cause}; give a video file, for instance MP4 with H.264")
        with path.open("rb") as file:
            return read_container(path), hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError) as error:
        cause = getattr(error, "strerror", None) or error
        raise VideoError(f"{path}: cannot be read ({cause}); check the name and the folder") from error


class _Reader:
    """An open capture, its first frame already decoded."""

    def __init__(self, path: Path, container: Container, capture: cv2.VideoCapture) -> None:
        self._path, self._container, self._capture = path, container, capture
        self._failures = 0                                      # packets between frames that cannot be decoded
        if not capture.isOpened():
            if container.missing or not container.has_index:
                raise VideoError(f"{path}: the file is cut off, and what it needs to be read is in the part that is "
                                 "missing; copy or record it again")
            raise VideoError(f"{path}: no video that can be read is in it, or it is damaged; {CONVERT}")
        width, height = (int(capture.get(key)) for key in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
        self._aspect = _pixel_aspect(capture)
        width = round(width * self._aspect)
        if width * height > MAX_PIXELS:
            raise VideoError(f"{path}: {width} x {height} pixels are more than the {MAX_PIXELS // 10**6} million that "
                             "are read; scale the video down")
        capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 0)           # differs between versions of OpenCV
        turn = capture.get(cv2.CAP_PROP_ORIENTATION_META)
        self._turn = TURNS.get(round(turn / 90) * 90 % 360) if math.isfinite(turn) else None
        self._first = self._image() if grab(capture) is not None else None
        if self._first is None:
            raise VideoError(self._no_frame())
        self.size = self._first.shape[1], self._first.shape[0]
        self._watch = SizeWatch(str(path.absolute()))

    def stamps(self, info: SourceInfo) -> Iterator[Stamp]:
        """Every frame. The stamps rise, whatever the container says: where it has none, by the frame rate."""
        step = 1 / (info.fps or DEFAULT_FPS)
        # AVI stamps packets, not pictures: they lead by the delay of the decoder and are missing at the end.
        origin = self._time_s() if self._container.kind == "AVI" else 0.0
        index, time_s = 0, max(0.0, self._time_s() - origin)
        self._watch.change(None)
        yield Stamp(index, time_s, self._take_first)
        for time_s, own, image in self._others(time_s, step, origin):
            index += 1
            change = self._watch.change(time_s + origin if own else None)
            if change:
                raise other_size(str(self._path), *change, index, time_s)
            yield Stamp(index, time_s, image)
        if self._container.missing:
            raise VideoError(f"{self._path}: the file is cut off, {self._container.missing} bytes are missing: it ends "
                             f"after frame {index} ({time_s:.2f} s); copy or record it again")
        self._check_whole(info, index + 1, time_s + step)

    def _others(self, time_s: float, step: float, origin: float) -> Iterator[tuple[float, bool, Picture]]:
        """Of every frame after the first one the time, whether it is the file's own, and the picture.

        Behind a damaged packet the decoder may give pictures from before the gap when it has given the first from after
        it: these are left out, as their time has passed. Where the file's clock goes back for good, time goes on by
        steps; so it does where nothing is damaged, as some containers stamp the packets and not the pictures.
        """
        late: list[Picture] = []
        went_back = False
        while (failures := grab(self._capture)) is not None:
            self._failures += failures
            stamp = self._time_s()
            own = stamp - origin
            if own > time_s:
                late, went_back, time_s = [], False, own
                yield time_s, True, self._image_or_error
                continue
            behind = stamp and own < time_s - STAMP_TOLERANCE_S
            if behind and self._failures and not went_back and len(late) < MOST_LATE:
                late.append(partial(_itself, self._image_or_error()))
                continue
            went_back = went_back or bool(late)
            for image in (*late, self._image_or_error):
                time_s += step
                yield time_s, False, image
            late = []
        for image in late:
            time_s += step
            yield time_s, False, image

    def _check_whole(self, info: SourceInfo, came: int, end_s: float) -> None:
        """Raises VideoError where clearly fewer frames came than are in the file. Claims alone are not believed: they
        are often a little too high, and sound may be longer than the pictures."""
        claimed = info.frames if self._container.claims and info.frames else 0
        length_s = claimed / info.fps if info.fps else 0.0
        early = length_s - end_s > max(EARLY_S, SMALL_SHARE * length_s)
        lost = self._failures
        if self._container.claims == "frames" and (self._failures or early):
            lost = max(lost, claimed - came)
        if lost > max(FEW_FRAMES, SMALL_SHARE * (came + lost)):
            raise VideoError(f"{self._path}: damaged: {lost} of {came + lost} frames cannot be decoded; copy or record "
                             "it again, or go on with the others")
        if early and (self._container.blank or last_packet_s(str(self._path.absolute())) > end_s + EARLY_S):
            raise VideoError(f"{self._path}: damaged: nothing can be decoded after frame {came - 1} ({end_s:.2f} s of "
                             f"{length_s:.2f} s); copy or record it again")

    def close(self) -> None:
        self._watch.close()
        self._capture.release()

    def _take_first(self) -> np.ndarray:
        first, self._first = self._first, None
        return first if first is not None else self._image_or_error()

    def _time_s(self) -> float:
        time_s = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
        return time_s if 0 <= time_s < 1e9 else 0.0             # no stamp is a huge negative number

    def _image(self) -> np.ndarray | None:
        done, image = self._capture.retrieve()
        if not done:
            return None
        width = max(1, round(image.shape[1] * self._aspect))
        if width != image.shape[1]:                 # before it is turned: told of the pixels as they are stored
            image = cv2.resize(image, (width, image.shape[0]), interpolation=cv2.INTER_AREA if self._aspect < 1
                               else cv2.INTER_LINEAR)
        if self._container.mirrored:
            image = _mirrored(image, self._container.mirrored)
        elif self._turn is not None:
            image = cv2.rotate(image, self._turn)
        return cv2.cvtColor(image, cv2.COLOR_BGR2RGB, dst=image)

    def _image_or_error(self) -> np.ndarray:
        image = self._image()
        if image is None:
            raise VideoError(f"{self._path}: a frame cannot be decoded; {CONVERT}")
        return image

    def _no_frame(self) -> str:
        name = int(self._capture.get(cv2.CAP_PROP_FOURCC)).to_bytes(4, "little", signed=True)
        codec = "".join(chr(byte) for byte in name if 32 < byte < 127) or "an unknown codec"
        cut = " or the file is cut off" if self._container.missing else ""
        return f"{self._path}: opens, but gives no frame: {codec} cannot be decoded here{cut}; {CONVERT}"


def _pixel_aspect(capture: cv2.VideoCapture) -> float:
    """Width of a pixel by its height; 1 where the file does not say it, or something that no camera has. Tapes and some
    cameras store narrow pictures that are to be shown wide: a face would be narrow too. What scaling to even sizes
    leaves is too little to blur every frame for."""
    across, down = capture.get(cv2.CAP_PROP_SAR_NUM), capture.get(cv2.CAP_PROP_SAR_DEN)
    aspect = across / down if across > 0 and down > 0 else 1.0
    return aspect if 1 / MOST_ASPECT <= aspect <= MOST_ASPECT and abs(aspect - 1) >= NEARLY_SQUARE else 1.0


def _itself(image: np.ndarray) -> np.ndarray:
    return image


def _mirrored(image: np.ndarray, matrix: tuple[int, int, int, int]) -> np.ndarray:
    """Turned and mirrored by the nearest quarter turn; see `Container`."""
    a, b, c, d = matrix
    if abs(a) + abs(d) < abs(b) + abs(c):
        image, a, d = cv2.transpose(image), c, b
    if a < 0 or d < 0:
        image = cv2.flip(image, -1 if a < 0 and d < 0 else 1 if a < 0 else 0)
    return image
