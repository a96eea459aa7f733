"""Synapses as the kernels read them, and their gradients while a batch goes by."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nmtool.dynamics import HOP_LATENCY
from nmtool.raster import Raster
from training.cpu.kernels import gradients
from training.cpu.portions import by_channel


@dataclass(frozen=True, eq=False)
class Synapses:
    """A projection as the kernels read it.

    Attributes:
        weight: [pre, post] float, jumps of u (already multiplied by b).
        delay: [pre, post] unsigned, whole steps.
    """

    weight: NDArray
    delay: NDArray

    @classmethod
    def none(cls, size: int, dtype: np.dtype) -> Synapses:
        """No synapses at all, for populations without recurrence."""
        return cls(np.zeros((0, size), dtype), np.zeros((0, size), np.uint8))

    @property
    def by_post(self) -> tuple[NDArray, NDArray]:
        """Weight and delay as [post, pre]."""
        return np.ascontiguousarray(self.weight.T), np.ascontiguousarray(self.delay.T)

    @property
    def reach(self) -> int:
        """Steps from a spike to its last arrival."""
        return int(self.delay.max(initial=0)) + HOP_LATENCY


@dataclass(frozen=True, eq=False)
class SynapseGradients:
    """Gradients of a projection, summed over samples.

    Attributes:
        weight: [pre, post] float, by jumps of u.
        delay_ms: [pre, post] float, by delays in ms.
    """

    weight: NDArray
    delay_ms: NDArray


class GradientSum:
    """Gradients of a projection, summed over portions.

    Args:
        synapses: the projection.
    """

    def __init__(self, synapses: Synapses) -> None:
        self.weight, self.delay = synapses.by_post
        self.d_weight = np.zeros_like(self.weight)
        self.d_time = np.zeros_like(self.weight)

    def over(self, spikes: Raster, tile: int, stride: int) -> gradients.Gathering:
        """What the gradient kernel needs to add a portion of the source's spikes."""
        start, position = by_channel(spikes, self.weight.shape[1], tile, stride)
        return gradients.Gathering(
            self.weight, self.delay, start, position, self.d_weight, self.d_time
        )

    def result(self) -> SynapseGradients:
        """The sums so far."""
        return SynapseGradients(
            np.ascontiguousarray(self.d_weight.T), np.ascontiguousarray(self.d_time.T)
        )
