"""Constants of neurons as one array, since kernels accept no named tuples.

The names are the rows of `[constants, neurons]`: the fields of `engines.cell.NeuronConstants` and
`engines.cell.IntegerConstants` that these kernels use, and the largest number of spikes in a step.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nmtool.training.engines.cell import Neurons

_FLOATS = (
    *("alpha", "beta", "b", "gain", "theta", "bias", "bias_step"),
    *("tau_mem", "per_tau_syn", "per_drive", "fall", "drop"),
)
(
    *(ALPHA, BETA, B, GAIN, THETA, BIAS, BIAS_STEP, TAU_MEM, PER_TAU_SYN, PER_DRIVE, FALL, DROP),
    MOST_SPIKES,
) = range(len(_FLOATS) + 1)

_WHOLE = ("keep_u", "keep_v", "vth", "bias", "drop", "left_from")
KEEP_U, KEEP_V, VTH, CHIP_BIAS, CHIP_DROP, LEFT_FROM, CHIP_MOST_SPIKES = range(len(_WHOLE) + 1)


def constants(neurons: Neurons, like: Tensor) -> Tensor:
    """Constants of neurons as a tensor [constants, neurons] float.

    Args:
        neurons: the neurons.
        like: a tensor with the device and the type of the result.
    """
    rows = [getattr(neurons.constants, name) for name in _FLOATS]
    return torch.from_numpy(np.stack([*rows, _most_spikes(neurons)])).to(like)


def chip_constants(neurons: Neurons, device: torch.device) -> Tensor:
    """Integer constants of neurons as a tensor [constants, neurons] int64, on a device."""
    rows = [getattr(neurons.integers, name) for name in _WHOLE]
    return torch.from_numpy(np.stack([*rows, _most_spikes(neurons)])).to(device)


def _most_spikes(neurons: Neurons) -> NDArray[np.int64]:
    """[neurons]: largest number of spikes of each neuron in a step."""
    most = neurons.most_spikes
    return np.ones(neurons.constants.alpha.size, np.int64) if most is None else most
