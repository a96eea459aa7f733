"""Binned spikes of many samples, the only representation of binned spikes in nmtool.

Binned input events, the spikes of a population during training, and the spikes recorded by a chip
simulator are all rasters.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmtool.errors import DataError
from nmtool.tables import Table, Tabular, counted
from nmtool.values import Value, frozen, plain_array, read_only

_LIMIT = (1 << 31) - 1
"""Largest number of steps, and of neurons, which are stored in 32 bits."""

_MAX_BINS = 1 << 62

MAX_COUNT = 255
"""Largest number of spikes in a bin, which is stored in 8 bits."""

_AXES = ("sample", "step", "neuron")


@dataclass(frozen=True, eq=False, repr=False)
class Raster(Value, Tabular):
    """The spikes of each (sample, step, neuron), stored as a sorted list of filled bins.

    Most rasters have at most one spike per bin. If a neuron can spike several times in a step, or
    an input channel carries a number, each bin also has a count.

    >>> raster = Raster.from_dense(np.array([[[0, 1], [1, 1], [0, 0]]]))
    >>> raster
    <Raster: 1 sample × 3 steps × 2 neurons, 3 spikes>
    >>> raster.step.tolist(), raster.neuron.tolist()
    ([0, 1, 1], [1, 0, 1])
    >>> Raster.from_dense(np.array([[[0, 3], [1, 0]]])).count
    array([3, 1], dtype=uint8)

    Attributes:
        offset: [samples + 1] int64; the filled bins of sample s are the entries
            offset[s]:offset[s + 1] of `step` and `neuron`.
        step: [filled] int32, time step of each filled bin, counted from 0.
        neuron: [filled] int32, index of the neuron (or input channel).
        n_steps: number of time steps of every sample.
        n_neurons: number of neurons.
        count: [filled] uint8, number of spikes of each filled bin; None if each has one.

    Within a sample bins ascend by step, then by neuron, and none occurs twice.

    The arrays are read-only. Arrays of these types that are already read-only, such as memory
    maps, are used without a copy. Other arrays are copied, at 8 bytes per bin; the check of their
    order takes more memory.

    Raises:
        DataError: the arrays are inconsistent, out of order, or beyond `n_steps` or `n_neurons`, or
            a count is not 1 … 255.
    """

    offset: NDArray[np.integer]
    step: NDArray[np.integer]
    neuron: NDArray[np.integer]
    n_steps: int
    n_neurons: int
    count: NDArray[np.integer] | None = None

    def _line(self) -> str:
        samples, steps = counted(self.n_samples, "sample"), counted(self.n_steps, "step")
        neurons = counted(self.n_neurons, "neuron")
        return f"{samples} × {steps} × {neurons}, {counted(self.n_spikes, 'spike')}"

    def __post_init__(self) -> None:
        for name in ("offset", "step", "neuron"):
            object.__setattr__(self, name, _checked_integers(name, getattr(self, name)))
        for name in ("n_steps", "n_neurons"):
            object.__setattr__(self, name, operator.index(getattr(self, name)))
            _check_size(name, getattr(self, name))
        self._check_lists()
        if self.n_bins > _MAX_BINS:
            raise DataError(
                f"a raster of {self.n_bins} bins is too large",
                code="raster-too-large",
                fix="use fewer samples, steps or neurons",
            )
        for name, dtype in (("offset", np.int64), ("step", np.int32), ("neuron", np.int32)):
            object.__setattr__(self, name, read_only(getattr(self, name), dtype))
        self._check_order()
        if self.count is not None:
            self._check_counts(self.count)

    @classmethod
    def _from_new_arrays(
        cls,
        offset: NDArray,
        step: NDArray,
        neuron: NDArray,
        n_steps: int,
        n_neurons: int,
        count: NDArray | None = None,
    ) -> Raster:
        """Make a raster from arrays that nothing else refers to, without copying them."""
        count = None if count is None else frozen(count)
        return cls(frozen(offset), frozen(step), frozen(neuron), n_steps, n_neurons, count)

    def _check_lists(self) -> None:
        """Raise `DataError` unless the arrays are consistent, and steps and neurons in range."""
        offset, step, neuron = self.offset, self.step, self.neuron
        if offset.size < 1 or offset[0] != 0 or (offset[1:] < offset[:-1]).any():
            raise DataError(
                "a raster's sample offsets must start at 0 and never decrease",
                code="offsets-not-ascending",
                fix="use `Raster.from_events`, which computes them",
            )
        if not offset[-1] == step.size == neuron.size:
            raise DataError(
                "a raster's last offset, its list of steps and its list of neurons give "
                "different numbers of bins",
                code="raster-lengths",
                fix="give each filled bin a step and a neuron; the last offset must be the number "
                "of filled bins",
            )
        _check_range("step", step, self.n_steps)
        _check_range("neuron", neuron, self.n_neurons)

    def _check_order(self) -> None:
        """Raise `DataError` unless bins are unique and sorted by step, then by neuron."""
        key = self.flat_index()
        if (np.diff(key) <= 0).any():
            raise DataError(
                "a raster's bins must be unique and sorted by step, then neuron",
                code="raster-order",
                fix="use `Raster.from_events`, which sorts them; several spikes in a bin are a "
                "count",
            )

    def _check_counts(self, counts: ArrayLike) -> None:
        """Raise `DataError` unless each bin has 1 … 255 spikes; drop counts that are all 1."""
        count = _checked_integers("count", counts)
        if count.size != self.step.size:
            raise DataError(
                f"a raster has {count.size} counts for {self.step.size} filled bins",
                code="raster-lengths",
                fix="give each filled bin a count, or leave counts out",
            )
        if count.size and not 1 <= count.min() <= count.max() <= MAX_COUNT:
            raise DataError(
                f"a raster contains a count outside 1 … {MAX_COUNT}",
                code="raster-counts",
                fix=f"leave out bins without spikes, and scale numbers to at most {MAX_COUNT}",
            )
        stored = read_only(count, np.uint8) if (count != 1).any() else None
        object.__setattr__(self, "count", stored)

    def tables(self) -> list[Table]:
        """A table with the size of the raster and its number of spikes."""
        samples = self.n_samples
        rows = [
            ("samples", samples),
            ("steps", self.n_steps),
            ("neurons", self.n_neurons),
            ("spikes", self.n_spikes),
            ("spikes per sample", self.n_spikes / samples if samples else None),
            ("samples without spikes", int((np.diff(self.offset) == 0).sum())),
        ]
        if self.count is not None:
            rows.insert(4, ("bins with spikes", self.n_filled))
        return [Table("raster", ("", "value"), rows)]

    def __len__(self) -> int:
        return self.n_samples

    def __getitem__(self, samples: int | slice | Sequence[int] | NDArray) -> Raster:
        """Select samples, e.g. `raster[:50]`, `raster[[0, 7]]`, `raster[label == 2]`, `raster[3]`.

        >>> raster = Raster.silent(10, 100, 4)
        >>> raster[-1]
        <Raster: 1 sample × 100 steps × 4 neurons, 0 spikes>
        >>> [len(part) for part in (raster, raster[::2], raster[[0, 7, 7]])]
        [10, 5, 3]
        """
        return self.take(np.atleast_1d(np.arange(self.n_samples)[samples]))

    def __iter__(self) -> Iterator[Raster]:
        """Iterate over the samples, each a raster."""
        return (self[sample] for sample in range(self.n_samples))

    def batches(self, at_once: int) -> Iterator[Raster]:
        """All samples in batches of `at_once`; a single empty batch if there are no samples."""
        for first in range(0, max(self.n_samples, 1), at_once):
            yield self[first : first + at_once]

    @property
    def n_samples(self) -> int:
        """Number of samples, including silent samples."""
        return self.offset.size - 1

    @property
    def n_spikes(self) -> int:
        """Number of spikes in all samples; a bin counts as often as it has spikes."""
        return self.step.size if self.count is None else int(self.count.sum(dtype=np.int64))

    @property
    def n_filled(self) -> int:
        """Number of bins with at least one spike."""
        return self.step.size

    @property
    def most_spikes(self) -> int:
        """Largest number of spikes in a bin; 1 without spikes."""
        return 1 if self.count is None else int(self.count.max())

    @property
    def n_bins(self) -> int:
        """Number of (sample, step, neuron) bins, filled or empty."""
        return self.n_samples * self.n_steps * self.n_neurons

    def sample_index(self) -> NDArray[np.int64]:
        """[filled] int64: index of the sample of each filled bin."""
        return np.repeat(np.arange(self.n_samples), np.diff(self.offset))

    def step_offset(self) -> NDArray[np.int64]:
        """[samples, steps + 1] int64: index of each step's first bin, and of the sample's end."""
        row = self.sample_index() * self.n_steps + self.step
        first = np.arange(self.n_samples)[:, None] * self.n_steps
        return np.searchsorted(row, first + np.arange(self.n_steps + 1)).astype(np.int64)

    def flat_index(self) -> NDArray[np.int64]:
        """[filled] int64: flat index of each bin in the dense array, strictly ascending."""
        row = self.sample_index() * self.n_steps + self.step
        return row * self.n_neurons + self.neuron

    def dense(self) -> NDArray[np.bool_]:
        """[samples, steps, neurons] bool: True where a neuron spikes, however often."""
        out = np.zeros(self.n_bins, np.bool_)
        out[self.flat_index()] = True
        return out.reshape(self.n_samples, self.n_steps, self.n_neurons)

    def dense_counts(self) -> NDArray[np.uint8]:
        """[samples, steps, neurons] uint8: number of spikes of each bin.

        >>> Raster.from_dense([[[0, 3], [1, 0]]]).dense_counts().tolist()
        [[[0, 3], [1, 0]]]
        """
        out = np.zeros(self.n_bins, np.uint8)
        out[self.flat_index()] = self.bin_counts()
        return out.reshape(self.n_samples, self.n_steps, self.n_neurons)

    def bin_counts(self) -> NDArray[np.uint8]:
        """[filled] uint8: number of spikes of each filled bin, also where all have one."""
        if self.count is None:
            return np.ones(self.step.size, np.uint8)
        return self.count.astype(np.uint8, copy=False)

    def counts(self) -> NDArray[np.int64]:
        """[samples, neurons] int64: spikes of each neuron in each sample."""
        flat = self.sample_index() * self.n_neurons + self.neuron
        size = self.n_samples * self.n_neurons
        counts = np.bincount(flat, self.count, minlength=size).astype(np.int64)
        return counts.reshape(self.n_samples, self.n_neurons)

    def first_step(self) -> NDArray[np.int64]:
        """[samples, neurons] int64: step of the first spike; n_steps if a neuron is silent."""
        first = np.full((self.n_samples, self.n_neurons), self.n_steps, np.int64)
        # If several spikes of a neuron are assigned to the same entry, the last assignment wins.
        # Therefore spikes are assigned in reverse order, and the first spike remains. The reversed
        # arrays are copied, because numpy would assign from reversed views in the order of their
        # memory.
        place = (self.sample_index() * self.n_neurons + self.neuron)[::-1].copy()
        first.reshape(-1)[place] = self.step[::-1].copy()
        return first

    def take(self, samples: Sequence[int] | NDArray[np.integer]) -> Raster:
        """The raster of the given samples, in the given order."""
        samples = plain_array(samples, np.int64)
        length = np.diff(self.offset)[samples]
        offset = np.concatenate(([0], np.cumsum(length)))
        within = np.arange(offset[-1]) - np.repeat(offset[:-1], length)
        pick = np.repeat(self.offset[:-1][samples], length) + within
        lists = offset, self.step[pick], self.neuron[pick]
        count = None if self.count is None else self.count[pick]
        return Raster._from_new_arrays(*lists, self.n_steps, self.n_neurons, count)

    def first_steps(self, n_steps: int) -> Raster:
        """The first `n_steps` steps of the raster."""
        return self.steps_from(0, n_steps)

    def steps_from(self, first: int | NDArray[np.integer], n_steps: int) -> Raster:
        """`n_steps` steps starting at step `first`, renumbered from 0.

        >>> raster = Raster.from_dense([[[1], [0], [1], [1]]])
        >>> raster.steps_from(2, 3).step, raster.steps_from(-1, 3).step
        (array([0, 1], dtype=int32), array([1], dtype=int32))

        Args:
            first: first step in every sample, or [samples] first step in each sample; steps before
                0 and after the last step are silent.
            n_steps: number of steps.
        """
        if np.ndim(first):
            first = np.repeat(first, np.diff(self.offset))
        step = self.step.astype(np.int64) - first
        indices = np.flatnonzero((step >= 0) & (step < n_steps))
        offset = np.searchsorted(indices, self.offset)
        count = None if self.count is None else self.count[indices]
        return Raster._from_new_arrays(
            offset, step[indices], self.neuron[indices], n_steps, self.n_neurons, count
        )

    @classmethod
    def from_dense(cls, dense: ArrayLike) -> Raster:
        """Make a raster from an array or tensor [samples, steps, neurons] of counts.

        Raises:
            DataError: the array has other dimensions, or numbers that are not counts of 0 … 255.
        """
        dense = plain_array(dense)
        if dense.ndim != 3:
            raise DataError(
                f"spikes in the shape {dense.shape} are not [samples, steps, neurons]",
                code="raster-dimensions",
                fix="add an axis for a single sample: spikes[None]",
            )
        check_counts(dense)
        n_samples, n_steps, n_neurons = dense.shape
        sample, step, neuron = place = np.nonzero(dense)
        filled = np.bincount(sample, minlength=n_samples)
        offset = np.concatenate(([0], np.cumsum(filled)))
        count = None if dense.dtype.kind == "b" else dense[place].astype(np.uint8)
        return cls._from_new_arrays(offset, step, neuron, n_steps, n_neurons, count)

    @classmethod
    def from_events(
        cls,
        sample: NDArray[np.integer],
        step: NDArray[np.integer],
        neuron: NDArray[np.integer],
        shape: tuple[int, int, int],
        *,
        count: NDArray[np.integer] | None = None,
        most_spikes: int = 1,
    ) -> Raster:
        """Make a raster from unsorted events; the events of a bin are counted up to a limit.

        >>> Raster.from_events([0, 0, 0], [2, 2, 2], [1, 1, 1], (1, 5, 4), most_spikes=2).n_spikes
        2

        Args:
            sample, step, neuron: [events] integers.
            shape: (samples, steps, neurons).
            count: [events] integers, spikes of each event; by default 1.
            most_spikes: largest number of spikes of a bin, which loses all further ones.

        Raises:
            DataError: an event lies outside the shape, or a count is not positive.
        """
        sample, step, neuron = map(plain_array, (sample, step, neuron))
        for axis, values, limit in zip(_AXES, (sample, step, neuron), shape, strict=True):
            _check_range(axis, values, limit)
        n_samples, n_steps, n_neurons = shape
        row_start = np.arange(n_samples + 1) * n_steps
        row = sample.astype(np.int64) * n_steps + step
        # Each event becomes a single integer, so that a single sort brings equal events together.
        # 32-bit integers are used where they suffice, because they are sorted twice as fast.
        bits = max(n_neurons - 1, 0).bit_length()
        dtype = np.int32 if int(row_start[-1]) << bits < 1 << 31 else np.int64
        if count is not None and (plain_array(count) < 1).any():
            raise DataError(
                f"an event has {np.min(count)} spikes",
                code="raster-counts",
                fix="leave out events without spikes",
            )
        key: NDArray[np.integer] = (row.astype(dtype) << bits) | neuron.astype(dtype)
        in_bin = None
        if most_spikes == 1:
            key = _unique(key)
        else:
            key, in_bin = _summed(key, count, most_spikes)
        offset = np.searchsorted(key, (row_start << bits).astype(dtype))
        step = (key >> bits) - np.repeat(row_start[:-1], np.diff(offset))
        neuron = key & ((1 << bits) - 1)
        return cls._from_new_arrays(offset, step, neuron, n_steps, n_neurons, in_bin)

    @classmethod
    def silent(cls, n_samples: int, n_steps: int, n_neurons: int) -> Raster:
        """A raster without spikes."""
        _check_size("n_samples", n_samples)
        empty = np.zeros(0, np.int32)
        return cls._from_new_arrays(
            np.zeros(n_samples + 1, np.int64), empty, empty, n_steps, n_neurons
        )

    @classmethod
    def concatenate(cls, rasters: Sequence[Raster]) -> Raster:
        """The samples of several rasters of one shape, one after the other."""
        shift = np.cumsum([0] + [raster.n_filled for raster in rasters])
        offset = [raster.offset[1:] + by for raster, by in zip(rasters, shift, strict=False)]
        return cls._from_new_arrays(
            np.concatenate([np.zeros(1, np.int64), *offset]),
            np.concatenate([raster.step for raster in rasters]),
            np.concatenate([raster.neuron for raster in rasters]),
            rasters[0].n_steps,
            rasters[0].n_neurons,
            None
            if all(raster.count is None for raster in rasters)
            else np.concatenate([raster.bin_counts() for raster in rasters]),
        )


def check_counts(dense: NDArray, where: str = "", limit: int = MAX_COUNT) -> None:
    """Raise `DataError` unless dense spikes are counts of 0 … `limit`.

    Args:
        dense: the spikes, of any shape.
        where: beginning of messages, such as `sample 3: `.
        limit: largest number of spikes of a bin.
    """
    if dense.dtype.kind == "b":
        return
    if not are_whole(dense) or dense.min(initial=0) < 0:
        raise DataError(
            f"{where}the dense samples contain numbers that are not spike counts",
            code="dense-not-spikes",
            fix="turn rates or probabilities into spikes first, e.g. rng.random(p.shape) < p or "
            "snntorch.spikegen; give times and units to SpikeEvents.from_lists",
        )
    if float(dense.max(initial=0)) > limit:
        raise DataError(
            f"{where}the dense samples contain counts up to {float(dense.max()):g}",
            code="dense-counts-large",
            fix=f"scale them to at most {limit} spikes per bin",
        )


def are_whole(array: NDArray) -> bool:
    """True if all numbers of an array are whole."""
    if array.dtype.kind != "f":
        return array.dtype.kind in "biu"
    return bool((np.isfinite(array) & (array == np.rint(array))).all())


def _checked_integers(name: str, values: ArrayLike) -> NDArray[np.integer]:
    array = plain_array(values)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        raise DataError(
            f"a raster's {name}s must be a list of integers",
            code="raster-not-integers",
            fix="convert them, e.g. with astype(int)",
        )
    return array


def _check_size(name: str, size: int) -> None:
    """Raise `DataError` for a negative or too large number of samples, steps or neurons."""
    if size < 0:
        raise DataError(
            f"a raster's {name} must not be negative",
            code="raster-size-negative",
            fix="pass the numbers of samples, steps and neurons, each 0 or more",
        )
    if size > _LIMIT:
        raise DataError(
            f"a raster's {name} is {size}, but may be at most {_LIMIT}",
            code="raster-too-large",
            fix="use fewer samples, steps or neurons",
        )


def _check_range(axis: str, values: NDArray[np.integer], limit: int) -> None:
    if values.size and (values.min() < 0 or values.max() >= limit):
        raise DataError(
            f"a raster contains a {axis} outside 0…{limit - 1}",
            code="raster-range",
            fix="count from 0, and set n_steps and n_neurons large enough",
        )


def _unique(values: NDArray[np.integer]) -> NDArray[np.integer]:
    """Sorted unique values; `numpy.unique` may hash them, which is a hundred times slower."""
    values = np.sort(values)
    first = np.ones(values.size, np.bool_)
    np.not_equal(values[1:], values[:-1], out=first[1:])
    return values[first]


def _summed(
    key: NDArray[np.integer], count: NDArray[np.integer] | None, most: int
) -> tuple[NDArray[np.integer], NDArray[np.uint8]]:
    """Sorted unique keys, and the sum of the counts of each, at most `most`."""
    order = np.argsort(key, kind="stable")
    key = key[order]
    first = np.ones(key.size, np.bool_)
    np.not_equal(key[1:], key[:-1], out=first[1:])
    start = np.flatnonzero(first)
    if count is None:
        sums = np.diff(np.append(start, key.size))
    else:
        sums = np.add.reduceat(plain_array(count)[order].astype(np.int64), start)
    return key[start], np.minimum(sums, most).astype(np.uint8)
