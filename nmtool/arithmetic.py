"""Constants and small functions of the arithmetic `loihi2`: kernels compile them in.

The step itself is `nmtool/hardware_sim/step.py`. `docs/arithmetic.md` explains both.

Source: Lava 0.10.0's fixed-point models, restricted to the values where Lava, other Loihi
simulators and the documented chip agree.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

ARITHMETIC = "loihi2"

DECAY_SHIFT = 12
DECAY_ONE = 1 << DECAY_SHIFT
"""12-bit decays: a factor is an integer out of 4096."""

STATE_SHIFT = 6
"""Weights and thresholds enter the state shifted left by 6 bits."""

STATE_ONE = 1 << STATE_SHIFT
"""A weight or threshold of 1, as it stands in the state."""

STATE_LIMIT = 1 << 23
"""u wraps and v saturates at this magnitude."""

SILENT_THRESHOLD = 1 << 17
"""Threshold of non-spiking neurons: v saturates before it is reached."""

MAX_WEIGHT = 256
"""Weights lie strictly between −256 and 256."""

_Whole = TypeVar("_Whole", int, NDArray[np.int32])
_Decay = TypeVar("_Decay", int, NDArray[np.int64])


def shifted(weight: _Whole, exponent: int) -> _Whole:
    """weight·2^exponent in integers; a legal weight loses nothing where it is shifted right."""
    return weight << exponent if exponent >= 0 else weight >> -exponent


def keep_current(du: _Decay) -> _Decay:
    """The part of u that each step keeps, out of 4096; the chip adds one to du."""
    return DECAY_ONE - (du + 1)


def keep_membrane(dv: _Decay) -> _Decay:
    """The part of v that each step keeps, out of 4096."""
    return DECAY_ONE - dv


def decayed(state: NDArray[np.int64], keep: int) -> NDArray[np.int64]:
    """state·keep/4096, rounded towards zero: `hardware_sim/step.py`'s decay, of many states.

    Args:
        state: int64, of u or v.
        keep: of 4096.
    """
    product = state * keep
    return np.sign(product) * (np.abs(product) >> DECAY_SHIFT)


def weight_step(weight_bits: int, mixed_signs: bool) -> int:
    """Spacing of the weights a matrix can hold: mixed signs cost one bit of 9."""
    return 1 << (8 - weight_bits + int(mixed_signs))
