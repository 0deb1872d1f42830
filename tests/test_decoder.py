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
