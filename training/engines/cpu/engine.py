"""The CPU's engine: blocks of one network, which share their scratch memory."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nmtool.training.engines.cell import IntegerConstants, NeuronConstants
from nmtool.training.engines.cpu.block import Block
from nmtool.training.engines.cpu.integer_block import IntegerBlock
from nmtool.training.engines.cpu.pool import Scratch
from nmtool.training.engines.engine import Synapses


class CpuEngine:
    """See `nmtool.training.engines.engine.Engine`."""

    def __init__(self) -> None:
        self._scratch = Scratch()

    def block(self, cell: NeuronConstants, afferent: Synapses, recurrent: Synapses | None) -> Block:
        """See `nmtool.training.engines.engine.Engine`."""
        return Block(cell, afferent, recurrent, self._scratch)

    def integer_block(
        self,
        cell: NeuronConstants,
        afferent: Synapses,
        recurrent: Synapses | None,
        *,
        integer_constants: IntegerConstants,
        faults: Sequence[NDArray[np.int64]],
    ) -> IntegerBlock:
        """See `nmtool.training.engines.engine.Engine`."""
        return IntegerBlock(
            cell,
            afferent,
            recurrent,
            self._scratch,
            integer_constants=integer_constants,
            faults=faults,
        )
