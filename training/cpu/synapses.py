"""Synapses as the kernels of the CPU read them, and their gradients while a batch goes by."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import DTypeLike, NDArray

from training.cpu.kernels import gradients
from training.cpu.portions import Cut, Spikes
from training.engine import SynapseGradients, Synapses


class Matrix:
    """A projection in both orders, both contiguous.

    Attributes:
        weight, delay: [pre, post], for spikes that are sent one by one.
        weight_by_post, delay_by_post: [post, pre], for passes that stream synapses.
        reach: steps from a spike to its last arrival.

    Args:
        synapses: the projection, tensors of the CPU.
    """

    def __init__(self, synapses: Synapses) -> None:
        self.weight, self.delay = synapses.weight.numpy(), synapses.delay.numpy()
        self.weight_by_post = np.ascontiguousarray(self.weight.T)
        self.delay_by_post = np.ascontiguousarray(self.delay.T)
        self.reach = synapses.reach

    @classmethod
    def none(cls, n_post: int, dtype: DTypeLike) -> Matrix:
        """No synapses at all."""
        weight = torch.from_numpy(np.zeros((0, n_post), dtype))
        return cls(Synapses(weight, torch.zeros((0, n_post), dtype=torch.uint8)))


class GradientSum:
    """Gradients of a projection, summed over portions.

    Args:
        matrix: the projection.
    """

    def __init__(self, matrix: Matrix) -> None:
        self._matrix = matrix
        self._d_weight = np.zeros_like(matrix.weight_by_post)
        self._d_time = np.zeros_like(matrix.weight_by_post)

    def over(self, spikes: Spikes, cut: Cut) -> gradients.Gathering:
        """What the gradient kernel needs to add a portion of the source's spikes."""
        weight, delay = self._matrix.weight_by_post, self._matrix.delay_by_post
        start, position = spikes.by_channel(weight.shape[1], cut)
        return gradients.Gathering(weight, delay, start, position, self._d_weight, self._d_time)

    def result(self) -> SynapseGradients:
        """The sums so far."""
        return SynapseGradients(_by_pre(self._d_weight), _by_pre(self._d_time))


def _by_pre(by_post: NDArray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(by_post.T))
