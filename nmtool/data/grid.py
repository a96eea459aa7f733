"""A time grid that fits the data: number and length of the steps.

The number of steps follows from the last spikes: 99.5 % of the samples end within these steps, so
a single late spike does not make all samples longer. Events in one bin become indistinguishable, so
the step is the longest at which few events share a bin. If the data have a time step of their own,
as dense arrays do, the step is never shorter than theirs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nmtool.data.binning import BOUNDARY, bin_events
from nmtool.data.events import AT_ONCE, SpikeEvents
from nmtool.errors import DataError
from nmtool.network.graph import MAX_SPIKES, MAX_STEPS, check_timing

END_PERCENTILE = 99.5
"""Percentile of the times of last spikes that the steps cover."""

MOST_STEPS = 50_000
"""Largest number of steps that is chosen automatically."""

_LENGTHS_MS = (10.0, 5.0, 4.0, 2.0, 1.0, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01)
_FEW_MERGED = 0.05
_FEWEST_STEPS, _MANY_STEPS = 50, 5000
_EXACT_US, _NEARLY_WHOLE_US = 1e12, 1e-3
"""Largest time at which floats resolve µs; tolerance for whole numbers of µs."""

_MAX_ANALYSED = 300
"""Largest number of samples to analyse, evenly spread over the file."""

TIME_UNIT_FIX = (
    "state the unit of the times: in CSV by the name of the column, such as time_us; times in HDF5 "
    "files are seconds"
)


@dataclass(frozen=True)
class Grid:
    """A time grid, and the share of events that it merges.

    Attributes:
        dt_ms: length of a step in ms.
        n_steps: number of steps of a sample.
        merged: share of the events in bins that already have an event, 0 … 1.
    """

    dt_ms: float
    n_steps: int
    merged: float


def last_spike_ms(events: SpikeEvents) -> NDArray[np.float64]:
    """[samples with events] float64: time of each sample's last event in ms."""
    last = events.last_ms
    return last[~np.isnan(last)]


def usual_end_ms(last_ms: NDArray[np.float64]) -> float:
    """Time in ms within which 99.5 % of the samples end.

    >>> usual_end_ms(np.arange(1.0, 1001.0))
    996.0

    Args:
        last_ms: [samples] float64, at least one, from `last_spike_ms`.
    """
    return float(np.percentile(last_ms, END_PERCENTILE, method="higher"))


def needed_steps(events: SpikeEvents, dt_ms: float, room_ms: float = 0.0) -> int:
    """Number of steps within which 99.5 % of the samples end.

    >>> events = SpikeEvents.from_lists([[1.0, 79.5], [3.0]], [[0, 1], [1]], [0, 1])
    >>> needed_steps(events, 2.0, room_ms=10.0)
    45

    Args:
        events: the samples.
        dt_ms: length of a step in ms.
        room_ms: time to add after the last spike.

    Raises:
        NetworkError: the step is not positive.
        DataError: there is no event, or more than 50,000 steps would be needed.
    """
    check_timing(dt_ms, 1)
    last_ms = last_spike_ms(events)
    if not last_ms.size:
        raise DataError(
            "without any event, the number of steps cannot be chosen",
            code="events-missing",
            fix="inspect the data with nmtool data, or set `steps=N`",
        )
    end_ms = usual_end_ms(last_ms)
    needed = min(end_ms / dt_ms + BOUNDARY, MAX_STEPS)
    steps = math.floor(needed) + 1 + math.ceil(room_ms / dt_ms - BOUNDARY)
    if steps > MOST_STEPS:
        raise DataError(
            f"samples end after {end_ms:,.0f} ms, which is {steps:,} or more steps of {dt_ms:g} ms",
            code="steps-too-many",
            why=f"more than {MOST_STEPS:,} steps are not chosen automatically",
            fix=f"{TIME_UNIT_FIX}; else choose a longer `dt_ms=`, or set `steps=N`",
        )
    return steps


def merged_share(events: SpikeEvents, dt_ms: float, n_steps: int, group: int = 1) -> float:
    """Share of events, 0 … 1, in bins that already have an event; from at most 300 samples.

    An event of several spikes is one event.
    """
    return lost_share(
        replace(evenly_spaced_samples(events).in_memory(), count=None), dt_ms, n_steps, group
    )


def lost_share(
    events: SpikeEvents, dt_ms: float, n_steps: int, group: int = 1, most_spikes: int = 1
) -> float:
    """Share of spikes, 0 … 1, that exceed `most_spikes` in their bin; from at most 300 samples."""
    samples = evenly_spaced_samples(events)
    binned = bin_events(samples, dt_ms, n_steps, group, most_spikes=most_spikes)
    return binned.surplus / max(1, binned.surplus + binned.raster.n_spikes)


def most_in_bin(events: SpikeEvents, dt_ms: float, n_steps: int, group: int = 1) -> int:
    """Largest number of spikes in a bin of any sample, at most 255.

    >>> events = SpikeEvents.from_lists([[1.0, 1.5]], [[0, 0]], [0], counts=[[2, 3]])
    >>> most_in_bin(events, 1.0, 5)
    5

    Args:
        events: the samples.
        dt_ms: length of a step in ms.
        n_steps: number of steps of a sample.
        group: number of neighbouring units that share a channel.
    """
    return max(
        bin_events(part, dt_ms, n_steps, group, most_spikes=MAX_SPIKES).raster.most_spikes
        for part in events.batches(AT_ONCE)
    )


def propose_grid(events: SpikeEvents, group: int = 1) -> Grid | None:
    """The longest time step at which at most 5 % of the events are merged, and the number of steps.

    Samples have at least 50 steps, unless all times are multiples of a longer step.

    >>> events = SpikeEvents.from_lists([np.arange(0.0, 100.0, 2.5)] * 3, [[0] * 40] * 3, [0, 1, 0])
    >>> propose_grid(events)
    Grid(dt_ms=2.5, n_steps=40, merged=0.0)

    Args:
        events: the samples.
        group: number of neighbouring units that share a channel.

    Returns:
        The grid; None if there are no events, or if samples last far too long or too short a time.
    """
    own = _own_step_ms(events)
    # Numbers of two steps must not be added.
    lengths = [dt_ms for dt_ms in _LENGTHS_MS if dt_ms > own and events.analogue is None]
    if own >= _LENGTHS_MS[-1]:
        lengths.append(own)
    grid = None
    for dt_ms in lengths:
        try:
            n_steps = needed_steps(events, dt_ms)
        except DataError:
            break
        if n_steps < _FEWEST_STEPS and dt_ms > own:
            continue
        if grid is not None and n_steps > _MANY_STEPS:
            break
        grid = Grid(dt_ms, n_steps, merged_share(events, dt_ms, n_steps, group))
        if grid.merged <= _FEW_MERGED:
            break
    return grid


def _own_step_ms(events: SpikeEvents) -> float:
    """The longest step of whole µs that divides all event times; in ms, 0 if there is none."""
    us = 1000 * evenly_spaced_samples(events).time_ms
    whole = np.rint(us)
    if not us.size or us.max() >= _EXACT_US or np.abs(us - whole).max() > _NEARLY_WHOLE_US:
        return 0.0
    return float(np.gcd.reduce(whole.astype(np.int64))) / 1000


def evenly_spaced_samples(events: SpikeEvents) -> SpikeEvents:
    """Choose at most 300 samples, evenly spaced in the order of the data."""
    if events.n_samples <= _MAX_ANALYSED:
        return events
    return events.take(np.linspace(0, events.n_samples - 1, _MAX_ANALYSED).astype(np.int64))
