"""The model card's sheet of failures: the worst come first, and one picture is shown once."""

import numpy as np

from inference_core.engine import load_network
from inference_core.pose import HeadPose, compose
from training.face_model import NARROW_VERTICES
from training.failures import failures
from training.labels import label_mesh
from training.sample import SAMPLE_SIZE, Sample, sample_frame


def test_the_worst_answer_comes_first_and_a_picture_once():
    network, mesh = load_network(), label_mesh()
    topology = network.topology
    sums, total = np.zeros((NARROW_VERTICES, 3)), np.full(NARROW_VERTICES, 1e-9)
    for corner in range(3):
        np.add.at(sums, mesh.sources[:, corner], mesh.weights[:, corner, None] * topology.mean_canonical)
        np.add.at(total, mesh.sources[:, corner], mesh.weights[:, corner])
    face = (sums / total[:, None]).astype(np.float32)
    samples = []
    for seed, width in ((0, 1.0), (1, 1.6), (0, 1.0)):          # the answer hardly depends on the noise: the widest is worst
        canonical = face * np.float32([width, 1, 1])
        scale, offset = sample_frame(compose(topology.landmarks(mesh(canonical)), HeadPose(np.eye(3), 1.0, np.zeros(2), 0.0)))
        image = np.random.default_rng(seed).integers(0, 255, (SAMPLE_SIZE, SAMPLE_SIZE, 3), np.uint8)
        samples.append(Sample(image, canonical, HeadPose(np.eye(3), scale, offset, 0.0)))
    found = failures(network, samples)
    assert len(found) == 2 and found[0].nme >= found[1].nme > 0
    for failure in found:
        away = np.linalg.norm(failure.answered - failure.true, axis=1).mean()
        size = np.sqrt(np.prod(np.ptp(failure.true, axis=0)))
        assert abs(100 * away / size - failure.nme) < 1e-6
