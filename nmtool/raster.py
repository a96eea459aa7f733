"""Binned spikes of many samples, the only representation of binned spikes in nmtool.

Binned input events, the spikes of a population during training, and the spikes recorded by a chip
simulator are all rasters.
"""

from __future__ import annotations

import logging
import operator
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmtool.errors import DataError
from nmtool.tables import Table, Tabular, counted
from nmtool.values import Value, frozen, plain_array, read_only

_log = logging.getLogger(__name__)

_LIMIT = (1 << 31) - 1
"""Largest number of steps, and of neurons, which are stored in 32 bits."""

_MAX_BINS = 1 << 62

_AXES = ("sample", "step", "neuron")


@dataclass(frozen=True, eq=False, repr=False)
class Raster(Value, Tabular):
    """At most one spike per (sample, step, neuron), stored as a sorted list.

    >>> raster = Raster.from_dense(np.array([[[0, 1], [1, 1], [0, 0]]]))
    >>> raster
    <Raster: 1 sample × 3 steps × 2 neurons, 3 spikes>
    >>> raster.step.tolist(), raster.neuron.tolist()
    ([0, 1, 1], [1, 0, 1])

    Attributes:
        offset: [samples + 1] int64; the spikes of sample s are the entries
            offset[s]:offset[s + 1] of `step` and `neuron`.
        step: [spikes] int32, time step of each spike, counted from 0.
        neuron: [spikes] int32, index of the neuron (or input channel).
        n_steps: number of time steps of every sample.
        n_neurons: number of neurons.

    Within a sample spikes ascend by step, then by neuron.

    The arrays are read-only. Arrays of these types that are already read-only, such as memory
    maps, are used without a copy. Other arrays are copied, at 8 bytes per spike; the check of their
    order takes more memory.

    Raises:
        DataError: the arrays are inconsistent, out of order, or beyond `n_steps` or `n_neurons`.
    """

    offset: NDArray[np.integer]
    step: NDArray[np.integer]
    neuron: NDArray[np.integer]
    n_steps: int
    n_neurons: int

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

    @classmethod
    def _from_new_arrays(
        cls, offset: NDArray, step: NDArray, neuron: NDArray, n_steps: int, n_neurons: int
    ) -> Raster:
        """Make a raster from arrays that nothing else refers to, without copying them."""
        return cls(frozen(offset), frozen(step), frozen(neuron), n_steps, n_neurons)

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
                "different numbers of spikes",
                code="raster-lengths",
                fix="give each spike a step and a neuron; the last offset must be the number of "
                "spikes",
            )
        _check_range("step", step, self.n_steps)
        _check_range("neuron", neuron, self.n_neurons)

    def _check_order(self) -> None:
        """Raise `DataError` unless spikes are unique and sorted by step, then by neuron."""
        key = self.flat_index()
        if (np.diff(key) <= 0).any():
            raise DataError(
                "a raster's spikes must be unique and sorted by step, then neuron",
                code="raster-order",
                fix="use `Raster.from_events`, which sorts them",
            )

    def tables(self) -> list[Table]:
        """A table with the size of the raster and its number of spikes."""
        per_sample = np.diff(self.offset)
        rows = [
            ("samples", self.n_samples),
            ("steps", self.n_steps),
            ("neurons", self.n_neurons),
            ("spikes", self.n_spikes),
            ("spikes per sample", float(per_sample.mean()) if per_sample.size else None),
            ("samples without spikes", int((per_sample == 0).sum())),
        ]
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
        """Number of spikes in all samples."""
        return self.step.size

    @property
    def n_bins(self) -> int:
        """Number of (sample, step, neuron) bins, filled or empty."""
        return self.n_samples * self.n_steps * self.n_neurons

    def sample_index(self) -> NDArray[np.int64]:
        """[spikes] int64: index of the sample of each spike."""
        return np.repeat(np.arange(self.n_samples), np.diff(self.offset))

    def step_offset(self) -> NDArray[np.int64]:
        """[samples, steps + 1] int64: index of each step's first spike, and of the sample's end."""
        row = self.sample_index() * self.n_steps + self.step
        first = np.arange(self.n_samples)[:, None] * self.n_steps
        return np.searchsorted(row, first + np.arange(self.n_steps + 1)).astype(np.int64)

    def flat_index(self) -> NDArray[np.int64]:
        """[spikes] int64: flat index of each spike in the dense array, strictly ascending."""
        row = self.sample_index() * self.n_steps + self.step
        return row * self.n_neurons + self.neuron

    def dense(self) -> NDArray[np.bool_]:
        """[samples, steps, neurons] bool: True where a neuron spikes."""
        out = np.zeros(self.n_bins, np.bool_)
        out[self.flat_index()] = True
        return out.reshape(self.n_samples, self.n_steps, self.n_neurons)

    def counts(self) -> NDArray[np.int64]:
        """[samples, neurons] int64: spikes of each neuron in each sample."""
        flat = self.sample_index() * self.n_neurons + self.neuron
        counts = np.bincount(flat, minlength=self.n_samples * self.n_neurons)
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
        return Raster._from_new_arrays(*lists, self.n_steps, self.n_neurons)

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
        return Raster._from_new_arrays(
            offset, step[indices], self.neuron[indices], n_steps, self.n_neurons
        )

    @classmethod
    def from_dense(cls, dense: ArrayLike) -> Raster:
        """Make a raster from an array or tensor [samples, steps, neurons] of counts.

        A count other than 0 becomes one spike; counts other than 1 give a remark.

        Raises:
            DataError: the array has other dimensions, or numbers that are not counts.
        """
        dense = plain_array(dense)
        if dense.ndim != 3:
            raise DataError(
                f"spikes in the shape {dense.shape} are not [samples, steps, neurons]",
                code="raster-dimensions",
                fix="add an axis for a single sample: spikes[None]",
            )
        if remark := check_counts(dense):
            _log.warning(remark)
        n_samples, n_steps, n_neurons = dense.shape
        sample, step, neuron = np.nonzero(dense)
        counts = np.bincount(sample, minlength=n_samples)
        offset = np.concatenate(([0], np.cumsum(counts)))
        return cls._from_new_arrays(offset, step, neuron, n_steps, n_neurons)

    @classmethod
    def from_events(
        cls,
        sample: NDArray[np.integer],
        step: NDArray[np.integer],
        neuron: NDArray[np.integer],
        shape: tuple[int, int, int],
    ) -> Raster:
        """Make a raster from unsorted events; several events in one bin become one spike.

        Args:
            sample, step, neuron: [events] integers.
            shape: (samples, steps, neurons).

        Raises:
            DataError: an event lies outside the shape.
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
        key = _unique((row.astype(dtype) << bits) | neuron.astype(dtype))
        offset = np.searchsorted(key, (row_start << bits).astype(dtype))
        step = (key >> bits) - np.repeat(row_start[:-1], np.diff(offset))
        return cls._from_new_arrays(offset, step, key & ((1 << bits) - 1), n_steps, n_neurons)

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
        shift = np.cumsum([0] + [raster.n_spikes for raster in rasters])
        offset = [raster.offset[1:] + by for raster, by in zip(rasters, shift, strict=False)]
        return cls._from_new_arrays(
            np.concatenate([np.zeros(1, np.int64), *offset]),
            np.concatenate([raster.step for raster in rasters]),
            np.concatenate([raster.neuron for raster in rasters]),
            rasters[0].n_steps,
            rasters[0].n_neurons,
        )


def check_counts(dense: NDArray, where: str = "") -> str:
    """Check dense spikes; return a remark if a bin has a count other than 0 and 1, else ''.

    Args:
        dense: the spikes, of any shape.
        where: beginning of messages, such as `sample 3: `.

    Raises:
        DataError: the array contains numbers that are not counts.
    """
    if dense.dtype.kind == "b":
        return ""
    if not are_whole(dense):
        raise DataError(
            f"{where}the dense samples contain numbers that are not spike counts",
            code="dense-not-spikes",
            fix="turn rates or probabilities into spikes first, e.g. rng.random(p.shape) < p or "
            "snntorch.spikegen; give times and units to SpikeEvents.from_lists",
        )
    low, high = float(dense.min(initial=0)), float(dense.max(initial=0))
    if low >= 0 and high <= 1:
        return ""
    return (
        f"remark[dense-counts]: {where}bins contain numbers up to {max(-low, high):g}; every "
        "nonzero number counts as one spike"
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
