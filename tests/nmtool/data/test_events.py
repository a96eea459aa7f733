from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nmtool.data import Dataset, SpikeEvents, bin_events
from nmtool.data.dividing import drawn_samples
from nmtool.data.latency import from_latencies
from nmtool.errors import DataError, UsageError
from nmtool.network.analogue import AnalogueInput
from nmtool.network.graph import MAX_CHANNELS
from tests.refusals import refused

GOOD = {
    "time_ms": [0.0, 2.0, 1.0, 1.0],
    "unit": [0, 2, 1, 0],
    "offset": [0, 2, 2, 4],
    "label": [0, 1, 0],
    "n_units": 3,
    "class_names": ("a", "b"),
}


def make(**changes: object) -> SpikeEvents:
    return SpikeEvents(**(GOOD | changes))  # type: ignore[arg-type]


COUNTED = make(count=[1, 2, 7, 1])


def lists(events: SpikeEvents) -> list[tuple[int, list[tuple[float, int, int]]]]:
    """Label and list of (time, unit, spikes) of every sample."""
    columns = (events.time_ms, events.unit, events.event_counts())
    pairs = list(zip(*(column.tolist() for column in columns), strict=True))
    bounds = events.offset.tolist()
    return [
        (label, pairs[start:stop])
        for label, start, stop in zip(events.label.tolist(), bounds, bounds[1:], strict=False)
    ]


def test_arrays_have_the_documented_types() -> None:
    events = make()
    assert events.time_ms.dtype == np.float64
    assert events.unit.dtype == np.int32
    assert events.offset.dtype == events.label.dtype == np.int64
    assert (events.n_samples, events.n_events) == (3, 4)
    assert events.counts.tolist() == [2, 0, 2]
    assert events.sample_index().tolist() == [0, 0, 2, 2]
    counted = make(count=[1, 2, 1, 300])
    assert counted.count is not None
    assert counted.count.dtype == np.int32
    assert (events.n_spikes, counted.n_spikes, counted.most_spikes) == (4, 304, 300)
    assert counted.spikes.tolist() == [3, 0, 301]


def test_counts_of_single_spikes_are_left_out() -> None:
    single, plain = make(count=[1, 1, 1, 1]), make()
    assert single.count is plain.count is None
    assert repr(single) == repr(plain) == "<SpikeEvents: 3 samples, 3 units, 2 classes, 4 events>"
    assert repr(make(count=[1, 2, 1, 1])).endswith("4 events with 5 spikes>")
    hashes = {events.content_hash for events in (plain, single, COUNTED)}
    assert len(hashes) == 2
    assert plain.content_hash.startswith("216f138ddd0c95e1")


@pytest.mark.parametrize("events", [make(), COUNTED])
def test_samples_are_drawn_whole_and_in_order(events: SpikeEvents) -> None:
    assert lists(events.draw(9)) == lists(events)
    assert lists(events.draw(2, seed=1)) == [
        lists(events)[sample] for sample in drawn_samples(events.label, 2, 1)
    ]
    for count in (0, -1):
        with refused(UsageError, "samples-count"):
            events.draw(count)
    with refused(UsageError, "setting-range"):
        events.draw(1, seed=-1)


def test_times_restart_in_every_sample_and_may_repeat() -> None:
    samples = [(0, [(0.0, 0, 1), (2.0, 2, 1)]), (1, []), (0, [(1.0, 1, 1), (1.0, 0, 1)])]
    assert lists(make()) == samples


def test_a_data_set_may_be_empty() -> None:
    events = make(time_ms=[], unit=[], offset=[0], label=[])
    assert (events.n_samples, events.n_events) == (0, 0)
    assert events.take([]).n_samples == 0


