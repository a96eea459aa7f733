"""Augmentation keeps classes and the number of samples, and gives valid events."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st

from nmtool.data import SpikeEvents
from nmtool.training.loop.augment import augmented, blend
from nmtool.training.options import Augmentation

pytestmark = pytest.mark.torch

N_UNITS = 12


def _events(n_samples: int = 40, seed: int = 0, counts: tuple = (1, 1, 1)) -> SpikeEvents:
    """All samples except the third have the same events, on units 2, 5 and 9."""
    sizes = np.full(n_samples, 3)
    sizes[2] = 0
    return SpikeEvents(
        np.tile([1.0, 20.0, 300.0], n_samples - 1),
        np.tile([2, 5, 9], n_samples - 1),
        np.concatenate(([0], np.cumsum(sizes))),
        np.random.default_rng(seed).integers(0, 3, n_samples),
        N_UNITS,
        ("a", "b", "c"),
        count=np.tile(counts, n_samples - 1),
    )


def test_nothing_changes_by_default() -> None:
    events = _events()
    assert augmented(events, Augmentation(), np.random.default_rng(0)) is events


def test_a_sample_shifts_as_a_whole_by_every_amount_up_to_the_largest() -> None:
    events = _events(200)
    shifted = augmented(events, Augmentation(shift=2), np.random.default_rng(1))
    np.testing.assert_array_equal(shifted.counts, events.counts)
    np.testing.assert_array_equal(shifted.time_ms, events.time_ms)
    moved = (shifted.unit - events.unit).reshape(-1, 3)
    assert (moved == moved[:, :1]).all()
    assert set(moved[:, 0]) == {-2, -1, 0, 1, 2}


def test_events_that_leave_the_range_are_lost_and_no_others() -> None:
    events = _events(200)
    shifted = augmented(events, Augmentation(shift=4), np.random.default_rng(2))
    sample = shifted.sample_index()
    by_sample = {s: shifted.unit[sample == s].tolist() for s in range(events.n_samples)}
    possible = [[u + by for u in (2, 5, 9) if 0 <= u + by < N_UNITS] for by in range(-4, 5)]
    assert by_sample.pop(2) == []
    assert all(units in possible for units in by_sample.values())
    assert all(units in by_sample.values() for units in possible)


def test_a_sample_stretches_as_a_whole_within_the_limits() -> None:
    events = _events(300)
    stretched = augmented(events, Augmentation(stretch=0.2), np.random.default_rng(3))
    np.testing.assert_array_equal(stretched.unit, events.unit)
    factor = (stretched.time_ms / events.time_ms).reshape(-1, 3)
    np.testing.assert_allclose(factor, factor[:, :1] * np.ones(3))
    assert 0.8 <= factor.min() < 0.82
    assert 1.18 < factor.max() <= 1.2


def test_a_sample_starts_sooner_or_later_as_a_whole() -> None:
    events = _events(300)
    moved = augmented(events, Augmentation(onset_ms=10.0), np.random.default_rng(7))
    whole = np.flatnonzero(moved.counts == 3)
    by = (moved.take(whole).time_ms - events.take(whole).time_ms).reshape(-1, 3)
    np.testing.assert_allclose(by, by[:, :1] * np.ones(3), atol=1e-9)
    assert -1.0 <= by.min() < 0
    assert 9.8 < by.max() <= 10.0
    cut = moved.take(np.flatnonzero(moved.counts == 2))
    # The event at 1 ms was moved to a time before the start, and was dropped.
    assert set(cut.unit) == {5, 9}
    assert cut.n_samples == pytest.approx(0.45 * 300, abs=30)


def test_jitter_moves_every_event_by_itself_and_none_before_the_start() -> None:
    jittered = augmented(_events(2000), Augmentation(jitter_ms=2.0), np.random.default_rng(4))
    np.testing.assert_array_equal(jittered.counts, _events(2000).counts)
    moved = np.sort(jittered.time_ms[jittered.unit == 9]) - 300
    assert abs(moved.mean()) < 0.2
    assert moved.std() == pytest.approx(2.0, rel=0.1)
    first = jittered.time_ms[jittered.unit == 2]
    # The standard deviation of the shifts is 2 ms. If the shift of the event at 1 ms is below −1
    # ms, the event moves to time 0.
    assert (first == 0).mean() == pytest.approx(0.31, abs=0.04)


def test_every_sample_loses_a_share_of_its_own() -> None:
    n_samples, n_events = 300, 400
    label, offset = np.zeros(n_samples, np.int64), np.arange(n_samples + 1) * n_events
    times, units = (np.tile(np.arange(n_events), n_samples) for _ in range(2))
    events = SpikeEvents(times.astype(np.float64), units, offset, label, n_events, ["one"])
    changed = augmented(events, Augmentation(drop=0.6), np.random.default_rng(5))
    shares = 1 - changed.counts / n_events
    assert shares.mean() == pytest.approx(0.3, abs=0.03)
    assert shares.std() == pytest.approx(0.6 / np.sqrt(12), abs=0.02)
    assert shares.max() < 0.7
    np.testing.assert_array_equal(changed.time_ms, changed.unit)


def test_every_spike_of_an_event_is_dropped_by_itself() -> None:
    events = _events(300, counts=(2000, 1, 4000))
    changed = augmented(events, Augmentation(drop=0.6), np.random.default_rng(5))
    place = changed.sample_index() * N_UNITS + changed.unit
    spikes = np.bincount(place, changed.event_counts(), 300 * N_UNITS).reshape(300, N_UNITS)
    two, four = spikes[:, [2, 9]].T / [[2000], [4000]]
    np.testing.assert_allclose(two, four, atol=0.06)
    kept = two[np.arange(300) != 2]
    assert kept.mean() == pytest.approx(0.7, abs=0.03)
    assert kept.std() == pytest.approx(0.6 / np.sqrt(12), abs=0.02)


@pytest.mark.parametrize(
    "settings", [{"shift": 4}, {"stretch": 0.2}, {"onset_ms": 20.0}, {"jitter_ms": 30.0}]
)
def test_counts_move_with_their_events(settings: dict[str, float]) -> None:
    single, several = _events(), _events(counts=(3, 1, 7))
    moved = augmented(several, Augmentation(**settings), np.random.default_rng(6))
    alone = augmented(single, Augmentation(**settings), np.random.default_rng(6))
    np.testing.assert_array_equal(moved.time_ms, alone.time_ms)
    np.testing.assert_array_equal(moved.unit, alone.unit)
    if "shift" not in settings:
        by_unit = {2: 3, 5: 1, 9: 7}
        assert moved.event_counts().tolist() == [by_unit[unit] for unit in moved.unit.tolist()]


@pytest.mark.parametrize(
    "more", [{"onset_ms": 9.0}, {"jitter_ms": 3.0}, {"drop": 0.5}, {"blend": 0.5}]
)
def test_other_augmentation_does_not_change_shifts_and_stretches(more: dict[str, float]) -> None:
    """Every sample is a single event and has a class of its own, so that it cannot be blended."""
    n = 300
    offset = np.arange(n + 1)
    names = [str(sample) for sample in range(n)]
    events = SpikeEvents(np.full(n, 1e6), np.full(n, 50), offset, np.arange(n), 101, names)
    both = Augmentation(shift=7, stretch=0.1)
    plain = augmented(events, both, np.random.default_rng(6))
    changed = augmented(events, replace(both, **more), np.random.default_rng(6))
    same = plain.take(np.flatnonzero(changed.counts))
    np.testing.assert_array_equal(changed.unit, same.unit)
    np.testing.assert_allclose(changed.time_ms, same.time_ms, atol=20)


_SETTINGS = st.fixed_dictionaries(
    {
        "shift": st.integers(0, 20),
        "stretch": st.floats(0, 1),
        "onset_ms": st.floats(0, 1000),
        "jitter_ms": st.floats(0, 1000),
        "drop": st.floats(0, 1),
        "blend": st.floats(0, 1),
    }
)


@given(_SETTINGS, st.integers(0, 1000), st.sampled_from([(1, 1, 1), (3, 1, 200)]))
def test_samples_and_labels_stay(settings: dict[str, Any], seed: int, counts: tuple) -> None:
    """`SpikeEvents` itself checks that events are valid, sorted and within the units."""
    events = _events(counts=counts)
    changed = augmented(events, Augmentation(**settings), np.random.default_rng(seed))
    assert changed.n_samples == events.n_samples
    assert changed.n_units == events.n_units
    np.testing.assert_array_equal(changed.label, events.label)
    most = 2 if settings["blend"] else 1
    assert (changed.counts <= most * events.counts).all()
    assert (changed.spikes <= most * events.spikes).all()


def test_the_random_generator_determines_the_result() -> None:
    settings = Augmentation(shift=3, stretch=0.1)
    first, again, other = (
        augmented(_events(), settings, np.random.default_rng(seed)) for seed in (4, 4, 5)
    )
    np.testing.assert_array_equal(first.time_ms, again.time_ms)
    np.testing.assert_array_equal(first.unit, again.unit)
    assert not np.array_equal(first.time_ms, other.time_ms)


def _bursts(times: list[float], labels: list[int], size: int = 40) -> SpikeEvents:
    """Samples whose events are all at one time, on the unit with the sample's number."""
    counts = np.full(len(times), size)
    return SpikeEvents(
        np.repeat(times, counts),
        np.repeat(np.arange(len(times)), counts),
        np.concatenate(([0], np.cumsum(counts))),
        labels,
        len(times),
        ("a", "b"),
    )


