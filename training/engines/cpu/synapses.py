"""Synapses for the CPU kernels, and their gradients summed over a batch."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import DTypeLike, NDArray

from nmtool.dynamics import HOP_LATENCY
from nmtool.training.engines.cpu.kernels import gradients
from nmtool.training.engines.cpu.portions import ByChannel
from nmtool.training.engines.synapses import SynapseGradients, Synapses


class Matrix:
    """Synapses of a projection, stored as [pre, post] and as [post, pre], both contiguous.

    Attributes:
        weight, delay: [pre, post], for spikes that are sent one by one.
        weight_by_post, delay_by_post: [post, pre], for passes that stream synapses.
        arrival_span: steps from a spike to its last arrival.

    Args:
        weight: [pre, post], numbers of any type.
        delay: [pre, post] uint8 or int16, in steps.
    """

    def __init__(self, weight: NDArray, delay: NDArray) -> None:
        self.weight, self.delay = weight, delay
        self.weight_by_post = np.ascontiguousarray(weight.T)
        self.delay_by_post = np.ascontiguousarray(delay.T)
        self.arrival_span = HOP_LATENCY + int(delay.max(initial=0))

    @classmethod
    def of(cls, synapses: Synapses | None, n_post: int, dtype: DTypeLike) -> Matrix:
        """Matrix of delays and float weights; without a projection, it is empty."""
        if synapses is None:
            return cls(np.zeros((0, n_post), dtype), np.zeros((0, n_post), np.uint8))
        return cls(synapses.weight.numpy(), synapses.delay.numpy())

    @classmethod
    def of_integers(cls, synapses: Synapses | None, n_post: int) -> Matrix:
        """Matrix of delays and shifted weights (int32); without a projection, it is empty."""
        if synapses is None:
            return cls.of(None, n_post, np.int32)
        assert synapses.integer is not None
        return cls(synapses.integer.numpy(), synapses.delay.numpy())


class GradientSum:
    """Gradients of a projection, summed over portions.

    Args:
        matrix: synapses of the projection.
    """

    def __init__(self, matrix: Matrix) -> None:
        self._matrix = matrix
        self._d_weight = np.zeros_like(matrix.weight_by_post)
        self._d_delay = np.zeros_like(matrix.weight_by_post)

    def kernel_arguments(self, spikes: ByChannel, first: int, last: int) -> gradients.Gathering:
        """Arguments of the gradient kernel for a portion of the source's spikes."""
        weight, delay = self._matrix.weight_by_post, self._matrix.delay_by_post
        sums = self._d_weight, self._d_delay
        return gradients.Gathering(weight, delay, *spikes.part(first, last), *sums)

    def result(self) -> SynapseGradients:
        """The gradients of all portions added so far."""
        return SynapseGradients(_by_pre(self._d_weight), _by_pre(self._d_delay))


def _by_pre(by_post: NDArray) -> torch.Tensor:
    """Transpose gradients [post, pre] to a tensor [pre, post]."""
    return torch.from_numpy(np.ascontiguousarray(by_post.T))
