"""Latency codes: each unit spikes at most once per sample, and its spike time encodes a value."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nmtool.data.events import SpikeEvents


def latencies_ms(value: NDArray[np.float64], span_ms: float, weakest: float) -> NDArray[np.float64]:
    """Spike times in ms: 0 for a value of 1, `span_ms` for 0, and NaN below `weakest`.

    Args:
        value: numbers from 0 to 1, of any shape, which is that of the result.
        span_ms: time of the spike of a value of 0, in ms.
        weakest: smallest value that spikes.
    """
    return np.where(value >= weakest, span_ms * (1 - value), np.nan)


def from_latencies(
    latency_ms: NDArray[np.float64], label: NDArray[np.integer], class_names: Sequence[str]
) -> SpikeEvents:
    """Make events from an array with one spike time per sample and unit.

    Args:
        latency_ms: [samples, units] float64, spike times in ms; NaN for silent units.
        label: [samples] integers.
        class_names: names of the classes, by label.

    Spikes at the same time are ordered by unit.
    """
    unit = np.argsort(latency_ms, axis=1, kind="stable")
    time = np.take_along_axis(latency_ms, unit, axis=1)
    spikes = ~np.isnan(time)
    offset = np.concatenate(([0], np.cumsum(spikes.sum(axis=1))))
    n_units = latency_ms.shape[1]
    return SpikeEvents(time[spikes], unit[spikes], offset, label, n_units, class_names)
