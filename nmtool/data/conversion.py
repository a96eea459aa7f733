"""Samples of others as `SpikeEvents`: lists, dense arrays, tonic's events, torch's data sets.

A pair is (what was recorded, class). What was recorded may be

    a structured array    with the fields t (µs), x and perhaps y and p, as tonic has it
    a dense array         [steps, …] of spikes, as snnTorch has it; what follows the steps are
                          channels, numbered in C order; whatever is not 0 is a spike

A batch of a loader is [batch, steps, …] with [batch] classes, or [steps, batch, …] where the time
comes first. Arrays may be tensors of torch, on any device; torch itself is not needed.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmtool.data.events import SpikeEvents, numbered_classes
from nmtool.data.flatten import (
    as_pair,
    class_names_of,
    read_item,
    sensor_events,
    sensor_size_of,
)
from nmtool.errors import DataError, UsageError, listed, printable
from nmtool.network.graph import MAX_CHANNELS, check_timing

_log = logging.getLogger(__name__)

Groups = Mapping[str, ArrayLike]


def from_lists(
    times_ms: Sequence[ArrayLike],
    units: Sequence[ArrayLike],
    labels: ArrayLike,
    *,
    n_units: int | None = None,
    class_names: Sequence[str] | None = None,
    groups: Groups | None = None,
) -> SpikeEvents:
    """The samples of `SpikeEvents.from_lists`."""
    label, names = _labels(labels, class_names)
    sorted_times: list[NDArray] = [np.zeros(0)]
    sorted_units: list[NDArray] = [np.zeros(0, np.int64)]
    lengths = {len(times_ms), len(units), label.size}
    if len(lengths) > 1:
        raise DataError(
            f"there are times of {len(times_ms)} samples, units of {len(units)} and "
            f"{label.size} labels",
            code="samples-lengths",
            fix="give a list of times, a list of units and a label for every sample",
        )
    for sample, (times, channels) in enumerate(zip(times_ms, units, strict=True)):
        time, unit = _whole_or_float(times), _whole_or_float(channels)
        if time.shape != unit.shape or time.ndim != 1:
            raise DataError(
                f"sample {sample} has {time.size} times, but {unit.size} units",
                code="events-lengths",
                fix="give a time and a unit for each event",
            )
        if not _are_whole(unit):
            raise DataError(
                f"sample {sample} has units that are no numbers of channels",
                code="events-not-numbers",
                fix="number the channels from 0",
            )
        if unit.size and not -MAX_CHANNELS < unit.min() <= unit.max() < MAX_CHANNELS:
            raise DataError(
                f"sample {sample} has units from {unit.min():.0f} to {unit.max():.0f}, and there "
                f"are at most {MAX_CHANNELS}",
                code="units-count",
                fix="number the channels from 0 without gaps",
            )
        order = np.argsort(time, kind="stable")
        sorted_times.append(time[order].astype(np.float64))
        sorted_units.append(unit[order].astype(np.int64))
    unit = np.concatenate(sorted_units)
    if n_units is None:
        n_units = 1 + int(unit.max(initial=0))
    offset = np.concatenate(([0], np.cumsum([one.size for one in sorted_times[1:]], dtype=int)))
    return SpikeEvents(
        np.concatenate(sorted_times), unit, offset, label, n_units, names, _arrays(groups)
    )


def from_dense(
    dense: ArrayLike,
    labels: ArrayLike,
    *,
    dt_ms: float = 1.0,
    class_names: Sequence[str] | None = None,
    groups: Groups | None = None,
) -> SpikeEvents:
    """The samples of `SpikeEvents.from_dense`."""
    check_timing(dt_ms, 1)
    array = as_array(dense)
    label, names = _labels(labels, class_names)
    check_dimensions(array, label.size)
    n_samples, n_steps = array.shape[:2]
    array = array.reshape(n_samples, n_steps, int(np.prod(array.shape[2:])))
    if several := _check_spikes(array):
        _log.warning(several)
    sample, step, unit = np.nonzero(array)
    offset = np.concatenate(([0], np.cumsum(np.bincount(sample, minlength=n_samples))))
    return SpikeEvents(step * dt_ms, unit, offset, label, array.shape[2], names, _arrays(groups))


def check_dimensions(array: NDArray, n_labels: int) -> None:
    """Raise `DataError` unless dense spikes are [samples, steps, channels …]."""
    if array.ndim > 2:
        return
    what = f"spikes in the shape {array.shape} are not [samples, steps, channels]"
    if array.ndim == 2 and len(array) == n_labels:
        raise DataError(
            what,
            code="dense-dimensions",
            why="a row per label holds values of each sample, not spikes over time",
            fix="turn the values into spike times, and give them to SpikeEvents.from_lists; "
            "spikes of a single channel need an axis for it, spikes[:, :, None]",
        )
    raise DataError(
        what,
        code="dense-dimensions",
        fix="add an axis for a single sample, spikes[None], or for a single channel",
    )


def from_pairs(
    source: Any,
    *,
    dt_ms: float = 1.0,
    n_units: int | None = None,
    class_names: Sequence[str] | None = None,
    sensor_size: Sequence[int] | None = None,
    time_first: bool = False,
) -> SpikeEvents:
    """The samples of `SpikeEvents.from_torch` and `.from_tonic`."""
    check_timing(dt_ms, 1)
    times: list[NDArray] = []
    units: list[NDArray] = []
    time: NDArray
    unit: NDArray
    targets: list[Any] = []
    several, widths = "", set()
    size = None if sensor_size is None else tuple(sensor_size)
    for number, (recorded, target) in enumerate(_pairs(source, time_first)):
        fields = getattr(getattr(recorded, "dtype", None), "names", None)
        if fields:
            if size is None:
                size = (n_units, 1, 1) if n_units else sensor_size_of(source)
            time, unit = sensor_events(recorded, size, number)
            widths.add(int(np.prod(size)))
        else:
            array = as_array(recorded)
            if array.ndim < 2 or array.dtype.kind not in "biuf":
                raise DataError(
                    f"sample {number} is neither a list of events with a time t and a position x "
                    f"nor an array [steps, channels], but {printable(array.dtype)} of shape "
                    f"{array.shape}",
                    code="sample-not-events",
                    fix="choose a set of events, or turn its samples into spikes by a transform",
                )
            array = array.reshape(len(array), -1)
            several = several or _check_spikes(array, f"sample {number}: ")
            step, unit = np.nonzero(array)
            time = step * dt_ms
            widths.add(array.shape[1])
        times.append(time)
        units.append(unit)
        targets.append(target)
    if len(widths) > 1 or (n_units is not None and widths - {n_units}):
        asked = "" if n_units is None else f", n_units is {n_units}"
        raise DataError(
            f"samples have {listed(sorted(widths))} channels{asked}",
            code="samples-channels-differ",
            fix="give all samples the same channels",
        )
    if several:
        _log.warning(several)
    if class_names is None:
        class_names = class_names_of(source)
    width = widths.pop() if widths else n_units or 1
    return from_lists(
        times, units, _targets(targets, class_names), n_units=width, class_names=class_names
    )


def as_array(values: Any) -> NDArray:
    """The values as a numpy array; tensors of torch are copied from their device."""
    if hasattr(values, "detach"):
        values = values.detach()
        if values.is_sparse:
            values = values.to_dense()
        values = values.cpu().numpy()
    return np.asarray(values)


def _pairs(source: Any, time_first: bool) -> Iterator[tuple[Any, Any]]:
    """Every sample of a data set, an iterable of pairs, or a loader of batches."""
    is_map = hasattr(source, "__getitem__") and hasattr(source, "__len__")
    if not is_map and not hasattr(source, "__iter__"):
        raise UsageError(
            f"a data set or a loader is expected, not {type(source).__name__}",
            code="data-type",
            fix="pass an object with a length and items (sample, label), or a DataLoader of it",
        )
    items = (read_item(source, index) for index in range(len(source))) if is_map else iter(source)
    for number, item in enumerate(items):
        recorded, target = as_pair(item, number)
        labels = target if isinstance(target, tuple | list) else _batch(target)
        if labels is None:
            yield recorded, target
        else:
            yield from _of_batch(recorded, labels, number, time_first)


def _batch(target: Any) -> NDArray | None:
    """[batch] classes; None where the target is that of one sample."""
    if isinstance(target, str | bytes):
        return None
    array = as_array(target)
    return array if array.ndim == 1 else None


def _of_batch(
    recorded: Any, labels: Any, number: int, time_first: bool
) -> Iterator[tuple[Any, Any]]:
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


def _check_spikes(array: NDArray, where: str = "") -> str:
    """A warning where a bin has several spikes; `DataError` where numbers are no spikes."""
    if array.dtype.kind == "b" or not array.size:
        return ""
    if not _are_whole(array):
        raise DataError(
            f"{where}the dense samples hold numbers that are no counts of spikes",
            code="dense-not-spikes",
            fix="turn them into spikes first, e.g. with snntorch.spikegen, or give times and units "
            "to SpikeEvents.from_lists",
        )
    if array.max() <= 1 and array.min() >= 0:
        return ""
    largest = max(abs(array.max()), abs(array.min()))
    return (
        f"remark[dense-counts]: {where}bins hold numbers up to {largest:g}: whatever is not 0 is "
        "one spike"
    )


def check_labels(labels: NDArray) -> NDArray:
    """The labels, if they are a list; raises `DataError` else."""
    if labels.ndim != 1:
        raise DataError(
            f"labels in the shape {labels.shape} are no list of classes",
            code="labels-count",
            fix="give one label per sample; of one-hot labels, labels.argmax(1)",
        )
    return labels


def _labels(
    labels: ArrayLike, class_names: Sequence[str] | None
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """[samples] int64 labels, and the names of the classes."""
    # As objects, since numpy would give every name the room of the longest.
    array = check_labels(np.array(labels, object) if _are_names(labels) else as_array(labels))
    if array.dtype.kind in "USO" and array.size and _are_names(array):
        texts = [x.decode() if isinstance(x, bytes) else str(x) for x in array]
        names = tuple(map(str, class_names)) if class_names is not None else None
        names = names or tuple(sorted(set(texts)))
        number = {name: place for place, name in reversed([*enumerate(names)])}
        for sample, text in enumerate(texts):
            if text not in number:
                raise DataError(
                    f"sample {sample}: '{printable(text)}' is not one of the class names",
                    code="labels-range",
                    fix=f"name it among them: {listed(names)}",
                )
        return np.array([number[text] for text in texts], np.int64), names
    if array.size and not _are_whole(array):
        raise DataError(
            "the labels are neither whole numbers nor names of classes",
            code="labels-not-whole",
            fix="number the classes from 0, or name them",
        )
    label = array.astype(np.int64)
    if class_names is None:
        class_names = numbered_classes(int(label.max(initial=0)))
    return label, tuple(map(str, class_names))


def _are_names(labels: Any) -> bool:
    """True for a list, a tuple or an array of nothing but texts."""
    return isinstance(labels, list | tuple | np.ndarray) and all(
        isinstance(label, str | bytes) for label in labels
    )


def _are_whole(array: NDArray) -> bool:
    if array.dtype.kind != "f":
        return array.dtype.kind in "biu"
    return bool((np.isfinite(array) & (array == np.rint(array))).all())


def _targets(targets: Sequence[Any], class_names: Sequence[str] | None) -> list[Any]:
    """Classes by number, or all by name."""
    found: list[Any] = []
    class_names = () if class_names is None else class_names
    places = {name: place for place, name in reversed([*enumerate(class_names)])}
    for number, target in enumerate(targets):
        text = target.decode() if isinstance(target, bytes) else target
        if isinstance(text, str):
            found.append(places.get(text, text))
            continue
        one = as_array(text)
        if one.ndim or one.dtype.kind not in "biuf":
            raise DataError(
                f"sample {number}: the target {printable(repr(target))} is not a class",
                code="target-not-class",
                fix="choose a set whose targets are classes",
            )
        found.append(one.item())
    return found


def _whole_or_float(values: ArrayLike) -> NDArray:
    array = as_array(values)
    return array if array.size else np.zeros(0, np.int64)


def _arrays(groups: Groups | None) -> dict[str, NDArray]:
    return {name: as_array(values) for name, values in (groups or {}).items()}