def test_blended_samples_meet_halfway_and_half_of_both_is_kept() -> None:
    events = _bursts([100.0, 10.0, 40.0, 70.0], [0, 1, 0, 1], size=4000)
    blended = blend(events, 1.0, np.random.default_rng(7))
    for sample, (time, units) in enumerate([(70, {0, 2}), (40, {1, 3})] * 2):
        in_sample = slice(*blended.offset[sample : sample + 2])
        assert set(blended.time_ms[in_sample]) == {time}
        assert set(blended.unit[in_sample]) == units
        per_unit = np.bincount(blended.unit[in_sample], minlength=4)[list(units)]
        np.testing.assert_allclose(per_unit, 2000, atol=150)
    np.testing.assert_array_equal(blended.label, events.label)


def test_blends_keep_half_of_the_spikes_of_events() -> None:
    lists = [[100.0, 100.0], [10.0, 50.0]], [[0, 1], [2, 3]], [0, 0]
    events = SpikeEvents.from_lists(*lists, counts=[[9000, 1], [1, 3000]])
    blended = blend(events, 1.0, np.random.default_rng(7))
    for sample in (0, 1):
        part = blended[sample]
        spikes = np.bincount(part.unit, part.event_counts(), 4)
        np.testing.assert_allclose(spikes[[0, 3]], [4500, 1500], atol=250)
        # The mean times, 100 ms and (10 + 3000·50)/3001 ms, meet halfway.
        assert part.time_ms[part.unit == 0] == pytest.approx(75.0, abs=0.01)


