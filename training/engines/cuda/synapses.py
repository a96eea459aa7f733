"""Spikes sorted for gradients, and gradients of synapses while a batch goes by."""

from __future__ import annotations

import torch
from torch import Tensor

from nmtool.training.engines.cuda.arrays import launch
from nmtool.training.engines.cuda.kernels import gradients
from nmtool.training.engines.cuda.limits import Limits, blocks_of
from nmtool.training.engines.spike_trains import SpikeTrains
from nmtool.training.engines.synapses import SynapseGradients, Synapses


def edges(key: Tensor, count: int) -> Tensor:
    """[count + 1] int64: where each value from 0 to `count` begins in a sorted key [n] int64."""
    return torch.searchsorted(key, torch.arange(count + 1, device=key.device))


class GradientSum:
    """Gradients of a projection, summed over portions.

    Args:
        synapses: the projection, contiguous.
        spikes: the source's spikes in the whole batch.
        limits: how work is cut.
    """

    def __init__(self, synapses: Synapses, spikes: SpikeTrains, limits: Limits) -> None:
        self.weight, self.limits = synapses.weight, limits
        self.delay = synapses.delay.t().contiguous()
        self.n_pre, self.n_post = synapses.weight.shape
        key = spikes.sample_index() * self.n_pre + spikes.neuron
        key, order = torch.sort(key, stable=True)
        self.step = spikes.step[order]
        self.start = edges(key, spikes.n_samples * self.n_pre)
        self.at_arrival = self.weight.new_zeros((self.n_post, self.n_pre))
        self.change = torch.zeros_like(self.at_arrival)

    def add(self, first: int, last: int, mu_u: Tensor) -> None:
        """Add the spikes of samples first … last − 1.

        Args:
            mu_u: [samples, post, T] float, the adjoint of those samples.
        """
        threads = self.limits.threads_for(self.n_pre)
        strips = blocks_of(self.n_pre, threads)
        chunks = self.limits.chunks(last - first, self.n_post * strips)
        window = self.limits.window(mu_u.shape[2], mu_u.element_size())
        sums = self.at_arrival.new_empty((2, chunks, self.n_post, self.n_pre))
        launch(
            gradients.synapse_gradients,
            (self.n_post, chunks, strips),
            threads,
            (window + 1) * mu_u.element_size(),
            self.delay,
            self.start[first * self.n_pre : last * self.n_pre + 1],
            self.step,
            window,
            mu_u,
            sums[0],
            sums[1],
        )
        self.at_arrival += sums[0].sum(0)
        self.change += sums[1].sum(0)

    def result(self) -> SynapseGradients:
        """The sums so far."""
        return SynapseGradients(self.at_arrival.t().contiguous(), self.weight * self.change.t())
