"""Point caches on the disk: never half-written, never over another's."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest
from take_readers import read_pc2

from lprnet_blender.scene.point_cache import CacheFile

SAMPLES = np.arange(12, dtype=np.float32).reshape(2, 2, 3)


def bake(place: Path, samples: np.ndarray, *, replaces: bool) -> Path:
    cache = CacheFile.at(place, replaces=replaces)
    cache.write(samples, len(samples), samples.shape[1])
    return cache.show()


def test_a_cache_that_is_there_is_kept_also_one_that_came_during_the_bake(tmp_path: Path) -> None:
    place = tmp_path / "a.pc2"
    late = CacheFile.at(place, replaces=False)
    late.write(2 * SAMPLES, 2, 2)
    assert bake(place, SAMPLES, replaces=False) == place
    assert late.show() == tmp_path / "a-2.pc2"
    assert bake(place, 3 * SAMPLES, replaces=False) == tmp_path / "a-3.pc2"
    for number, name in enumerate(("a", "a-2", "a-3"), 1):
        assert np.array_equal(read_pc2(tmp_path / f"{name}.pc2")[1], number * SAMPLES)


def test_a_cache_that_is_named_replaces_its_own_earlier_one(tmp_path: Path) -> None:
    for times in (1, 2):
        assert bake(tmp_path / "a.pc2", times * SAMPLES, replaces=True) == tmp_path / "a.pc2"
    assert np.array_equal(read_pc2(tmp_path / "a.pc2")[1], 2 * SAMPLES)
    assert [path.name for path in tmp_path.iterdir()] == ["a.pc2"]


@pytest.mark.parametrize("replaces", [True, False])
def test_the_next_bake_removes_what_one_that_was_killed_has_left_but_nothing_that_may_be_in_use(
        tmp_path: Path, replaces: bool) -> None:
    killed, going, other = (CacheFile.at(tmp_path / name, replaces=replaces).hidden
                            for name in ("a.pc2", "a.pc2", "a-b.pc2"))
    mine = tmp_path / ".a-mine.pc2"
    for path in (killed, going, other, mine):
        path.write_bytes(b"half")
    for path in (killed, other, mine):
        os.utime(path, (time.time() - 7200,) * 2)
    bake(tmp_path / "a.pc2", SAMPLES, replaces=replaces)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        [going.name, other.name, mine.name, "a.pc2"])
