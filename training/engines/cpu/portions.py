"""Division of a batch into tiles, whose traces fit in a cache, and portions of several tiles."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numba
import numpy as np
from numpy.typing import DTypeLike, NDArray

from nmtool.training.engines.cpu.kernels import events
from nmtool.training.engines.cpu.kernels.rings import SPAN

TILE_BYTES = 36 << 10
"""Maximum size of a neuron's adjoint over the samples of a tile: it should stay in the L1 cache."""

LARGEST_TILE = 16
"""Maximum number of samples per tile."""

SAMPLES_PER_THREAD = 4
"""Samples per thread in a portion: enough for load balance, few enough for the last-level cache."""


@dataclass(frozen=True)
class Cut:
    """Sizes of the tiles and portions of a batch.

    The size of a tile determines the order of sums. It depends only on the number of steps, the
    longest delay, the size of the batch and the number type. The number of tiles per portion
    depends on the number of threads, and changes no result.

    Attributes:
        n_steps: T, time steps of a sample.
        stride: steps that a sample takes up in a trace: T, the later steps that arrivals reach, and
            padding.
        tile: samples per tile.
        portion: samples per portion, in whole tiles.
    """

    n_steps: int
    stride: int
    tile: int
    portion: int

    @classmethod
    def of(cls, n_steps: int, arrival_span: int, n_samples: int, dtype: DTypeLike) -> Cut:
        """Choose the sizes of the tiles and portions of a batch.

        Args:
            n_steps: T, time steps of a sample.
            arrival_span: steps from a spike to its last arrival.
            n_samples: samples of the batch.
            dtype: type of the traces.
        """
        # A sample takes up an additional step, because delay gradients also use the step after an
        # arrival.
        stride = -(-(n_steps + arrival_span + 1) // SPAN) * SPAN
        trace_bytes = stride * np.dtype(dtype).itemsize
        tile = max(1, min(TILE_BYTES // trace_bytes, LARGEST_TILE, n_samples))
        tiles = -(-SAMPLES_PER_THREAD * numba.get_num_threads() // tile)
        return cls(n_steps, stride, tile, tiles * tile)

    @property
    def position_type(self) -> type[np.unsignedinteger]:
        """Dtype of spikes' indices in a trace; small, since every synaptic event reads an index."""
        return np.uint16 if self.tile * self.stride <= 1 << 16 else np.uint32

    def bounds(self, n_samples: int) -> Iterator[tuple[int, int]]:
        """First and last sample (exclusive) of every portion."""
        for first in range(0, n_samples, self.portion):
            yield first, min(first + self.portion, n_samples)

    def n_tiles(self, n_samples: int) -> int:
        """Number of tiles that contain `n_samples` samples."""
        return -(-n_samples // self.tile)


@dataclass(frozen=True, eq=False)
class Spikes:
    """Spikes of a portion of samples, as arrays for the kernels.

    Attributes:
        offset: [samples + 1] int64, index of each sample's first bin in the lists.
        step, neuron: [filled] int32, step and neuron of each filled bin of the whole batch.
        count: [filled] uint8, number of spikes of each bin; None if each has one.
    """

    offset: NDArray[np.int64]
    step: NDArray[np.int32]
    neuron: NDArray[np.int32]
    count: NDArray[np.uint8] | None = None

    @classmethod
    def none(cls, n_samples: int) -> Spikes:
        """An empty list of spikes for `n_samples` samples."""
        return cls(np.zeros(n_samples + 1, np.int64), np.zeros(0, np.int32), np.zeros(0, np.int32))

    @property
    def n_samples(self) -> int:
        """Number of samples."""
        return self.offset.size - 1

    def part(self, first: int, last: int) -> Spikes:
        """Spikes of samples first … last − 1."""
        return replace(self, offset=self.offset[first : last + 1])

    def by_channel(self, channels: int, cut: Cut) -> ByChannel:
        """The spikes sorted by channel, tile by tile.

        Args:
            channels: number of channels; with 0, no spikes are sorted.
            cut: division of the batch.
        """
        start = np.zeros((cut.n_tiles(self.n_samples), channels + 1), np.uint64)
        n_filled = self.offset[-1] - self.offset[0]
        position = np.empty(n_filled, cut.position_type)
        count = None if self.count is None else np.empty(n_filled, np.uint8)
        if channels:
            lists = self.offset, self.step, self.neuron, self.count
            sizes = channels, cut.tile, cut.stride
            events.by_channel(*lists, *sizes, start, position, count)
        return ByChannel(cut, start, position, count)

    def by_step(self, n_steps: int) -> NDArray[np.int64]:
        """Index of each step's first bin in the lists, [samples, T + 1] int64."""
        begin = np.empty((self.n_samples, n_steps + 1), np.int64)
        events.by_step(self.offset, self.step, begin)
        return begin


@dataclass(frozen=True, eq=False)
class ByChannel:
    """Spikes of whole tiles, sorted for passes that stream synapses.

    Attributes:
        cut: division of the batch.
        start: [tiles, channels + 1] uint64, see the kernel `by_channel`.
        position: [filled] unsigned, see the kernel `by_channel`.
        count: [filled] uint8, number of spikes of each bin in the order of `position`; None if each
            has one.
    """

    cut: Cut
    start: NDArray[np.uint64]
    position: NDArray[np.unsignedinteger]
    count: NDArray[np.uint8] | None

    def part(
        self, first: int, last: int
    ) -> tuple[NDArray[np.uint64], NDArray[np.unsignedinteger], NDArray[np.uint8] | None]:
        """`start`, `position` and `count` of samples first … last − 1.

        A tile must begin at `first`.
        """
        start = self.start[first // self.cut.tile : self.cut.n_tiles(last)]
        return start, self.position, self.count
