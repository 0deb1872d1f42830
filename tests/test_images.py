"""Pictures of every kind come in as upright RGB; broken ones are refused with file and cause."""

import io
import struct
import zlib
from contextlib import suppress

import numpy as np
import pytest

from inference_core import images, picture_headers
from inference_core.errors import ImageError, OutputError
from inference_core.images import read_image, write_image

Image = pytest.importorskip("PIL.Image", reason="pictures for these tests are written with pillow")


@pytest.fixture
def picture():
    """A smooth picture, red on the left, green at the top, so that turns show."""
    rows, columns = np.mgrid[:60, :90]
    return np.dstack([255 - 2.5 * columns, 255 - 4 * rows, 40 + 0 * rows]).clip(0, 255).astype(np.uint8)


def saved(tmp_path, name, image, **options):
    image.save(tmp_path / name, **options)
    return tmp_path / name


@pytest.mark.parametrize("name, tolerance", [("a.png", 0), ("a.bmp", 0), ("a.tif", 0), ("a.jpg", 12), ("a.webp", 12)])
def test_common_formats_are_read_as_rgb(tmp_path, picture, name, tolerance):
    got = read_image(saved(tmp_path, name, Image.fromarray(picture)))
    assert got.dtype == np.uint8 and np.abs(got.astype(int) - picture).max() <= tolerance


@pytest.mark.parametrize("orientation, undo", [(3, 2), (6, 1), (8, 3)])
def test_a_photo_turned_by_its_exif_tag_comes_out_upright(tmp_path, picture, orientation, undo):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = saved(tmp_path, "turned.jpg", Image.fromarray(np.rot90(picture, undo).copy()), exif=exif, quality=95)
    assert np.abs(read_image(path).astype(int) - picture).mean() < 4


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_of_every_kind_of_file(tmp_path, picture, orientation):
    from PIL import ImageOps
    exif = Image.Exif()
    exif[0x0112] = orientation
    for name, options in (("a.jpg", {"quality": 95}), ("a.png", {}), ("a.webp", {"lossless": True})):
        path = saved(tmp_path, name, Image.fromarray(picture), exif=exif, **options)
        expected = np.asarray(ImageOps.exif_transpose(Image.open(path)))
        assert np.abs(read_image(path).astype(int) - expected).mean() < 4, name


def test_grey_sixteen_bit_and_palette_pictures_become_rgb(tmp_path, picture):
    grey = picture[..., 0]
    assert (read_image(saved(tmp_path, "grey.png", Image.fromarray(grey))) == grey[..., None]).all()
    assert (read_image(saved(tmp_path, "deep.png", Image.fromarray(grey.astype(np.uint16) * 257))) == grey[..., None]).all()
    assert read_image(saved(tmp_path, "few.png", Image.fromarray(picture).quantize(16))).shape == picture.shape


def test_cmyk_photos_keep_their_colours(tmp_path, picture):
    path = saved(tmp_path, "print.jpg", Image.fromarray(picture).convert("CMYK"), quality=95)
    assert np.abs(read_image(path).astype(int) - picture).mean() < 12


def test_transparent_parts_turn_grey(tmp_path, picture):
    alpha = np.full(picture.shape[:2], 255, np.uint8)
    alpha[:, 45:] = 0
    got = read_image(saved(tmp_path, "cut.png", Image.fromarray(np.dstack([picture, alpha]))))
    assert (got[:, 45:] == 128).all() and (got[:, :45] == picture[:, :45]).all()


@pytest.mark.parametrize("name, options", [("a.tif", {}), ("a.webp", {"lossless": True, "exact": True})])
def test_transparency_of_other_files_turns_grey_too(tmp_path, picture, name, options):
    alpha = np.full(picture.shape[:2], 255, np.uint8)
    alpha[:, 45:] = 0
    got = read_image(saved(tmp_path, name, Image.fromarray(np.dstack([picture, alpha])), **options))
    assert (got[:, 45:] == 128).all() and (got[:, :45] == picture[:, :45]).all()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name, options", [("a.png", {}), ("a.webp", {"lossless": True, "exact": True}), ("a.tif", {})])
