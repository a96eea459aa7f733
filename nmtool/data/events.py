"""`SpikeEvents`: labelled spike trains, validated when they are made."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from nmtool import storage
from nmtool.arguments import MAPPING, NAMES, WHOLE, check_fields
from nmtool.data.checks import check_lengths, check_n_units, check_names
from nmtool.data.description import describe, table_of
from nmtool.data.dividing import drawn_samples
from nmtool.data.pairs import read_pairs
from nmtool.data.rows import MAX_EVENT_SPIKES, Rows, as_array
from nmtool.errors import DataError, check_type, printable
from nmtool.network.analogue import MAX_BITS, AnalogueInput, finite_numbers
from nmtool.tables import Table, Tabular, counted
from nmtool.values import plain_array

if TYPE_CHECKING:
    from nmtool.data.stored import EventStore

_log = logging.getLogger(__name__)

AT_ONCE = 256
"""Samples per batch of a large data set."""

EXCERPT = 1000
"""Largest number of samples on disk that are analysed step by step."""

MAX_TIME_MS = (1 << 53) / 1000
"""Times of events are below this limit, up to which floats count µs exactly: 285 years."""


@dataclass(frozen=True, eq=False, repr=False)
class SpikeEvents(Tabular):
    """Samples of a classification task, each a list of events ascending in time.

    >>> events = SpikeEvents.from_lists([[0.4, 3.2], [1.0]], [[0, 3], [2]], labels=[0, 1])
    >>> events
    <SpikeEvents: 2 samples, 4 units, 2 classes, 3 events>
    >>> events[1:].time_ms, events[1:].unit
    (array([1.]), array([2], dtype=int32))

    An event is one spike, or several spikes of a channel at the same time:

    >>> SpikeEvents.from_lists([[0.4, 3.2]], [[0, 3]], [0], counts=[[1, 7]])
    <SpikeEvents: 1 sample, 4 units, 1 class, 2 events with 8 spikes>

    The events of a large file stay on disk (`load_dataset`). Selecting, counting and dividing
    samples does not read them; `batches`, `in_memory` and every access to `time_ms`, `unit` or
    `count` read them.

    Attributes:
        time_ms: [events] float64, time since the start of the sample in ms, 0 or later.
        unit: [events] int32, channel of each event, below n_units.
        offset: [samples + 1] int64; the events of sample s are the entries
            offset[s]:offset[s + 1] of `time_ms` and `unit`. Samples may be empty.
        label: [samples] int64, index into class_names.
        n_units: number of channels, including silent channels.
        class_names: names of the classes, by label.
        groups: by name, [samples] int64, e.g. the speaker of each sample. `SplitRule` keeps
            groups together.
        count: [events] int32, number of spikes of each event, 1 or more; None if each event is one
            spike.
        analogue: the rule that turned numbers into these counts, see `from_values`; None for
            spikes.

    Raises:
        DataError: a sample is invalid; the message names the first invalid sample and its event,
            both counted from 0.
    """

    time_ms: NDArray[np.floating]
    unit: NDArray[np.integer]
    offset: NDArray[np.integer]
    label: NDArray[np.integer]
    n_units: int
    class_names: Sequence[str]
    groups: Mapping[str, NDArray[np.integer]] = field(default_factory=dict)
    # A factory, since with a default the class would have this attribute, and `__getattr__` would
    # not be asked for the counts of samples on disk.
    count: NDArray[np.integer] | None = field(default_factory=lambda: None, kw_only=True)
    analogue: AnalogueInput | None = field(default=None, kw_only=True)

    # These two fields are used if the samples are on disk. The first field is the copy that
    # contains the events of the samples. The second field has the indices of the samples in this
    # copy.
    _store: EventStore | None = field(default=None, init=False)
    _place: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64), init=False)

    def _line(self) -> str:
        samples, units = counted(self.n_samples, "sample"), counted(self.n_units, "unit")
        classes = counted(len(self.class_names), "class")
        events = counted(self.n_events, "event")
        if self.has_counts:
            events += f" with {counted(self.n_spikes, 'spike')}"
        return f"{samples}, {units}, {classes}, {events}"

    def __post_init__(self) -> None:
        check_fields(self, n_units=WHOLE, class_names=NAMES, groups=MAPPING)
        names = tuple(map(str, self.class_names))
        self._set("class_names", names)
        check_n_units(self.n_units)
        check_names(names)
        for name, kinds in (("offset", "iu"), ("time_ms", "iuf"), ("unit", "iu"), ("label", "iu")):
            self._set(name, _vector(getattr(self, name), kinds, name))
        self._check_lengths()
        self._check_labels()
        check_units(self.unit, self.offset, self.n_units)
        self._set("time_ms", np.ascontiguousarray(self.time_ms, np.float64))
        check_times(self.time_ms, self.offset)
        dtypes: dict[str, DTypeLike] = {"offset": np.int64, "label": np.int64, "unit": np.int32}
        for name, dtype in dtypes.items():
            self._set(name, np.ascontiguousarray(getattr(self, name), dtype))
        if self.count is not None:
            self._set("count", _counts(self.count, self.offset))
        if self.analogue is not None:
            check_type(self.analogue, AnalogueInput, "the analogue input", "use `from_values`")
        self._check_groups()

    @classmethod
    def _on_disk(cls, store: EventStore, place: NDArray[np.int64]) -> SpikeEvents:
        """The samples with the indices `place` in a copy on disk; events are read on access."""
        index, events = store.index, object.__new__(cls)
        events._set("_store", store)
        events._set("_place", place)
        events._set("offset", np.concatenate(([0], np.cumsum(index.counts[place]))))
        events._set("label", index.label[place])
        events._set("n_units", index.n_units)
        events._set("class_names", index.class_names)
        events._set("groups", {name: group[place] for name, group in index.groups.items()})
        events._set("analogue", index.analogue)
        if not index.has_counts:
            events._set("count", None)
        return events

    # If type checkers saw `__getattr__`, they would accept every misspelt attribute.
    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> NDArray | None:
            if self._store is None or name not in ("time_ms", "unit", "count"):
                raise AttributeError(f"spike events have no attribute '{name}'")
            return getattr(self.in_memory(), name)

    def _set(self, name: str, value: object) -> None:
        """Set an attribute, although the dataclass is frozen."""
        object.__setattr__(self, name, value)

    def _check_lengths(self) -> None:
        """Raise `DataError` unless offsets ascend and the lengths of all arrays match."""
        offset = self.offset
        if offset.size < 1 or offset[0] != 0 or (offset[1:] < offset[:-1]).any():
            raise DataError(
                "the sample offsets of spike events must start at 0 and never decrease",
                code="offsets-not-ascending",
                fix="give the index of each sample's first event, then the number of events",
            )
        sizes = {"times": self.time_ms.size, "units": self.unit.size}
        check_lengths({"events": int(offset[-1]), **sizes}, fix="give each event a time and a unit")
        check_lengths({"samples": offset.size - 1, "labels": self.label.size})

    def _check_labels(self) -> None:
        n_classes = len(self.class_names)
        index = _first_outside(self.label, n_classes)
        if index is not None:
            raise DataError(
                f"sample {index}: label {self.label[index]} is not one of the {n_classes} classes",
                code="labels-range",
                why=f"labels count from 0 to {n_classes - 1}",
                fix="correct the labels, or the class names (in a file: extra/keys)",
            )

    def _check_groups(self) -> None:
        """Convert groups to int64; raise `DataError` unless they have one integer per sample."""
        groups = {}
        for name, values in self.groups.items():
            group = groups[str(name)] = _vector(values, "iu", f"the group {printable(name)}")
            entries = {f"entries of the group {printable(name)}": group.size}
            check_lengths({"samples": self.n_samples, **entries})
        self._set("groups", {name: group.astype(np.int64) for name, group in groups.items()})

    def __len__(self) -> int:
        return self.n_samples

    def __getitem__(self, samples: int | slice | Sequence[int] | NDArray) -> SpikeEvents:
        """Select samples, e.g. `events[:50]`, `events[events.label == 2]` or `events[3]`."""
        return self.take(np.atleast_1d(np.arange(self.n_samples)[samples]))

    def __iter__(self) -> Iterator[SpikeEvents]:
        """Iterate over the samples, each as `SpikeEvents`."""
        return (self[sample] for sample in range(self.n_samples))

    def batches(self, at_once: int | None = None) -> Iterator[SpikeEvents]:
        """Yield all samples in batches in memory, for data sets of any size.

        >>> events = SpikeEvents.from_lists([[1.0]] * 5, [[0]] * 5, labels=[0] * 5)
        >>> [batch.n_samples for batch in events.batches(2)]
        [2, 2, 1]

        Args:
            at_once: samples per batch; by default all samples if they are in memory, or 256 if they
                are on disk.

        Yields:
            `SpikeEvents`; a single empty batch if there are no samples.

        Raises:
            DataError: the copy on disk is damaged, and its source has changed or is gone.
        """
        if at_once is None and self._store is None:
            yield self
            return
        at_once = AT_ONCE if at_once is None else at_once
        for first in range(0, max(self.n_samples, 1), at_once):
            yield self._range(first, min(first + at_once, self.n_samples)).in_memory()

    def in_memory(self) -> SpikeEvents:
        """Read all events into memory, and return the samples.

        An event takes 12 bytes, or 16 with a count.

        Raises:
            DataError: the copy on disk is damaged, and its source has changed or is gone.
        """
        if self._store is None:
            return self
        time_ms, unit, count = self._store.read(self._place)
        of_samples = self.offset, self.label, self.n_units, self.class_names, self.groups
        return SpikeEvents(time_ms, unit, *of_samples, count=count, analogue=self.analogue)

    def excerpt(self, count: int | None = None) -> SpikeEvents:
        """Read samples into memory, few enough to be analysed step by step.

        Args:
            count: number of samples, drawn as by `draw`. By default all; but if more than 1,000
                are on disk, 1,000 are drawn, with a warning.
        """
        if count is None and self._store is not None:
            count = EXCERPT
            if self.n_samples > count:
                _log.warning(
                    f"remark[samples-drawn]: only {count:,} of {self.n_samples:,} samples, drawn "
                    "per class, are used, since the data stay on disk; choose their number with "
                    "`samples=`, or in Python with data.test.draw(N).in_memory()"
                )
        return self if count is None else self.draw(count).in_memory()

    def tables(self) -> list[Table]:
        """Samples, channels, classes, spikes and durations."""
        return [table_of("spike events", {"samples": describe(self)})]

    @property
    def n_samples(self) -> int:
        """Number of samples, including empty samples."""
        return self.offset.size - 1

    @property
    def content_hash(self) -> str:
        """SHA-256 of events, labels, number of channels and class names, in hexadecimal.

        Counts are part of it if an event has several spikes, and so is the rule of `from_values`.
        """
        if self._store is not None and (digest := self._store.known_hash(self._place)):
            return digest

        def parts(name: str) -> Iterator[NDArray]:
            """Yield an array of the events, such as `time_ms`, in portions."""
            return (getattr(batch, name) for batch in self.batches())

        size = (self.n_events,)
        counts: dict[str, Any] = {}
        if self.has_counts:
            spikes = (batch.event_counts() for batch in self.batches())
            counts["count"] = (np.dtype(np.int32), size, spikes)
        return storage.content_hash_of_parts(
            {
                "n_units": int(self.n_units),
                "class_names": list(self.class_names),
                **({} if self.analogue is None else {"analogue": self.analogue.as_json()}),
            },
            {
                "label": (self.label.dtype, self.label.shape, [self.label]),
                "offset": (self.offset.dtype, self.offset.shape, [self.offset]),
                "time_ms": (np.dtype(np.float64), size, parts("time_ms")),
                "unit": (np.dtype(np.int32), size, parts("unit")),
                **counts,
            },
        )

    @property
    def n_events(self) -> int:
        """Number of events in all samples."""
        return int(self.offset[-1])

    @property
    def n_spikes(self) -> int:
        """Number of spikes of all events; `n_events` without counts."""
        return int(self.spikes.sum())

    @property
    def has_counts(self) -> bool:
        """True if an event has several spikes."""
        if self._store is not None:
            return self.most_spikes > 1
        return self.count is not None

    @property
    def most_spikes(self) -> int:
        """Largest number of spikes of an event; 1 without events."""
        if self._store is not None:
            return int(self._store.index.most[self._place].max(initial=1))
        return 1 if self.count is None else int(self.count.max())

    @property
    def counts(self) -> NDArray[np.int64]:
        """[samples] int64: number of events of each sample."""
        return np.diff(self.offset)

    @property
    def spikes(self) -> NDArray[np.int64]:
        """[samples] int64: number of spikes of each sample; its `counts` if events are spikes."""
        if self._store is not None:
            return self._store.index.spikes[self._place]
        if self.count is None:
            return self.counts
        ends = np.concatenate(([0], np.cumsum(self.count, dtype=np.int64)))
        return np.diff(ends[self.offset])

    def event_counts(self) -> NDArray[np.integer]:
        """[events] int32: number of spikes of each event, also where all have one."""
        count = self.count
        return np.ones(self.n_events, np.int32) if count is None else count

    @property
    def last_ms(self) -> NDArray[np.float64]:
        """[samples] float64: time of each sample's last event in ms; NaN without events."""
        if self._store is not None:
            return self._store.index.last_ms[self._place]
        last = np.full(self.n_samples, np.nan)
        spiking = self.counts > 0
        last[spiking] = self.time_ms[self.offset[1:][spiking] - 1]
        return last

    def sample_index(self) -> NDArray[np.int64]:
        """[events] int64: index of the sample to which each event belongs."""
        return np.repeat(np.arange(self.n_samples), self.counts)

    def take(self, samples: Sequence[int] | NDArray[np.integer]) -> SpikeEvents:
        """Select samples by their indices from 0, in the given order; repeats are allowed."""
        samples = plain_array(samples, np.int64)
        if self._store is not None:
            return self._on_disk(self._store, self._place[samples])
        starts, stops = self.offset[:-1][samples], self.offset[1:][samples]
        ranges = [slice(start, stop) for start, stop in zip(starts, stops, strict=True)]
        return replace(
            self,
            time_ms=np.concatenate([self.time_ms[:0], *(self.time_ms[r] for r in ranges)]),
            unit=np.concatenate([self.unit[:0], *(self.unit[r] for r in ranges)]),
            offset=np.concatenate(([0], np.cumsum(stops - starts))),
            label=self.label[samples],
            groups={name: group[samples] for name, group in self.groups.items()},
            count=None
            if self.count is None
            else np.concatenate([self.count[:0], *(self.count[r] for r in ranges)]),
        )

    def draw(self, count: int, seed: int = 0) -> SpikeEvents:
        """A stratified draw of samples, in proportion to the classes, in the order of the data.

        Use a draw where all samples would take too long. The first samples of a file are no
        substitute, since files are often sorted by class.

        >>> events = SpikeEvents.from_lists([[1.0]] * 6, [[0]] * 6, labels=[0, 0, 0, 1, 1, 1])
        >>> events.draw(2).label
        array([0, 1])

        Args:
            count: number of samples; all samples if there are fewer.
            seed: seed of the draw.

        Raises:
            UsageError: the count is less than 1, or the seed is negative.
        """
        return self.take(drawn_samples(self.label, count, seed))

    def divide(self, part: NDArray[np.int64]) -> list[SpikeEvents]:
        """Divide samples into two or more parts, keeping their order.

        >>> events = SpikeEvents.from_lists([[1.0], [2.0], [3.0]], [[0]] * 3, labels=[0, 0, 1])
        >>> [part.time_ms for part in events.divide(np.array([1, 0, 1]))]
        [array([2.]), array([1., 3.])]

        Args:
            part: [samples] int64, part of each sample, from 0, e.g. from `SplitRule.assign`.
        """
        n_parts = max(2, 1 + int(part.max(initial=0)))
        if (part[1:] >= part[:-1]).all():
            cuts = np.searchsorted(part, np.arange(n_parts + 1)).tolist()
            return [self._range(start, stop) for start, stop in pairwise(cuts)]
        return [self[part == number] for number in range(n_parts)]

    def _range(self, start: int, stop: int) -> SpikeEvents:
        """Samples `start` to `stop` − 1, as views, since copies of large data sets are slow."""
        if self._store is not None:
            return self._on_disk(self._store, self._place[start:stop])
        offset = self.offset[start : stop + 1]
        events = slice(offset[0], offset[-1])
        return replace(
            self,
            time_ms=self.time_ms[events],
            unit=self.unit[events],
            offset=offset - offset[0],
            label=self.label[start:stop],
            groups={name: group[start:stop] for name, group in self.groups.items()},
            count=None if self.count is None else self.count[events],
        )

    @classmethod
    def from_lists(
        cls,
        times_ms: Sequence[ArrayLike],
        units: Sequence[ArrayLike],
        labels: ArrayLike,
        *,
        n_units: int | None = None,
        class_names: Sequence[str] | None = None,
        groups: Mapping[str, ArrayLike] | None = None,
        counts: Sequence[ArrayLike] | None = None,
    ) -> SpikeEvents:
        """Make events from a list of times and a list of units per sample, in any order of time.

        >>> SpikeEvents.from_lists([[3.0, 1.5], [], [0.2]], [[0, 4], [], [2]], ["no", "no", "yes"])
        <SpikeEvents: 3 samples, 5 units, 2 classes, 3 events>

        Args:
            times_ms: [samples] lists of times in ms, from the start of the sample.
            units: [samples] lists of channels, as long as the lists of times.
            labels: [samples] numbers from 0, or names.
            n_units: number of channels; by default one more than the largest unit.
            class_names: names of the classes; by default the sorted names in `labels`, or numbers.
            groups: by name, [samples] integers, e.g. the speaker.
            counts: [samples] lists of the numbers of spikes of the events, as long as the lists of
                times; by default each event is one spike.

        Raises:
            DataError: the lists are inconsistent.
        """
        rows = Rows(
            *(times_ms, units, labels, dict(groups or {})),
            class_names=class_names,
            n_units=n_units,
            counts=counts,
        )
        return cls(**rows.columns())

    @classmethod
    def from_dense(
        cls,
        dense: ArrayLike,
        labels: ArrayLike,
        *,
        dt_ms: float = 1.0,
        class_names: Sequence[str] | None = None,
        groups: Mapping[str, ArrayLike] | None = None,
    ) -> SpikeEvents:
        """Make events from an array [samples, steps, channels …] of spikes or spike counts.

        >>> SpikeEvents.from_dense(np.eye(6).reshape(2, 3, 6), [0, 1], dt_ms=2.0).time_ms
        array([0., 2., 4., 0., 2., 4.])
        >>> SpikeEvents.from_dense([[[0, 5], [1, 0]]], [0]).count
        array([5, 1], dtype=int32)

        Args:
            dense: array or tensor of spikes or spike counts; each nonzero number becomes an event
                with this number of spikes. All axes after the second are channels, numbered in C
                order.
            labels: [samples] numbers from 0, or names.
            dt_ms: length of a step in ms.
            class_names, groups: as for `from_lists`.

        Raises:
            DataError: the array has other dimensions, or numbers that are not spike counts.
            NetworkError: the step is not positive.
        """
        columns = dict(groups or {})
        rows = Rows(
            dense=dense, labels=labels, groups=columns, dt_ms=dt_ms, class_names=class_names
        )
        return cls(**rows.columns())

    @classmethod
    def from_values(
        cls,
        values: ArrayLike,
        labels: ArrayLike,
        *,
        dt_ms: float = 1.0,
        bits: int = MAX_BITS,
        signed: bool | None = None,
        scale: float | None = None,
        class_names: Sequence[str] | None = None,
        groups: Mapping[str, ArrayLike] | None = None,
    ) -> SpikeEvents:
        """Make events from an array of numbers: each becomes a count, see `AnalogueInput`.

        >>> train = SpikeEvents.from_values([[[0.0, 0.2], [0.1, 0.4]]], [0], bits=2)
        >>> train.unit, train.count
        (array([1, 0, 1], dtype=int32), array([2, 1, 3], dtype=int32))
        >>> train.analogue
        AnalogueInput(scale=0.13333333333333333, bits=2, signed=False)

        All samples that a network sees need the same rule. Take that of the training samples:

        >>> rule = train.analogue.as_json()
        >>> SpikeEvents.from_values([[[9.0, 0.3]]], [0], **rule).count
        array([3, 2], dtype=int32)

        Args:
            values: array or tensor [samples, steps, channels …] of numbers; all axes after the
                second are channels, numbered in C order.
            labels: [samples] numbers from 0, or names.
            dt_ms: length of a step in ms.
            bits: bits of a count.
            signed: True if negative numbers are carried by channels of their own; by default if
                there are any.
            scale: the number that a count of 1 stands for; by default the largest magnitude becomes
                the largest count. With `scale=1`, whole numbers are kept.
            class_names, groups: as for `from_lists`.

        Raises:
            DataError: the array has other dimensions, or numbers that are not finite.
            NetworkError: the step or the scale is not positive, or there are no 1 … 8 bits.
        """
        numbers = in_steps(values)
        analogue = AnalogueInput.fitted_to(numbers, bits=bits, signed=signed, scale=scale)
        rows = Rows(
            dense=analogue.counts(numbers),
            labels=labels,
            groups=dict(groups or {}),
            dt_ms=dt_ms,
            class_names=class_names,
            analogue=analogue,
        )
        return cls(**rows.columns())

    @classmethod
    def from_torch(
        cls,
        source: Any,
        *,
        dt_ms: float = 1.0,
        n_units: int | None = None,
        class_names: Sequence[str] | None = None,
        sensor_size: Sequence[int] | None = None,
        time_first: bool = False,
    ) -> SpikeEvents:
        """Make events from the samples and labels of a torch `Dataset` or `DataLoader`.

        >>> pairs = [(np.eye(3), 0), (np.eye(3), 1)]
        >>> SpikeEvents.from_torch(pairs)
        <SpikeEvents: 2 samples, 3 units, 2 classes, 6 events>

        The transforms of the data set are applied. A sample is a dense array [steps, channels …] or
        structured events as in tonic. A batch of a loader is [batch, steps, channels …] with
        [batch] labels. Samples keep the order of the loader, even if the loader shuffles them.

        Args:
            source: data set with a length and items, or an iterable such as a loader.
            dt_ms: length of a dense step in ms.
            n_units: number of channels, if the events do not state it.
            class_names: names of the classes; by default those of the data set, else numbers.
            sensor_size: width, height and polarities of the sensor of structured events; by
                default those of the data set.
            time_first: True if batches are [steps, batch, channels …].

        Raises:
            DataError: samples are not spikes, or targets are not classes.
            UsageError: `source` is not a data set.
        """
        rows = read_pairs(
            source,
            dt_ms=dt_ms,
            n_units=n_units,
            class_names=class_names,
            sensor_size=sensor_size,
            time_first=time_first,
        )
        return cls(**rows.columns())

    @classmethod
    def from_tonic(
        cls,
        dataset: Any,
        *,
        sensor_size: Sequence[int] | None = None,
        class_names: Sequence[str] | None = None,
    ) -> SpikeEvents:
        """Make events from a data set of tonic, or from any list of (structured events, label).

        >>> events = np.array([(1500, 3, 0), (2000, 1, 1)], [("t", int), ("x", int), ("p", int)])
        >>> SpikeEvents.from_tonic([(events, 0)], sensor_size=(4, 1, 2)).unit
        array([3, 5], dtype=int32)

        On a sensor of width W and height H, pixel (x, y) with polarity p is the unit
        x + W·(y + H·p). Times are in µs.

        Args:
            dataset: its items have the fields t, x and perhaps y and p.
            sensor_size: width, height and polarities; by default those of the data set.
            class_names: names of the classes; by default those of the data set, else numbers.

        Raises:
            DataError: samples are not events, or targets are not classes.
        """
        return cls.from_torch(dataset, sensor_size=sensor_size, class_names=class_names)

    @classmethod
    def concatenate(cls, parts: Sequence[SpikeEvents]) -> SpikeEvents:
        """Join the samples of several parts, one after the other; keep groups that all parts have.

        Raises:
            DataError: the parts differ in units, classes or `analogue`, or there are no parts.
        """
        if not parts:
            raise DataError(
                "there are no spike events to join",
                code="events-none",
                fix="pass at least one SpikeEvents object",
            )
        parts = [part.in_memory() for part in parts]
        first = parts[0]
        for part in parts:
            if (part.n_units, part.class_names) != (first.n_units, first.class_names):
                raise DataError(
                    "spike events that differ in units or classes cannot be joined",
                    code="events-differ",
                    fix="join parts of one data set only",
                )
            check_same_numbers(first, part)
        counts = np.concatenate([part.counts for part in parts])
        return replace(
            first,
            time_ms=np.concatenate([part.time_ms for part in parts]),
            unit=np.concatenate([part.unit for part in parts]),
            offset=np.concatenate(([0], np.cumsum(counts))),
            label=np.concatenate([part.label for part in parts]),
            groups={
                name: np.concatenate([part.groups[name] for part in parts])
                for name in first.groups
                if all(name in part.groups for part in parts)
            },
            count=None
            if all(part.count is None for part in parts)
            else np.concatenate([part.event_counts() for part in parts]),
        )


