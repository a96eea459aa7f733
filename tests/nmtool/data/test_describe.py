from __future__ import annotations

import json
from dataclasses import replace

from nmtool.data import SpikeEvents, describe
from nmtool.data.description import groups_in_several, table_of


def test_describe(events: SpikeEvents) -> None:
    summary = describe(events)
    assert summary == {
        "samples": 4,
        "units": 5,
        "classes": {"no": 2, "yes": 2},
        "spikes": 6,
        "spikes_per_sample": {"mean": 1.5, "min": 0, "max": 4},
        "duration_ms": summary["duration_ms"],
        "empty_samples": 1,
        "groups": summary["groups"],
    }
    assert summary["duration_ms"]["p50"] == 3.0
    assert summary["duration_ms"]["p100"] == 250.0
    assert json.loads(json.dumps(summary)) == summary
    several = describe(replace(events, count=[1, 2, 1, 1, 9, 1]))
    spikes = {"mean": 15 / 4, "min": 0, "max": 9}
    counts = {"spikes": 15, "events": 6, "most_spikes": 9, "spikes_per_sample": spikes}
    assert several == summary | counts


def test_tables_tell_events_from_spikes_if_they_differ(events: SpikeEvents) -> None:
    several = replace(events, count=[1, 2, 1, 1, 9, 1])
    plain = table_of("", {"train": describe(events)})
    both = table_of("", {"train": describe(events), "test": describe(several)})
    extra = [row for row in both.rows if row[0] not in {name for name, *_ in plain.rows}]
    assert extra == [("events", "6", "6"), ("most spikes of an event", "1", "9")]


def test_groups_of_splits() -> None:
    person = [0, 0, 1, 2]
    events = SpikeEvents.from_lists([[1.0]] * 4, [[0]] * 4, [0, 1, 0, 1], groups={"person": person})
    splits = {"train": events[:2], "test": events[1:]}
    described = {name: describe(split) for name, split in splits.items()}
    assert [split["groups"] for split in described.values()] == [{"person": 1}, {"person": 3}]
    assert table_of("", described).rows[-1] == ("groups by person", "1", "3")
    assert groups_in_several(splits) == {"person": 1}
    assert groups_in_several({"train": events[:2], "test": events[2:]}) == {"person": 0}


def test_describe_samples_without_spikes() -> None:
    summary = describe(SpikeEvents([], [], [0, 0], [0], 5, ("a",)))
    assert summary["spikes_per_sample"] == {"mean": 0.0, "min": 0, "max": 0}
    assert set(summary["duration_ms"].values()) == {None}
    assert summary["empty_samples"] == 1


def test_describe_an_empty_data_set() -> None:
    summary = describe(SpikeEvents([], [], [0], [], 5, ("a",)))
    assert summary["samples"] == 0
    assert summary["spikes_per_sample"] == {"mean": None, "min": None, "max": None}