def test_the_transparent_part_of_a_turned_picture_turns_with_it(tmp_path, picture, orientation, name, options):
    from PIL import ImageOps
    alpha = np.full(picture.shape[:2], 255, np.uint8)
    alpha[:15, :70] = 0                             # elsewhere in each of the eight
    exif = Image.Exif()
    exif[0x0112] = orientation
    turning = {"tiffinfo": {0x0112: orientation}} if name == "a.tif" else {"exif": exif}
    path = saved(tmp_path, name, Image.fromarray(np.dstack([picture, alpha])), **turning, **options)
    in_memory = io.BytesIO(path.read_bytes())       # Pillow tears TIFFs that it maps and lays on their side
    expected = np.asarray(ImageOps.exif_transpose(Image.open(in_memory)))
    seen = np.where(expected[..., 3:] > 0, expected[..., :3], 128)
    assert np.array_equal(read_image(path), seen)


def test_a_cmyk_tiff_is_not_taken_for_a_transparent_one(tmp_path, picture):
    path = saved(tmp_path, "print.tif", Image.fromarray(picture).convert("CMYK"))
    assert np.abs(read_image(path).astype(int) - picture).mean() < 12


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.bmp", "a.tif"])
@pytest.mark.parametrize("share", [0.2, 0.6, 0.95])
def test_a_cut_off_picture_is_refused_not_returned_half_grey(tmp_path, picture, name, share):
    noisy = np.random.default_rng(0).integers(0, 256, (200, 300, 3)).astype(np.uint8)
    path = saved(tmp_path, name, Image.fromarray(noisy))
    data = path.read_bytes()
    path.write_bytes(data[:int(len(data) * share)])
    with pytest.raises(ImageError, match=name):
        read_image(path)


def test_a_thumbnail_does_not_hide_that_a_photo_is_cut_off(tmp_path, picture):
    small = io.BytesIO()
    Image.fromarray(picture).resize((32, 24)).save(small, "JPEG")
    body = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (200, 300, 3)).astype(np.uint8)).save(body, "JPEG")
    data = body.getvalue()
    segment = b"\xff\xe1" + struct.pack(">H", len(small.getvalue()) + 2) + small.getvalue()
    whole = data[:2] + segment + data[2:]
    (tmp_path / "whole.jpg").write_bytes(whole)
    assert read_image(tmp_path / "whole.jpg").shape == (200, 300, 3)
    (tmp_path / "cut.jpg").write_bytes(whole[:-3000])
    with pytest.raises(ImageError, match="cut off"):
        read_image(tmp_path / "cut.jpg")


def test_what_is_no_picture_is_said_to_be_none(tmp_path):
    (tmp_path / "notes.jpg").write_text("these are words")
    (tmp_path / "empty.png").touch()
    (tmp_path / "phone.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(100))
    for path, cause in (("notes.jpg", "not a picture"), ("empty.png", "empty"), ("phone.heic", "HEIC"), ("no.png", "No such"),
                        (".", "folder")):
        with pytest.raises(ImageError, match=cause) as caught:
            read_image(tmp_path / path)
        assert str(tmp_path / path) in str(caught.value)


def test_one_pixel_and_a_very_wide_picture_are_read(tmp_path):
    assert read_image(saved(tmp_path, "dot.png", Image.new("RGB", (1, 1), (9, 8, 7)))).tolist() == [[[9, 8, 7]]]
    assert read_image(saved(tmp_path, "wide.png", Image.new("RGB", (20000, 30)))).shape == (30, 20000, 3)


def test_a_picture_that_claims_to_be_enormous_is_refused_before_it_is_decoded(tmp_path, monkeypatch):
    header = b"IHDR" + struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0)
    chunk = lambda body: struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))  # noqa: E731
    (tmp_path / "bomb.png").write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(header) + chunk(b"IDAT" + zlib.compress(bytes(99))) + chunk(b"IEND"))
    monkeypatch.setattr(images, "_decode", lambda *a: pytest.fail("it was decoded"))
    with pytest.raises(ImageError, match="60000 x 60000"):
        read_image(tmp_path / "bomb.png")


def tiff(tags, pixels, extra=b""):
    """(tag, kind, value) in a directory behind the pixels, which lie behind `extra`."""
    body = extra + pixels
    body += bytes(len(body) % 2)
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
    return b"II*\0" + struct.pack("<I", 8 + len(body)) + body + struct.pack("<H", len(tags)) + entries + bytes(4)


def grey_tags(width, height, strip):
    return [(256, 4, width), (257, 4, height), (258, 3, 8), (259, 3, 1), (262, 3, 1), (273, 4, strip), (277, 3, 1),
            (278, 4, height), (279, 4, width * height)]