def in_steps(values: ArrayLike) -> NDArray[np.float64]:
    """Convert numbers to float64; raise `DataError` unless they are [samples, steps, channels …].

    Args:
        values: array or tensor; all of its numbers must be finite.
    """
    numbers = finite_numbers(as_array(values))
    if numbers.ndim < 3:
        raise DataError(
            f"values of shape {numbers.shape} are not [samples, steps, channels]",
            code="values-dimensions",
            fix="add an axis: values[:, None] for a single step, values[:, :, None] for a single "
            "channel, or values[None] for a single sample",
        )
    return numbers


def check_same_numbers(train: SpikeEvents, other: SpikeEvents, split: str = "") -> None:
    """Raise `DataError` unless equal counts of two parts of a data set stand for equal numbers.

    Args:
        train: the part whose rule applies to all.
        other: another part.
        split: name of the other part.
    """
    if train.analogue == other.analogue:
        return
    rules = [str(part.analogue or "spikes, not numbers") for part in (train, other)]
    raise DataError(
        f"the counts of {f'the {split} split' if split else 'two parts of the data'} stand for "
        "other numbers than those of the training samples",
        code="analogue-differs",
        why=f"the rules are: {rules[0]}; {rules[1]}",
        fix="make all parts by one rule: from_values(values, labels, **train.analogue.as_json())",
    )


