"""From the structured events of a camera or cochlea to numbered units.

A sensor of width W, height H and P polarities has W·H·P units:

    unit = x + W·(y + H·p)        y = 0 where events have none, p = 0 where P = 1

Times are microseconds and are taken as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmtool.data.events import SpikeEvents, naming
from nmtool.errors import DataError, printable, reason

US_PER_MS = 1000.0


def flatten(dataset: Any, name: str) -> SpikeEvents:
    """All samples of a data set in tonic's format.

    Args:
        dataset: has a length; item i is (events, target), events a structured array with
            the fields t, x and perhaps y and p; `sensor_size` is (W, H, P); `classes` (or
            `class_map`) lists the class names or maps them to numbers.
        name: for messages.

    Raises:
        DataError: it is not a classification data set with a sensor of fixed size, or an
            event lies outside the sensor.
    """
    with naming(name):
        size, class_names = sensor_size_of(dataset), _class_names(dataset)
        samples = [_sample(dataset, index, size) for index in range(len(dataset))]
        label = [_label(target, class_names, i) for i, (_, _, target) in enumerate(samples)]
        return SpikeEvents(
            np.concatenate([np.zeros(0), *(time for time, _, _ in samples)]),
            np.concatenate([np.zeros(0, np.int64), *(unit for _, unit, _ in samples)]),
            np.concatenate(([0], np.cumsum([time.size for time, _, _ in samples], dtype=np.int64))),
            np.array(label, np.int64),
            int(np.prod(size)),
            class_names,
        )


def sensor_size_of(dataset: Any) -> tuple[int, int, int]:
    """Width, height and polarities of the sensor behind a data set, or what it is a part of.

    Raises:
        DataError: it has no sensor of fixed size.
    """
    size = _attribute(dataset, "sensor_size")
    if size is None or len(size) != 3:
        raise DataError(
            "the data set has no sensor of fixed size",
            code="sensor-size-missing",
            fix="choose a set of events from a sensor, or give sensor_size=(W, H, P)",
        )
    return tuple(size)


def class_names_of(dataset: Any) -> tuple[str, ...] | None:
    """The class names in the order of their numbers; None where the data set names none."""
    names: Any = _attribute(dataset, "classes")
    if names is None:
        names = _attribute(dataset, "class_map")
    if names is None:
        return None
    if isinstance(names, Mapping):
        names = sorted(names, key=names.__getitem__)
    return tuple(key.decode() if isinstance(key, bytes) else str(key) for key in names)


def sensor_events(
    events: NDArray, size: Sequence[int], index: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Times in ms and units of one sample, put in order of time.

    Several of tonic's sets hold events that are not; with cameras, order means nothing more.

    Args:
        events: structured, with the fields t in µs, x and perhaps y and p.
        size: width, height and polarities of the sensor.
        index: of the sample, for messages.

    Raises:
        DataError: it is no list of events, or one lies outside the sensor.
    """
    fields = getattr(getattr(events, "dtype", None), "names", None) or ()
    if not {"t", "x"} <= set(fields):
        raise DataError(
            f"sample {index} is not a list of events with a time t and a position x",
            code="sample-not-events",
            fix="choose a set of events",
        )
    order = np.argsort(events["t"], kind="stable")
    return (events["t"] / US_PER_MS)[order], _unit(events, size, index)[order]


def read_item(dataset: Any, index: int) -> Any:
    """Item `index` of a data set; raises `DataError` for whatever goes wrong."""
    try:
        return dataset[index]
    except Exception as error:
        raise DataError(
            f"sample {index} cannot be read",
            code="sample-unreadable",
            fix="fetch the data set again",
            why=reason(error),
        ) from error


def as_pair(item: Any, index: int) -> tuple[Any, Any]:
    """A sample and its class, or a batch and its classes; raises `DataError` for anything else."""
    if not isinstance(item, tuple | list) or len(item) != 2:
        raise DataError(
            f"item {index} is no pair of a sample and its class",
            code="sample-unreadable",
            fix="let the data set give (sample, label)",
        )
    return item[0], item[1]


def _attribute(dataset: Any, name: str) -> Any:
    """An attribute of a data set, or of the one that it wraps, as a subset or a loader does."""
    for _ in range(8):
        found = getattr(dataset, name, None)
        if found is not None or dataset is None:
            return found
        dataset = getattr(dataset, "dataset", None)
    return None


def _class_names(dataset: Any) -> tuple[str, ...]:
    names = class_names_of(dataset)
    if names is None:
        raise DataError(
            "the data set has no classes to tell apart",
            code="classes-missing",
            fix="choose a set whose samples have classes",
        )
    return names


def _sample(
    dataset: Any, index: int, size: tuple[int, int, int]
) -> tuple[NDArray[np.float64], NDArray[np.int64], Any]:
    """Times in ms, units and target of one sample."""
    events, target = as_pair(read_item(dataset, index), index)
    return *sensor_events(events, size, index), target


def _unit(events: NDArray, size: Sequence[int], index: int) -> NDArray[np.int64]:
    unit = np.zeros(len(events), np.int64)
    for field, extent in zip("pyx", reversed(size), strict=True):
        unit = unit * extent + _position(events, field, extent, index)
    return unit


def _position(events: NDArray, field: str, extent: int, index: int) -> NDArray[np.int64]:
    """[events] int64 position along one axis of the sensor."""
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


def _label(target: Any, class_names: tuple[str, ...], index: int) -> int:
    text = target.decode() if isinstance(target, bytes) else target
    if isinstance(text, str) and text in class_names:
        return class_names.index(text)
    number = np.asarray(target)
    if number.ndim or number.dtype.kind not in "iu":
        raise DataError(
            f"sample {index}: the target {printable(repr(target))} is not a class",
            code="target-not-class",
            fix="choose a set whose targets are classes",
        )
    return int(number)
