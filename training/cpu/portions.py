"""How a batch is cut: portions that are in flight together, tiles whose traces fit in a cache."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import DTypeLike, NDArray

from nmtool.raster import Raster
from training.cpu.kernels import events

PORTION = 16
"""Samples in flight: enough for as many threads, few enough for memory."""

TILE_BYTES = 36 << 10
"""Adjoint traces of one neuron over a tile of samples should stay in a first-level cache."""


def samples_per_tile(stride: int, dtype: DTypeLike) -> int:
    """Samples of a tile, from the steps a sample takes up and the type of the traces."""
    return min(PORTION, max(1, TILE_BYTES // (2 * stride * np.dtype(dtype).itemsize)))


def bounds(n_samples: int) -> Iterator[tuple[int, int]]:
    """First and last sample (exclusive) of every portion."""
    for first in range(0, n_samples, PORTION):
        yield first, min(first + PORTION, n_samples)


def by_channel(
    spikes: Raster, channels: int, tile: int, stride: int
) -> tuple[NDArray[np.uint64], NDArray[np.uint32]]:
    """Spikes of a portion sorted by channel, tile by tile.

    Args:
        spikes: the portion.
        channels: number of channels of the lists; 0 for none.
        tile: samples per tile.
        stride: steps a sample takes up in a trace.

    Returns:
        start [tiles, channels + 1] and position [spikes], see the kernel `by_channel`.
    """
    start = np.empty((-(-spikes.n_samples // tile), channels + 1), np.uint64)
    position = np.empty(spikes.n_spikes, np.uint32)
    events.by_channel(
        spikes.offset, spikes.step, spikes.neuron, channels, tile, stride, start, position
    )
    return start, position


def steps_of(count: NDArray[np.int64]) -> NDArray[np.int32]:
    """[spikes] int32: steps of the spikes, sample after sample.

    Args:
        count: [samples, T + 1], spikes of the sample before each step.
    """
    n_samples, edges = count.shape
    steps = np.tile(np.arange(edges - 1, dtype=np.int32), n_samples)
    return np.repeat(steps, np.diff(count, axis=1).ravel())
