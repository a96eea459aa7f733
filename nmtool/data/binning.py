"""Binning of event times into steps; the only place where time becomes discrete.

    step = floor(time / dt)        a channel carries at most `most_spikes` spikes per step

Times and steps are binary floating-point numbers, so that 0.3 ms / 0.1 ms gives
2.9999999999999996. A time less than `BOUNDARY` steps before a step therefore belongs to that step:
step = floor(time/dt + BOUNDARY). In streams of more than two million steps the rounding of
time/dt is coarser, and so is the boundary.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nmtool.arguments import checked
from nmtool.data.events import AT_ONCE, SpikeEvents
from nmtool.errors import UsageError, check_type
from nmtool.network.graph import MAX_CHANNELS, MAX_SPIKES, MAX_STEPS, check_timing, count_inputs
from nmtool.raster import Raster

BOUNDARY = 1e-9
"""Tolerance in steps: far above the rounding error of time/dt (under 10⁻¹⁰ for a million steps),
far below any time difference that matters."""

_ROUNDING = 2.0**-51
"""Relative rounding error of time/dt, which includes the rounding of time and dt themselves."""

DEFAULT_DURATION_MS = 1000.0


@dataclass(frozen=True, eq=False)
class Binned:
    """Input spikes of a network, and the number of spikes that binning lost.

    Attributes:
        raster: [samples, steps, channels] spikes.
        surplus: number of spikes in bins that already had `most_spikes` spikes.
        dropped: number of spikes after the last step.

    raster.n_spikes + surplus + dropped is the number of spikes of the events.
    """

    raster: Raster
    surplus: int
    dropped: int


def default_steps(dt_ms: float) -> int:
    """Number of steps that cover one second: ceil(1000 ms/dt)."""
    check_timing(dt_ms, 1)
    n_steps = min(DEFAULT_DURATION_MS / dt_ms, MAX_STEPS + 1)
    return max(1, math.ceil(n_steps - BOUNDARY))


@checked
def bin_events(
    events: SpikeEvents, dt_ms: float, n_steps: int, group: int = 1, *, most_spikes: int = 1
) -> Binned:
    """Bin events into steps, and neighbouring units into channels.

    >>> events = SpikeEvents.from_lists([[0.4, 3.2, 3.9, 9.1]], [[0, 3, 3, 1]], [0])
    >>> binned = bin_events(events, dt_ms=1.0, n_steps=8)
    >>> binned.raster
    <Raster: 1 sample × 8 steps × 4 neurons, 2 spikes>
    >>> binned.surplus, binned.dropped
    (1, 1)

    The spikes of all events of a bin are counted up to a limit:

    >>> bin_events(events, dt_ms=1.0, n_steps=8, most_spikes=2).raster.count
    array([1, 2], dtype=uint8)

    Args:
        events: the samples.
        dt_ms: length of a step in ms.
        n_steps: number of steps of every sample; events at or after n_steps·dt are dropped.
        group: number of neighbouring units that share a channel; the last channel may have fewer.
        most_spikes: largest number of spikes of a channel in a step, 1 … 255.

    Raises:
        NetworkError: the step length or the number of steps is not positive.
        UsageError: the group or `most_spikes` is smaller than 1, or too large.
    """
    check_type(events, SpikeEvents, "spike events", "pass a split of a data set, or SpikeEvents")
    check_timing(dt_ms, n_steps)
    if not 1 <= group <= MAX_CHANNELS:
        raise UsageError(
            f"a group of channels must have 1 … {MAX_CHANNELS} channels, not {group}",
            code="group-range",
            fix="use 1 to keep every channel separate",
        )
    check_most_in_bin(most_spikes)
    events = events.in_memory()
    position = step_position(events.time_ms, dt_ms)
    sample, channel, count = events.sample_index(), events.unit // group, events.count
    mask = position < n_steps
    if not mask.all():
        position, sample, channel = position[mask], sample[mask], channel[mask]
        count = None if count is None else count[mask]
    shape = (events.n_samples, n_steps, count_inputs(events.n_units, group))
    raster = Raster.from_events(
        *(sample, position.astype(np.int32), channel, shape),
        count=count,
        most_spikes=most_spikes,
    )
    in_time = sample.size if count is None else int(count.sum(dtype=np.int64))
    return Binned(raster, in_time - raster.n_spikes, events.n_spikes - in_time)


def check_most_in_bin(most_spikes: int) -> None:
    """Raise `UsageError` unless a raster can count this many spikes in a bin."""
    if not 1 <= most_spikes <= MAX_SPIKES:
        raise UsageError(
            f"a bin keeps at most 1 … {MAX_SPIKES} spikes, not {most_spikes}",
            code="bin-spikes-range",
            fix="use 1 to keep one spike per bin",
        )


def count_dropped(events: SpikeEvents, dt_ms: float, n_steps: int) -> int:
    """Count the events, each once, that `bin_events` would drop.

    Raises:
        NetworkError: the step length or the number of steps is not positive.
    """
    check_timing(dt_ms, n_steps)
    # The times of a sample ascend. Thus only samples whose last event is late can have late events,
    # and only their events are read.
    late = np.flatnonzero(step_position(events.last_ms, dt_ms) >= n_steps)
    return sum(
        int((step_position(part.time_ms, dt_ms) >= n_steps).sum())
        for part in events.take(late).batches(AT_ONCE)
    )


def step_position(time_ms: NDArray[np.floating], dt_ms: float) -> NDArray[np.floating]:
    """[events] float64: times in units of steps, to be rounded down to the step.

    >>> np.floor(step_position(np.array([0.0, 0.3, 0.399]), 0.1))
    array([0., 3., 3.])

    Args:
        time_ms: [events] float64.
        dt_ms: length of a step in ms.
    """
    with np.errstate(over="ignore"):
        position = time_ms / dt_ms
        return position + np.maximum(BOUNDARY, _ROUNDING * position)
