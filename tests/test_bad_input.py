"""What a user may rely on when something is wrong: one sentence with the file and the cause, an exit code that is not 0,
nothing half-written, and never a traceback."""

from __future__ import annotations

import json
import shutil
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from inference_core.cli import main
from inference_core.images import MAX_PIXELS
from inference_core.regression import CaptureOptions, capture_faces
from inference_core.images import read_image


@pytest.fixture(autouse=True)
def weights(tiny_weights: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LPRNET_WEIGHTS", str(tiny_weights))
    return tiny_weights


@pytest.fixture
def refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """`refused(photo, *words)`: the command says no in one sentence that holds the words, and writes nothing."""

    def check(photo: Path, *words: str, code: int = 2, out: Path | None = None, options: tuple[str, ...] = ()) -> None:
        out = out or tmp_path / "result" / "face.npz"
        if out.parent == tmp_path / "result":
            out.parent.mkdir(exist_ok=True)
        assert main(["image", str(photo), "-o", str(out), "--texture-size", "32", *options]) == code
        said = capsys.readouterr()
        assert said.out == ""
        assert said.err.startswith("lprnet: ") and said.err.count("\n") == 1 and "Traceback" not in said.err
        for word in words:
            assert word in said.err, said.err
        if (tmp_path / "result").exists():
            assert list((tmp_path / "result").iterdir()) == []

    return check


def encoded(path: Path, image: np.ndarray, *parameters: int) -> Path:
    assert cv2.imwrite(str(path), image, list(parameters))
    return path


def png_claiming(path: Path, width: int, height: int) -> Path:
    """A PNG whose header promises a size and whose data is short."""
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b""))
    return path


# what cannot become a face

def test_a_picture_without_a_face(refused, tmp_path: Path) -> None:
    refused(encoded(tmp_path / "wall.png", np.full((200, 300, 3), 4, np.uint8)), "wall.png", "no face was found", "box")


def test_a_box_where_no_face_is(refused, tmp_path: Path) -> None:
    refused(encoded(tmp_path / "night.png", np.zeros((200, 300, 3), np.uint8)), "night.png", "no face was found in the box",
            options=("--box", "20,20,90,90"))


def test_a_box_outside_the_picture(refused, astronaut_png: Path) -> None:
    refused(astronaut_png, "astronaut.png", "does not lie in the picture of 512 x 512",
            options=("--box", "2000,2000,2100,2100"))


def test_a_file_that_is_no_picture(refused, tmp_path: Path) -> None:
    path = tmp_path / "letter.jpg"
    path.write_text("Dear friend, this is no photo.")
    refused(path, "letter.jpg", "not a picture")


def test_an_empty_file(refused, tmp_path: Path) -> None:
    (tmp_path / "empty.png").touch()
    refused(tmp_path / "empty.png", "empty.png", "empty")


def test_a_picture_that_is_not_there(refused, tmp_path: Path) -> None:
    refused(tmp_path / "gone.jpg", "gone.jpg", "cannot be read")


def test_a_folder_in_place_of_a_picture(refused, tmp_path: Path) -> None:
    (tmp_path / "album").mkdir()
    refused(tmp_path / "album", "album", "a folder")


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="this system has no file without an end")
def test_a_file_without_an_end(refused) -> None:
    refused(Path("/dev/zero"), "/dev/zero", "larger than the 512 MB")


@pytest.mark.parametrize("ending", ["jpg", "png"])
@pytest.mark.parametrize("share", [0.05, 0.5, 0.95])
def test_a_truncated_picture(refused, tmp_path: Path, astronaut: np.ndarray, ending: str, share: float) -> None:
    path = encoded(tmp_path / f"cut.{ending}", astronaut)
    path.write_bytes(path.read_bytes()[:int(path.stat().st_size * share)])
    refused(path, f"cut.{ending}", "cut off or damaged")


def test_a_picture_of_one_pixel(refused, tmp_path: Path) -> None:
    refused(encoded(tmp_path / "dot.png", np.full((1, 1, 3), 200, np.uint8)), "dot.png", "no face was found")


def test_a_picture_20000_pixels_wide_without_a_face(refused, tmp_path: Path) -> None:
    refused(encoded(tmp_path / "panorama.png", np.full((300, 20_000, 3), 99, np.uint8)), "panorama.png", "no face was found")


def test_a_picture_too_large_to_be_read_is_refused_by_its_header(refused, tmp_path: Path) -> None:
    side = int(MAX_PIXELS**0.5) + 1000
    refused(png_claiming(tmp_path / "bomb.png", side, side), "bomb.png", f"{side} x {side} pixels", "scale the picture down")


# what looks unusual and must work

def kinds(folder: Path, image: np.ndarray) -> dict[str, Path]:
    bgr = image[..., ::-1]
    return {
        "grey": encoded(folder / "grey.png", cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)),
        "16-bit": encoded(folder / "deep.png", bgr.astype(np.uint16) * 257),
        "RGBA": encoded(folder / "alpha.png", np.dstack([bgr, np.full(bgr.shape[:2], 255, np.uint8)])),
        "TIFF": encoded(folder / "scan.tif", bgr), "WebP": encoded(folder / "web.webp", bgr),
    }


@pytest.mark.parametrize("kind", ["grey", "16-bit", "RGBA", "TIFF", "WebP"])
def test_unusual_pictures_give_the_same_face(tmp_path: Path, astronaut: np.ndarray, kind: str) -> None:
    expected, = capture_faces(astronaut)
    found, = capture_faces(read_image(kinds(tmp_path, astronaut)[kind]))
    # the tiny network lays its face where the detector, which sees colours, says
    assert np.abs(found.landmarks_image - expected.landmarks_image).mean() < 6


