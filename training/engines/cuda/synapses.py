"""Sorted spikes, and gradients of synapses summed over a batch."""

from __future__ import annotations

import torch
from torch import Tensor

from nmtool.training.engines.cuda.arrays import launch
from nmtool.training.engines.cuda.kernels import gradients
from nmtool.training.engines.cuda.kernels.counts import no_counts
from nmtool.training.engines.cuda.limits import Limits, blocks_of
from nmtool.training.engines.spike_trains import SpikeTrains
from nmtool.training.engines.synapses import SynapseGradients, Synapses

STRIP_THREADS = 256
"""Maximum number of threads of a block, which handles a strip of pre-neurons. Each block reads the
traces again, so that larger blocks would read less. But a multiprocessor has registers for several
blocks of 256 threads, and for only one block of 704."""

SUM_THREADS = 256
"""Threads per block of the kernel `sum_chunks`."""


def first_indices(key: Tensor, count: int) -> Tensor:
    """First index of each value 0 … count in `key`, [count + 1] int64.

    Args:
        key: [n] int64, values from 0 to count − 1 in ascending order.
        count: the last value that is looked up; its index is n.
    """
    return torch.searchsorted(key, torch.arange(count + 1, device=key.device))


class GradientSum:
    """Gradients of a projection, summed over portions.

    Chunks of samples depend only on the whole batch, and are summed in ascending order at the end.
    Results therefore do not depend on the size of portions, which depends on free memory.

    Args:
        synapses: the projection, contiguous.
        spikes: the source's spikes in the whole batch.
        limits: limits on threads and memory.
    """

    def __init__(self, synapses: Synapses, spikes: SpikeTrains, limits: Limits) -> None:
        self.weight, self.limits = synapses.weight, limits
        self.delay = synapses.delay.t().contiguous()
        self.n_pre, self.n_post = synapses.weight.shape
        key = spikes.sample_index() * self.n_pre + spikes.neuron
        key, order = torch.sort(key, stable=True)
        self.step = spikes.step[order]
        self.count = no_counts(order) if spikes.count is None else spikes.count[order]
        self.start = first_indices(key, spikes.n_samples * self.n_pre)
        self.threads = min(STRIP_THREADS, limits.threads_for(self.n_pre))
        self.strips = blocks_of(self.n_pre, self.threads)
        self.chunk_size = limits.chunk_size(spikes.n_samples, self.n_post * self.strips)
        chunks = blocks_of(spikes.n_samples, self.chunk_size)
        self.sums = self.weight.new_zeros((chunks, 2, self.n_post, self.n_pre))

    def add(self, first: int, last: int, mu_u: Tensor) -> None:
        """Add the gradients of samples first … last − 1.

        Args:
            mu_u: [samples, post, T] float, the adjoint of samples first … last − 1.
        """
        sums = self.sums[first // self.chunk_size : blocks_of(last, self.chunk_size)]
        window = self.limits.window(mu_u.shape[2], mu_u.element_size())
        launch(
            gradients.synapse_gradients,
            (self.n_post, len(sums), self.strips),
            self.threads,
            (window + 1) * mu_u.element_size(),
            self.delay,
            self.start[first * self.n_pre : last * self.n_pre + 1],
            self.step,
            self.count,
            window,
            -(first % self.chunk_size),
            self.chunk_size,
            mu_u,
            sums,
        )

    def result(self) -> SynapseGradients:
        """The gradients of all samples added so far."""
        total = self.sums.new_zeros(self.sums.shape[1:])
        if len(self.sums):
            grid = (blocks_of(total.numel(), SUM_THREADS),)
            sums = self.sums.reshape(len(self.sums), -1)
            launch(gradients.sum_chunks, grid, SUM_THREADS, 0, sums, total.reshape(-1))
        at_arrival, change = total
        return SynapseGradients(at_arrival.t().contiguous(), self.weight * change.t())
