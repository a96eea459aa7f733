"""What an engine computes, whatever it runs on: one block of neurons over a batch.

`training.cpu` and `training.cuda` each hold a `Block` of this shape. All tensors are on the
engine's device.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from nmtool.dynamics import HOP_LATENCY
from training.cell import Cell
from training.spike_trains import SpikeTrains


@dataclass(frozen=True, eq=False)
class Synapses:
    """A projection as the kernels read it.

    Attributes:
        weight: [pre, post] float, jumps of u (already multiplied by b).
        delay: [pre, post] uint8 or int16, whole steps.
        integer: [pre, post] int32, the shifted weights a chip adds up; None in float arithmetic.
    """

    weight: Tensor
    delay: Tensor
    integer: Tensor | None = None

    @property
    def reach(self) -> int:
        """Steps from a spike to its last arrival."""
        return HOP_LATENCY + (int(self.delay.max()) if self.delay.numel() else 0)


@dataclass(frozen=True, eq=False)
class SynapseGradients:
    """Gradients of a projection, summed over samples.

    Attributes:
        weight: [pre, post] float, by jumps of u.
        delay_ms: [pre, post] float, by delays in ms.
    """

    weight: Tensor
    delay_ms: Tensor


@dataclass(frozen=True, eq=False)
class LifRun:
    """What the forward pass of spiking neurons leaves for the backward pass.

    Attributes:
        spikes: the spikes, without times.
        slope: [spikes] float, q of each spike.
    """

    spikes: SpikeTrains
    slope: Tensor


@dataclass(frozen=True, eq=False)
class Backward:
    """Result of a backward pass.

    Attributes:
        afferent, recurrent: gradients of the synapses; recurrent is None without recurrence.
        source_time: [source spikes] float, ∂L/∂t per ms of the afferent spikes; None unless
            asked for.
    """

    afferent: SynapseGradients
    recurrent: SynapseGradients | None
    source_time: Tensor | None


class Block(Protocol):
    """Neurons that are simulated together, their afferent synapses and their recurrent ones."""

    def run_lif(self, source: SpikeTrains) -> LifRun:
        """Forward pass of spiking neurons.

        Args:
            source: the afferent spikes.
        """

    def run_li(self, source: SpikeTrains) -> Tensor:
        """Forward pass of non-spiking neurons: [samples, T, neurons] float, v[n]."""

    def backward_lif(
        self,
        source: SpikeTrains,
        run: LifRun,
        time_gradient: Tensor,
        push: Tensor,
        *,
        want_source_time: bool,
    ) -> Backward:
        """Backward pass of spiking neurons.

        Args:
            source, run: as in the forward pass.
            time_gradient: [spikes] float, ∂L/∂t per ms of every spike, from elsewhere.
            push: [neurons] float, added to μ_v at every spike.
            want_source_time: whether the source's spikes need gradients.
        """

    def backward_li(
        self, source: SpikeTrains, d_membrane: Tensor, *, want_source_time: bool
    ) -> Backward:
        """Backward pass of non-spiking neurons.

        Args:
            source: as in the forward pass.
            d_membrane: [samples, T, neurons] float, ∂L/∂v[n].
            want_source_time: whether the source's spikes need gradients.
        """


class BlockFactory(Protocol):
    """How an engine makes its blocks."""

    def __call__(self, cell: Cell, afferent: Synapses, recurrent: Synapses | None) -> Block:
        """A block from constants of its neurons and its synapses.

        Args:
            cell: constants of the neurons, numpy arrays.
            afferent: synapses from the source, [source neurons, neurons].
            recurrent: synapses among the neurons, or None.
        """
