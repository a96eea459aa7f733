"""Sort the spikes of a portion of samples: by channel, and by step."""

from __future__ import annotations

import numba

from nmtool.training.engines.cpu.kernels.compiled import compiled


@compiled(parallel=True)
def by_channel(
    offset, step, neuron, count, n_channels, tile, stride, start, position, count_sorted
):
    """Sort the spikes of every tile by channel, and by sample and step within a channel.

    Args:
        offset: [samples + 1] int64, where each sample begins in `step` and `neuron`.
        step, neuron: [filled] int32, step and neuron of each filled bin.
        count: [filled] uint8, number of spikes of each bin; None: one.
        n_channels: number of channels.
        tile: samples per tile.
        stride: steps that a sample takes up in a trace, padding included.
        start: [tiles, channels + 1] uint64, filled with the index in `position` of each channel's
            first bin.
        position: [filled] unsigned, filled with (sample within its tile)·stride + step.
        count_sorted: [filled] uint8, filled with the counts in the order of `position`; None
            without counts.
    """
    n_samples = offset.size - 1
    for t in numba.prange(start.shape[0]):
        first, last = t * tile, min(t * tile + tile, n_samples)
        begin = start[t]
        begin[:] = 0
        for k in range(offset[first], offset[last]):
            begin[neuron[k] + 1] += 1
        begin[0] = offset[first] - offset[0]
        for channel in range(n_channels):
            begin[channel + 1] += begin[channel]
        cursor = begin.copy()
        for s in range(first, last):
            for k in range(offset[s], offset[s + 1]):
                channel = neuron[k]
                position[cursor[channel]] = (s - first) * stride + step[k]
                if count is not None:
                    count_sorted[cursor[channel]] = count[k]
                cursor[channel] += 1


@compiled(parallel=True)
def by_step(offset, step, begin):
    """Find the first filled bin of every step.

    Args:
        offset: [samples + 1] int64, where each sample begins in `step`.
        step: [filled] int32, ascending within a sample.
        begin: [samples, T + 1] int64, filled with the index in `step` of a sample's first bin in or
            after each step.
    """
    for s in numba.prange(begin.shape[0]):
        k = offset[s]
        for n in range(begin.shape[1]):
            while k < offset[s + 1] and step[k] < n:
                k += 1
            begin[s, n] = k