@contextmanager
def errors_naming(source: object) -> Iterator[None]:
    """Prefix the message of each `DataError` in a `with` block with the name of its source."""
    try:
        yield
    except DataError as error:
        raise error.restated(f"{source}: {error.what}", DataError) from error


def check_units(
    unit: NDArray[np.integer], offset: NDArray[np.integer], n_units: int, first: int = 0
) -> None:
    """Raise `DataError` for a unit beyond the number of channels.

    Args:
        unit: [events] integers.
        offset: [samples + 1] integers, where the events of each sample begin and end.
        n_units: number of channels.
        first: index of the first of these samples in the data set.
    """
    index = _first_outside(unit, n_units)
    if index is not None:
        raise DataError(
            f"{_place_of_event(index, offset, first)}: unit {unit[index]} is not one of the "
            f"{n_units} units",
            code="units-range",
            why=f"units are numbered from 0 to {n_units - 1}",
            fix="correct the events, or the number of units (in a file: attribute n_units)",
        )


def check_times(time_ms: NDArray[np.floating], offset: NDArray[np.integer], first: int = 0) -> None:
    """Raise `DataError` for a time that `may_be_time` refuses, or that falls within a sample.

    Args:
        time_ms: [events] floating-point numbers.
        offset, first: as for `check_units`.
    """
    possible = may_be_time(time_ms)
    if not possible.all():
        index = int(np.argmin(possible))
        raise time_error(float(time_ms[index]), _place_of_event(index, offset, first))
    starts = offset[1:-1]
    falls = time_ms[1:] < time_ms[:-1]
    falls[starts[(starts > 0) & (starts < time_ms.size)] - 1] = False
    if falls.any():
        index = int(np.argmax(falls)) + 1
        raise DataError(
            f"{_place_of_event(index, offset, first)}: time goes backwards, from "
            f"{time_ms[index - 1]:g} to {time_ms[index]:g} ms",
            code="times-not-ascending",
            fix="sort the events of every sample by time",
        )


