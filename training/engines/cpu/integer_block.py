"""A block whose forward pass runs in a chip's integers; backward it is the float block.

The adjoint sees what the chip holds, translated back into floats: dequantised weights, whole
delays, 12-bit decays and the integer threshold.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nmtool.training.engines.cell import IntegerConstants, NeuronConstants, add_faults
from nmtool.training.engines.cpu.block import Block
from nmtool.training.engines.cpu.kernels import integer
from nmtool.training.engines.cpu.pool import Scratch
from nmtool.training.engines.cpu.portions import Cut
from nmtool.training.engines.cpu.synapses import Matrix
from nmtool.training.engines.engine import Synapses
from nmtool.training.engines.spike_trains import SpikeTrains


class IntegerBlock(Block):
    """The block of `nmtool.training.engines.engine` in the arithmetic `loihi2`.

    Args:
        cell: constants of the neurons as the chip holds them, in floats.
        afferent, recurrent: synapses, with integers beside the floats.
        scratch: its scratch memory.
        integer_constants: the constants as integers.
        faults: per population of the block [2, its neurons] int64, wraps of u and clips of v;
            added to in every forward pass.
    """

    def __init__(
        self,
        cell: NeuronConstants,
        afferent: Synapses,
        recurrent: Synapses | None,
        scratch: Scratch,
        *,
        integer_constants: IntegerConstants,
        faults: Sequence[NDArray[np.int64]],
    ) -> None:
        super().__init__(cell, afferent, recurrent, scratch)
        self.integer_constants, self.faults = integer_constants, faults
        self._sent = Matrix.of_integers(afferent, self.size)
        self._loop = Matrix.of_integers(recurrent, self.size)

    @property
    def sent(self) -> Matrix:
        """Afferent synapses that the forward pass adds up: shifted weights, int32."""
        return self._sent

    def spike(
        self, cut: Cut, drive: NDArray, neuron: NDArray, slope: NDArray, count: NDArray
    ) -> None:
        """Run spiking neurons over a portion; see `Block.spike`."""
        faults = np.zeros((len(count), 2, self.size), np.int64)
        integer.run_lif(
            self.cell,
            self.integer_constants,
            self._loop.weight,
            self._loop.delay,
            self._loop.arrival_span,
            cut.stride,
            drive,
            neuron,
            slope,
            count,
            faults,
        )
        add_faults(self.faults, faults)

    def run_li(self, source: SpikeTrains) -> Tensor:
        """See `engine.Block`; float64, because v/unit then gives v back exactly."""
        return super().run_li(source).to(torch.float64) / torch.from_numpy(
            self.integer_constants.unit
        )

    def integrate(self, cut: Cut, drive: NDArray, membrane: NDArray) -> None:
        """Run non-spiking neurons over a portion; see `Block.integrate`."""
        faults = np.zeros((len(membrane), 2, self.size), np.int64)
        integer.run_li(self.integer_constants, cut.stride, drive, membrane, faults)
        add_faults(self.faults, faults)
