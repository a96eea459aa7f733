"""Paired differences of accuracies and their interval."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from nmtool.paired import Paired

SHAPES = st.tuples(st.integers(1, 5), st.integers(1, 40))


@given(SHAPES.flatmap(lambda shape: st.tuples(*[arrays.arrays(np.bool_, shape)] * 2)))
def test_differences_are_those_of_single_samples(rows: tuple[np.ndarray, np.ndarray]) -> None:
    paired = Paired(*rows)
    n_samples = rows[0].shape[1]
    gained = paired.only_first - paired.only_second
    np.testing.assert_allclose(paired.points, 100 * gained / n_samples, atol=1e-9)
    low, high = paired.interval()
    assert -100 <= low <= high <= 100
    mirrored = Paired(rows[1], rows[0]).interval()
    np.testing.assert_allclose(mirrored, (-high, -low), atol=1e-9)


def test_equal_networks_differ_by_nothing_for_sure() -> None:
    right = np.random.default_rng(0).random((4, 50)) < 0.8
    assert Paired(right, right).interval() == (0.0, 0.0)


def test_one_pair_gives_the_interval_of_a_proportion() -> None:
    """The second is always wrong, so that the difference is the first's accuracy."""
    right = np.arange(400) % 5 != 0
    low, high = Paired(right[None], np.zeros((1, 400), np.bool_)).interval()
    spread = 100 * np.sqrt(0.8 * 0.2 / 400)
    np.testing.assert_allclose((low, high), (80 - 1.96 * spread, 80 + 1.96 * spread), atol=0.3)


def test_pairs_that_disagree_widen_the_interval() -> None:
    """Every sample says the same of a pair, so that only the draw of pairs matters."""
    first = np.zeros((8, 100), np.bool_)
    first[:4] = True
    low, high = Paired(first, ~first).interval()
    np.testing.assert_allclose((low, high), (-75.0, 75.0), atol=26)
    assert low < -40 < 40 < high


def test_the_seed_decides() -> None:
    rng = np.random.default_rng(1)
    paired = Paired(rng.random((3, 60)) < 0.8, rng.random((3, 60)) < 0.7)
    assert paired.interval(3) == paired.interval(3) != paired.interval(4)
