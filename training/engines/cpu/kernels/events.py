"""Sort the spikes of a portion of samples: by channel, and by step."""

from __future__ import annotations

import numba

from nmtool.training.engines.cpu.kernels.compiled import compiled


@compiled(parallel=True)
def by_channel(offset, step, neuron, n_channels, tile, stride, start, position):
    """Sort the spikes of every tile by channel, and by sample and step within a channel.

    Args:
        offset: [samples + 1] int64, where each sample begins in `step` and `neuron`.
        step, neuron: [spikes] int32.
        n_channels: number of channels.
        tile: samples per tile.
        stride: steps a sample takes up in a trace, padding included.
        start: [tiles, channels + 1] uint64, filled: where a channel's spikes begin in `position`.
        position: [spikes] unsigned, filled: (sample within its tile)·stride + step.
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
                cursor[channel] += 1


@compiled(parallel=True)
def by_step(offset, step, count):
    """Find where the spikes of every step begin.

    Args:
        offset: [samples + 1] int64, where each sample begins in `step`.
        step: [spikes] int32, ascending within a sample.
        count: [samples, T + 1] int64, filled: index in `step` of the first spike at or after each
            step of a sample, which is `offset` plus the number of its earlier spikes.
    """
    for s in numba.prange(count.shape[0]):
        k = offset[s]
        for n in range(count.shape[1]):
            while k < offset[s + 1] and step[k] < n:
                k += 1
            count[s, n] = k
