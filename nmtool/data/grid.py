"""A grid that fits the data: how many steps, and of what length.

Steps follow from the last spikes: 99.5 % of the samples end within them, so that one sample with
a late spike does not make all others longer. The length of a step is the longest in which few
spikes share a bin with another, because a bin holds one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nmtool.data.binning import BOUNDARY, bin_events
from nmtool.data.events import SpikeEvents
from nmtool.errors import DataError
from nmtool.graph import MAX_STEPS, check_timing

PERCENTILE = 99.5
"""Of the samples' last spikes."""

MOST_STEPS = 50_000
"""More of them are no choice that data should make."""

_LENGTHS_MS = (10.0, 5.0, 2.0, 1.0, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01)
_FEW_MERGED = 0.05
_FEWEST_STEPS, _MANY_STEPS = 50, 5000
_LOOKED_AT = 300
"""Samples that stand for all, evenly spread over the file."""

TIME_UNIT_FIX = (
    "where the file holds ms for seconds: nmtool data IN -o FOLDER --time-unit ms, or in CSV a "
    "column time_ms"
)


@dataclass(frozen=True)
class Grid:
    """A time grid and what it costs.

    Attributes:
        dt_ms: length of a step in ms.
        n_steps: steps of a sample.
        merged: share of the events that fall into a bin that has one already, 0 … 1.
    """

    dt_ms: float
    n_steps: int
    merged: float


def last_spike_ms(events: SpikeEvents) -> NDArray[np.float64]:
    """[samples that spike] float64: time of the last event of each in ms."""
    last = events.last_ms
    return last[~np.isnan(last)]


def needed_steps(events: SpikeEvents, dt_ms: float, room_ms: float = 0.0) -> int:
    """Steps within which 99.5 % of the samples end.

    >>> events = SpikeEvents.from_lists([[1.0, 79.5], [3.0]], [[0, 1], [1]], [0, 1])
    >>> needed_steps(events, 2.0, room_ms=10.0)
    45

    Args:
        events: the samples.
        dt_ms: length of a step in ms.
        room_ms: time to add behind the last spike.

    Raises:
        NetworkError: the step is not positive.
        DataError: there is no event, or they would be more than 50,000 steps.
    """
    check_timing(dt_ms, 1)
    last = last_spike_ms(events)
    if not last.size:
        raise DataError(
            "there is no event to tell how many steps a sample needs",
            code="events-missing",
            fix="look at the data, nmtool data, or say --steps N",
        )
    reach = float(np.percentile(last, PERCENTILE, method="higher"))
    needed = min(reach / dt_ms + BOUNDARY, MAX_STEPS)
    steps = math.floor(needed) + 1 + math.ceil(room_ms / dt_ms - BOUNDARY)
    if steps > MOST_STEPS:
        raise DataError(
            f"samples end after {reach:,.0f} ms, which is {steps:,} or more steps of {dt_ms:g} ms",
            code="steps-too-many",
            why=f"more than {MOST_STEPS:,} steps are not chosen automatically",
            fix=f"{TIME_UNIT_FIX}; else choose a longer --dt, or say --steps N",
        )
    return steps


def merged_share(events: SpikeEvents, dt_ms: float, n_steps: int, group: int = 1) -> float:
    """Share of the events that share a bin with an earlier one, 0 … 1, of at most 300 samples."""
    binned = bin_events(some(events), dt_ms, n_steps, group)
    return binned.surplus / max(1, binned.surplus + binned.raster.n_spikes)


def propose_grid(events: SpikeEvents, group: int = 1) -> Grid | None:
    """The longest step in which at most 5 % of the events are merged, and its number of steps.

    >>> events = SpikeEvents.from_lists([np.arange(0.0, 100.0, 2.5)] * 3, [[0] * 40] * 3, [0, 1, 0])
    >>> propose_grid(events)
    Grid(dt_ms=1.0, n_steps=98, merged=0.0)

    Args:
        events: the samples.
        group: neighbouring units that share a channel.

    Returns:
        None where there are no events, or their times do not look like those of samples.
    """
    found = None
    for dt_ms in _LENGTHS_MS:
        try:
            n_steps = needed_steps(events, dt_ms)
        except DataError:
            break
        if n_steps < _FEWEST_STEPS:
            continue
        if found is not None and n_steps > _MANY_STEPS:
            break
        found = Grid(dt_ms, n_steps, merged_share(events, dt_ms, n_steps, group))
        if found.merged <= _FEW_MERGED:
            break
    return found


def some(events: SpikeEvents) -> SpikeEvents:
    """At most 300 samples that stand for all."""
    if events.n_samples <= _LOOKED_AT:
        return events
    return events.take(np.linspace(0, events.n_samples - 1, _LOOKED_AT).astype(np.int64))
