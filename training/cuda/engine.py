"""The GPU's engine."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from training.cell import Cell, Chip
from training.cuda.block import Block
from training.cuda.integer_block import IntegerBlock
from training.cuda.limits import Limits
from training.engine import Synapses


class CudaEngine:
    """See `training.engine.Engine`.

    Args:
        limits: how work is cut.
    """

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits

    def block(self, cell: Cell, afferent: Synapses, recurrent: Synapses | None) -> Block:
        """See `training.engine.Engine`."""
        return Block(cell, afferent, recurrent, self._limits)

    def integer_block(
        self,
        cell: Cell,
        afferent: Synapses,
        recurrent: Synapses | None,
        *,
        chip: Chip,
        faults: Sequence[NDArray[np.int64]],
    ) -> IntegerBlock:
        """See `training.engine.Engine`."""
        return IntegerBlock(cell, afferent, recurrent, self._limits, chip=chip, faults=faults)
