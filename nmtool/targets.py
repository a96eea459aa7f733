"""What the target `loihi2` can hold: every limit of its arithmetic, in one place.

Source: Lava 0.10.0's fixed-point models, restricted to the values where Lava, other Loihi
simulators and the documented chip agree (`docs/arithmetic.md`).
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

LOIHI2 = "loihi2"

DECAY_ONE = 4096
"""12-bit decays: a factor is an integer out of 4096."""

STATE_SHIFT = 6
"""Weights and thresholds enter the state shifted left by 6 bits."""

STATE_LIMIT = 1 << 23
"""u wraps and v saturates at this magnitude."""

CURRENT_LIMIT = 1 << 15
"""A step's summed weights stay below this magnitude (a static bound, not a clip)."""

MAX_DU = 4094
MAX_DV = 4095
MAX_THRESHOLD = 131071
SILENT_THRESHOLD = 1 << 17
"""Threshold of non-spiking neurons: v saturates before it is reached."""

MAX_DELAY = 61
MAX_WEIGHT = 256
"""Weights lie strictly between −256 and 256."""

MAX_WEIGHT_EXPONENT = 7
BIAS_MANTISSA_LIMIT = 1 << 12
"""A bias mantissa has 13 bits with sign: −4096 … 4095."""

MAX_BIAS_EXPONENT = 7
MAX_BIAS = (BIAS_MANTISSA_LIMIT - 1) << MAX_BIAS_EXPONENT
"""Largest magnitude that can be added to v each step, of either sign."""

WEIGHT_BITS = (2, 3, 4, 5, 6, 7, 8)


def weight_exponents(weight_bits: int) -> range:
    """Exponents of a projection: as low as weights of so few bits can be shifted right exactly.

    Shifted weights are then weights of eight bits times a power of two from 1 on, and so are
    their sums, whatever a chip shifts first.
    """
    return range(weight_bits - 8, MAX_WEIGHT_EXPONENT + 1)


_Whole = TypeVar("_Whole", int, NDArray[np.int32])


def shifted(weight: _Whole, exponent: int) -> _Whole:
    """weight·2^exponent in integers; a legal weight loses nothing where it is shifted right."""
    return weight << exponent if exponent >= 0 else weight >> -exponent


def weight_step(weight_bits: int, mixed_signs: bool) -> int:
    """Spacing of the weights a matrix can hold: mixed signs cost one bit of 9."""
    return 1 << (8 - weight_bits + int(mixed_signs))
