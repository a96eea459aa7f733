"""Ring buffers of the time loops, and the transfer of their values from and to whole traces.

Passes over synapses need each neuron's trace contiguous: `[tiles, neurons, tile·stride]`. Time
loops need the neurons of one step contiguous: a ring buffer `[rows, neurons]` with step n in row n
modulo rows (a power of two), which covers the steps that delays reach and stays in the cache.
Values are transposed between ring buffers and traces in blocks of `SPAN` steps.
"""

from __future__ import annotations

import numpy as np

from nmtool.training.engines.cpu.kernels.compiled import compiled

SPAN = 16
"""Size of blocks of steps and neurons that are transposed: a cache line of 32-bit floats."""


@compiled()
def new_ring(arrival_span, n_neurons, dtype):
    """Make a ring buffer of zeros for `arrival_span` future steps and a block of SPAN steps.

    Rows are padded to whole spans plus one span, so that the elements of a column are in different
    cache sets.
    """
    rows = SPAN
    while rows < arrival_span + SPAN:
        rows *= 2
    return np.zeros((rows, (n_neurons // SPAN + 2) * SPAN), dtype)


@compiled()
def add_to_ring(ring, n, traces, position):
    """Add the steps n … n + SPAN − 1 of whole traces to a ring buffer.

    Args:
        ring: [rows, at least neurons] float, the ring buffer.
        n: first step, a multiple of SPAN.
        traces: [neurons, tile·stride] float.
        position: index of step n in the traces, which have at least SPAN values from there on.
    """
    slot, at = np.uint64(n & (ring.shape[0] - 1)), np.uint64(position)
    span = np.uint64(SPAN)
    for j in range(np.uint64(traces.shape[0])):
        for m in range(span):
            ring[slot + m, j] += traces[j, at + m]


@compiled()
def store_ring(ring, n, traces, position):
    """Write the steps n … n + SPAN − 1 of a ring buffer to whole traces.

    Arguments are as for `add_to_ring`.
    """
    slot, at = np.uint64(n & (ring.shape[0] - 1)), np.uint64(position)
    span = np.uint64(SPAN)
    for j in range(np.uint64(traces.shape[0])):
        for m in range(span):
            traces[j, at + m] = ring[slot + m, j]