def test_events_that_a_blend_moves_before_the_start_are_lost() -> None:
    events = SpikeEvents([0.0, 200.0, 0.0, 0.0], [0, 1, 2, 2], [0, 2, 4], [0, 0], 3, ["a"])
    blends = [blend(events, 1.0, np.random.default_rng(seed)) for seed in range(50)]
    times = {(u, t) for b in blends for u, t in zip(b.unit.tolist(), b.time_ms, strict=True)}
    assert times == {(1, 150.0), (2, 50.0)}


@given(st.lists(st.integers(0, 2), min_size=1, max_size=12), st.integers(0, 1000))
def test_partners_are_other_samples_of_the_class(labels: list[int], seed: int) -> None:
    """A sample that is alone in its class, or has no events, is not blended."""
    n = len(labels)
    counts = np.full(n, 60)
    counts[0] = 0
    offset = np.concatenate(([0], np.cumsum(counts)))
    unit = np.repeat(np.arange(n), counts)
    events = SpikeEvents(np.full(unit.size, 5.0), unit, offset, labels, n, ("a", "b", "c"))
    blended = blend(events, 1.0, np.random.default_rng(seed))
    assert blended.counts[0] == 0
    for sample in range(1, n):
        units = blended.unit[slice(*blended.offset[sample : sample + 2])]
        others = set(np.flatnonzero(events.label == labels[sample])) - {0, sample}
        assert set(units) - {sample} <= others
        assert len(set(units)) == (2 if others else 1)
        assert others or units.size == 60


def test_a_share_of_the_samples_is_blended() -> None:
    events = _bursts([float(t) for t in range(400)], [0] * 400)
    blended = blend(events, 0.3, np.random.default_rng(8))
    units = np.split(blended.unit, blended.offset[1:-1])
    assert np.mean([len(set(u)) > 1 for u in units]) == pytest.approx(0.3, abs=0.06)
    stays = [s for s, u in enumerate(units) if len(set(u)) == 1]
    unblended = blended.take(stays)
    np.testing.assert_array_equal(unblended.time_ms, events.take(stays).time_ms)
