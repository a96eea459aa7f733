"""`read_pairs`: samples and their classes from data sets of torch, snnTorch and tonic.

A pair is (sample, class); the sample is one of

    a structured array    with the fields t (µs), x and perhaps y and p, as in tonic
    a dense array         [steps, …] of spikes, as in snnTorch; axes after the first are channels,
                          numbered in C order; numbers are spike counts

A batch of a loader is [batch, steps, …] with [batch] classes, or [steps, batch, …] if time comes
first.

A sensor of width W, height H and P polarities has W·H·P units:

    unit = x + W·(y + H·p)        y = 0 without a field y, p = 0 if P = 1
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmtool.data.rows import (
    MAX_EVENT_SPIKES,
    Rows,
    as_array,
    counts_at,
    swapped_axes,
    texts,
)
from nmtool.errors import DataError, UsageError, listed, printable, quoted, reason
from nmtool.network.graph import check_timing
from nmtool.raster import check_counts

_log = logging.getLogger(__name__)

US_PER_MS = 1000.0


def read_pairs(
    source: Any,
    *,
    dt_ms: float = 1.0,
    n_units: int | None = None,
    class_names: Sequence[str] | None = None,
    sensor_size: Sequence[int] | None = None,
    time_first: bool = False,
) -> Rows:
    """Read samples and classes, for `SpikeEvents.from_torch` and `SpikeEvents.from_tonic`.

    Args:
        source, dt_ms, n_units, class_names, sensor_size, time_first: as for
            `SpikeEvents.from_torch`, which raises the same errors.
    """
    check_timing(dt_ms, 1)
    if class_names is None:
        class_names = class_names_of(source)
    rows = Rows(class_names=class_names)
    targets, axes_remark, widths = [], "", set()
    counts: list[NDArray] = []
    for number, (recorded, target) in enumerate(_pairs(source, time_first)):
        time: NDArray
        unit: NDArray
        if _is_structured(recorded):
            if sensor_size is None:
                sensor_size = (n_units, 1, 1) if n_units else sensor_size_of(source)
            time, unit = _sensor_events(recorded, sensor_size, number)
            widths.add(int(np.prod(sensor_size)))
            count = np.broadcast_to(np.int64(1), time.shape)
        else:
            array = as_array(recorded)
            if array.ndim < 2 or array.dtype.kind not in "biuf":
                raise DataError(
                    f"sample {number} is neither a list of events with a time t and a position x "
                    f"nor an array [steps, channels], but {printable(array.dtype)} of shape "
                    f"{array.shape}",
                    code="sample-not-events",
                    fix="choose a data set of events, or turn its samples into spikes by a "
                    "transform",
                )
            axes_remark = axes_remark or ("" if array.ndim > 2 else swapped_axes(*array.shape))
            array = array.reshape(len(array), -1)
            check_counts(array, f"sample {number}: ", MAX_EVENT_SPIKES)
            step, unit = place = np.nonzero(array)
            time, count = step * dt_ms, counts_at(array, place)
            widths.add(array.shape[1])
        rows.times_ms.append(time)
        rows.units.append(unit)
        counts.append(count)
        targets.append(target)
    if len(widths) > 1 or (n_units is not None and widths - {n_units}):
        numbers = listed(sorted(widths))
        raise DataError(
            f"samples have different numbers of channels: {numbers}"
            if len(widths) > 1
            else f"samples have {numbers} channels, but n_units is {n_units}",
            code="samples-channels-differ",
            fix="give all samples the same number of channels, or correct n_units",
        )
    if axes_remark:
        _log.warning(axes_remark)
    if any((count > 1).any() for count in counts):
        rows.counts = counts
    rows.labels = [
        _class_of_target(target, class_names, number) for number, target in enumerate(targets)
    ]
    rows.n_units = widths.pop() if widths else n_units or 1
    return rows


def sensor_size_of(dataset: Any) -> tuple[int, int, int]:
    """Width, height and polarities of the sensor of a data set.

    Raises:
        DataError: the data set has no sensor of fixed size.
    """
    size = _attribute(dataset, "sensor_size")
    if size is None or len(size) != 3:
        raise DataError(
            "the data set has no sensor of fixed size",
            code="sensor-size-missing",
            fix="choose a data set recorded by a sensor, or give sensor_size=(W, H, P)",
        )
    return tuple(size)


def class_names_of(dataset: Any) -> tuple[str, ...] | None:
    """Names of the classes, in the order of their numbers; None if the data set has no names."""
    names: Any = _attribute(dataset, "classes")
    if names is None:
        names = _attribute(dataset, "class_map")
    if names is None:
        return None
    if isinstance(names, Mapping):
        names = sorted(names, key=names.__getitem__)
    return tuple(texts(names))


def _pairs(source: Any, time_first: bool) -> Iterator[tuple[Any, Any]]:
    """Yield the pairs (sample, class) of a data set, of an iterable, or of a loader of batches."""
    is_map = hasattr(source, "__getitem__") and hasattr(source, "__len__")
    if not is_map and not hasattr(source, "__iter__"):
        raise UsageError(
            f"a data set or a loader is expected, not {type(source).__name__}",
            code="data-type",
            fix="pass an object with a length and items (sample, label), or a DataLoader of it",
        )
    items = (_item(source, index) for index in range(len(source))) if is_map else iter(source)
    for number, item in enumerate(items):
        recorded, target = _pair(item, number)
        labels = target if isinstance(target, tuple | list) else _batch_classes(target)
        if labels is None or _is_structured(recorded):
            yield recorded, target
        else:
            yield from _pairs_of_batch(recorded, labels, number, time_first)


def _batch_classes(target: Any) -> NDArray | None:
    """Classes of a batch, [batch]; None if the target is the class of a single sample."""
    if isinstance(target, str | bytes):
        return None
    array = as_array(target)
    return array if array.ndim == 1 else None


def _pairs_of_batch(
    recorded: Any, labels: Any, number: int, time_first: bool
) -> Iterator[tuple[Any, Any]]:
    """Yield the pairs (sample, class) of a batch."""
    array = as_array(recorded)
    axis = 1 if time_first else 0
    if array.ndim < 3 or array.shape[axis] != len(labels):
        order = "[steps, batch, channels]" if time_first else "[batch, steps, channels]"
        raise DataError(
            f"batch {number} has the shape {array.shape} and {len(labels)} labels",
            code="batch-shape",
            fix="say whether time comes first: time_first=True or False",
            why=f"{order} is expected",
        )
    yield from zip(np.moveaxis(array, axis, 0), labels, strict=True)


def _is_structured(recorded: Any) -> bool:
    """True for structured events with named fields, False for a dense array."""
    return bool(getattr(getattr(recorded, "dtype", None), "names", None))


def _class_of_target(target: Any, class_names: Sequence[str] | None, number: int) -> Any:
    """Convert a target to the number of its class, or to its name if there are no class names."""
    if isinstance(target, str | bytes):
        [name] = texts([target])
        if class_names is None:
            return name
        if name in class_names:
            return list(class_names).index(name)
    value = as_array(target)
    if value.ndim or value.dtype.kind not in "biuf":
        raise DataError(
            f"sample {number}: the target {quoted(target)} is not a class",
            code="target-not-class",
            fix="choose a data set whose targets are classes",
        )
    return value.item()


def _sensor_events(
    events: NDArray, size: Sequence[int], index: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Times in ms and units of one sample, sorted by time.

    Several of tonic's data sets are not sorted by time. The order of events has no other meaning.

    Args:
        events: structured, with the fields t in µs, x and perhaps y and p.
        size: width, height and polarities of the sensor.
        index: index of the sample, for messages.

    Raises:
        DataError: the sample is not a list of events, or an event lies outside the sensor.
    """
    if not {"t", "x"} <= set(events.dtype.names or ()):
        raise DataError(
            f"sample {index} is not a list of events with a time t and a position x",
            code="sample-not-events",
            fix="choose a data set of events",
        )
    order = np.argsort(events["t"], kind="stable")
    return (events["t"] / US_PER_MS)[order], _units_of_events(events, size, index)[order]


