"""Clips with a face and a sound, written with PyAV: the picture flashes nothing, the sound clicks at a known second."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

RATE = 48_000


def write_sounding_clip(path: Path, pictures, rate: Fraction | int = 25, click_s: float | None = 0.4) -> Path:
    """pictures: (H, W, 3) uint8 each; a click of 5 ms at click_s, None = a clip without sound. .mkv or .mov: the sound
    is not compressed."""
    pictures = list(pictures)
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=rate, options={"crf": "12", "preset": "ultrafast"})
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        sound = output.add_stream("pcm_s16le", rate=RATE, layout="mono") if click_s is not None else None
        for picture in pictures:
            output.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        output.mux(stream.encode(None))
        if sound is not None:
            samples = np.zeros((1, round(RATE * len(pictures) / Fraction(rate))), np.int16)
            first = round(click_s * RATE)
            samples[0, first:first + RATE // 200] = 20_000
            for start in range(0, samples.shape[1], 1024):
                frame = av.AudioFrame.from_ndarray(samples[:, start:start + 1024], "s16", "mono")
                frame.sample_rate, frame.pts = RATE, start
                output.mux(sound.encode(frame))
            output.mux(sound.encode(None))
    return path


def nodding(image: np.ndarray, count: int, size: tuple[int, int] = (480, 384)):
    """(height, width) pictures of a still portrait that moves about: up and down, and turns a little in the picture."""
    import cv2

    height, width = size
    scale = 0.9 * height / image.shape[0]
    for number in range(count):
        phase = 2 * np.pi * number / 50
        matrix = cv2.getRotationMatrix2D((image.shape[1] / 2, image.shape[0] / 2), 6 * np.sin(phase), scale)
        matrix[:, 2] += [width / 2 - image.shape[1] / 2 + 12 * np.sin(phase),
                         height / 2 - image.shape[0] / 2 + 10 * np.cos(2 * phase)]
        yield cv2.warpAffine(image, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