@pytest.mark.parametrize("again", [[(256, 4, 8), (257, 4, 8)], [(256, 3, 8), (257, 3, 8)]])
def test_a_picture_cannot_hide_its_size_behind_a_second_one(tmp_path, monkeypatch, again):
    """What decodes it goes by the first."""
    small = tmp_path / "small.tif"
    small.write_bytes(tiff(grey_tags(30, 20, 8) + again, bytes(range(200)) * 3))
    assert read_image(small).shape == (20, 30, 3)
    monkeypatch.setattr(images, "MAX_PIXELS", 500)
    monkeypatch.setattr(images, "_decode", lambda *a: pytest.fail("it was decoded"))
    with pytest.raises(ImageError, match="30 x 20"):
        read_image(small)


@pytest.mark.parametrize("marker", [0x00, 0x01, *range(0xD0, 0xD8)])
def test_a_jpeg_cannot_hide_its_size_behind_a_marker_without_a_length(tmp_path, monkeypatch, picture, marker):
    """What decodes it passes over such a marker, and finds the size right after it; who takes for a length what follows
    lands in a comment that tells another one."""
    whole = saved(tmp_path, "whole.jpg", Image.fromarray(picture)).read_bytes()
    told = b"\xff\xc0" + struct.pack(">HBHHB", 11, 8, 2, 3, 1) + b"\1\x11\0" + b"\xff\xda\0\2"
    comments = b"".join(b"\xff\xfe" + struct.pack(">H", 40_002) + bytes(40_000) for _ in range(2))
    # taken for a length, the marker of the first comment leads to here in the second one
    comments = comments[:0xFFFE] + told + comments[0xFFFE + len(told):]
    (tmp_path / "hidden.jpg").write_bytes(whole[:2] + bytes((0xFF, marker)) + comments + whole[2:])
    monkeypatch.setattr(images, "_decode", lambda *a: pytest.fail("it was decoded"))
    with pytest.raises(ImageError, match="hidden.jpg"):
        read_image(tmp_path / "hidden.jpg")


def test_a_jpeg_with_fill_bytes_and_restarts_is_read(tmp_path, picture):
    whole = saved(tmp_path, "whole.jpg", Image.fromarray(picture), restart_marker_rows=1).read_bytes()
    assert b"\xff\xd0" in whole
    (tmp_path / "filled.jpg").write_bytes(whole[:2] + b"\xff\xff" + whole[2:])
    assert np.array_equal(read_image(tmp_path / "filled.jpg"), read_image(tmp_path / "whole.jpg"))


def test_a_size_that_lies_elsewhere_in_the_file_is_not_taken_for_the_place_where_it_lies(tmp_path, monkeypatch):
    """A TIFF may write its width in eight bytes, which do not fit into the directory."""
    tags = [(256, 16, 8), *grey_tags(30, 20, 16)[1:]]
    (tmp_path / "long.tif").write_bytes(tiff(tags, bytes(600), extra=struct.pack("<Q", 30)))
    monkeypatch.setattr(images, "_decode", lambda *a: pytest.fail("it was decoded"))
    with pytest.raises(ImageError, match="long.tif"):
        read_image(tmp_path / "long.tif")


def raw_file(path, thumbnail, **options):
    """Directories as cameras write them: a preview, below it what the sensor saw."""
    tifffile = pytest.importorskip("tifffile", reason="tifffile writes directories below others")
    with tifffile.TiffWriter(path) as file:
        file.write(thumbnail, photometric="rgb", subifds=1, **options)
        file.write(np.zeros((400, 600), np.uint16), photometric=32803, subfiletype=0,
                   extratags=[(33421, "H", 2, (2, 2), True), (33422, "B", 4, (0, 1, 1, 2), True)])
    return path


def canon_raw_file(path, thumbnail):
    """The preview comes first; nothing but the beginning says what the file is."""
    height, width = thumbnail.shape[:2]
    grey = np.ascontiguousarray(thumbnail[..., 0]).tobytes()
    tags = grey_tags(width, height, 16 + 2 + 9 * 12 + 4)
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
    path.write_bytes(b"II*\0" + struct.pack("<I", 16) + b"CR\2\0" + bytes(4) + struct.pack("<H", 9) + entries + bytes(4)
                     + grey)
    return path


DNG_VERSION = (50706, "B", 4, (1, 4, 0, 0), True)


