"""`Rows`: samples from lists, arrays and files of other tools, before they become `SpikeEvents`.

Lists, dense arrays, pairs (`pairs`) and files (`incoming`) become `Rows`. The method `columns`
numbers the classes and sorts events by time; `SpikeEvents` are made of its result. Arrays may be
torch tensors, on any device; torch itself is not needed.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmtool.data.checks import LARGEST_LABEL, check_lengths, numbered_classes
from nmtool.errors import DataError, listed, printable
from nmtool.network.analogue import AnalogueInput
from nmtool.network.graph import MAX_CHANNELS, check_timing
from nmtool.raster import are_whole, check_counts
from nmtool.values import plain_array

_log = logging.getLogger(__name__)

ROW_SUFFIXES = (".csv", ".npz")
"""Extensions of files that `read_incoming` reads as `Rows`."""

MAX_EVENT_SPIKES = (1 << 31) - 1
"""Largest number of spikes of an event, which is stored in 32 bits."""

_MANY_CHANNELS, _CHANNELS_PER_STEP = 64, 4
"""Smallest numbers of channels, in total and per step, at which axes look swapped."""

NUMBER = re.compile(
    r"[+-]?(?:(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?P<exponent>[eE][+-]?[0-9]+)?|(?i:nan|inf))"
)
"""Texts that are numbers. Python also converts 1_000, and digits of other scripts, to numbers."""

_Events = tuple[
    NDArray[np.floating], NDArray[np.integer], NDArray[np.integer] | None, NDArray[np.integer], int
]
"""Times in ms, units and numbers of spikes (None: one each) [events], the number of events
[samples], and the number of units."""


@dataclass
class Rows:
    """Samples as a file or an object has them, in the same order.

    >>> rows = Rows([[3.0, 1.5], []], [[0, 4], []], ["no", "yes"])
    >>> rows.columns()["time_ms"], rows.columns()["class_names"]
    (array([1.5, 3. ]), ('no', 'yes'))

    Attributes:
        times_ms, units: [samples] lists of times in ms and of channels, in any order of time.
        axes: names of the axes of a sensor, x, y and perhaps polarity, for events with positions:
            `units` then has, for each event in turn, its position along each axis.
        labels: [samples] numbers or names of classes.
        groups: by name, [samples] integers, or names from files.
        dense: [samples, steps, channels …] spikes, instead of times and units.
        values: [samples, steps, channels …] numbers, which an encoder turns into `dense` spikes.
        analogue: the rule by which they became counts; None for spikes.
        dt_ms: length of a step of dense spikes in ms; None if unknown.
        class_names: names of the classes; None: the sorted names in `labels`, or numbers.
        n_units: number of channels of listed events; None: one more than the largest unit.
        counts: [samples] lists of the numbers of spikes of listed events; None: one each.
    """

    times_ms: Any = field(default_factory=list)
    units: Any = field(default_factory=list)
    labels: Any = field(default_factory=list)
    groups: dict[str, Any] = field(default_factory=dict)
    dense: Any = None
    dt_ms: float | None = None
    class_names: Sequence[str] | None = None
    n_units: int | None = None
    counts: Any = None
    values: Any = None
    analogue: AnalogueInput | None = None
    axes: Sequence[str] = ()

    def columns(self) -> dict[str, Any]:
        """Arguments of `SpikeEvents` with these samples, whose classes are numbered from 0.

        Raises:
            DataError: lists or arrays are inconsistent, or are not spikes and classes.
            NetworkError: the step length of dense spikes is not positive.
        """
        if self.dt_ms is not None:
            check_timing(self.dt_ms, 1)
        label, names = numbered(self.labels, self.class_names)
        read = self._events_of_lists if self.dense is None else self._events_of_dense
        time_ms, unit, count, n_events, n_units = read(label.size)
        offset = np.concatenate(([0], np.cumsum(n_events, dtype=np.int64)))
        return {
            "time_ms": time_ms,
            "unit": unit,
            "offset": offset,
            "label": label,
            "n_units": n_units,
            "class_names": names,
            "groups": {name: as_array(values) for name, values in self.groups.items()},
            "count": count,
            "analogue": self.analogue,
        }

    def _events_of_lists(self, n_labels: int) -> _Events:
        """Check samples that are lists of events, sort their events, and join them."""
        sizes = {"lists of times": len(self.times_ms), "lists of units": len(self.units)}
        if self.counts is not None:
            sizes["lists of counts"] = len(self.counts)
        check_lengths({**sizes, "labels": n_labels}, fix="give one of each for every sample")
        times: list[NDArray] = [np.zeros(0)]
        units: list[NDArray] = [np.zeros(0, np.int64)]
        counts: list[NDArray] = [np.zeros(0, np.int64)]
        for sample, lists in enumerate(zip(self.times_ms, self.units, strict=True)):
            time, unit = (x if x.size else np.zeros(0, np.int64) for x in map(as_array, lists))
            sizes = {"times": time.size, "units": unit.size}
            if time.ndim != 1:
                sizes = {"axes of times": time.ndim, "axis of events": 1}
            check_lengths(sizes, f"sample {sample}: ", "give a time and a unit for each event")
            if not are_whole(unit):
                raise DataError(
                    f"sample {sample} has units that are not whole numbers",
                    code="events-not-numbers",
                    fix="number the channels from 0; times come first, then units: "
                    "from_lists(times_ms, units, labels)"
                    if are_whole(time)
                    else "number the channels from 0",
                )
            if unit.size and not -MAX_CHANNELS < unit.min() <= unit.max() < MAX_CHANNELS:
                raise DataError(
                    f"sample {sample} has units from {unit.min():.0f} to {unit.max():.0f}, but "
                    f"nmtool allows at most {MAX_CHANNELS} units",
                    code="units-count",
                    fix="number the channels from 0 without gaps",
                )
            order = np.argsort(time, kind="stable")
            times.append(time[order].astype(np.float64))
            units.append(unit[order].astype(np.int64))
            if self.counts is not None:
                counts.append(_whole_counts(self.counts[sample], time.size, sample)[order])
        unit = np.concatenate(units)
        n_units = 1 + int(unit.max(initial=0)) if self.n_units is None else self.n_units
        n_events = np.array([time.size for time in times[1:]], np.int64)
        count = None if self.counts is None else np.concatenate(counts)
        return np.concatenate(times), unit, count, n_events, n_units

    def _events_of_dense(self, n_labels: int) -> _Events:
        """Check dense samples, and list their nonzero numbers as events."""
        array = as_array(self.dense)
        _check_dimensions(array, n_labels)
        if self.dt_ms is None:
            raise DataError(
                "the step length of the dense spikes is unknown",
                code="dense-step-unknown",
                fix="set `dt_ms=`, or add an array dt_ms to the file",
            )
        swapped = "" if array.ndim > 3 else swapped_axes(*array.shape[1:])
        array = array.reshape(*array.shape[:2], int(np.prod(array.shape[2:])))
        if swapped:
            _log.warning(swapped)
        check_counts(array, limit=MAX_EVENT_SPIKES)
        sample, step, unit = place = np.nonzero(array)
        n_events = np.bincount(sample, minlength=len(array))
        return step * float(self.dt_ms), unit, counts_at(array, place), n_events, array.shape[2]


def numbered(
    labels: Any, class_names: Sequence[str] | None = None
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Number the classes of samples from 0.

    >>> numbered(["yes", "no"]), numbered([0, 2])
    ((array([1, 0]), ('no', 'yes')), (array([0, 2]), ('0', '1', '2')))

    Args:
        labels: [samples] numbers from 0, or names.
        class_names: names of the classes; by default the sorted names in `labels`, or numbers.

    Returns:
        [samples] int64 labels, and the class names.

    Raises:
        DataError: the labels are not one list of classes, or some labels are not among the names.
    """
    # Names become an array of objects, because an array of strings would pad all names to the
    # length of the longest name.
    array = check_labels(np.array(labels, object) if _are_names(labels) else as_array(labels))
    names = None if class_names is None else tuple(map(str, class_names))
    if array.dtype.kind in "USO" and array.size and _are_names(array):
        words = texts(array)
        names = names or tuple(sorted(set(words)))
        number = {name: place for place, name in reversed([*enumerate(names)])}
        for sample, word in enumerate(words):
            if word not in number:
                raise DataError(
                    f"sample {sample}: '{printable(word)}' is not one of the class names",
                    code="labels-range",
                    fix=f"use one of the class names ({listed(names)}), or add this one to them",
                )
        return np.array([number[word] for word in words], np.int64), names
    if array.size and not are_whole(array):
        raise DataError(
            "the labels are neither whole numbers nor names of classes",
            code="labels-not-whole",
            fix="number the classes from 0, or name them",
        )
    if names is None:
        names = numbered_classes(max(int(array.max(initial=0)), 0))
    if array.dtype.kind == "f":
        # Floats beyond int64 have no defined conversion. No class has the number of a bound either.
        array = np.clip(array, -LARGEST_LABEL, LARGEST_LABEL)
    return array.astype(np.int64), names


