"""Encoders: numbers become spikes, for networks and chips whose input are spikes.

    encode_latency      images: the larger a number, the earlier its only spike
    encode_rate         images: the larger a number, the more likely a spike in each step
    encode_delta        signals: an event whenever a signal has risen or fallen by a threshold
    encode_crossings    signals: an event whenever a signal crosses a level

`SpikeEvents.from_values` needs no spikes: a channel carries the number itself, as a count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmtool.arguments import checked
from nmtool.data.binning import BOUNDARY
from nmtool.data.dividing import check_seed
from nmtool.data.events import SpikeEvents, in_steps
from nmtool.data.latency import from_latencies, latencies_ms
from nmtool.data.rows import as_array, numbered
from nmtool.errors import DataError, UsageError
from nmtool.network.analogue import finite_numbers
from nmtool.network.graph import check_timing


@checked
def encode_latency(
    values: ArrayLike,
    labels: ArrayLike,
    *,
    span_ms: float = 50.0,
    weakest: float = 0.05,
    class_names: Sequence[str] | None = None,
    groups: Mapping[str, ArrayLike] | None = None,
) -> SpikeEvents:
    """Encode images as latencies: each channel spikes once, at span_ms·(1 − value), or never.

    >>> encode_latency([[1.0, 0.0, 0.8]], [0]).time_ms
    array([ 0., 10.])

    Args:
        values: array or tensor [samples, channels …] of numbers from 0 to 1; all axes after the
            first are channels, numbered in C order.
        labels: [samples] numbers from 0, or names.
        span_ms: time of the spike of a value of 0, in ms.
        weakest: smallest value that spikes.
        class_names, groups: as for `SpikeEvents.from_lists`.

    Raises:
        DataError: values are not from 0 to 1, or have other dimensions.
        UsageError: the span is not positive.
    """
    shares = _shares(values)
    _check_positive("span_ms", span_ms)
    latency_ms = latencies_ms(shares.reshape(len(shares), -1), span_ms, weakest)
    events = from_latencies(latency_ms, *numbered(labels, class_names))
    columns = {name: as_array(column) for name, column in (groups or {}).items()}
    return replace(events, groups=columns)


@checked
def encode_rate(
    values: ArrayLike,
    labels: ArrayLike,
    *,
    steps: int = 100,
    peak: float = 1.0,
    seed: int = 0,
    dt_ms: float = 1.0,
    class_names: Sequence[str] | None = None,
    groups: Mapping[str, ArrayLike] | None = None,
) -> SpikeEvents:
    """Encode images as rates: in each step, a channel spikes with the probability peak·value.

    A sample's spikes depend on the seed and on the sample's place in the array only.

    >>> encode_rate([[0.0, 0.5, 1.0]], [0], steps=1000).n_events
    1509

    Args:
        values, labels, class_names, groups: as for `encode_latency`.
        steps: number of steps.
        peak: probability of a spike per step for a value of 1, at most 1.
        seed: seed of the random numbers.
        dt_ms: length of a step in ms.

    Raises:
        DataError: values are not from 0 to 1, or have other dimensions.
        NetworkError: the number or the length of steps is not positive.
        UsageError: the probability is not from 0 to 1, or the seed is negative.
    """
    shares = _shares(values)
    check_timing(dt_ms, steps)
    check_seed(seed)
    _check_positive("peak", peak, most=1.0)
    # With a fourth axis, the steps are not suspected of being channels.
    spikes = np.zeros((len(shares), steps, shares[:1].size, 1), np.bool_)
    for sample, share in enumerate(shares):
        draws = np.random.default_rng([seed, sample]).random((steps, share.size))
        spikes[sample, ..., 0] = draws < peak * share.reshape(-1)
    return SpikeEvents.from_dense(
        spikes, labels, dt_ms=dt_ms, class_names=class_names, groups=groups
    )


@checked
def encode_delta(
    values: ArrayLike,
    labels: ArrayLike,
    *,
    threshold: float,
    dt_ms: float = 1.0,
    class_names: Sequence[str] | None = None,
    groups: Mapping[str, ArrayLike] | None = None,
) -> SpikeEvents:
    """Encode signals as their changes (send on delta): one spike for each threshold of change.

    Channel c of the signal becomes the units 2c for rises and 2c + 1 for falls. A change by several
    thresholds within a step is an event of several spikes. Where the signal begins is not encoded.
    From there, the spikes so far tell the signal up to one threshold.

    >>> events = encode_delta([[[0.0], [0.25], [0.3], [-0.1]]], [0], threshold=0.1)
    >>> events.time_ms, events.unit, events.count
    (array([1., 2., 3.]), array([0, 0, 1], dtype=int32), array([2, 1, 4], dtype=int32))

    Args:
        values: array or tensor [samples, steps, channels …] of numbers; all axes after the second
            are channels, numbered in C order.
        labels: [samples] numbers from 0, or names.
        threshold: the change that a spike stands for, the same for all samples of a data set.
        dt_ms: length of a step in ms.
        class_names, groups: as for `SpikeEvents.from_lists`.

    Raises:
        DataError: values have other dimensions, or are not finite.
        NetworkError: the step is not positive.
        UsageError: the threshold is not positive.
    """
    return SpikeEvents.from_dense(
        delta_counts(values, threshold),
        labels,
        dt_ms=dt_ms,
        class_names=class_names,
        groups=groups,
    )


def delta_counts(values: ArrayLike, threshold: float) -> NDArray[np.float64]:
    """Numbers of thresholds by which signals rise and fall, see `encode_delta`.

    Args:
        values: [samples, steps, channels …] numbers.
        threshold: the change that a spike stands for.

    Returns:
        [samples, steps, channels …, 2] float64, whole numbers: rises, and falls.
    """
    numbers = in_steps(values)
    _check_positive("threshold", threshold)
    counts = np.zeros((*numbers.shape, 2))
    # The level told so far is a whole number of thresholds, so that rounding does not add up.
    told = np.zeros_like(numbers[:, 0])
    for step in range(1, numbers.shape[1]):
        distance = (numbers[:, step] - numbers[:, 0]) / threshold - told
        # As in binning, 0.3 / 0.1 should be 3.
        change = np.trunc(distance + np.copysign(BOUNDARY, distance))
        told += change
        counts[:, step, ..., 0] = np.maximum(change, 0)
        counts[:, step, ..., 1] = np.maximum(-change, 0)
    return counts


@checked
def encode_crossings(
    values: ArrayLike,
    labels: ArrayLike,
    *,
    levels: ArrayLike,
    dt_ms: float = 1.0,
    class_names: Sequence[str] | None = None,
    groups: Mapping[str, ArrayLike] | None = None,
) -> SpikeEvents:
    """Encode signals as crossings of levels: one spike whenever a signal reaches or leaves a level.

    Channel c of the signal has two units for each of the L levels: 2·(L·c + l) spikes when the
    signal becomes at least level l, and the next unit when it falls below.

    >>> encode_crossings([[[0.0], [0.7], [0.6], [0.2]]], [0], levels=[0.5]).unit
    array([0, 1], dtype=int32)

    Args:
        values, labels, dt_ms, class_names, groups: as for `encode_delta`.
        levels: the levels, the same for all samples of a data set.

    Raises:
        DataError: values have other dimensions, or are not finite; or so are the levels.
        NetworkError: the step is not positive.
    """
    numbers = in_steps(values)
    above = numbers[..., None] >= finite_numbers(levels)
    spikes = np.zeros((*above.shape, 2), np.bool_)
    spikes[:, 1:, ..., 0] = above[:, 1:] & ~above[:, :-1]
    spikes[:, 1:, ..., 1] = above[:, :-1] & ~above[:, 1:]
    return SpikeEvents.from_dense(
        spikes, labels, dt_ms=dt_ms, class_names=class_names, groups=groups
    )


def _shares(values: ArrayLike) -> NDArray[np.float64]:
    """Convert numbers to float64; raise `DataError` unless they are images of 0 … 1."""
    numbers = finite_numbers(as_array(values))
    if numbers.ndim < 2:
        raise DataError(
            f"values of shape {numbers.shape} are not [samples, channels]",
            code="values-dimensions",
            fix="add an axis: values[None] for a single sample, values[:, None] for a single "
            "channel",
        )
    low, high = numbers.min(initial=0.0), numbers.max(initial=0.0)
    if low < 0 or high > 1:
        raise DataError(
            f"the values are from {low:g} to {high:g}, but must be from 0 to 1",
            code="values-range",
            fix="divide them by the largest possible value, such as 255 for pixels of 8 bits; "
            "signals with a sign can be encoded by encode_delta",
        )
    return numbers


def _check_positive(name: str, value: float, most: float = np.inf) -> None:
    """Raise `UsageError` unless an option is above 0, finite, and not too large."""
    if not (0 < value <= most and np.isfinite(value)):
        limit = "" if np.isinf(most) else f" of at most {most:g}"
        raise UsageError(
            f"{name} must be a positive number{limit}, not {value}",
            code="setting-range",
            fix=f"give a positive number{limit}",
        )
