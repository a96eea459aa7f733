from __future__ import annotations

import json

from nmtool.data import SpikeEvents, describe


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
    }
    assert summary["duration_ms"]["p50"] == 3.0
    assert summary["duration_ms"]["p100"] == 250.0
    assert json.loads(json.dumps(summary)) == summary


def test_describe_samples_without_spikes() -> None:
    summary = describe(SpikeEvents([], [], [0, 0], [0], 5, ("a",)))
    assert summary["spikes_per_sample"] == {"mean": 0.0, "min": 0, "max": 0}
    assert set(summary["duration_ms"].values()) == {None}
    assert summary["empty_samples"] == 1


def test_describe_an_empty_data_set() -> None:
    summary = describe(SpikeEvents([], [], [0], [], 5, ("a",)))
    assert summary["samples"] == 0
    assert summary["spikes_per_sample"] == {"mean": None, "min": None, "max": None}