def check_labels(labels: NDArray) -> NDArray:
    """Return one-dimensional labels unchanged; raise `DataError` for other shapes."""
    if labels.ndim != 1:
        raise DataError(
            f"labels must be a list with one class per sample, but have the shape {labels.shape}",
            code="labels-count",
            fix="give one label per sample; for one-hot labels, labels.argmax(1)",
        )
    return labels


def swapped_axes(n_steps: int, n_channels: int) -> str:
    """Return a warning that axes may be swapped if channels far outnumber steps, else ''."""
    if n_channels < max(_MANY_CHANNELS, _CHANNELS_PER_STEP * n_steps):
        return ""
    return (
        f"remark[axes-look-swapped]: the dense samples have {n_steps:,} steps and {n_channels:,} "
        "channels, in this order; if the axes are swapped, transpose them first: "
        "spikes.transpose(0, 2, 1)"
    )


def counts_at(dense: NDArray, place: tuple[NDArray, ...]) -> NDArray[np.int64]:
    """[events] int64: the numbers of spikes at some places of a dense array."""
    if dense.dtype.kind == "b":
        return np.broadcast_to(np.int64(1), place[0].shape)
    return dense[place].astype(np.int64)


def as_array(values: Any) -> NDArray:
    """Convert values to a numpy array; torch tensors are copied from their device."""
    if hasattr(values, "detach"):
        values = values.detach()
        if values.is_sparse:
            values = values.to_dense()
        values = values.cpu().numpy()
    return plain_array(values)


