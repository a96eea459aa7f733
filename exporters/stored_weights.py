"""Weights in one byte each, as files keep them: in units of what a projection's weights differ by.

Of a projection with the sign mode `mixed`, the weights divided by their step are int8; of the
others, the magnitudes divided by it are uint8.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nmtool.integer_network import INHIBITORY, MIXED, IntegerProjection
from nmtool.targets import shifted, weight_step


def weight_unit(weight_bits: int, sign_mode: str) -> int:
    """The weight that a stored weight of 1 stands for."""
    step = weight_step(weight_bits, sign_mode == MIXED)
    return -step if sign_mode == INHIBITORY else step


def stored_factor(projection: IntegerProjection) -> int:
    """What a spike adds where it meets a stored weight of 1; the exponent is in it."""
    unit = weight_unit(projection.weight_bits, projection.sign_mode)
    return shifted(unit, projection.weight_exponent)


def stored_weight(projection: IntegerProjection) -> NDArray:
    """[pre, post] int8 or uint8: the weights in units of `weight_unit`."""
    dtype = np.int8 if projection.sign_mode == MIXED else np.uint8
    unit = weight_unit(projection.weight_bits, projection.sign_mode)
    return (projection.weight // unit).astype(dtype)
