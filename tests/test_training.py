"""Training learns, stops by the clock, resumes, and its labels and losses mean what they say."""

import json
from dataclasses import replace

import numpy as np
import pytest
from eager_steps import eagerly

pytest.importorskip("tensorflow", reason="training needs the [training] extra")
pytest.importorskip("tqdm", reason="training needs the [training] extra")

from inference_core.pose import HeadPose, compose  # noqa: E402
from inference_core.topology import load_topology  # noqa: E402
from training import networks, train  # noqa: E402
from training.dataset import Dataset  # noqa: E402
from training.face_model import NARROW_VERTICES  # noqa: E402
from training.labels import label_mesh, training_points  # noqa: E402
from training.losses import MapLoss, ShapeLoss  # noqa: E402
from training.pool import open_pool, write_pool  # noqa: E402
from training.sample import SAMPLE_SIZE, Sample, sample_frame  # noqa: E402
from training.shape_basis import fit_basis, save_basis  # noqa: E402

TOPOLOGY = load_topology()


@pytest.fixture(scope="module")
def mesh():
    return label_mesh()


@pytest.fixture(scope="module")
def neutral(mesh):
    """(6706, 3) a face whose mesh is the topology's mean face; vertices that no mesh vertex uses stay at the origin."""
    sums, total = np.zeros((NARROW_VERTICES, 3)), np.full(NARROW_VERTICES, 1e-9)
    for corner in range(3):
        np.add.at(sums, mesh.sources[:, corner], mesh.weights[:, corner, None] * TOPOLOGY.mean_canonical)
        np.add.at(total, mesh.sources[:, corner], mesh.weights[:, corner])
    return (sums / total[:, None]).astype(np.float32)


@pytest.fixture(scope="module")
def mirror(mesh, neutral):
    from scipy.spatial import cKDTree
    partner = cKDTree(neutral).query(neutral * [-1, 1, 1])[1]
    partner[~np.isin(np.arange(NARROW_VERTICES), mesh.sources)] = 0
    both = partner[partner] == np.arange(NARROW_VERTICES)
    return np.where(both, partner, np.arange(NARROW_VERTICES))


@pytest.fixture(scope="module")
def points(mesh, mirror):
    return training_points(TOPOLOGY, mesh, mirror, 900)


class GreyFaces:
    """Faces that differ in width only, on a grey picture with a bright dot on the nose."""

    name = "grey"

    def __init__(self, neutral):
        self.neutral = neutral

    def samples(self, count, seed):
        rng = np.random.default_rng(seed)
        for _ in range(count):
            canonical = self.neutral * np.float32([rng.uniform(0.8, 1.2), 1, 1])
            pose = HeadPose(np.eye(3), 1.0, np.zeros(2), 0.014)
            scale, offset = sample_frame(compose(TOPOLOGY.landmarks(label_mesh()(canonical)), pose))
            image = np.full((SAMPLE_SIZE, SAMPLE_SIZE, 3), 90, np.uint8)
            image[100:108, 100:108] = 255
            yield Sample(image, canonical, HeadPose(np.eye(3), scale, offset, 0.014))


@pytest.fixture(scope="module")
def setting(tmp_path_factory, neutral, mirror):
    """A pool, a basis and the options of a very small run."""
    folder = tmp_path_factory.mktemp("run")
    write_pool(folder / "pool", GreyFaces(neutral), 60, 1, TOPOLOGY)
    pool = open_pool(folder / "pool")
    weights = np.ones(NARROW_VERTICES)
    save_basis(folder / "basis.npz", fit_basis(pool.canonical[:].astype(np.float32) / 1000, mirror, weights, networks.CODE))
    return folder


def test_training_points_are_mirrored_and_carry_the_landmarks(points, neutral):
    assert np.array_equal(points.mirror[points.mirror], np.arange(len(points.vertices)))
    expected = TOPOLOGY.landmarks(TOPOLOGY.mean_canonical)
    np.testing.assert_allclose(points.landmarks @ neutral[points.vertices], expected, atol=0.15)
    assert points.weights.mean() == pytest.approx(1, abs=1e-5)


def test_a_basis_gives_back_the_labels_it_was_made_of(neutral, mirror):
    rng = np.random.default_rng(0)
    modes = rng.normal(0, 0.3, (3, NARROW_VERTICES, 3)).astype(np.float32)
    labels = neutral + np.tensordot(rng.normal(0, 1, (30, 3)).astype(np.float32), modes, 1)
    basis = fit_basis(labels, mirror, np.ones(NARROW_VERTICES), 8)
    flat = basis.basis.reshape(8, -1)
    code = np.linalg.lstsq(flat.T, (labels - basis.mean).reshape(30, -1).T, rcond=None)[0].T
    np.testing.assert_allclose(basis.vertices(code.astype(np.float32)), labels, atol=2e-3)


