"""The GPU's engine."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nmtool.training.engines.cell import IntegerConstants, NeuronConstants
from nmtool.training.engines.cuda.block import Block
from nmtool.training.engines.cuda.integer_block import IntegerBlock
from nmtool.training.engines.cuda.limits import Limits
from nmtool.training.engines.engine import Synapses


class CudaEngine:
    """See `nmtool.training.engines.engine.Engine`.

    Args:
        limits: how work is cut.
    """

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits

    def block(self, cell: NeuronConstants, afferent: Synapses, recurrent: Synapses | None) -> Block:
        """See `nmtool.training.engines.engine.Engine`."""
        return Block(cell, afferent, recurrent, self._limits)

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
            self._limits,
            integer_constants=integer_constants,
            faults=faults,
        )
