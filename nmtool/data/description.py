"""Statistics of a data set."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nmtool.tables import Table

if TYPE_CHECKING:
    from nmtool.data.events import SpikeEvents

_DURATION_PERCENTILES = (5, 50, 95, 100)


def describe(events: SpikeEvents) -> dict[str, Any]:
    """Compute statistics of a split, as plain numbers and text for JSON.

    Keys: `samples`, `units`, `classes` (number of samples by class name), `spikes`,
    `spikes_per_sample` (`mean`, `min`, `max`), `duration_ms` (time of the last spike:
    percentiles `p5`, `p50`, `p95`, `p100` over the samples with spikes), `empty_samples` and
    `groups` (number of groups by column). If events have several spikes, also `events` (their
    number) and `most_spikes` (largest number of spikes of an event). Without samples, statistics
    are None.
    """
    counts = events.spikes
    of_counts = {"events": events.n_events, "most_spikes": events.most_spikes}
    per_class = np.bincount(events.label, minlength=len(events.class_names))
    return {
        "samples": events.n_samples,
        "units": events.n_units,
        "classes": dict(zip(events.class_names, per_class.tolist(), strict=True)),
        "spikes": events.n_spikes,
        **(of_counts if events.has_counts else {}),
        "spikes_per_sample": {
            "mean": float(counts.mean()) if counts.size else None,
            "min": int(counts.min()) if counts.size else None,
            "max": int(counts.max()) if counts.size else None,
        },
        "duration_ms": _duration_percentiles(events.last_ms[counts > 0]),
        "empty_samples": int((counts == 0).sum()),
        "groups": {name: int(np.unique(group).size) for name, group in events.groups.items()},
    }


def table_of(title: str, splits: dict[str, dict[str, Any]]) -> Table:
    """Make a table of statistics from `describe`, with one column per split."""
    has_counts = any("events" in split for split in splits.values())
    rows = [
        (name, *map(cell, splits.values()))
        for name, cell in _ROWS.items()
        if has_counts or cell not in (_events, _most_spikes)
    ]
    columns = dict.fromkeys(name for split in splits.values() for name in split["groups"])
    for name in columns:
        counts = (split["groups"].get(name) for split in splits.values())
        rows.append((f"groups by {name}", *("none" if n is None else f"{n:,}" for n in counts)))
    return Table(title, ("", *splits), rows)


def groups_in_several(splits: Mapping[str, SpikeEvents]) -> dict[str, int]:
    """Count the groups, such as speakers, that have samples in several splits.

    Returns the number of such groups, for each column of groups that all splits have.
    """
    parts = [events.groups for events in splits.values()]
    names = [name for name in parts[0] if all(name in groups for groups in parts)]
    groups = {name: np.concatenate([np.unique(part[name]) for part in parts]) for name in names}
    return {
        name: int((np.unique(v, return_counts=True)[1] > 1).sum()) for name, v in groups.items()
    }


def _duration_percentiles(last_ms: NDArray[np.float64]) -> dict[str, float | None]:
    """Percentiles of the times of the last spikes in ms, by name; None without spikes."""
    if not last_ms.size:
        return {f"p{percent}": None for percent in _DURATION_PERCENTILES}
    values = np.percentile(last_ms, _DURATION_PERCENTILES)
    return {f"p{p}": float(v) for p, v in zip(_DURATION_PERCENTILES, values, strict=True)}


def _per_sample(split: dict[str, Any]) -> str:
    """Text with mean, minimum and maximum of the number of spikes per sample."""
    spikes = split["spikes_per_sample"]
    if spikes["mean"] is None:
        return "none"
    return f"{spikes['mean']:.4g} ({spikes['min']:,} … {spikes['max']:,})"


def _per_class(split: dict[str, Any]) -> str:
    """Text with the smallest and the largest number of samples per class."""
    counts = split["classes"].values()
    return f"{min(counts):,} … {max(counts):,}"


def _duration(split: dict[str, Any]) -> str:
    """Text with percentiles of the time of the last spike."""
    last = split["duration_ms"]
    if last["p50"] is None:
        return "none"
    return f"{last['p50']:.4g} ({last['p5']:.4g} … {last['p100']:.4g})"


def _events(split: dict[str, Any]) -> str:
    """Number of events as text, which is that of the spikes without counts."""
    return f"{split.get('events', split['spikes']):,}"


def _most_spikes(split: dict[str, Any]) -> str:
    """Largest number of spikes of an event as text."""
    return f"{split.get('most_spikes', 1):,}"


_ROWS: dict[str, Callable[[dict[str, Any]], str]] = {
    "samples": lambda split: f"{split['samples']:,}",
    "channels": lambda split: f"{split['units']:,}",
    "classes": lambda split: f"{len(split['classes']):,}",
    "samples per class": _per_class,
    "spikes": lambda split: f"{split['spikes']:,}",
    "events": _events,
    "most spikes of an event": _most_spikes,
    "mean spikes (range)": _per_sample,
    "last spike, ms": _duration,
    "samples without spikes": lambda split: f"{split['empty_samples']:,}",
}
"""Rows of the table, each with the function that formats its cells; those of events are for data
with counts only."""