def test_the_truth_costs_nothing_and_a_closed_lid_costs(points, neutral, setting):
    basis = networks.ShapeBasis(neutral, np.zeros((networks.CODE, NARROW_VERTICES, 3), np.float32))
    loss = ShapeLoss(basis.mean, basis.basis, points)
    pool = open_pool(setting / "pool")
    batch = Dataset([pool], np.ones(1), points, 64).steady(pool, np.arange(4))
    canonical = np.repeat(neutral[points.vertices][None], 4, 0)
    pose = np.zeros((4, 10), np.float32)
    pose[:, 0] = pose[:, 4] = 1
    pose[:, 6:] = batch.place
    pose[:, 6] = np.log(batch.place[:, 0])
    outputs = dict(code=np.zeros((4, networks.CODE), np.float32), pose=pose, presence=np.full((4, 1), 30, np.float32))
    right = loss(outputs, canonical, batch.rotation, batch.place, batch.presence)
    assert float(right["total"]) < 1e-3
    closed = canonical.copy()
    lids = np.flatnonzero(points.landmarks[[37, 38]].any(0))
    closed[:, lids, 1] -= 0.5
    wrong = loss(outputs, closed, batch.rotation, batch.place, batch.presence)
    assert float(wrong["gaps"]) > 3 * float(wrong["canonical"])


@pytest.mark.parametrize("name", ["lprnet2", "lprnet"])
def test_both_networks_learn_from_a_pool(setting, points, mesh, name):
    from training.shape_basis import load_basis
    train.keras.utils.set_random_seed(0)
    basis, pool = load_basis(setting / "basis.npz"), open_pool(setting / "pool")
    loss = (MapLoss(basis.mean, basis.basis, points, mesh, TOPOLOGY) if name == "lprnet"
            else ShapeLoss(basis.mean, basis.basis, points))
    size = 128 if name == "lprnet" else 64
    trainer, dataset = train.Trainer(name, loss, True, size), Dataset([pool], np.ones(1), points, size)
    batch = dataset.steady(pool, np.arange(4))
    losses = [trainer.step(batch, 0.3)["total"] for _ in range(26)]
    assert losses[-1] < 0.7 * losses[0]


def test_still_stages_of_the_encoder_stay_as_they_are_and_the_others_learn(setting, points, tmp_path):
    from training.shape_basis import load_basis
    basis, pool = load_basis(setting / "basis.npz"), open_pool(setting / "pool")
    before = networks.build("lprnet2", 64)
    before.save(tmp_path / "before.keras")
    trainer = train.Trainer("lprnet2", ShapeLoss(basis.mean, basis.basis, points), False, 64, tmp_path / "before.keras", 2)
    trainer.model.set_weights(before.get_weights())
    batch = Dataset([pool], np.ones(1), points, 64).steady(pool, np.arange(4))
    whole = trainer.model(batch.image.astype(np.float32) / 255, training=False)
    front = trainer.first_stages()
    batch = replace(batch, image=front(batch.image))
    parts = front.rest(batch.image, training=False)
    for name in whole:
        np.testing.assert_allclose(np.array(parts[name]), np.array(whole[name]), atol=1e-5)
    for _ in range(2):                                      # the first step moves the code layer alone, which starts at zero
        trainer.step(batch, 0.3)
    moved = {layer.name: max(np.abs(a - b).max() for a, b in zip(layer.get_weights(), before.get_layer(layer.name).get_weights()))
             for layer in trainer.model.layers if layer.weights}
    still = [name for name in moved if name.startswith(("stem", "s0b", "s1b"))]
    assert len(still) == 17 and all(moved[name] == 0 for name in still)
    assert all(moved[name] > 0 for name in moved if name.startswith(("s2b", "s5b", "hidden")) and name != "hidden_gelu")


def test_a_run_stops_by_the_clock_and_resumes_from_its_checkpoint_alone(setting, tmp_path, monkeypatch, mirror, capsys):
    class Model:
        pass
    model = Model()
    model.mirror = mirror
    monkeypatch.setattr(train, "load_face_model", lambda path: model)
    arguments = ["--pool", str(setting / "pool"), "--heldout", str(setting / "pool"), "--basis", str(setting / "basis.npz"),
                 "--face-model", "unused", "--cold", "--size", "64", "--batch", "2", "-o", str(tmp_path / "run")]
    with eagerly():
        train.main(["--minutes", "0.02", *arguments])
    first = json.loads((tmp_path / "run" / "log.jsonl").read_text().splitlines()[-1])
    # its first step builds the graph, which takes longer than this
    train.main(["--minutes", str(first["minutes"] + 0.01), *arguments])
    second = json.loads((tmp_path / "run" / "log.jsonl").read_text().splitlines()[-1])
    assert 0.02 <= first["minutes"] and second["minutes"] > first["minutes"] and second["step"] > first["step"] > 0
    assert second["samples"] == 2 * second["step"] and second["trained_minutes"] == second["minutes"]
    assert (tmp_path / "run" / "averaged.keras").is_file()
    capsys.readouterr()
    assert train.main(["--minutes", "9", *arguments, "--still-stages", "2"]) == 1
    assert "--still-stages" in capsys.readouterr().err


