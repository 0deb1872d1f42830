"""What the networks are asked for, in centimetres or close to it.

98 % of the variance of a position map in the crop is pose and 0.014 % is blinking: so L1 instead of squares, shape and
pose apart, lids and lips weighted, and the openings themselves as terms of their own.
"""

from __future__ import annotations

import numpy as np
from keras import ops

from training.contacts import contact_layers, contacts
from training.labels import GAP_WEIGHTS, GAPS, TrainingPoints
from training.networks import compose, rotation_of
from training.scores import LID_PAIRS, LIP_PAIRS

CM_PER_CROP = 25.0              # a crop is about this wide at the face
DEPTH_SHARE = 0.5
ROTATION_WEIGHT, GAP_LOSS_WEIGHT, LANDMARK_LOSS_WEIGHT, PRESENCE_WEIGHT = 2.0, 4.9, 1.0, 0.3
CANONICAL_WEIGHT = 3.0          # with 1 it is a tenth of the loss, and the shape of a head is hardly learned
EDGE_LOSS_WEIGHT = 3.0          # of a map from convolutions: neighbours stay neighbours
AXES = (1.0, 1.0, DEPTH_SHARE)


def _compose_truth(canonical, rotation, place):
    """compose() for a batch's rotation and place."""
    unused = ops.zeros_like(place[:, :1])
    pose = ops.concatenate([unused] * 6 + [ops.log(place[:, :1]), place[:, 1:]], 1)
    return compose(canonical, rotation, pose)


class ShapeLoss:
    """Loss of `lprnet2`. Call with the network's outputs and a batch's arrays; returns a dict with `total`. The code is the
    network's own, before training.contacts: what touches is settled here, by the truth, and in predictions as shipped."""

    def __init__(self, mean: np.ndarray, basis: np.ndarray, points: TrainingPoints) -> None:
        self.mean = ops.convert_to_tensor(mean[points.vertices].astype(np.float32))
        self.basis = ops.convert_to_tensor(basis[:, points.vertices].reshape(len(basis), -1).astype(np.float32))
        self.weights = ops.convert_to_tensor(points.weights[None, :, None])
        self.landmarks = ops.convert_to_tensor(points.landmarks)
        first, second = np.array(GAPS).T
        self.first, self.second = list(map(int, first)), list(map(int, second))
        self.gap_weights = ops.convert_to_tensor(np.float32(GAP_WEIGHTS) / np.mean(GAP_WEIGHTS))
        self.opens = ops.convert_to_tensor(np.float32([pair in (*LID_PAIRS, *LIP_PAIRS) for pair in GAPS]))
        importance = np.ones(68, np.float32)
        importance[36:48] = importance[48:68] = 2
        self.importance = ops.convert_to_tensor(importance[None, :, None] / importance.mean())
        touching = contacts(points.landmarks @ mean[points.vertices], points.landmarks @ basis[:, points.vertices])
        self.passed, self.back = contact_layers(touching)
        self.touching_landmarks = ops.convert_to_tensor(np.float32(touching.landmarks.T))
        self.truly_below = ops.convert_to_tensor(np.float32(touching.truly_below))

    def canonical(self, code):
        return self.mean + ops.reshape(ops.matmul(code, self.basis), (-1, *self.mean.shape))

    def settled(self, code, true_landmarks=None):
        """Lids and lips that pass each other laid on one another; with the truth (B, 68, 3), where they touch there."""
        passed = self.passed(code)
        if true_landmarks is not None:
            truly = ops.matmul(true_landmarks[..., 1], self.touching_landmarks)
            passed = passed * ops.cast(truly < self.truly_below, "float32")
        return code + self.back(passed)

    def gaps(self, landmarks):
        return ops.take(landmarks, self.first, axis=1) - ops.take(landmarks, self.second, axis=1)

    def lengths(self, gap):
        """(B, G, 3) -> (B, G). Lids and lips that pass each other are less than shut: as a mere length they would be open."""
        passed = self.opens * ops.relu(-gap[..., 1])
        return ops.sqrt(ops.sum(gap * gap, -1) - passed * passed + 1e-6) - passed

    def predicted_landmarks(self, outputs) -> np.ndarray:
        """(B, 68, 3) in crop units."""
        pose = outputs["pose"]
        shape = ops.matmul(self.landmarks, self.canonical(self.settled(outputs["code"])))
        return np.array(compose(shape, rotation_of(pose), pose))

    def true_landmarks(self, batch) -> np.ndarray:
        """(B, 68, 3) in crop units."""
        return np.array(_compose_truth(ops.matmul(self.landmarks, batch.canonical), batch.rotation, batch.place))

    def __call__(self, outputs, canonical, rotation, place, presence) -> dict:
        there = presence / ops.maximum(ops.mean(presence), 1e-3)
        mean = lambda error: ops.mean(there * ops.mean(error, axis=list(range(1, len(error.shape)))))  # noqa: E731
        truth_marks = ops.matmul(self.landmarks, canonical)
        shape = self.canonical(self.settled(outputs["code"], truth_marks))
        turn = rotation_of(outputs["pose"])
        seen = compose(shape, turn, outputs["pose"])
        truth_seen = _compose_truth(canonical, rotation, place)
        marks = ops.matmul(self.landmarks, shape)
        seen_marks, truth_seen_marks = ops.matmul(self.landmarks, seen), ops.matmul(self.landmarks, truth_seen)
        gap, truth_gap = self.gaps(marks), self.gaps(truth_marks)
        logit = outputs["presence"][:, 0]
        terms = dict(
            canonical=CANONICAL_WEIGHT * mean(self.weights * ops.abs(shape - canonical)),
            seen=CM_PER_CROP * mean(self.weights * ops.abs(seen - truth_seen) * AXES),
            landmarks=LANDMARK_LOSS_WEIGHT * CM_PER_CROP
            * mean(self.importance * ops.abs(seen_marks - truth_seen_marks)[..., :2]),
            rotation=ROTATION_WEIGHT * 9 * mean(ops.square(turn - rotation)),
            gaps=GAP_LOSS_WEIGHT * (mean(self.gap_weights[:, None] * ops.abs(gap - truth_gap))
                                    + mean(self.gap_weights * ops.abs(self.lengths(gap) - self.lengths(truth_gap)))),
            presence=PRESENCE_WEIGHT * ops.mean(ops.maximum(logit, 0) - logit * presence
                                                + ops.log(1 + ops.exp(-ops.abs(logit)))))
        return dict(terms, total=sum(terms.values()))