def test_a_cmyk_picture_gives_the_same_face(tmp_path: Path, astronaut: np.ndarray) -> None:
    pil = pytest.importorskip("PIL.Image", reason="Pillow writes the CMYK picture of this test")
    pil.fromarray(astronaut).convert("CMYK").save(tmp_path / "print.jpg", quality=95)
    expected, = capture_faces(astronaut)
    found, = capture_faces(read_image(tmp_path / "print.jpg"))
    assert np.abs(found.landmarks_image - expected.landmarks_image).mean() < 6


def test_a_photo_turned_by_its_exif_tag_is_upright(tmp_path: Path, astronaut: np.ndarray) -> None:
    pil = pytest.importorskip("PIL.Image", reason="Pillow writes the EXIF tag of this test")
    exif = pil.Exif()
    exif[0x0112] = 6                                    # turn by 90 degrees clockwise to see it upright
    pil.fromarray(np.rot90(astronaut).copy()).save(tmp_path / "phone.jpg", exif=exif, quality=95)
    expected, = capture_faces(astronaut)
    found, = capture_faces(read_image(tmp_path / "phone.jpg"))
    assert np.abs(found.landmarks_image - expected.landmarks_image).mean() < 3


def test_a_face_in_a_picture_20000_pixels_wide(astronaut: np.ndarray) -> None:
    # far too small for the detector once scaled; with its box it is captured as in any other picture
    wide = np.full((512, 20_000, 3), 120, np.uint8)
    wide[:, 9000:9512] = astronaut
    box = np.array([176.0, 75, 276, 175])
    alone, = capture_faces(astronaut, CaptureOptions(box=tuple(box)))
    found, = capture_faces(wide, CaptureOptions(box=tuple(box + [9000, 0, 9000, 0])))
    assert np.allclose(found.landmarks_image - [9000, 0, 0], alone.landmarks_image, atol=0.05)


# what cannot be written

def test_a_result_under_a_file_cannot_be_written(refused, astronaut_png: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    refused(astronaut_png, "face.npz", "cannot be written", code=1, out=tmp_path / "file" / "face.npz")
    assert (tmp_path / "file").read_text() == "not a folder"


def test_a_result_in_a_folder_that_is_not_there(refused, astronaut_png: Path, tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere"
    refused(astronaut_png, "face.npz", f"cannot be written (there is no folder {nowhere})", code=1, out=nowhere / "face.npz")
    assert not nowhere.exists()


@pytest.mark.parametrize("name", ["x" * 300 + ".npz", "x" * 300 + ".obj"])
def test_a_name_that_no_file_can_have(refused, astronaut_png: Path, tmp_path: Path, name: str) -> None:
    refused(astronaut_png, name, "cannot be written", code=1, out=tmp_path / "result" / name)


def test_a_file_in_place_of_the_folder_for_several_photos(refused, astronaut_png: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    refused(astronaut_png, "cannot be used as a folder", code=1, out=tmp_path / "file", options=("--format", "npz"))


def test_what_was_there_stays_when_there_is_no_face(refused, tmp_path: Path) -> None:
    (tmp_path / "old.npz").write_bytes(b"earlier work")
    refused(encoded(tmp_path / "wall.png", np.full((200, 300, 3), 4, np.uint8)), "no face", out=tmp_path / "old.npz")
    assert (tmp_path / "old.npz").read_bytes() == b"earlier work"


# weights

@pytest.fixture
def own_weights(tiny_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "own"
    shutil.copytree(tiny_weights, folder)
    monkeypatch.setenv("LPRNET_WEIGHTS", str(folder))
    return folder


@pytest.mark.parametrize("name", ["weights.json", "lprnet2.tflite", "lprnet2_decoder.npz", "topology.npz"])
def test_missing_weights(refused, astronaut_png: Path, own_weights: Path, name: str) -> None:
    (own_weights / name).unlink()
    refused(astronaut_png, name, "cannot be read", code=1)


@pytest.mark.parametrize("name", ["lprnet2.tflite", "lprnet2_decoder.npz"])
def test_altered_weights(refused, astronaut_png: Path, own_weights: Path, name: str) -> None:
    data = bytearray((own_weights / name).read_bytes())
    data[len(data) // 2] ^= 1
    (own_weights / name).write_bytes(data)
    refused(astronaut_png, name, "SHA-256", code=1)


def test_shortened_weights(refused, astronaut_png: Path, own_weights: Path) -> None:
    path = own_weights / "lprnet2.tflite"
    path.write_bytes(path.read_bytes()[:1000])
    refused(astronaut_png, "lprnet2.tflite", "1000 bytes where weights.json says", code=1)


def test_an_altered_topology(refused, astronaut_png: Path, own_weights: Path) -> None:
    (own_weights / "topology.npz").write_bytes(b"PK no topology")
    refused(astronaut_png, "topology.npz", "not a topology file", code=1)


def test_a_damaged_list_of_networks(refused, astronaut_png: Path, own_weights: Path) -> None:
    (own_weights / "weights.json").write_text("{")
    refused(astronaut_png, "weights.json", "not a JSON file", code=1)


def test_weights_of_another_topology(refused, astronaut_png: Path, own_weights: Path) -> None:
    cards = json.loads((own_weights / "weights.json").read_text())
    for network in cards["networks"]:
        network["topology_sha256"] = "0" * 64
    (own_weights / "weights.json").write_text(json.dumps(cards))
    refused(astronaut_png, "weights.json", "another topology", code=1)