@pytest.mark.parametrize("name, make", [
    ("shot.dng", lambda path, small: raw_file(path, small, subfiletype=1, extratags=[DNG_VERSION])),
    ("phone.dng", lambda path, small: raw_file(path, small, extratags=[DNG_VERSION])),
    ("shot.nef", lambda path, small: raw_file(path, small, subfiletype=1)),
    ("shot.nef", lambda path, small: raw_file(path, small, subfiletype=1, metadata=None)),
    ("unmarked.tif", lambda path, small: raw_file(path, small)),
    ("shot.cr2", canon_raw_file),
])
def test_a_cameras_raw_picture_is_refused_and_not_its_preview_taken(tmp_path, picture, name, make):
    path = make(tmp_path / name, picture)
    with pytest.raises(ImageError, match=r"raw picture.*export it as JPEG") as refused:
        read_image(path)
    assert str(path) in str(refused.value)


@pytest.mark.parametrize("count", [2000, 4096, 65535])
def test_a_small_tiff_cannot_keep_the_reader_busy(tmp_path, monkeypatch, count):
    """Of directories that lie below themselves, thousands of times."""
    read, entries = [], picture_headers._tiff_entries
    monkeypatch.setattr(picture_headers, "_tiff_entries", lambda *where: read.append(found := entries(*where)) or found)
    tags = [*grey_tags(30, 20, 8), *[(330, 4, 8 + 600)] * (count - 9)]
    path = tmp_path / "busy.tif"
    path.write_bytes(tiff(tags, bytes(600)))
    with suppress(ImageError):
        read_image(path)
    assert len(read) < 10 and sum(map(len, read)) < 10 * 4096


def test_of_the_directories_below_a_picture_only_so_many_are_looked_at(monkeypatch):
    below = struct.pack("<I", 8 + 40_000) * 10_000
    data = bytearray(tiff([*grey_tags(30, 20, 8), (330, 4, 8)], below))
    data[-4 - 8:-4 - 4] = struct.pack("<I", 10_000)                      # how many of them there are
    assert len(list(picture_headers._tiff_below(bytes(data)))) == picture_headers.MOST_BELOW


def several_pages(path, picture):
    others = [Image.fromarray(picture[::2, ::2]), Image.fromarray(picture[::-1])]
    Image.fromarray(picture).save(path, save_all=True, append_images=others)


def several_pages_by_opencv(path, picture):
    import cv2
    assert cv2.imwritemulti(str(path), [picture[..., ::-1], picture[::-1]])


def with_smaller_copies(path, picture, places):
    """As Photoshop and microscopes write them: in directories below the picture, or behind it."""
    tifffile = pytest.importorskip("tifffile", reason="tifffile writes directories below others")
    with tifffile.TiffWriter(path) as file:
        file.write(picture, photometric="rgb", subifds=2 if places == "below" else None)
        for step in (2, 4):
            file.write(np.ascontiguousarray(picture[::step, ::step]), photometric="rgb", subfiletype=1)


@pytest.mark.parametrize("make", [
    several_pages, several_pages_by_opencv,
    lambda path, picture: with_smaller_copies(path, picture, "below"),
    lambda path, picture: with_smaller_copies(path, picture, "behind"),
])
def test_of_a_tiff_with_pages_or_smaller_copies_the_first_picture_is_read(tmp_path, picture, make):
    make(tmp_path / "a.tif", picture)
    assert np.array_equal(read_image(tmp_path / "a.tif"), picture)


def test_damaged_pictures_say_nothing_on_the_screen_themselves(tmp_path, capfd):
    noisy = np.random.default_rng(0).integers(0, 256, (200, 300, 3)).astype(np.uint8)
    path = saved(tmp_path, "bad.jpg", Image.fromarray(noisy))
    data = bytearray(path.read_bytes())
    data[2000:2400] = bytes(400)
    path.write_bytes(data)
    try:
        read_image(path)
    except ImageError:
        pass
    assert capfd.readouterr().err == ""


def test_a_written_picture_is_read_back_and_leaves_nothing_beside(tmp_path, picture):
    write_image(tmp_path / "x.png", picture)
    assert (read_image(tmp_path / "x.png") == picture).all()
    assert [p.name for p in tmp_path.iterdir()] == ["x.png"]


def test_a_path_that_cannot_be_written_is_named(tmp_path, picture):
    (tmp_path / "file").touch()
    for path in (tmp_path / "file" / "x.png", tmp_path / "none" / "x.png", tmp_path / "x.unknown"):
        with pytest.raises(OutputError, match=str(path.name)):
            write_image(path, picture)
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