class MapLoss:
    """Loss of the original `lprnet`: weighted L1 on the position map in crop units, and on the openings.

    The map's targets come from the batch's training points through the shape basis: code = canonical @ inverse.
    """

    def __init__(self, mean: np.ndarray, basis: np.ndarray, points: TrainingPoints, mesh, topology) -> None:
        chosen = basis[:, points.vertices].reshape(len(basis), -1)
        weights = np.repeat(points.weights, 3)
        self.mean = ops.convert_to_tensor(mean[points.vertices].ravel().astype(np.float32))
        gram = (chosen * weights) @ chosen.T + 1e-4 * np.trace(chosen @ chosen.T) / len(basis) * np.eye(len(basis))
        self.inverse = ops.convert_to_tensor(np.linalg.solve(gram, chosen * weights).T.astype(np.float32))
        self.full_mean = ops.convert_to_tensor(mesh(mean).astype(np.float32))
        self.full_basis = ops.convert_to_tensor(mesh(basis).reshape(len(basis), -1).astype(np.float32))
        self.cells = ops.convert_to_tensor((topology.cells[:, 0] * topology.size + topology.cells[:, 1]).astype(np.int32))
        regions = topology.regions
        weight = np.where(regions["left_lids"] | regions["right_lids"] | regions["lips"], 4.0, 1.0)
        self.weights = ops.convert_to_tensor((weight / weight.mean()).astype(np.float32)[None, :, None])
        matrix = np.zeros((68, len(topology.cells)), np.float32)
        for row in range(68):
            np.add.at(matrix[row], topology.landmark_vertices[row], topology.landmark_weights[row])
        self.landmarks = ops.convert_to_tensor(matrix)
        self.label_landmarks = ops.convert_to_tensor(points.landmarks)
        first, second = np.array(GAPS).T
        self.first, self.second = list(map(int, first)), list(map(int, second))
        edges = np.concatenate([topology.faces[:, [0, 1]], topology.faces[:, [1, 2]]])
        self.from_, self.to = (ops.convert_to_tensor(np.ascontiguousarray(side)) for side in edges.T)

    def _vertices(self, outputs):
        position_map = outputs * 1.1 - np.float32([0.05, 0.05, 0.55])
        return ops.take(ops.reshape(position_map, (-1, position_map.shape[1] * position_map.shape[2], 3)), self.cells, axis=1)

    def predicted_landmarks(self, outputs) -> np.ndarray:
        """(B, 68, 3) in crop units."""
        return np.array(ops.matmul(self.landmarks, self._vertices(outputs)))

    def true_landmarks(self, batch) -> np.ndarray:
        """(B, 68, 3) in crop units."""
        return np.array(_compose_truth(ops.matmul(self.label_landmarks, batch.canonical), batch.rotation, batch.place))

    def __call__(self, outputs, canonical, rotation, place, presence) -> dict:
        there = presence / ops.maximum(ops.mean(presence), 1e-3)
        mean = lambda error: ops.mean(there * ops.mean(error, axis=(1, 2)))  # noqa: E731
        code = ops.matmul(ops.reshape(canonical, (-1, self.mean.shape[0])) - self.mean, self.inverse)
        full = self.full_mean + ops.reshape(ops.matmul(code, self.full_basis), (-1, *self.full_mean.shape))
        truth = _compose_truth(full, rotation, place)
        seen = self._vertices(outputs)
        marks, truth_marks = ops.matmul(self.landmarks, seen), ops.matmul(self.landmarks, truth)
        gaps = lambda m: ops.take(m, self.first, axis=1) - ops.take(m, self.second, axis=1)  # noqa: E731
        edges = lambda v: ops.take(v, self.from_, axis=1) - ops.take(v, self.to, axis=1)  # noqa: E731
        # gaps alone pull single cells out of the surface, to where only their difference is right
        terms = dict(seen=CM_PER_CROP * mean(self.weights * ops.abs(seen - truth)),
                     landmarks=LANDMARK_LOSS_WEIGHT * CM_PER_CROP * mean(ops.abs(marks - truth_marks)),
                     edges=EDGE_LOSS_WEIGHT * CM_PER_CROP * mean(ops.abs(edges(seen) - edges(truth))),
                     gaps=GAP_LOSS_WEIGHT * CM_PER_CROP * mean(ops.abs(gaps(marks) - gaps(truth_marks))))
        return dict(terms, total=sum(terms.values()))