def check_event_counts(
    count: NDArray[np.integer], offset: NDArray[np.integer], first: int = 0
) -> None:
    """Raise `DataError` for an event without spikes, or with more than 31 bits can count.

    Args:
        count: [events] integers, number of spikes of each event.
        offset, first: as for `check_units`.
    """
    index = _first_outside(count, MAX_EVENT_SPIKES + 1, 1)
    if index is not None:
        raise DataError(
            f"{_place_of_event(index, offset, first)}: an event cannot have {count[index]} spikes",
            code="event-count-range",
            why=f"an event has 1 … {MAX_EVENT_SPIKES} spikes",
            fix="leave out events without spikes, and correct other counts",
        )


def may_be_time(time_ms: Any) -> Any:
    """True for a time in ms, or for each time of an array, that is neither negative nor too large.

    NaN and infinity are refused, too.
    """
    return (time_ms >= 0) & (time_ms < MAX_TIME_MS)


def time_error(time_ms: float, where: str) -> DataError:
    """The error for a time that `may_be_time` refuses.

    Args:
        time_ms: the time.
        where: sample and event, in words.
    """
    if not np.isfinite(time_ms):
        return DataError(
            f"{where}: the time {time_ms} is not finite",
            code="times-not-finite",
            fix="correct the time of this event, or leave the event out",
        )
    if time_ms > 0:
        return DataError(
            f"{where}: the time {time_ms:g} ms is too large",
            code="times-too-large",
            why="times count from the start of the sample, and 285 years are the longest",
            fix="correct the time of this event; if its unit is not ms, state the unit in the name "
            "of the column, such as time_us; times in HDF5 files are seconds",
        )
    return DataError(
        f"{where}: the time {time_ms:g} ms is negative",
        code="times-negative",
        why="times count from the start of the sample",
        fix="shift the times of this sample, or leave out the events before its start",
    )