def _units_of_events(events: NDArray, size: Sequence[int], index: int) -> NDArray[np.int64]:
    """[events] int64: unit of each event of a sensor."""
    unit = np.zeros(len(events), np.int64)
    for field, extent in zip("pyx", reversed(size), strict=True):
        unit = unit * extent + _positions_along(events, field, extent, index)
    return unit


def _positions_along(events: NDArray, field: str, extent: int, index: int) -> NDArray[np.int64]:
    """[events] int64: position of each event along one axis of the sensor."""
    if field not in (events.dtype.names or ()) or (field == "p" and extent == 1):
        return np.zeros(len(events), np.int64)
    position = events[field].astype(np.int64)
    if position.size and (position.min() < 0 or position.max() >= extent):
        raise DataError(
            f"sample {index}: the {field} of an event is outside 0…{extent - 1}",
            code="positions-range",
            fix="fetch the data set again",
        )
    return position


def _item(dataset: Any, index: int) -> Any:
    """Read item `index` of a data set; raise `DataError` for any error while reading."""
    try:
        return dataset[index]
    except Exception as error:
        raise DataError(
            f"sample {index} cannot be read",
            code="sample-unreadable",
            fix="fetch the data set again",
            why=reason(error),
        ) from error


def _pair(item: Any, index: int) -> tuple[Any, Any]:
    """Unpack an item: (sample, class), or a batch and its classes; raise `DataError` for others."""
    if not isinstance(item, tuple | list) or len(item) != 2:
        raise DataError(
            f"item {index} is not a pair of a sample and its class",
            code="sample-unreadable",
            fix="make the data set return (sample, label)",
        )
    return item[0], item[1]


def _attribute(dataset: Any, name: str) -> Any:
    """Find an attribute of a data set, or of the data set that a subset or a loader wraps."""
    for _ in range(8):
        attribute = getattr(dataset, name, None)
        if attribute is not None or dataset is None:
            return attribute
        dataset = getattr(dataset, "dataset", None)
    return None
