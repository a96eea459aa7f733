"""Augmentation leaves the class, the number of samples and legal spike events."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmtool.data import SpikeEvents
from training.augment import Augmentation

pytestmark = pytest.mark.torch

N_UNITS = 12


def _events(n_samples: int = 40, seed: int = 0) -> SpikeEvents:
    """Every sample but the third has the same events, on units 2, 5 and 9."""
    counts = np.full(n_samples, 3)
    counts[2] = 0
    return SpikeEvents(
        np.tile([1.0, 20.0, 300.0], n_samples - 1),
        np.tile([2, 5, 9], n_samples - 1),
        np.concatenate(([0], np.cumsum(counts))),
        np.random.default_rng(seed).integers(0, 3, n_samples),
        N_UNITS,
        ("a", "b", "c"),
    )


def test_nothing_changes_by_default() -> None:
    events = _events()
    assert Augmentation()(events, np.random.default_rng(0)) is events


def test_a_sample_shifts_as_a_whole_by_every_amount_up_to_the_largest() -> None:
    events = _events(200)
    shifted = Augmentation(shift=2)(events, np.random.default_rng(1))
    np.testing.assert_array_equal(shifted.counts, events.counts)
    np.testing.assert_array_equal(shifted.time_ms, events.time_ms)
    moved = (shifted.unit - events.unit).reshape(-1, 3)
    assert (moved == moved[:, :1]).all()
    assert set(moved[:, 0]) == {-2, -1, 0, 1, 2}


def test_events_that_leave_the_range_are_lost_and_no_others() -> None:
    events = _events(200)
    shifted = Augmentation(shift=4)(events, np.random.default_rng(2))
    sample = shifted.sample_index()
    by_sample = {s: shifted.unit[sample == s].tolist() for s in range(events.n_samples)}
    possible = [[u + by for u in (2, 5, 9) if 0 <= u + by < N_UNITS] for by in range(-4, 5)]
    assert by_sample.pop(2) == []
    assert all(units in possible for units in by_sample.values())
    assert all(units in by_sample.values() for units in possible)


def test_a_sample_stretches_as_a_whole_within_the_limits() -> None:
    events = _events(300)
    stretched = Augmentation(stretch=0.2)(events, np.random.default_rng(3))
    np.testing.assert_array_equal(stretched.unit, events.unit)
    factor = (stretched.time_ms / events.time_ms).reshape(-1, 3)
    np.testing.assert_allclose(factor, factor[:, :1] * np.ones(3))
    assert 0.8 <= factor.min() < 0.82
    assert 1.18 < factor.max() <= 1.2


@given(st.integers(0, 20), st.floats(0, 1), st.integers(0, 1000))
def test_samples_and_labels_stay(shift: int, stretch: float, seed: int) -> None:
    events = _events()
    changed = Augmentation(shift, stretch)(events, np.random.default_rng(seed))
    assert changed.n_samples == events.n_samples
    assert changed.n_units == events.n_units
    np.testing.assert_array_equal(changed.label, events.label)
    assert (changed.counts <= events.counts).all()


def test_the_generator_decides() -> None:
    augment = Augmentation(shift=3, stretch=0.1)
    first, again, other = (augment(_events(), np.random.default_rng(s)) for s in (4, 4, 5))
    np.testing.assert_array_equal(first.time_ms, again.time_ms)
    np.testing.assert_array_equal(first.unit, again.unit)
    assert not np.array_equal(first.time_ms, other.time_ms)
