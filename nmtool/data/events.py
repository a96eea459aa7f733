"""`SpikeEvents`: the labelled spike trains of a data set, checked when they are made."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import DTypeLike, NDArray

from nmtool import storage
from nmtool.arguments import NAMES, WHOLE, check_fields
from nmtool.errors import DataError, UsageError
from nmtool.graph import is_unicode
from nmtool.tables import Table, Tabular


@dataclass(frozen=True, eq=False, repr=False)
class SpikeEvents(Tabular):
    """Samples of a classification task, each a list of events ascending in time.

    Attributes:
        time_ms: [events] float64, time since the start of the sample in ms, 0 or later.
        unit: [events] int32, which of the n_units channels spiked.
        offset: [samples + 1] int64; the events of sample s are offset[s]:offset[s + 1].
            A sample without events is legal.
        label: [samples] int64, index into class_names.
        n_units: number of channels, silent ones included.
        class_names: one per class.

    Raises:
        DataError: names the first sample (and event) that is wrong; both count from 0.
    """

    time_ms: NDArray[np.floating]
    unit: NDArray[np.integer]
    offset: NDArray[np.integer]
    label: NDArray[np.integer]
    n_units: int
    class_names: Sequence[str]

    def __post_init__(self) -> None:
        check_fields(self, n_units=WHOLE, class_names=NAMES)
        self._set("class_names", tuple(str(name) for name in self.class_names))
        if self.n_units < 1:
            raise DataError(
                f"spike events need at least one unit, not {self.n_units}",
                code="units-missing",
                fix="give n_units, the number of channels",
            )
        for index, name in enumerate(self.class_names):
            if not is_unicode(name):
                raise DataError(
                    f"the name of class {index}, {name!a}, is no text",
                    code="data-class-names-not-text",
                    fix="name it by letters",
                    why="half of a surrogate pair is no character",
                )
        if not self.class_names:
            raise DataError(
                "spike events need at least one class",
                code="classes-missing",
                fix="name the classes, one per label",
            )
        for name, kinds in (("offset", "iu"), ("time_ms", "iuf"), ("unit", "iu"), ("label", "iu")):
            self._set(name, _vector(getattr(self, name), kinds, name))
        self._check_lengths()
        self._check_labels()
        self._check_units()
        self._set("time_ms", np.ascontiguousarray(self.time_ms, np.float64))
        self._check_times()
        dtypes: dict[str, DTypeLike] = {"offset": np.int64, "label": np.int64, "unit": np.int32}
        for name, dtype in dtypes.items():
            self._set(name, np.ascontiguousarray(getattr(self, name), dtype))

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    def _check_lengths(self) -> None:
        offset = self.offset
        if offset.size < 1 or offset[0] != 0 or (offset[1:] < offset[:-1]).any():
            raise DataError(
                "the sample offsets of spike events must start at 0 and never fall",
                code="offsets-not-ascending",
                fix="give where each sample's events begin, from 0, and their number at the end",
            )
        if not offset[-1] == self.time_ms.size == self.unit.size:
            raise DataError(
                f"the samples hold {offset[-1]} events, but there are {self.time_ms.size} times "
                f"and {self.unit.size} units",
                code="events-lengths",
                fix="give a time and a unit for each event",
            )
        if self.label.size != offset.size - 1:
            raise DataError(
                f"{offset.size - 1} samples have {self.label.size} labels",
                code="labels-count",
                fix="give one label per sample",
            )

    def _check_labels(self) -> None:
        n_classes = len(self.class_names)
        at = _first_outside(self.label, n_classes)
        if at is not None:
            raise DataError(
                f"sample {at}: label {self.label[at]} is not one of the {n_classes} classes",
                code="labels-range",
                why=f"labels count from 0 to {n_classes - 1}",
                fix="correct the labels, or the class names (in a file: extra/keys)",
            )

    def _check_units(self) -> None:
        at = _first_outside(self.unit, self.n_units)
        if at is not None:
            raise DataError(
                f"{self._place(at)}: unit {self.unit[at]} is not one of the {self.n_units} units",
                code="units-range",
                why=f"units count from 0 to {self.n_units - 1}",
                fix="correct the events, or the number of units (in a file: attribute n_units)",
            )

    def _check_times(self) -> None:
        time = self.time_ms
        finite = np.isfinite(time)
        if not finite.all():
            at = int(np.argmin(finite))
            raise DataError(
                f"{self._place(at)}: the time {time[at]} is not finite",
                code="times-not-finite",
                fix="correct the time of this event, or leave the event out",
            )
        if time.size and time.min() < 0:
            at = int(np.argmax(time < 0))
            raise DataError(
                f"{self._place(at)}: the time {time[at]:g} ms is negative",
                code="times-negative",
                why="times count from the start of the sample",
                fix="shift the times of this sample, or leave out what comes before its start",
            )
        self._check_ascending()

    def _check_ascending(self) -> None:
        time, starts = self.time_ms, self.offset[1:-1]
        falls = time[1:] < time[:-1]
        falls[starts[(starts > 0) & (starts < time.size)] - 1] = False
        if falls.any():
            at = int(np.argmax(falls)) + 1
            raise DataError(
                f"{self._place(at)}: time goes backwards, from {time[at - 1]:g} to {time[at]:g} ms",
                code="times-not-ascending",
                fix="sort the events of every sample by time",
            )

    def _place(self, event: int) -> str:
        sample = int(np.searchsorted(self.offset, event, side="right")) - 1
        return f"sample {sample}, event {event - self.offset[sample]}"

    def __repr__(self) -> str:
        return (
            f"<SpikeEvents: {self.n_samples:,} samples, {self.n_units} units, "
            f"{len(self.class_names)} classes, {self.n_events:,} events>"
        )

    def __len__(self) -> int:
        return self.n_samples

    def __getitem__(self, samples: int | slice) -> SpikeEvents:
        """Some samples, e.g. `events[:50]`, or one, `events[3]`."""
        return self.take(np.atleast_1d(np.arange(self.n_samples)[samples]))

    def batches(self, at_once: int) -> Iterator[SpikeEvents]:
        """All samples in batches of `at_once`; a single empty batch where there are none."""
        for first in range(0, max(self.n_samples, 1), at_once):
            yield self[first : first + at_once]

    def tables(self) -> list[Table]:
        """Samples, channels, classes, spikes and durations."""
        from nmtool.data.description import describe, table_of

        return [table_of("spike events", {"samples": describe(self)})]

    @property
    def n_samples(self) -> int:
        """Number of samples, empty ones too."""
        return self.offset.size - 1

    @property
    def content_hash(self) -> str:
        """SHA-256 of events, labels, channels and class names, in hexadecimal."""
        header = {"n_units": int(self.n_units), "class_names": list(self.class_names)}
        arrays = ("time_ms", "unit", "offset", "label")
        return storage.content_hash(header, {name: getattr(self, name) for name in arrays})

    @property
    def n_events(self) -> int:
        """Number of events in all samples."""
        return self.time_ms.size

    @property
    def counts(self) -> NDArray[np.int64]:
        """[samples] int64: number of events of each sample."""
        return np.diff(self.offset)

    def sample_index(self) -> NDArray[np.int64]:
        """[events] int64: the sample each event belongs to."""
        return np.repeat(np.arange(self.n_samples), self.counts)

    def take(self, samples: Sequence[int] | NDArray[np.integer]) -> SpikeEvents:
        """The given samples (indices from 0), in the given order; repeats are allowed."""
        samples = np.asarray(samples, np.int64)
        starts, stops = self.offset[:-1][samples], self.offset[1:][samples]
        ranges = [slice(start, stop) for start, stop in zip(starts, stops, strict=True)]
        return replace(
            self,
            time_ms=np.concatenate([self.time_ms[:0], *(self.time_ms[r] for r in ranges)]),
            unit=np.concatenate([self.unit[:0], *(self.unit[r] for r in ranges)]),
            offset=np.concatenate(([0], np.cumsum(stops - starts))),
            label=self.label[samples],
        )

    def split_tail(self, n: int) -> tuple[SpikeEvents, SpikeEvents]:
        """All but the last n samples, and the last n: a training and a validation split.

        Raises:
            UsageError: nothing would be left on one side.
        """
        if not 0 < n < self.n_samples:
            raise UsageError(
                f"{n} validation samples cannot be taken from {self.n_samples} training samples",
                code="validation-range",
                fix=f"take 1 to {self.n_samples - 1}" if self.n_samples > 1 else "",
            )
        cut = self.n_samples - n
        return self._range(0, cut), self._range(cut, self.n_samples)

    def _range(self, start: int, stop: int) -> SpikeEvents:
        """Neighbouring samples, as views: data sets are large."""
        offset = self.offset[start : stop + 1]
        events = slice(offset[0], offset[-1])
        return replace(
            self,
            time_ms=self.time_ms[events],
            unit=self.unit[events],
            offset=offset - offset[0],
            label=self.label[start:stop],
        )

    @classmethod
    def concatenate(cls, parts: Sequence[SpikeEvents]) -> SpikeEvents:
        """The samples of several parts, one after the other.

        Raises:
            DataError: the parts differ in units or classes.
        """
        first = parts[0]
        for part in parts:
            if (part.n_units, part.class_names) != (first.n_units, first.class_names):
                raise DataError(
                    "spike events that differ in units or classes cannot be joined",
                    code="events-differ",
                    fix="join parts of one data set only",
                )
        counts = np.concatenate([part.counts for part in parts])
        return replace(
            first,
            time_ms=np.concatenate([part.time_ms for part in parts]),
            unit=np.concatenate([part.unit for part in parts]),
            offset=np.concatenate(([0], np.cumsum(counts))),
            label=np.concatenate([part.label for part in parts]),
        )


@contextmanager
def naming(source: object) -> Iterator[None]:
    """Put the file or data set that is to blame in front of every `DataError`."""
    try:
        yield
    except DataError as error:
        raise error.restated(f"{source}: {error.what}", DataError) from error


def _vector(values: object, kinds: str, what: str) -> NDArray:
    array = np.asarray(values)
    if array.size == 0:
        array = array.astype(np.int64)
    if array.ndim != 1 or array.dtype.kind not in kinds:
        numbers = "numbers" if "f" in kinds else "whole numbers"
        raise DataError(
            f"{what} of spike events must be a list of {numbers}, "
            f"not {array.dtype} of shape {array.shape}",
            code="events-not-numbers",
            fix="convert them to a flat numpy array",
        )
    return array


def _first_outside(values: NDArray[np.integer], limit: int) -> int | None:
    """Index of the first value that is not in 0…limit − 1."""
    if not values.size or (values.min() >= 0 and values.max() < limit):
        return None
    return int(np.argmax((values < 0) | (values >= limit)))
