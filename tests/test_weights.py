"""What a user may rely on: a network file is the one that its card means, or it is not used, and the message says why."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from inference_core.crop import crop_from_landmarks
from inference_core.engine import Network
from inference_core.errors import WeightsError
from inference_core.topology import load_topology
from inference_core.weights import MAX_CARD_BYTES, find_card, load_cards

DATA = b"a network"


def card(**changes) -> dict:
    entry = dict(name="small", kind="position_map", input_size=128, crop=dict(scale=1.5, up=0.08),
                 files={"litert": dict(path="small.tflite", sha256=hashlib.sha256(DATA).hexdigest(), bytes=len(DATA))},
                 topology_sha256=load_topology().sha256, license="CC0-1.0", attribution=["us"], scores={}, trained={})
    return entry | changes


def write(folder: Path, *cards: dict, default: str = "small", **changes) -> Path:
    (folder / "small.tflite").write_bytes(DATA)
    (folder / "weights.json").write_text(json.dumps(dict(format=1, default=default, networks=list(cards)) | changes))
    return folder


def test_a_card_says_what_the_exporter_wrote(tmp_path: Path) -> None:
    found = find_card("small", write(tmp_path, card()))
    assert (found.name, found.kind, found.input_size, found.license) == ("small", "position_map", 128, "CC0-1.0")
    assert (found.crop_scale, found.crop_up) == (1.5, 0.08)
    assert found.file("litert").read() == DATA


def test_default_means_the_one_that_the_file_names(tmp_path: Path) -> None:
    write(tmp_path, card(), card(name="better"), default="better")
    assert find_card(folder=tmp_path).name == "better"
    assert list(load_cards(tmp_path)) == ["better", "small"]


def test_a_default_that_is_not_there_falls_to_the_first(tmp_path: Path) -> None:
    assert find_card(folder=write(tmp_path, card(), default="gone")).name == "small"


def test_an_unknown_name_is_answered_with_the_names_there_are(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"no network 'big'; choose one of small"):
        find_card("big", write(tmp_path, card()))


def test_a_role_without_a_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no file for 'keras'"):
        find_card("small", write(tmp_path, card())).file("keras")


def test_weights_of_another_topology_are_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="another topology"):
        find_card("small", write(tmp_path, card(topology_sha256="0" * 64)))


def test_a_network_of_crops_at_another_height_is_shown_those(tmp_path: Path) -> None:
    found = find_card("small", write(tmp_path, card(crop=dict(scale=1.5, up=0.0))))
    landmarks = np.array([[100.0, 100], [250, 250]])                # a box of 150 x 150 about (175, 175)
    view = Network(found, "litert", lambda x: {}, None).view(crop_from_landmarks(landmarks, upright=False))
    np.testing.assert_allclose(view.to_image(np.array([0.5, 0.5])), [175, 175])
    np.testing.assert_allclose(view.scale, 1 / 225)


def test_the_path_of_another_folder_means_its_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write(tmp_path, card())
    assert find_card(str(folder)).files["litert"].path.parent == folder
    assert find_card(f"{folder}/").name == find_card("default", folder).name
    monkeypatch.chdir(tmp_path.parent)
    assert find_card(tmp_path.name).name == find_card("default", folder).name
    with pytest.raises(WeightsError, match="nowhere.*cannot be read"):
        find_card(str(tmp_path / "nowhere"))


@pytest.mark.parametrize("entry", [{"scale": 1.1}, {"scale": 0, "offset": [0, 0, 0]}, {"scale": 1, "offset": [0]},
                                   {"scale": 1, "offset": [0, 0, float("nan")]}, 3])
def test_a_scale_that_no_map_has_is_refused(tmp_path: Path, entry) -> None:
    with pytest.raises(WeightsError, match="map|offset"):
        load_cards(write(tmp_path, card(map=entry)))


def test_weights_of_tighter_crops_are_taken(tmp_path: Path) -> None:
    assert find_card("small", write(tmp_path, card(crop=dict(scale=1.2, up=0.08)))).crop_scale == 1.2


@pytest.mark.parametrize(("change", "cause"), [
    (dict(name="../evil"), "name is"), (dict(kind="magic"), "kind is"), (dict(input_size=1 << 20), "input_size is"),
    (dict(input_size=True), "input_size is"), (dict(crop=dict(scale=float("nan"), up=0)), "crop scale is"),
    (dict(crop=[]), "crop is"), (dict(files={}), "files is"), (dict(files={"exe": {}}), "files is"),
    (dict(license=5), "license is"), (dict(attribution="us"), "attribution is"), (dict(scores=[]), "scores is"),
    (dict(topology_sha256="abc"), "topology_sha256 is")])
def test_a_card_with_a_wrong_value_is_refused_by_its_name(tmp_path: Path, change: dict, cause: str) -> None:
    with pytest.raises(WeightsError, match=cause) as refused:
        load_cards(write(tmp_path, card(**change)))
    assert "weights.json" in str(refused.value)


@pytest.mark.parametrize("path", ["/etc/passwd", "../small.tflite", "a/b.tflite", "a\\b.tflite", "..", "C:x", ""])
def test_a_file_outside_the_folder_is_never_meant(tmp_path: Path, path: str) -> None:
    entry = card()
    entry["files"]["litert"]["path"] = path
    with pytest.raises(WeightsError, match="path of litert"):
        load_cards(write(tmp_path, entry))


@pytest.mark.parametrize("key", ["name", "kind", "files", "crop", "topology_sha256", "license"])
def test_a_card_that_lacks_something_is_refused_by_its_name(tmp_path: Path, key: str) -> None:
    entry = card()
    del entry[key]
    with pytest.raises(WeightsError, match=f"'{key}' is missing"):
        load_cards(write(tmp_path, entry))


@pytest.mark.parametrize("text", ["", "{", "[1]", "null", "[" * 50_000, '{"format": 1}'])
def test_a_file_that_is_no_list_of_networks_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "weights.json").write_text(text)
    with pytest.raises(WeightsError, match="weights.json"):
        load_cards(tmp_path)


def test_a_later_format_is_refused_with_both_numbers(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="format 2, and this version reads format 1"):
        load_cards(write(tmp_path, card(), format=2))


def test_a_huge_list_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "weights.json").write_bytes(b" " * (MAX_CARD_BYTES + 1))
    with pytest.raises(WeightsError, match="larger than"):
        load_cards(tmp_path)


def test_missing_weights_are_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="weights.json: cannot be read"):
        load_cards(tmp_path / "nowhere")
    write(tmp_path, card())
    (tmp_path / "small.tflite").unlink()
    with pytest.raises(WeightsError, match="small.tflite: the network file cannot be read"):
        find_card("small", tmp_path).file("litert").read()


def test_a_shortened_file_is_not_used(tmp_path: Path) -> None:
    write(tmp_path, card())
    (tmp_path / "small.tflite").write_bytes(DATA[:-1])
    with pytest.raises(WeightsError, match="8 bytes where weights.json says 9"):
        find_card("small", tmp_path).file("litert").read()


def test_one_altered_byte_is_noticed(tmp_path: Path) -> None:
    write(tmp_path, card())
    (tmp_path / "small.tflite").write_bytes(b"A" + DATA[1:])
    with pytest.raises(WeightsError, match=r"small.tflite: its SHA-256 is not the one"):
        find_card("small", tmp_path).file("litert").read()


def test_every_shipped_file_is_the_one_that_its_card_means(shipped_weights: Path) -> None:
    cards = load_cards(shipped_weights)
    assert cards
    for name in cards:
        assert all(file.read() for file in find_card(name, shipped_weights).files.values())
