"""Constants of neurons as one array, since kernels take no named tuples.

The names are the rows of `[constants, neurons]`, in the order of `engines.cell.Cell`, and
of the whole numbers of `engines.cell.Chip`.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from nmtool.training.engines.cell import Cell, Chip

ALPHA = Cell._fields.index("alpha")
BETA = Cell._fields.index("beta")
B = Cell._fields.index("b")
GAIN = Cell._fields.index("gain")
THETA = Cell._fields.index("theta")
BIAS = Cell._fields.index("bias")
BIAS_STEP = Cell._fields.index("bias_step")
TAU_MEM = Cell._fields.index("tau_mem")
PER_TAU_SYN = Cell._fields.index("per_tau_syn")
PER_DRIVE = Cell._fields.index("per_drive")

_WHOLE = ("keep_u", "keep_v", "vth", "bias")
KEEP_U, KEEP_V, VTH, CHIP_BIAS = range(len(_WHOLE))


def constants(cell: Cell, like: Tensor) -> Tensor:
    """[constants, neurons] float, on the device and of the type of another tensor.

    Args:
        cell: constants of the neurons, numpy arrays.
        like: any tensor on the device.
    """
    return torch.from_numpy(np.stack(cell)).to(like)


def chip_constants(chip: Chip, device: torch.device) -> Tensor:
    """[constants, neurons] int64, on a device."""
    return torch.from_numpy(np.stack([getattr(chip, name) for name in _WHOLE])).to(device)