def _place_of_event(event: int, offset: NDArray[np.integer], first: int) -> str:
    """Text with the sample and the index of an event, such as `sample 3, event 7`."""
    sample = int(np.searchsorted(offset, event, side="right")) - 1
    return f"sample {first + sample}, event {event - offset[sample]}"


def _vector(values: object, kinds: str, name: str) -> NDArray:
    """Convert values to a one-dimensional array; raise `DataError` for other shapes or kinds."""
    array = plain_array(values)
    if array.size == 0:
        array = array.astype(np.int64)
    if array.ndim != 1 or array.dtype.kind not in kinds:
        numbers = "numbers" if "f" in kinds else "whole numbers"
        raise DataError(
            f"{name} of spike events must be a list of {numbers}, "
            f"not {printable(array.dtype)} of shape {array.shape}",
            code="events-not-numbers",
            fix="convert them to a flat numpy array",
        )
    return array


def _counts(count: NDArray, offset: NDArray[np.integer]) -> NDArray[np.int32] | None:
    """Checked spikes of the events, [events] int32; None if each event is one spike."""
    count = _vector(count, "iu", "count")
    check_lengths({"events": int(offset[-1]), "counts": count.size})
    check_event_counts(count, offset)
    return np.ascontiguousarray(count, np.int32) if (count != 1).any() else None


def _first_outside(values: NDArray[np.integer], limit: int, low: int = 0) -> int | None:
    """Index of the first value outside `low` … limit − 1; None if there is none."""
    if not values.size or (values.min() >= low and values.max() < limit):
        return None
    return int(np.argmax((values < low) | (values >= limit)))
