"""The interface of engines, on any device: they run one block of neurons over a batch.

`engines/cpu` and `engines/cuda` each hold an `Engine` and its blocks. All tensors are on the
engine's device.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from nmtool.dynamics import HOP_LATENCY
from nmtool.training.engines.cell import IntegerConstants, NeuronConstants
from nmtool.training.engines.spike_trains import SpikeTrains


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
    def arrival_span(self) -> int:
        """Steps from a spike to its last arrival."""
        return HOP_LATENCY + (int(self.delay.max()) if self.delay.numel() else 0)


@dataclass(frozen=True, eq=False)
class SynapseGradients:
    """Gradients of a projection, summed over samples.

    Attributes:
        weight: [pre, post] float, by jumps of u.
        delay: [pre, post] float, by delays in steps.
    """

    weight: Tensor
    delay: Tensor


@dataclass(frozen=True, eq=False)
class LifRun:
    """Results of the forward pass of spiking neurons that the backward pass needs.

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


class Engine(Protocol):
    """Makes the blocks of one network, for one pass each."""

    def block(self, cell: NeuronConstants, afferent: Synapses, recurrent: Synapses | None) -> Block:
        """A block in float arithmetic.

        Args:
            cell: constants of the neurons, numpy arrays.
            afferent: synapses from the source, [source neurons, neurons].
            recurrent: synapses among the neurons, or None.
        """

    def integer_block(
        self,
        cell: NeuronConstants,
        afferent: Synapses,
        recurrent: Synapses | None,
        *,
        integer_constants: IntegerConstants,
        faults: Sequence[NDArray[np.int64]],
    ) -> Block:
        """A block whose forward pass runs in the integers of a chip.

        Args:
            cell: constants of the neurons as the chip holds them, in floats.
            afferent, recurrent: synapses, with integers beside the floats.
            integer_constants: the constants as integers.
            faults: per population of the block [2, its neurons] int64, wraps of u and clips of
                v; added to in every forward pass.
        """


MakeBlock = Callable[[NeuronConstants, Synapses, Synapses | None], Block]
"""An engine's method with all that is not said here filled in."""
