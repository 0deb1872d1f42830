"""What a user may rely on: faces are found small, large, turned and cut off, and the crop follows the face."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from inference_core.detection import SQUARES, Detection, detect_faces
from inference_core.dlib_module import load_dlib

FACE = np.array([226.0, 125.0])          # the middle of the astronaut's face
FACE_SIZE = 95


def turned(image: np.ndarray, degrees: float) -> tuple[np.ndarray, np.ndarray]:
    """The picture turned clockwise about its middle on a grey canvas that holds it, and where the face's middle then is."""
    side = int(np.ceil(np.hypot(*image.shape[:2])))
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    shift = side / 2 - turn @ (np.array(image.shape[1::-1]) / 2)
    picture = cv2.warpAffine(image, np.c_[turn, shift], (side, side), borderValue=(90, 90, 90))
    return picture, turn @ FACE + shift


def middle(found: Detection) -> np.ndarray:
    return np.array([found.box[0] + found.box[2], found.box[1] + found.box[3]]) / 2


def test_a_portrait_has_one_face_where_it_is(astronaut: np.ndarray) -> None:
    found, = detect_faces(astronaut)
    assert np.abs(middle(found) - FACE).max() < 12
    assert FACE_SIZE * 0.8 < found.size < FACE_SIZE * 1.35
    assert abs(found.angle_deg) < 15


@pytest.mark.parametrize("scale", [0.25, 0.5, 3, 6])
def test_the_size_of_the_picture_does_not_matter(astronaut: np.ndarray, scale: float) -> None:
    picture = cv2.resize(astronaut, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    found = detect_faces(picture)[0]
    assert np.abs(middle(found) / scale - FACE).max() < 15
    assert FACE_SIZE * 0.75 < found.size / scale < FACE_SIZE * 1.4


@pytest.mark.parametrize("degrees", [-150, -90, -45, -20, 10, 20, 45, 60, 90, 180])
def test_a_turned_head_is_found_and_its_crop_turned_upright(astronaut: np.ndarray, degrees: float) -> None:
    picture, face = turned(astronaut, degrees)
    found = detect_faces(picture)[0]
    assert np.abs(middle(found) - face).max() < 25
    left_over = (np.rad2deg(found.crop.angle_rad) + degrees + 180) % 360 - 180
    assert abs(left_over) < 32


def test_a_face_that_fills_the_picture_is_found(astronaut: np.ndarray) -> None:
    tight = astronaut[75:180, 172:280]
    found = detect_faces(tight)[0]
    assert np.abs(middle(found) - (FACE - [172, 75])).max() < 15


def test_all_faces_come_largest_first(astronaut: np.ndarray) -> None:
    head = astronaut[:260, 100:360]
    canvas = np.full((520, 800, 3), 120, np.uint8)
    canvas[:520, :520] = cv2.resize(head, (520, 520))
    canvas[100:230, 600:730] = cv2.resize(head, (130, 130), interpolation=cv2.INTER_AREA)
    sizes = [found.size for found in detect_faces(canvas, all_faces=True)]
    assert len(sizes) == 2 and sizes[0] > 2.5 * sizes[1]


@pytest.mark.parametrize("mirrored", [False, True])
def test_a_profile_is_found(mirrored: bool) -> None:
    data = pytest.importorskip("skimage.data", reason="scikit-image brings the test picture")
    photographer = np.stack([data.camera()[:, ::-1 if mirrored else 1]] * 3, 2)         # looks to the right
    found = detect_faces(np.ascontiguousarray(photographer))[0]
    assert np.abs(middle(found) - [511 - 225 if mirrored else 225, 160]).max() < 20
    assert abs(found.angle_deg) < 20


def test_overlapping_boxes_are_one_face(astronaut: np.ndarray) -> None:
    assert len(detect_faces(astronaut, all_faces=True)) == 1


@pytest.mark.parametrize("size", [(1, 1), (1, 4000), (15, 15), (16, 20_000), (64, 64)])
def test_a_picture_without_a_face_has_none(size: tuple[int, int]) -> None:
    assert detect_faces(np.full((*size, 3), 130, np.uint8)) == []


def test_noise_has_no_face() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (300, 300, 3), dtype=np.uint8)
    assert detect_faces(noise) == []


def test_the_crop_of_a_box_is_the_measured_square() -> None:
    crop = Detection((100.0, 100.0, 200.0, 200.0), 1.0).crop
    square = SQUARES["front"]
    assert 1 / crop.scale == pytest.approx(100 * square.side)
    assert crop.to_image(np.array([0.5, 0.5])) == pytest.approx([150 + 100 * square.right, 150 - 100 * square.up])


def test_left_and_right_are_treated_alike() -> None:
    for left, right in (("looks left", "looks right"), ("tilted left", "tilted right")):
        a, b = SQUARES[left], SQUARES[right]
        assert (a.side, a.up, a.right, a.turn_deg) == (b.side, b.up, -b.right, -b.turn_deg)


def test_above_the_box_means_towards_the_top_of_the_head() -> None:
    box = (0.0, 0.0, 100.0, 100.0)
    away = [Detection(box, 1.0, "looks left", angle).crop.to_image(np.array([0.5, 0.5])) - 50 for angle in (0, 90)]
    # turned clockwise by a quarter, what was right is below, what was above is right
    assert away[1] == pytest.approx([-away[0][1], away[0][0]])


def test_threads_may_look_at_the_same_time_and_find_what_one_finds(astronaut_png: Path) -> None:
    """In a process of its own, which a detector that is not made for threads would end."""
    code = """
import sys
import threading
import numpy as np
from inference_core import read_image
from inference_core.detection import search

picture = read_image(sys.argv[1])
pictures = [np.ascontiguousarray(np.roll(picture, shift, 1)[:, :width])
            for shift, width in ((0, 512), (40, 400), (-60, 300), (20, 512))]
dlib_only = (3,)
expected = [list(search(one, dlib_only)) for one in pictures]
assert all(found for found, in expected)
wrong = []

def look(number):
    for _ in range(10):
        if list(search(pictures[number], dlib_only)) != expected[number]:
            wrong.append(number)

threads = [threading.Thread(target=look, args=(number,)) for number in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print("wrong", wrong)
"""
    done = subprocess.run([sys.executable, "-c", code, str(astronaut_png)], capture_output=True, text=True, timeout=120,
                          check=False, cwd=Path(__file__).resolve().parent.parent)
    assert (done.returncode, done.stdout) == (0, "wrong []\n"), done.stderr[-500:]


def test_dlibs_own_library_is_found_where_blender_4_2_leaves_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library_folder = tmp_path / "site-packages" / "dlib_bin-20.0.1.post1.data" / "platlib"
    library_folder.mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    found: list[str] = []
    monkeypatch.setattr("os.add_dll_directory", found.append, raising=False)
    monkeypatch.setattr("sys.path", [*sys.path, str(tmp_path / "elsewhere"), str(tmp_path / "site-packages")])
    assert load_dlib().get_frontal_face_detector()
    assert found == [str(library_folder)]