@pytest.mark.parametrize("offset", [[0, 0, 4, 4], [0, 4, 4, 4], [0, 0, 0, 4]])
def test_empty_samples_are_legal_everywhere(offset: list[int]) -> None:
    assert make(time_ms=[0, 1, 2, 3], offset=offset).n_samples == 3


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"unit": [0, 2, 1, 3]}, "units-range", ["sample 2, event 1", "3"]),
        ({"unit": [0, -1, 1, 0]}, "units-range", ["sample 0, event 1", "-1"]),
        ({"unit": [0, 2, 1 << 32, 0]}, "units-range", ["sample 2, event 0", "4294967296"]),
        ({"label": [0, 2, 0]}, "labels-range", ["sample 1", "2"]),
        ({"label": [0, 1, -1]}, "labels-range", ["sample 2", "-1"]),
        ({"time_ms": [0, 2, 1, np.nan]}, "times-not-finite", ["sample 2, event 1", "nan"]),
        ({"time_ms": [0, np.inf, 1, 1]}, "times-not-finite", ["sample 0, event 1", "inf"]),
        ({"time_ms": [-0.5, 2, 1, 1]}, "times-negative", ["sample 0, event 0", "-0.5 ms"]),
        ({"time_ms": [3, 2, 1, 1]}, "times-not-ascending", ["sample 0, event 1", "3", "2 ms"]),
        ({"time_ms": [0, 2, 1, 0.5]}, "times-not-ascending", ["sample 2, event 1", "0.5 ms"]),
        ({"offset": [1, 2, 2, 4]}, "offsets-not-ascending", []),
        ({"offset": [0, 3, 2, 4]}, "offsets-not-ascending", []),
        ({"offset": []}, "offsets-not-ascending", []),
        ({"offset": [0, 2, 2, 5]}, "lengths-differ", ["5 events", "4 times", "4 units"]),
        ({"unit": [0, 2, 1]}, "lengths-differ", ["4 events", "4 times", "3 units"]),
        ({"count": [1, 2]}, "lengths-differ", ["4 events", "2"]),
        ({"count": [1, 2, 0, 1]}, "event-count-range", ["sample 2, event 0", "0 spikes"]),
        ({"count": [1, 1 << 31, 1, 1]}, "event-count-range", ["sample 0, event 1"]),
        ({"count": [1.0, 2.0, 1.0, 1.0]}, "events-not-numbers", ["count", "float64"]),
        ({"label": [0, 1]}, "lengths-differ", ["3 samples", "2 labels"]),
        ({"label": [0.0, 1.0, 0.0]}, "events-not-numbers", ["label", "float64"]),
        ({"unit": [[0, 2], [1, 0]]}, "events-not-numbers", ["unit", "(2, 2)"]),
        ({"time_ms": ["0", "2", "1", "1"]}, "events-not-numbers", ["time_ms"]),
        ({"n_units": 0}, "units-count", []),
        ({"n_units": MAX_CHANNELS + 1}, "units-count", [str(MAX_CHANNELS + 1)]),
        ({"class_names": ()}, "classes-missing", []),
        ({"class_names": ("a", "a")}, "classes-named-twice", ["a"]),
        ({"class_names": [str(n) for n in range(65_537)]}, "classes-too-many", ["65,537"]),
        ({"class_names": ("a", "\ud800" * 999)}, "data-class-names-not-text", ["class 1", "…"]),
    ],
)
def test_bad_events_are_refused_with_their_place(
    changes: dict, code: str, words: list[str]
) -> None:
    with refused(DataError, code) as caught:
        make(**changes)
    assert all(name in caught.value.what for name in words)
    assert caught.value.exit_code == 2


def test_the_largest_numbers_of_classes_and_units() -> None:
    assert len(make(class_names=[str(n) for n in range(1000)]).class_names) == 1000
    assert make(n_units=MAX_CHANNELS, unit=[0, MAX_CHANNELS - 1, 1, 0]).n_units == MAX_CHANNELS


def test_descending_times_are_detected_after_empty_samples() -> None:
    with refused(DataError, "times-not-ascending") as caught:
        make(time_ms=[0, 1, 2, 1], offset=[0, 0, 4, 4])
    assert "sample 1, event 3" in caught.value.what


