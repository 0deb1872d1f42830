"""What a user may rely on: a decoder's map is the mixed vertices of mean and basis, and a file that is no decoder is refused."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference_core.decoder import read_decoder


def arrays(seed: int = 0, code: int = 3, vertices: int = 7, size: int = 4) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return dict(mean=rng.normal(0, 1, (vertices, 3)).astype(np.float32),
                basis=rng.normal(0, 1, (code, vertices, 3)).astype(np.float16),
                sources=rng.integers(0, vertices, (size, size, 3)).astype(np.uint16),
                weights=rng.random((size, size, 3)).astype(np.float32))


def packed(a: dict[str, np.ndarray]) -> bytes:
    out = io.BytesIO()
    np.savez(out, **a)
    return out.getvalue()


@settings(deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 9), st.integers(1, 40), st.integers(2, 9))
def test_each_cell_is_its_three_vertices_mixed(seed: int, code: int, vertices: int, size: int) -> None:
    a = arrays(seed, code, vertices, size)
    numbers = np.random.default_rng(seed + 1).normal(0, 1, code).astype(np.float32)
    shape = a["mean"] + np.tensordot(numbers, a["basis"].astype(np.float32), 1)
    expected = (shape[a["sources"]] * a["weights"][..., None]).sum(2)
    found = read_decoder(packed(a))(numbers)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize("key, value, said", [
    ("mean", np.zeros((6, 3)), "mean has shape"), ("basis", np.zeros((3, 7)), "has shape"),
    ("sources", np.full((4, 4, 3), 7), "not there"), ("sources", np.full((4, 4, 3), -1), "not there"),
    ("weights", np.full((4, 4, 3), np.nan), "not finite"), ("weights", np.zeros((4, 5, 3)), "weights has shape"),
    ("mean", np.array([{}] * 7), "not a decoder file")])
def test_arrays_that_do_not_fit_are_refused(key: str, value: np.ndarray, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read_decoder(packed({**arrays(), key: value}))


def test_a_missing_array_and_a_damaged_file_are_refused() -> None:
    whole = packed(arrays())
    lacking = arrays()
    del lacking["basis"]
    for data in (b"", b"no file", whole[:-30], packed(lacking)):
        with pytest.raises(ValueError, match="not a decoder file"):
            read_decoder(data)


def symmetric(seed: int, code: int, pairs: int, middle: int, size: int = 4) -> dict[str, np.ndarray]:
    """A face of `pairs` vertices on each side and some in the middle, in any order, of even and odd components."""
    rng, flip = np.random.default_rng(seed), np.array([-1, 1, 1])
    half = rng.normal(0, 1, (code, pairs, 3))
    sign = rng.choice([-1, 1], code)[:, None, None]
    between = rng.normal(0, 1, (code, middle, 3)) * np.where(sign > 0, [0, 1, 1], [1, 0, 0])
    count = 2 * pairs + middle
    order = rng.permutation(count)                      # where each vertex comes to lie
    basis, mean, mirror = np.empty((code, count, 3)), np.empty((count, 3)), np.empty(count, int)
    basis[:, order] = np.concatenate([half, sign * half * flip, between], 1)
    side = rng.normal(0, 1, (pairs, 3))
    mean[order] = np.concatenate([side, side * flip, rng.normal(0, 1, (middle, 3)) * [0, 1, 1]])
    mirror[order] = order[np.r_[pairs:2 * pairs, :pairs, 2 * pairs:count]]
    return dict(arrays(seed, code, count, size), basis=basis.astype(np.float16), mean=mean.astype(np.float32),
                mirror=mirror.astype(np.uint16))


@settings(deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 9), st.integers(1, 20), st.integers(0, 5))
def test_a_symmetric_basis_gives_the_same_from_its_half(seed: int, code: int, pairs: int, middle: int) -> None:
    a = symmetric(seed, code, pairs, middle)
    numbers = np.random.default_rng(seed + 1).normal(0, 1, code).astype(np.float32)
    half, whole = read_decoder(packed(a)), read_decoder(packed({k: v for k, v in a.items() if k != "mirror"}))
    assert half.half == pairs + middle and len(half.even) + len(half.odd) == code
    np.testing.assert_allclose(half(numbers), whole(numbers), atol=1e-4)


def test_the_answer_does_not_depend_on_how_many_threads_share_it(shipped_weights, run_python, monkeypatch) -> None:
    """Else a take that is resumed by another program would not be the same to the bit."""
    code = ("import hashlib, sys, numpy as np; from inference_core.decoder import read_decoder; "
            "decode = read_decoder(open(sys.argv[1], 'rb').read()); rng = np.random.default_rng(0); "
            "codes = rng.normal(0, 1, (20, 100)).astype(np.float32); "
            "print(hashlib.sha256(b''.join(np.ascontiguousarray(decode(c)).tobytes() for c in codes)).hexdigest())")
    told = set()
    for threads in "123":
        monkeypatch.setenv("OPENBLAS_NUM_THREADS", threads)
        told.add(run_python("-c", code, shipped_weights / "lprnet2_decoder.npz", weights=shipped_weights).stdout.strip())
    assert len(told) == 1 and len(told.pop()) == 64


@pytest.mark.parametrize("change, said", [
    (lambda a: dict(mirror=np.roll(a["mirror"], 1)), "does not lead back|not as symmetric"),
    (lambda a: dict(mirror=a["mirror"][:-1]), "mirror has shape"),
    (lambda a: dict(mirror=a["mirror"] + 5000), "does not lead back"),
    (lambda a: dict(mirror=a["mirror"].astype(float)), "mirror has shape"),
    (lambda a: dict(basis=arrays(1, 4, 12)["basis"]), "not as symmetric as it says")])
def test_a_mirror_that_does_not_fit_is_refused(change, said: str) -> None:
    a = symmetric(0, 4, 5, 2)
    with pytest.raises(ValueError, match=said):
        read_decoder(packed({**a, **change(a)}))


def test_training_finds_the_mirror_of_a_symmetric_basis_and_none_of_another() -> None:
    pytest.importorskip("tensorflow", reason="the training tools import TensorFlow")
    pytest.importorskip("scipy", reason="finds nearest vertices")
    from training.convert import mirror_of
    a = symmetric(3, 6, 12, 3)
    basis = a["basis"].astype(np.float32)
    assert np.array_equal(mirror_of(a["mean"], basis), a["mirror"])
    basis[2, 4, 1] += 0.1
    assert mirror_of(a["mean"], basis) is None