def test_a_run_goes_on_with_another_basis_and_says_the_same_shapes(setting, points, mirror, tmp_path):
    from training.rebase import main as rebase
    from training.shape_basis import load_basis
    old = load_basis(setting / "basis.npz")
    rng = np.random.default_rng(3)
    mixed = np.tensordot(rng.normal(0, 0.3, (networks.CODE, networks.CODE)), old.basis, 1).astype(np.float32)
    new = networks.ShapeBasis(old.mean + 0.5 * old.basis[0], mixed)
    save_basis(tmp_path / "new.npz", new)
    trainer = train.Trainer("lprnet2", ShapeLoss(old.mean, old.basis, points), True, 64)
    kernel = trainer.model.get_layer("code").kernel
    kernel.assign(rng.normal(0, 0.02, kernel.shape))
    pool = open_pool(setting / "pool")
    batch = Dataset([pool], np.ones(1), points, 64).steady(pool, np.arange(4))
    with eagerly():
        trainer.step(batch, 0.3)
    (tmp_path / "old").mkdir()
    trainer.save(tmp_path / "old" / "checkpoint.npz")
    (tmp_path / "run").mkdir()                              # used: its options are of a checkpoint that is no more
    for name in ("old", "run"):
        (tmp_path / name / "options.json").write_text("{}")
    assert rebase([str(tmp_path / "old" / "checkpoint.npz"), "--old", str(setting / "basis.npz"), "--new",
                   str(tmp_path / "new.npz"), "--minutes", "7", "-o", str(tmp_path / "run" / "checkpoint.npz")]) == 0
    assert not (tmp_path / "run" / "options.json").exists()
    clock_set = str(tmp_path / "old" / "checkpoint.npz")
    assert rebase([clock_set, "--minutes", "9", "-o", clock_set]) == 0 and (tmp_path / "old" / "options.json").exists()
    again = train.Trainer("lprnet2", ShapeLoss(new.mean, new.basis, points), True, 64)
    again.load(tmp_path / "run" / "checkpoint.npz")
    assert again.state.seconds == 420 and again.state.step == 1
    image = batch.image.astype(np.float32) / 255
    one, two = (np.array(t.model(image, training=False)["code"]) for t in (trainer, again))
    np.testing.assert_allclose(new.vertices(two)[:, points.vertices], old.vertices(one)[:, points.vertices], atol=0.02)
    with eagerly():
        again.step(batch, 0.3)                              # and AdamW takes a step of usual length
    assert np.abs(again.model.get_layer("code").kernel.numpy() - np.array(
        np.load(tmp_path / "run" / "checkpoint.npz")["weights_0093"])).max() < 0.01


def test_a_shipped_network_is_trained_on_with_its_own_decoder_as_basis(tmp_path):
    from inference_core.engine import load_network
    from inference_core.paths import weights_dir
    from training.contacts import contacts
    from training.rebase import main as rebase
    from training.shape_basis import load_basis
    basis = load_basis(weights_dir() / "lprnet2_decoder.npz")
    trainer = train.Trainer("lprnet2", None, True, networks.LPRNET2_SIZE)
    checkpoint = tmp_path / "run" / "checkpoint.npz"
    assert rebase([str(weights_dir() / "lprnet2.keras"), "--minutes", "3", "-o", str(checkpoint)]) == 0
    with np.load(checkpoint) as z:
        for group, variables in (("weights", trainer.model.weights), ("average", trainer.average)):
            for i, variable in enumerate(variables):
                variable.assign(z[f"{group}_{i:04d}"])
        assert z["seconds"] == 180
        learned = {card["name"]: card["trained"] for card in json.loads((weights_dir() / "weights.json").read_text())["networks"]}
        assert z["trained_s"] == 60 * learned["lprnet2"]["minutes"] and z["samples"] == learned["lprnet2"]["samples"]
    picture = np.full((160, 160, 3), 128, np.uint8)         # its lips pass each other in what the trainer answers
    code = np.array(trainer.model(picture[None].astype(np.float32) / 255, training=False)["code"])[0]
    answer = load_network("lprnet2").predict(picture).canonical_map
    of_mesh = label_mesh()
    touching = contacts(TOPOLOGY.landmarks(of_mesh(basis.mean)), TOPOLOGY.landmarks(of_mesh(basis.basis)))
    settled = touching.settled(code)
    assert np.abs(settled - code).max() > 0.05
    mesh = of_mesh(basis.vertices(settled))
    np.testing.assert_allclose(mesh, answer[TOPOLOGY.cells[:, 0], TOPOLOGY.cells[:, 1]], atol=5e-3)


