"""Pictures of an evaluation: the cumulative error curve, and a contact sheet of the photos with the largest errors.

The sheets show the annotated photos themselves: whoever looks must look, and nothing of it belongs into the project.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from inference_core.crop import crop_around
from inference_core.images import write_image
from inference_core.pictures import PARTS, contact_sheet
from training.annotated_photos import Outcome, PhotoSource
from training.scores import JAW_LINE, landmark_errors

WORST, COLUMNS, TILE = 12, 4, 420
TRUE, ANSWERED = (90, 230, 90), (255, 90, 60)                   # RGB
AROUND = 1.7                                                    # side of a tile / larger side of the landmarks' box
CURVE = (560, 760)                                              # height, width
LEFT, RIGHT, TOP, BOTTOM = 64, 20, 46, 52                       # margins of the curve
LARGEST = 10.0                                                  # % NME at the right end
PAPER, GRID, INK = (255, 255, 255), (225, 225, 225), (40, 40, 40)
LINES = {"68 points": (31, 105, 180), "51 inner points": (220, 120, 30)}


def write_plots(folder: Path, source: PhotoSource, outcomes: Sequence[Outcome]) -> None:
    """SOURCE-worst.png where anything went wrong, and where there are points SOURCE-curve.png."""
    if source.has_points:
        write_image(folder / f"{source.name}-curve.png", curve(source.name, outcomes))
    chosen, sheet = worst(source, outcomes), folder / f"{source.name}-worst.png"
    if chosen:
        tiles, labels = [tile(o) for o in chosen], [label(o) for o in chosen]
        write_image(sheet, contact_sheet(tiles, labels, columns=COLUMNS, size=TILE))
    else:
        sheet.unlink(missing_ok=True)       # an earlier run's would be taken for this one's


def worst(source: PhotoSource, outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Up to twelve: faces not found, then the largest errors; where there are no points what went wrong: a face that is
    not found, or an answer where no face is."""
    if not source.has_points:
        return [o for o in outcomes if (o.landmarks is None) == source.shows_faces][:WORST]
    return sorted(outcomes, key=lambda o: -nme_of(o))[:WORST]


def nme_of(outcome: Outcome) -> float:
    """% of all 68 landmarks; infinite where no face was found."""
    return float(_errors([outcome]).mean())


def label(outcome: Outcome) -> str:
    said = "face"
    if outcome.landmarks is None:
        said = "not found"
    elif outcome.photo.points is not None:
        said = f"{nme_of(outcome):.1f} %"
    return f"{said} {outcome.photo.path.stem}"


def tile(outcome: Outcome) -> np.ndarray:
    """The face of a photo, or a whole photo without points; with annotated (green) and answered (red) landmarks."""
    image, photo = outcome.photo.read(), outcome.photo
    if photo.points is None:
        crop = crop_around((np.array(photo.size) - 1) / 2, float(max(photo.size)))
        out = crop.cut(image, TILE)
        if outcome.landmarks is not None:
            _draw(out, crop.to_crop(outcome.landmarks) * TILE - 0.5, ANSWERED)
        return out
    return face_tile(image, photo.points, outcome.landmarks)


def face_tile(image: np.ndarray, true: np.ndarray, answered: np.ndarray | None) -> np.ndarray:
    """The face of image (H, W, 3) with its true landmarks (68, 2) green and the answered ones red."""
    both = true if answered is None else np.concatenate([true, answered])
    low, high = both.min(0), both.max(0)
    crop = crop_around((low + high) / 2, AROUND * float((high - low).max()))
    out = crop.cut(image, TILE)
    for points, colour in ((true, TRUE), (answered, ANSWERED)):
        if points is not None:
            _draw(out, crop.to_crop(points) * TILE - 0.5, colour)
    return out


def curve(title: str, outcomes: Sequence[Outcome]) -> np.ndarray:
    """Share of the annotated faces whose NME is at most x; faces not found are never reached."""
    height, width = CURVE
    out = np.full((height, width, 3), PAPER, np.uint8)
    across = lambda nme: round(LEFT + nme / LARGEST * (width - LEFT - RIGHT))       # noqa: E731
    up = lambda share: round(height - BOTTOM - share * (height - TOP - BOTTOM))     # noqa: E731
    for step in range(11):
        nme, share = LARGEST * step / 10, step / 10
        cv2.line(out, (across(nme), up(0)), (across(nme), up(1)), GRID, 1)
        cv2.line(out, (across(0), up(share)), (across(LARGEST), up(share)), GRID, 1)
        _write(out, f"{nme:g}", (across(nme) - 8, up(0) + 20))
        _write(out, f"{100 * share:g}", (LEFT - 36, up(share) + 5))
    _write(out, f"{title}: {len(outcomes)} faces; % of them with an error of at most x % of their size", (LEFT, 26))
    errors = _errors(outcomes)
    for number, (name, away) in enumerate(zip(LINES, (errors.mean(1), errors[:, JAW_LINE:].mean(1)))):
        reached = np.sort(away[away <= LARGEST])
        places = [(across(0), up(0))]
        for count, nme in enumerate(reached, 1):
            places += [(across(nme), places[-1][1]), (across(nme), up(count / len(away)))]
        places.append((across(LARGEST), places[-1][1]))
        cv2.polylines(out, [np.array(places, np.int32)], False, LINES[name], 2, cv2.LINE_AA)
        below = height - BOTTOM - 20 - 22 * number
        cv2.line(out, (width - 220, below - 5), (width - 190, below - 5), LINES[name], 2, cv2.LINE_AA)
        _write(out, name, (width - 182, below))
    return out


def _errors(outcomes: Sequence[Outcome]) -> np.ndarray:
    """(n, 68) %, infinite where no face was found."""
    errors = np.full((len(outcomes), 68), np.inf)
    for row, outcome in enumerate(outcomes):
        if outcome.landmarks is not None:
            errors[row] = landmark_errors(outcome.landmarks[None], outcome.photo.points[None])[0]
    return errors


def _draw(out: np.ndarray, points: np.ndarray, colour: tuple[int, int, int]) -> None:
    """Changes `out`: lines through the parts of the face, and the points."""
    at = np.rint(np.clip(points, -1e4, 1e4) * 16).astype(np.int32)
    for first, last, closed in PARTS:
        cv2.polylines(out, [at[first:last + 1]], closed, colour, 1, cv2.LINE_AA, 4)
    for x, y in at:
        cv2.circle(out, (int(x), int(y)), 32, colour, cv2.FILLED, cv2.LINE_AA, 4)


def _write(out: np.ndarray, text: str, place: tuple[int, int]) -> None:
    cv2.putText(out, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.5, INK, 1, cv2.LINE_AA)