def are_numbers(labels: Sequence[Any]) -> bool:
    """True if all labels are numbers or text of numbers; False without labels."""
    try:
        numbers = [float(label) for label in labels]
    except (TypeError, ValueError):
        return False
    words = (label for label in labels if isinstance(label, str | bytes))
    return bool(numbers) and all(map(NUMBER.fullmatch, texts(words)))


def texts(names: Iterable[Any]) -> list[str]:
    """Convert names to text; bytes are decoded as UTF-8."""
    return [
        name.decode(errors="backslashreplace") if isinstance(name, bytes) else str(name)
        for name in names
    ]


def _check_dimensions(array: NDArray, n_labels: int) -> None:
    """Raise `DataError` unless dense spikes have at least three axes."""
    if array.ndim > 2:
        return
    what = f"spikes of shape {array.shape} are not [samples, steps, channels]"
    if array.ndim == 2 and len(array) == n_labels:
        raise DataError(
            what,
            code="dense-dimensions",
            why="the array has one row of values per label, without time steps",
            fix="encode the values as spike times, for SpikeEvents.from_lists; spikes of a single "
            "channel need a channel axis: spikes[:, :, None]",
        )
    raise DataError(
        what,
        code="dense-dimensions",
        fix="add an axis for a single sample, spikes[None], or for a single channel",
    )


def _whole_counts(values: Any, n_events: int, sample: int) -> NDArray[np.int64]:
    """[events] int64: the numbers of spikes of a sample's events; raises `DataError` for others."""
    count = as_array(values)
    check_lengths({"events": n_events, "counts": count.size}, f"sample {sample}: ")
    count = count.reshape(n_events)
    if not are_whole(count):
        raise DataError(
            f"sample {sample} has counts that are not whole numbers",
            code="events-not-numbers",
            fix="give the number of spikes of each event",
        )
    # Floats beyond int64 have no defined conversion; the limits stay beyond what is allowed.
    return np.clip(count, -1, MAX_EVENT_SPIKES + 1).astype(np.int64)


def _are_names(labels: Any) -> bool:
    """True if the labels are a list, a tuple or an array that contains only strings."""
    return isinstance(labels, list | tuple | np.ndarray) and all(
        isinstance(label, str | bytes) for label in labels
    )
