"""What a user of `smoothing` may rely on, on takes of known truth: the mean face moved by formulas, plus noise."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from inference_core.errors import InputError
from inference_core.live_smoothing import LiveSmoother
from inference_core.pose import rotation_from_angles
from inference_core.regression import Face
from inference_core.smoothing import RAW, SmoothingOptions, smooth
from inference_core.steady_pose import lids_of
from inference_core.take import TakeHeader, TakeRows
from inference_core.time_filters import line_weights, noise_of
from inference_core.topology import load_topology
from inference_core.track_state import TrackState
from inference_core.tracking import FrameResult
from synthetic_faces import mean_face
from takes import moved_face

TOPOLOGY = load_topology()
MEAN = TOPOLOGY.mean_canonical
FPS, SCALE = 30.0, 18.0
LIDS = TOPOLOGY.regions["left_lids"] | TOPOLOGY.regions["right_lids"]
BLINK = np.array([0.3, 0.75, 0.95, 0.95, 0.85, 0.55, 0.25, 0.08])


@dataclass(frozen=True, eq=False)
class MadeTake(TakeRows):
    shapes: np.ndarray

    def canonical(self, row: int) -> np.ndarray:
        return self.shapes[row]


def made(shapes, angles, scale, shift, time_s=None, valid=None) -> MadeTake:
    count = len(shapes)
    time_s = np.arange(count) / FPS if time_s is None else time_s
    valid = np.ones(count, bool) if valid is None else valid
    lost = lambda values: np.where(valid.reshape(-1, *[1] * (values.ndim - 1)), values, np.nan)  # noqa: E731
    rotation = np.stack([rotation_from_angles(*a) for a in angles])
    box = np.tile([100.0, 100, 300, 300], (count, 1))
    return MadeTake(TakeHeader({}, {}, {}, {}), TOPOLOGY, np.arange(count), np.asarray(time_s, float), valid,
                    np.where(valid, 0.9, 0.0), lost(box), lost(rotation), lost(np.asarray(scale, float)), lost(shift),
                    lost(np.full(count, 0.01)), True, shapes)


def still_take(count=120, *, seed=0, closed=None, leak=0.0, angles=None, time_s=None, valid=None,
               breath=0.0) -> MadeTake:
    """A face at rest with noise in everything; closed (n,): how far the lids are shut; leak: share of its size that
    shut lids cost, and ten times the pitch in degrees; breath: by how much skull and scale trade size at random."""
    rng = np.random.default_rng(seed)
    closed = np.zeros(count) if closed is None else closed
    kinds = rng.normal(0, 1, (12, *MEAN.shape)).astype(np.float32)
    shapes = MEAN + np.einsum("nk,kvc->nvc", rng.normal(0, 0.002, (count, 12)).astype(np.float32), kinds)
    for part in ("left_lids", "right_lids"):
        region = TOPOLOGY.regions[part]
        middle = MEAN[region, 1].mean()
        shapes[:, region, 1] += (closed[:, None] * (middle - MEAN[region, 1])).astype(np.float32)
    grow = 1 + rng.normal(0, breath, count) if breath else np.ones(count)
    shapes = (shapes * grow[:, None, None]).astype(np.float32)
    angles = np.zeros((count, 3)) if angles is None else np.asarray(angles, float)
    angles = angles + rng.normal(0, 0.08, (count, 3))
    angles[:, 1] += 100 * leak * closed
    scale = SCALE / grow * (1 - leak * closed) * (1 + rng.normal(0, 0.0008, count))
    return made(shapes, angles, scale, np.array([240.0, 200]) + rng.normal(0, 0.15, (count, 2)), time_s, valid)


def tremble(take: TakeRows, of) -> float:
    values = np.stack([of(row) for row in range(len(take))])
    return float(np.sqrt(np.mean(np.square(values - values.mean(0)))))


def blinks(count=150, at=(40, 90)) -> np.ndarray:
    closed = np.zeros(count)
    for first in at:
        closed[first:first + len(BLINK)] = BLINK
    return closed


def opening(take: TakeRows) -> np.ndarray:
    return np.array([lids_of(TOPOLOGY, take.canonical(row)).mean() for row in range(len(take))])


def test_a_still_face_trembles_less_than_a_fifth_as_much() -> None:
    raw = still_take()
    steady = smooth(raw)
    assert tremble(steady, steady.canonical) < 0.2 * tremble(raw, raw.canonical)
    assert tremble(steady, steady.landmarks_image) < 0.2 * tremble(raw, raw.landmarks_image)


def test_strength_0_is_the_raw_signal_exactly() -> None:
    raw = still_take(20)
    assert smooth(raw, RAW) is raw
    poses = smooth(raw, replace(RAW, pose=1.0))
    shapes = smooth(raw, replace(RAW, expression=1.0, openings=1.0))
    for row in range(len(raw)):
        assert np.array_equal(poses.canonical(row), raw.canonical(row))
        assert np.array_equal(shapes.rotation[row], raw.rotation[row])
        assert np.allclose(shapes.vertices_image(row), raw.vertices_image(row), atol=1.0)
    assert np.abs(shapes.scale / raw.scale - 1).max() < 1e-12 and np.abs(shapes.shift - raw.shift).max() < 1e-9


def test_a_blink_keeps_its_depth_and_does_not_move_the_head() -> None:
    closed = blinks()
    raw = still_take(150, closed=closed, leak=0.03)
    steady = smooth(raw)
    was, now = opening(raw), opening(steady)
    for first in (40, 90):
        part = slice(first, first + len(BLINK))
        assert np.median(now) - now[part].min() > 0.95 * (np.median(was) - was[part].min())
    assert np.abs(raw.scale / np.median(raw.scale) - 1).max() > 0.025
    assert np.abs(steady.scale / np.median(steady.scale) - 1).max() < 0.003
    pitch = np.array([steady.pose(row).yaw_pitch_roll_deg[1] for row in range(len(steady))])
    assert np.abs(pitch - np.median(pitch)).max() < 0.4


def test_speech_is_not_taken_for_noise() -> None:
    """Lips that move in almost every frame, at rest in one of eight."""
    take, rng = still_take(160), np.random.default_rng(3)
    syllables = np.repeat(np.where(rng.random(40) < 0.15, 0, rng.uniform(0, 0.8, 40)), 4)
    opened = np.convolve(np.pad(syllables, 1, "edge"), (0.25, 0.5, 0.25), "valid")
    shapes = take.shapes + np.stack([moved_face(TOPOLOGY, mouth=cm) - MEAN for cm in opened])
    lips = lambda one: np.array([np.subtract(*TOPOLOGY.landmarks(one.canonical(row))[[62, 66], 1])  # noqa: E731
                                 for row in range(len(one))])
    raw = replace(take, shapes=shapes)
    away = lips(smooth(raw)) - lips(raw)
    assert np.sqrt(np.mean(away**2)) < 0.05 * np.ptp(opened) and np.abs(away).max() < 0.15 * np.ptp(opened)


def test_proportions_do_not_breathe() -> None:
    raw = still_take(60, breath=0.01)
    steady = smooth(raw)
    rigid = TOPOLOGY.regions["rigid"] & ~LIDS & ~TOPOLOGY.regions["brows"]
    size = np.array([np.ptp(steady.canonical(row)[rigid], axis=0) for row in range(60)])
    assert np.ptp(size, axis=0).max() < 0.01
    assert np.std(steady.scale) / SCALE < 0.001 < np.std(raw.scale) / SCALE


def test_the_rigid_fit_does_not_move_the_picture() -> None:
    raw = still_take(30, breath=0.01)
    held = smooth(raw, replace(RAW, identity=1e-6))         # poses of the held skull, positions as they were
    for row in (0, 11, 29):
        assert np.abs(held.vertices_image(row) - raw.vertices_image(row))[:, :2].max() < 0.05


def test_a_moving_head_neither_lags_nor_is_cut_short() -> None:
    yaw = 20 * np.sin(2 * np.pi * np.arange(150) / FPS * 0.8)
    angles = np.stack([yaw, np.zeros(150), np.zeros(150)], 1)
    steady = smooth(still_take(150, angles=angles))
    seen = np.array([steady.pose(row).yaw_pitch_roll_deg[0] for row in range(150)])
    assert np.abs(seen - yaw).max() < 0.6
    lag = [np.corrcoef(seen[5:-5], np.roll(yaw, k)[5:-5])[0, 1] for k in (-1, 0, 1)]
    assert np.argmax(lag) == 1


def test_a_head_that_jerks_most_of_the_time_is_where_it_was_seen() -> None:
    """Motion is not taken for noise because there is much of it: heads that dance, clips with doubled frames."""
    rng = np.random.default_rng(2)
    raw = still_take(150)
    jerks = np.repeat(rng.normal(0, 20, (75, 2)), 2, axis=0)        # pixels, a tenth of the face; held for two frames
    jerks[:30] = 0
    moved = replace(raw, shift=raw.shift + jerks)
    steady = smooth(moved)
    off = np.array([np.linalg.norm((steady.landmarks_image(row) - moved.landmarks_image(row))[:, :2], axis=1).mean()
                    for row in range(len(moved))])
    assert np.quantile(off, 0.95) < 1.5 and tremble(smooth(raw), smooth(raw).landmarks_image) < 0.2


@pytest.mark.parametrize("fps", [5, 3, 2, 1])
def test_a_head_that_moves_between_rare_frames_is_where_it_was_seen(fps: int) -> None:
    """So far apart, motion looks like noise."""
    time_s = np.arange(40) / fps
    way = np.stack([np.sin(2 * np.pi * 0.4 * time_s), np.cos(2 * np.pi * 0.31 * time_s)], 1)
    raw = still_take(40, time_s=time_s, angles=np.c_[20 * way[:, :1], np.zeros((40, 2))])
    raw = replace(raw, shift=raw.shift + 60 * way)
    steady = smooth(raw)
    off = [np.linalg.norm((steady.landmarks_image(row) - raw.landmarks_image(row))[:, :2], axis=1).mean()
           for row in range(40)]
    assert max(off) < 1


def test_noise_is_learned_beside_gaps_in_time_as_without_them() -> None:
    values = np.random.default_rng(4).normal(0, 1, (4000, 1))
    time_s = np.arange(4000) / FPS
    whole = noise_of(lambda bends: np.abs(bends[:, 0]), values, time_s)
    values[2000:] += 1000
    assert noise_of(lambda bends: np.abs(bends[:, 0]), values, time_s + 5 * (np.arange(4000) // 6)) == \
        pytest.approx(whole, rel=0.1)
    assert noise_of(lambda bends: np.abs(bends[:, 0]), values, 5.0 * np.arange(4000)) == 0


def test_time_has_no_direction() -> None:
    raw = still_take(80, closed=blinks(80, (30,)))
    back = MadeTake(raw.header, TOPOLOGY, raw.index, raw.time_s, raw.valid, *(getattr(raw, name)[::-1] for name in (
        "confidence", "box", "rotation", "scale", "shift", "inverse_distance")), True, raw.shapes[::-1])
    one, other = smooth(raw), smooth(back)
    assert np.allclose(one.scale, other.scale[::-1], rtol=1e-6)
    assert np.abs(one.canonical(33) - other.canonical(46)).max() < 1e-3


@pytest.mark.parametrize("width", [0.06, 0.25])
def test_an_uneven_frame_rate_changes_nothing_of_a_steady_motion(width: float) -> None:
    time_s = np.cumsum(np.random.default_rng(1).choice([1 / 60, 1 / 30, 1 / 10], 80))
    values = 3 * time_s - 1
    for row in (0, 1, 40, 79):
        at, weights = line_weights(time_s, row, 0, 79, width)
        assert weights @ values[at:at + len(weights)] == pytest.approx(values[row], abs=1e-9)
        assert weights.sum() == pytest.approx(1)


def test_short_gaps_are_filled_and_marked_and_long_ones_stay() -> None:
    valid = np.ones(90, bool)
    valid[20:25], valid[50:70] = False, False
    yaw = np.linspace(0, 30, 90)
    steady = smooth(still_take(90, valid=valid, angles=np.stack([yaw, 0 * yaw, 0 * yaw], 1)))
    assert np.array_equal(np.flatnonzero(steady.interpolated), np.arange(20, 25))
    assert steady.gaps == [(50, 69)] and (steady.confidence[20:25] == 0).all()
    assert abs(steady.pose(22).yaw_pitch_roll_deg[0] - yaw[22]) < 0.5
    assert np.isfinite(steady.vertices_image(22)).all() and np.isfinite(steady.box[22]).all()
    with pytest.raises(ValueError):
        steady.canonical(55)
    assert smooth(still_take(90, valid=valid), SmoothingOptions(max_gap_s=0)).gaps == [(20, 24), (50, 69)]


@pytest.mark.parametrize("seen", [[], [3], [0, 9], [4, 5]])
def test_takes_of_next_to_nothing_are_no_trouble(seen: list[int]) -> None:
    valid = np.zeros(10, bool)
    valid[seen] = True
    steady = smooth(still_take(10, valid=valid))
    assert np.array_equal(steady.valid, valid)
    for row in seen:
        assert np.isfinite(steady.vertices_image(row)).all()


@pytest.mark.parametrize("options", [dict(pose=-1), dict(identity=float("nan")), dict(max_gap_s=float("inf"))])
def test_strengths_that_cannot_be_meant_are_refused(options) -> None:
    with pytest.raises(InputError, match="give 0"):
        SmoothingOptions(**options)


def results(take: TakeRows) -> list[FrameResult]:
    face = mean_face()
    out = []
    for row in range(len(take)):
        vertices, landmarks = take.vertices_image(row), take.landmarks_image(row)
        seen: Face = replace(face, vertices_image=vertices, landmarks_image=landmarks, pose=take.pose(row),
                             vertices_canonical=take.canonical(row))
        out.append(FrameResult(row, float(take.time_s[row]), (480, 480), {1: seen}, False, 1, TrackState()))
    return out


def test_live_a_still_face_is_still_and_a_turn_is_there_after_two_frames() -> None:
    angles = np.zeros((120, 3))
    angles[90:, 0] = 15
    frames = results(still_take(120, angles=angles))
    smoother = LiveSmoother()
    steady = [smoother(frame) for frame in frames]
    spread = lambda some: np.std([r.face.landmarks_image for r in some], axis=0).mean()  # noqa: E731
    assert spread(steady[40:90]) < 0.35 * spread(frames[40:90])
    assert abs(steady[91].face.pose.yaw_pitch_roll_deg[0] - 15) < 1.5


def test_live_a_blink_keeps_nine_tenths_and_the_head_its_size() -> None:
    take = still_take(80, closed=blinks(80, (50,)), leak=0.03)
    smoother = LiveSmoother()
    steady = [smoother(frame).face for frame in results(take)]
    lids = np.array([lids_of(TOPOLOGY, face.vertices_canonical).mean() for face in steady])
    raw = opening(take)
    assert np.median(lids) - lids[50:60].min() > 0.9 * (np.median(raw) - raw[50:60].min())
    scale = np.array([face.pose.scale for face in steady[40:]])
    assert np.abs(scale / np.median(scale) - 1).max() < 0.004


@pytest.mark.parametrize("fps", [15, 10, 5])
def test_live_speech_keeps_its_size_however_few_pictures_a_camera_sends(fps: int) -> None:
    """So far apart, a mouth that speaks is anywhere from one frame to the next, as noise is."""
    time_s = np.arange(12 * fps) / fps
    opened = 0.5 + 0.3 * np.sin(2 * np.pi * 2.3 * time_s) + 0.2 * np.sin(2 * np.pi * 3.7 * time_s + 1)
    take = still_take(len(time_s), time_s=time_s)
    take = replace(take, shapes=take.shapes + np.stack([moved_face(TOPOLOGY, mouth=cm) - MEAN for cm in opened]))
    smoother = LiveSmoother()
    raw, steady = (np.array([np.subtract(*TOPOLOGY.landmarks(frame.face.vertices_canonical)[[62, 66], 1])
                             for frame in some][3 * fps:])
                   for some in (results(take), [smoother(frame) for frame in results(take)]))
    assert steady.std() > 0.8 * raw.std() and np.corrcoef(raw, steady)[0, 1] > 0.9


def test_live_strength_0_is_the_raw_result() -> None:
    smoother = LiveSmoother(RAW)
    for frame in results(still_take(3)):
        assert smoother(frame).face is frame.face


def test_live_a_face_that_was_gone_for_long_starts_anew() -> None:
    frames = results(still_take(40))
    smoother = LiveSmoother()
    for frame in frames[:20]:
        smoother(frame)
    later = replace(frames[30], time_s=frames[30].time_s + 5)
    assert np.array_equal(smoother(later).face.vertices_canonical, later.face.vertices_canonical)
    gone = smoother(replace(frames[31], faces={}))
    assert gone.faces == {}
