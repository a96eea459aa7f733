"""Constants of neurons as one array, since kernels take no named tuples.

The names are the rows of `[constants, neurons]`, in the order of `training.cell.Cell`.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from training.cell import Cell

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


def constants(cell: Cell, like: Tensor) -> Tensor:
    """[constants, neurons] float, on the device and of the type of another tensor.

    Args:
        cell: constants of the neurons, numpy arrays.
        like: any tensor on the device.
    """
    return torch.from_numpy(np.stack(cell)).to(like)
