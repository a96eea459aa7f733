"""Constants of neurons as one array, since kernels take no named tuples.

The names are the rows of `[constants, neurons]`, in the order of `engines.cell.NeuronConstants`,
and of the whole numbers of `engines.cell.IntegerConstants`.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from nmtool.training.engines.cell import IntegerConstants, NeuronConstants

ALPHA = NeuronConstants._fields.index("alpha")
BETA = NeuronConstants._fields.index("beta")
B = NeuronConstants._fields.index("b")
GAIN = NeuronConstants._fields.index("gain")
THETA = NeuronConstants._fields.index("theta")
BIAS = NeuronConstants._fields.index("bias")
BIAS_STEP = NeuronConstants._fields.index("bias_step")
TAU_MEM = NeuronConstants._fields.index("tau_mem")
PER_TAU_SYN = NeuronConstants._fields.index("per_tau_syn")
PER_DRIVE = NeuronConstants._fields.index("per_drive")

_WHOLE = ("keep_u", "keep_v", "vth", "bias")
KEEP_U, KEEP_V, VTH, CHIP_BIAS = range(len(_WHOLE))


def constants(cell: NeuronConstants, like: Tensor) -> Tensor:
    """[constants, neurons] float, on the device and of the type of another tensor.

    Args:
        cell: constants of the neurons, numpy arrays.
        like: any tensor on the device.
    """
    return torch.from_numpy(np.stack(cell)).to(like)


def chip_constants(integer_constants: IntegerConstants, device: torch.device) -> Tensor:
    """[constants, neurons] int64, on a device."""
    return torch.from_numpy(np.stack([getattr(integer_constants, name) for name in _WHOLE])).to(
        device
    )
