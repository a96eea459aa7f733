"""Synaptic input of a population from afferent spikes."""

from __future__ import annotations

import numpy as np

from nmtool.dynamics import HOP_LATENCY
from nmtool.training.engines.cuda.kernels.compiled import cuda, index, kernel
from nmtool.training.engines.cuda.kernels.counts import of_listed


@kernel
def afferent_drive(weight, delay, offset, step, neuron, count, arrival_span, drive):
    """Compute the drive a[n] of a population: the summed weights that arrive in each step.

    There is one block per sample and group of post-neurons, and one thread per post-neuron. Delayed
    input is in shared memory, in a ring buffer of `arrival_span` steps; each column belongs to one
    thread and one bank, so that there are no atomics and no bank conflicts. Rows of synapses are
    read coalesced, and every a[n] is written once.

    Args:
        weight, delay: [pre, post], jumps of u, and delays in steps.
        offset: [samples + 1] int64, index of each sample's first bin in the lists below.
        step, neuron: [filled] int32, step and neuron of the source's filled bins.
        count: [filled] uint8, number of spikes of each bin, or `no_counts`.
        arrival_span: steps from a spike to its last arrival.
        drive: [samples, T, post] float, filled with a[n].

    Dynamic shared memory: [arrival_span, threads] of the type of `drive`.
    """
    s, lane, lanes = cuda.blockIdx.x, cuda.threadIdx.x, cuda.blockDim.x
    j = cuda.blockIdx.y * lanes + lane
    if j >= drive.shape[2]:
        return
    ring = cuda.shared.array(0, drive.dtype)
    zero = drive.dtype.type(0)
    for slot in range(arrival_span):
        ring[slot * lanes + lane] = zero
    k, last = offset[s], offset[s + 1]
    due_slot = 0
    for n in range(drive.shape[1]):
        drive[index(s), index(n), index(j)] = ring[index(due_slot * lanes + lane)]
        ring[index(due_slot * lanes + lane)] = zero
        while k < last and step[index(k)] == n:
            i = index(neuron[index(k)])
            at = due_slot + HOP_LATENCY + np.int32(delay[i, index(j)])
            if at >= arrival_span:
                at -= arrival_span
            ring[index(at * lanes + lane)] += of_listed(weight[i, index(j)], count, k)
            k += 1
        due_slot += 1
        if due_slot == arrival_span:
            due_slot = 0
