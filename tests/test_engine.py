"""What a user may rely on: both engines give the same numbers in the stated frames, or say what to install."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest

from inference_core import engine
from inference_core.engine import load_network, pose_of_numbers
from inference_core.errors import EngineError, WeightsError
from inference_core.pose import compose
from inference_core.topology import load_topology


def picture(network, seed: int = 0) -> np.ndarray:
    size = network.input_size
    return np.random.default_rng(seed).integers(0, 256, (size, size, 3), dtype=np.uint8)


@pytest.mark.parametrize("name", ["lprnet2", "lprnet"])
def test_the_engines_agree(tiny_weights: Path, name: str) -> None:
    networks = [load_network(name, which, weights_dir=tiny_weights) for which in ("litert", "tensorflow")]
    lite, keras = (network.predict(picture(network)) for network in networks)
    assert lite.position_map_crop.shape == (128, 128, 3) and lite.position_map_crop.dtype == np.float32
    assert np.abs(lite.position_map_crop - keras.position_map_crop).max() < 1e-4
    assert abs(lite.presence - keras.presence) < 1e-4


# lprnet: batch norms folded into 16-bit weights
@pytest.mark.parametrize("name, tolerance", [("lprnet2", 1e-4), ("lprnet", 1e-3)])
def test_the_shipped_engines_agree(shipped_weights: Path, astronaut: np.ndarray, name: str, tolerance: float) -> None:
    pytest.importorskip("tensorflow")
    lite, keras = (load_network(name, which, weights_dir=shipped_weights) for which in ("litert", "tensorflow"))
    crop = astronaut[50:50 + lite.input_size, 150:150 + lite.input_size]
    assert np.abs(lite.predict(crop).position_map_crop - keras.predict(crop).position_map_crop).max() < tolerance


def test_the_default_network_answers_shape_pose_and_presence(tiny_weights: Path) -> None:
    network = load_network(weights_dir=tiny_weights)
    answer = network.predict(picture(network))
    assert answer.canonical_map.shape == (128, 128, 3)
    assert np.allclose(answer.position_map_crop, compose(answer.canonical_map, answer.pose), atol=1e-5)
    assert np.allclose(answer.pose.rotation @ answer.pose.rotation.T, np.eye(3), atol=1e-6)
    assert answer.presence > 0.9
    assert network.predict(np.zeros_like(picture(network))).presence < 0.1


def test_the_original_architecture_answers_crop_units(tiny_weights: Path) -> None:
    from tiny_networks import rest_map
    network, topology = load_network("lprnet", weights_dir=tiny_weights), load_topology()
    answer = network.predict(np.zeros((128, 128, 3), np.uint8))
    assert answer.presence == 1 and answer.pose is None and answer.canonical_map is None
    expected = topology.vertices(rest_map(topology))
    assert np.abs(topology.vertices(answer.position_map_crop) - expected).max() < 2e-3


def test_colours_are_red_green_blue_from_zero_to_one(tiny_weights: Path) -> None:
    from tiny_networks import RIGHTWARDS
    network = load_network(weights_dir=tiny_weights)
    for channel, expected in enumerate(RIGHTWARDS):
        crop = np.zeros((network.input_size, network.input_size, 3), np.uint8)
        crop[..., channel] = 255
        # the tiny network moves the face to the right by the colours' means, each with its own weight
        assert network.predict(crop).pose.shift[0] - 0.5 == pytest.approx(expected, abs=1e-4)


def test_a_crop_of_another_size_is_refused(tiny_weights: Path) -> None:
    with pytest.raises(ValueError, match="takes"):
        load_network(weights_dir=tiny_weights).predict(np.zeros((10, 10, 3), np.uint8))


def test_a_network_is_loaded_once(tiny_weights: Path) -> None:
    assert load_network(weights_dir=tiny_weights) is load_network("default", "litert", 1, tiny_weights)


def test_threads_may_share_a_network(tiny_weights: Path) -> None:
    network = load_network(weights_dir=tiny_weights)
    pictures = [picture(network, seed) for seed in range(4)]
    alone = [network.predict(p).position_map_crop for p in pictures]
    wrong: list[int] = []

    def work(index: int) -> None:
        for _ in range(20):
            if not np.array_equal(network.predict(pictures[index]).position_map_crop, alone[index]):
                wrong.append(index)

    threads = [threading.Thread(target=work, args=(index,)) for index in range(len(pictures))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_an_engine_that_is_not_installed_says_what_to_install(tiny_weights: Path, monkeypatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(engine, "find_spec", lambda name: None if name == "ai_edge_litert" else find(name))
    engine._load.cache_clear()
    with pytest.raises(EngineError, match="pip install ai-edge-litert, or use the engine tensorflow"):
        load_network(weights_dir=tiny_weights)


def test_unknown_engines_and_threads_are_refused(tiny_weights: Path) -> None:
    with pytest.raises(EngineError, match="no engine 'abacus'; choose one of litert, tensorflow"):
        load_network(engine="abacus", weights_dir=tiny_weights)
    with pytest.raises(EngineError, match="0 threads"):
        load_network(threads=0, weights_dir=tiny_weights)


def altered(tiny_weights: Path, folder: Path, change) -> Path:
    """A copy of the weights folder, its cards changed."""
    copy = folder / "weights"
    shutil.copytree(tiny_weights, copy)
    cards = json.loads((copy / "weights.json").read_text())
    change({network["name"]: network for network in cards["networks"]})
    (copy / "weights.json").write_text(json.dumps(cards))
    return copy


def test_a_file_that_is_no_network_is_refused(tiny_weights: Path, tmp_path: Path) -> None:
    data = b"not a network"
    copy = altered(tiny_weights, tmp_path, lambda cards: cards["lprnet"]["files"]["litert"].update(
        sha256=hashlib.sha256(data).hexdigest(), bytes=len(data)))
    (copy / "lprnet.tflite").write_bytes(data)
    with pytest.raises(EngineError, match="lprnet.tflite: the engine cannot load this network"):
        load_network("lprnet", weights_dir=copy)


@pytest.mark.parametrize("which", ["litert", "tensorflow"])
def test_a_card_that_misstates_the_input_is_refused(tiny_weights: Path, tmp_path: Path, which: str) -> None:
    copy = altered(tiny_weights, tmp_path, lambda cards: cards["lprnet"].update(input_size=96))
    with pytest.raises(EngineError, match="where weights.json says"):
        load_network("lprnet", which, weights_dir=copy)


def test_a_network_of_another_kind_than_its_card_says_is_refused(tiny_weights: Path, tmp_path: Path) -> None:
    copy = altered(tiny_weights, tmp_path, lambda cards: cards["lprnet2"].update(kind="position_map"))
    with pytest.raises(WeightsError, match="lprnet2.tflite"):
        load_network("lprnet2", weights_dir=copy)


def test_pose_numbers_become_a_rotation_whatever_they_are() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        pose = pose_of_numbers(rng.normal(0, 2, 10))
        assert np.allclose(pose.rotation @ pose.rotation.T, np.eye(3), atol=1e-5)
        assert np.linalg.det(pose.rotation) == pytest.approx(1, abs=1e-5)
        assert 0 <= pose.inverse_distance <= 0.04


def test_litert_needs_no_tensorflow(tiny_weights: Path, run_python) -> None:
    code = ("import sys, numpy as np; from inference_core import load_network; "
            f"n = load_network(weights_dir={str(tiny_weights)!r}); "
            "n.predict(np.zeros((n.input_size, n.input_size, 3), np.uint8)); "
            "print('tensorflow' in sys.modules or 'keras' in sys.modules)")
    done = run_python("-c", code, weights=tiny_weights)
    assert (done.stdout.strip(), done.stderr) == ("False", "")