@pytest.mark.parametrize("events", [make(), COUNTED])
def test_take_keeps_the_given_order(events: SpikeEvents) -> None:
    everything = lists(events)
    assert lists(events.take([2, 1, 0, 2])) == [everything[i] for i in (2, 1, 0, 2)]
    assert lists(events.take(np.array([1]))) == [everything[1]]


@pytest.mark.parametrize("events", [make(), COUNTED])
def test_slices_divide_the_samples(events: SpikeEvents) -> None:
    everything = lists(events)
    for n in (1, 2):
        head, tail = events[:-n], events[-n:]
        assert lists(head) == everything[:-n]
        assert lists(tail) == everything[-n:]


@pytest.mark.parametrize("events", [make(), COUNTED])
def test_concatenate_undoes_slices(events: SpikeEvents) -> None:
    assert lists(SpikeEvents.concatenate([events[:-1], events[-1:]])) == lists(events)


@pytest.mark.parametrize("changes", [{"n_units": 4}, {"class_names": ("a", "c")}])
def test_parts_that_differ_are_not_joined(changes: dict) -> None:
    with refused(DataError, "events-differ"):
        SpikeEvents.concatenate([make(), make(**changes)])


def test_numbers_become_counts_by_one_rule() -> None:
    values = np.random.default_rng(0).normal(size=(4, 5, 2, 3))
    train = SpikeEvents.from_values(values[:2], [0, 1], bits=3, dt_ms=2.0)
    rule = train.analogue
    assert rule == AnalogueInput(np.abs(values[:2]).max() / 7, 3, signed=True)
    assert train.n_units == 12
    raster = bin_events(train, 2.0, 5, most_spikes=7).raster
    assert np.array_equal(raster.dense_counts(), rule.counts(values[:2]).reshape(2, 5, 12))
    assert {part.analogue for part in (train[1:], train[:-1], train[-1:], *train)} == {rule}
    test = SpikeEvents.from_values(values[2:], [1, 1], dt_ms=2.0, **rule.as_json())
    assert Dataset.of(train=train, test=test).test.analogue == rule
    assert SpikeEvents.concatenate([train, test]).analogue == rule


@pytest.mark.parametrize("other", [{"bits": 4}, {"scale": 1.0}, None])
def test_parts_with_other_rules_are_not_one_data_set(other: dict | None) -> None:
    values = np.ones((2, 3, 4))
    train = SpikeEvents.from_values(values, [0, 1])
    test = SpikeEvents.from_values(values, [0, 1], **(other or {}))
    if other is None:
        test = replace(test, analogue=None)
    with refused(DataError, "analogue-differs"):
        SpikeEvents.concatenate([train, test])
    with refused(DataError, "analogue-differs") as caught:
        Dataset.of(train=train, test=test)
    assert "test split" in caught.value.what


def test_joining_no_parts_is_refused() -> None:
    with refused(DataError, "events-none"):
        SpikeEvents.concatenate([])


def test_latencies_are_sorted_by_time_then_unit() -> None:
    latency = np.array([[5.0, np.nan, 2.0, 5.0], [np.nan] * 4])
    events = from_latencies(latency, np.array([1, 0]), ("a", "b"))
    assert lists(events) == [(1, [(2.0, 2, 1), (5.0, 0, 1), (5.0, 3, 1)]), (0, [])]
    assert events.n_units == 4


def test_simultaneous_spikes_of_many_units_are_ordered_by_unit() -> None:
    latency = np.resize([7.0, 3.0], (1, 100))
    events = from_latencies(latency, np.array([0]), ("a",))
    assert events.unit.tolist() == [*range(1, 100, 2), *range(0, 100, 2)]


def test_samples_are_taken_one_by_one() -> None:
    events = SpikeEvents([1.0, 2.0, 3.0], [0, 1, 2], [0, 1, 1, 3], [0, 1, 0], 3, ["a", "b"])
    assert [sample.n_events for sample in events] == [1, 0, 2]
    assert events[2].unit.tolist() == [1, 2]
    assert events[-1].label.tolist() == [0]
    with pytest.raises(IndexError):
        events[3]
