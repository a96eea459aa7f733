"""Constants of neurons as one array, since kernels accept no named tuples.

The names are the rows of `[constants, neurons]`: the fields of `engines.cell.NeuronConstants` and
`engines.cell.IntegerConstants` that these kernels use.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from nmtool.training.engines.cell import IntegerConstants, NeuronConstants

_FLOATS = (
    *("alpha", "beta", "b", "gain", "theta", "bias", "bias_step"),
    *("tau_mem", "per_tau_syn", "per_drive", "fall", "drop"),
)
ALPHA, BETA, B, GAIN, THETA, BIAS, BIAS_STEP, TAU_MEM, PER_TAU_SYN, PER_DRIVE, FALL, DROP = range(
    len(_FLOATS)
)

_WHOLE = ("keep_u", "keep_v", "vth", "bias", "drop", "left_from")
KEEP_U, KEEP_V, VTH, CHIP_BIAS, CHIP_DROP, LEFT_FROM = range(len(_WHOLE))


def constants(cell: NeuronConstants, like: Tensor) -> Tensor:
    """Constants of neurons as a tensor [constants, neurons] float.

    Args:
        cell: constants of the neurons, numpy arrays.
        like: a tensor with the device and the type of the result.
    """
    return torch.from_numpy(np.stack([getattr(cell, name) for name in _FLOATS])).to(like)


def chip_constants(integer_constants: IntegerConstants, device: torch.device) -> Tensor:
    """Integer constants of neurons as a tensor [constants, neurons] int64, on a device."""
    return torch.from_numpy(np.stack([getattr(integer_constants, name) for name in _WHOLE])).to(
        device
    )
