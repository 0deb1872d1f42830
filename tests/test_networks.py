"""The networks have the shape that the weights folder promises, and survive the way to LiteRT."""

import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="training needs the [training] extra")
pytest.importorskip("tensorflow", reason="training needs the [training] extra")

from training import convert, networks  # noqa: E402
from training.encoder import build_encoder, facemesh_weights_file, warm_start  # noqa: E402


def test_lprnet_is_the_published_network_layer_by_layer():
    model = networks.build_lprnet()
    assert model.output_shape == (None, 128, 128, 3)
    trainable = sum(int(np.prod(w.shape)) for w in model.trainable_weights)
    assert (trainable, model.count_params()) == (4_476_099, 4_484_867)


def test_an_untrained_default_network_answers_a_frontal_mean_face():
    model = networks.build_lprnet2(128)
    out = model(np.random.default_rng(0).random((2, 128, 128, 3), np.float32))
    assert np.abs(out["code"]).max() == 0
    np.testing.assert_allclose(networks.rotation_of(out["pose"])[0], np.eye(3), atol=1e-6)
    np.testing.assert_allclose(np.array(out["pose"])[0], networks.POSE_REST, atol=1e-6)


def test_rotations_from_any_pose_numbers_are_rotations():
    pose = np.random.default_rng(1).normal(0, 1, (40, 10)).astype(np.float32)
    rotation = np.array(networks.rotation_of(pose))
    np.testing.assert_allclose(rotation @ rotation.transpose(0, 2, 1), np.broadcast_to(np.eye(3), (40, 3, 3)), atol=1e-4)
    np.testing.assert_allclose(np.linalg.det(rotation), 1, atol=1e-4)


def test_training_and_capture_compose_alike():
    from inference_core.pose import HeadPose, compose
    rng = np.random.default_rng(2)
    canonical = rng.normal(0, 4, (30, 3)).astype(np.float32)
    numbers = np.float32([[0.9, 0.1, -0.3, 0.0, 1.0, 0.2, np.log(0.04), 0.51, 0.39, 0.012]])
    rotation = np.array(networks.rotation_of(numbers))
    ours = np.array(networks.compose(canonical[None], rotation, numbers))[0]
    pose = HeadPose(rotation[0].astype(float), float(np.exp(numbers[0, 6])), numbers[0, 7:9].astype(float), float(numbers[0, 9]))
    np.testing.assert_allclose(ours, compose(canonical, pose), atol=1e-5)


def test_a_warm_encoder_gives_the_numbers_of_the_file_it_came_from():
    pytest.importorskip("tflite", reason="a warm start needs the [training] extra")
    try:
        path = facemesh_weights_file()
    except FileNotFoundError:
        pytest.skip("the mediapipe wheel is not installed")
    from ai_edge_litert.interpreter import Interpreter, OpResolverType
    lite = Interpreter(str(path), experimental_preserve_all_tensors=True,
                       experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES)
    lite.allocate_tensors()
    image = np.random.default_rng(0).random((1, 192, 192, 3), np.float32)
    lite.set_tensor(lite.get_input_details()[0]["index"], image)
    lite.invoke()
    encoder = build_encoder(192)
    warm_start(encoder, path)
    last = np.array(encoder(image)[2])
    candidates = [lite.get_tensor(t["index"]) for t in lite.get_tensor_details() if tuple(t["shape"]) == (1, 3, 3, 128)]
    assert min(np.abs(c - last).max() for c in candidates) < 1e-3


@pytest.mark.parametrize("build", [networks.build_lprnet, lambda: networks.build_lprnet2(128)], ids=["lprnet", "lprnet2"])
def test_an_exported_network_agrees_with_keras_and_needs_no_code_to_load(tmp_path, build):
    model = build()
    rng = np.random.default_rng(0)
    model.set_weights([w + rng.normal(0, 0.01, w.shape).astype(np.float32) for w in model.get_weights()])
    files = convert.export(model, "net", tmp_path, [rng.random((1, 128, 128, 3), np.float32)])
    loaded = keras.models.load_model(tmp_path / "net.keras", compile=False)
    assert loaded.count_params() == model.count_params()
    assert files["litert"]["bytes"] > 1.9 * model.count_params()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["net.keras", "net.tflite"]


def test_the_decoder_is_the_shape_basis_on_the_grid(tmp_path):
    from inference_core.decoder import read_decoder
    from inference_core.topology import load_topology
    from training.face_model import NARROW_VERTICES
    from training.labels import label_mesh
    topology, mesh = load_topology(), label_mesh()
    rng = np.random.default_rng(0)
    basis = networks.ShapeBasis(rng.normal(0, 1, (NARROW_VERTICES, 3)).astype(np.float32),
                                rng.normal(0, 1, (3, NARROW_VERTICES, 3)).astype(np.float32))
    basis = networks.ShapeBasis(basis.mean, basis.basis.astype(np.float16).astype(np.float32))
    code = rng.normal(0, 1, 3).astype(np.float32)
    convert.save_decoder(tmp_path / "decoder.npz", basis, mesh, topology)
    decoded = read_decoder((tmp_path / "decoder.npz").read_bytes())(code)
    np.testing.assert_allclose(topology.vertices(decoded), mesh(basis.vertices(code)), atol=1e-4)
    assert decoded.shape == (128, 128, 3) and decoded.dtype == np.float32 and np.isfinite(decoded).all()