def test_a_run_that_goes_on_from_another_runs_network_knows_what_that_learned_from(tmp_path):
    from training.rebase import learned_before
    (tmp_path / "log.jsonl").write_text('{"minutes": 9.0, "samples": 10}\n'
                                        '{"minutes": 12.0, "samples": 640, "trained_minutes": 70.5}\n')
    assert learned_before(tmp_path / "averaged.keras") == (70.5 * 60, 640)
    assert learned_before(tmp_path / "elsewhere" / "averaged.keras") == (0, 0)


def test_the_light_of_a_part_of_the_faces_is_drawn_anew_but_not_where_one_measures(setting, points, mesh, monkeypatch):
    from training import dataset as drawn
    from training.relight import skin_of
    lit, relight = [], drawn.relight
    monkeypatch.setattr(drawn, "relight", lambda *given: lit.append(relight(*given)) or lit[-1])
    pool = open_pool(setting / "pool")
    dataset = Dataset([pool], np.ones(1), points, 64, skin=skin_of(TOPOLOGY, mesh))
    dataset.steady(pool, np.arange(8))
    assert not lit
    dataset.draw(np.random.default_rng(0), 200)
    share = drawn.RELIT_SHARE * (1 - drawn.NONFACE_SHARE)
    assert len(lit) == pytest.approx(200 * share, abs=4 * np.sqrt(200 * share * (1 - share)))
    assert np.ptp(pool.images[0][100:150, 120:150]) == 0 < min(np.ptp(image[100:150, 120:150]) for image in lit)
    monkeypatch.setattr(drawn, "damage", lambda rng, crop, texture: crop)
    crops = dataset.draw(np.random.default_rng(1), 40).image
    assert 5 < sum(len(np.unique(crop[30:50])) > 20 for crop in crops) < 35         # grey faces with a light's shading


def test_the_original_starts_from_an_encoder_that_learned_before(setting, points, mesh, tmp_path):
    from training.shape_basis import load_basis
    basis, before = load_basis(setting / "basis.npz"), networks.build("lprnet_encoder")
    rng = np.random.default_rng(0)
    before.set_weights([w + rng.normal(0, 0.01, w.shape).astype(np.float32) for w in before.get_weights()])
    before.save(tmp_path / "averaged.keras")
    loss = MapLoss(basis.mean, basis.basis, points, mesh, TOPOLOGY)
    trainer = train.Trainer("lprnet", loss, False, 128, tmp_path / "averaged.keras")
    layer = "block8_pointwise"
    kernel = before.get_layer(layer).kernel.numpy()
    np.testing.assert_array_equal(trainer.model.get_layer(layer).kernel.numpy(), kernel)
    pool = open_pool(setting / "pool")
    batch = Dataset([pool], np.ones(1), points, 128).steady(pool, np.arange(2))
    trainer.step(batch, 0.01)                               # at rest first, while the decoder finds its feet
    np.testing.assert_array_equal(trainer.model.get_layer(layer).kernel.numpy(), kernel)
    with eagerly():
        trainer.step(batch, 0.5)
    assert np.abs(trainer.model.get_layer(layer).kernel.numpy() - kernel).max() > 0


def test_averaged_weights_get_the_norms_of_their_own_activations(setting, points):
    import keras
    pool = open_pool(setting / "pool")
    image = keras.Input((64, 64, 3))
    norm = keras.layers.BatchNormalization(name="norm")
    model = keras.Model(image, norm(keras.layers.Dense(4, name="dense")(image)))
    norm.moving_mean.assign(np.full(4, 50.0))
    dataset = Dataset([pool], np.ones(1), points, 64)
    train.settle_norms(model, dataset, count=4, size=8)
    rng = np.random.default_rng(0)
    seen = np.concatenate([dataset.draw(rng, 8).image for _ in range(4)]).astype(np.float32) / 255
    np.testing.assert_allclose(norm.moving_mean.numpy(), np.array(model.get_layer("dense")(seen)).mean((0, 1, 2)), atol=1e-3)
    assert norm.momentum == 0.99


def test_an_unfinished_pool_is_refused_by_name(tmp_path):
    (tmp_path / "half").mkdir()
    with pytest.raises(ValueError, match="half"):
        open_pool(tmp_path / "half")
