"""A block whose forward pass runs in a chip's integers on a GPU; backward it is the float block."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nmtool.training.engines.cell import IntegerConstants, NeuronConstants, add_faults
from nmtool.training.engines.cuda.arrays import launch
from nmtool.training.engines.cuda.block import Block, contiguous, none_like
from nmtool.training.engines.cuda.kernels import forward
from nmtool.training.engines.cuda.kernels.constants import chip_constants
from nmtool.training.engines.cuda.limits import Limits
from nmtool.training.engines.engine import Synapses
from nmtool.training.engines.spike_trains import SpikeTrains


class IntegerBlock(Block):
    """The block of `nmtool.training.engines.engine` in the arithmetic `loihi2`.

    Args:
        cell: constants of the neurons as the chip holds them, in floats.
        afferent, recurrent: synapses, with integers beside the floats.
        limits: how work is cut.
        integer_constants: the constants as integers.
        faults: per population of the block [2, its neurons] int64, wraps of u and clips of v;
            added to in every forward pass.

    Raises:
        UsageError: the block does not fit the shared memory of a GPU.
    """

    def __init__(
        self,
        cell: NeuronConstants,
        afferent: Synapses,
        recurrent: Synapses | None,
        limits: Limits | None = None,
        *,
        integer_constants: IntegerConstants,
        faults: Sequence[NDArray[np.int64]],
    ) -> None:
        super().__init__(cell, afferent, recurrent, limits)
        self.faults = faults
        self.integer_constants = chip_constants(integer_constants, self.cell.device)
        self.unit = torch.from_numpy(integer_constants.unit).to(self.cell.device)
        self._sent = _integers(afferent)
        self._loop = _integers(recurrent) if recurrent else none_like(self._sent)
        self.row_bytes += self._sent.weight.element_size() * self.size

    @property
    def sent(self) -> Synapses:
        """Afferent synapses that the forward pass adds up: shifted weights, int32."""
        return self._sent

    def spike(self, drive: Tensor, tape: Tensor) -> Tensor:
        """Run spiking neurons over a portion; see `Block.spike`."""
        slopes = torch.empty_like(drive, dtype=self.cell.dtype)
        faults = self._no_faults(len(drive))
        launch(
            forward.run_lif_chip,
            *self.per_sample(len(drive)),
            self.cell,
            self.integer_constants,
            self.unit.to(self.cell.dtype),
            self._loop.weight,
            self._loop.delay,
            drive,
            tape,
            slopes,
            faults,
        )
        self._count(faults)
        return slopes

    def run_li(self, source: SpikeTrains) -> Tensor:
        """See `engine.Block`; float64, because v/unit then gives v back exactly."""
        return super().run_li(source).to(torch.float64) / self.unit

    def integrate(self, drive: Tensor, membrane: Tensor) -> None:
        """Run non-spiking neurons over a portion; see `Block.integrate`."""
        faults = self._no_faults(len(drive))
        grid, threads = self.per_neuron(len(drive))
        launch(
            forward.run_li_chip, grid, threads, 0, self.integer_constants, drive, membrane, faults
        )
        self._count(faults)

    def _no_faults(self, n_samples: int) -> Tensor:
        return self.integer_constants.new_zeros((n_samples, 2, self.size))

    def _count(self, faults: Tensor) -> None:
        add_faults(self.faults, faults.cpu().numpy())


def _integers(synapses: Synapses) -> Synapses:
    assert synapses.integer is not None
    return contiguous(Synapses(synapses.integer, synapses.delay))
