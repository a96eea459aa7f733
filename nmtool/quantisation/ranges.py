"""How far a projection's integers reach, chosen for the least rounding error of its weights.

With few bits, integers that reach the largest weight leave most others at 0. A range r that
clips a few large weights keeps many small ones apart: with n levels on each side,

    error(r) = Σ (w − clip(round(w·n/r), −n, n)·r/n)²

is evaluated on a fixed geometric grid of r below max|w|.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nmtool import targets
from nmtool.errors import UsageError
from nmtool.integer_network import MIXED, sign_mode
from nmtool.network import Network
from nmtool.quantisation.exact import weight_jumps
from nmtool.rounding import round_half_away

_FACTORS = 2.0 ** (-np.arange(0, 33) / 8)
"""Ranges tried, as shares of the largest weight: down to 1/16."""


def weight_ranges(network: Network, weight_bits: int) -> dict[int, float]:
    """Per projection (by index) the magnitude, as a jump of u, that its integers should reach.

    Args:
        network: the float network.
        weight_bits: 2 … 8.

    Raises:
        UsageError: other bits.
    """
    check_weight_bits(weight_bits)
    ranges = {}
    for index, projection in enumerate(network.projections):
        weight = weight_jumps(network, projection)
        step = targets.weight_step(weight_bits, sign_mode(weight) == MIXED)
        ranges[index] = least_error_range(weight, 256 // step - 1)
    return ranges


def check_weight_bits(weight_bits: int) -> None:
    """Raise `UsageError` unless the target holds weights of so many bits."""
    if weight_bits not in targets.WEIGHT_BITS:
        raise UsageError(
            f"weights are held in 2 to 8 bits, not {weight_bits}", code="weight-bits-range"
        )


def least_error_range(weight: NDArray[np.float64], levels: int) -> float:
    """The range of least squared error; 0 for weights that are all 0.

    Args:
        weight: any shape, float64.
        levels: integers on each side of 0.
    """
    largest = float(np.abs(weight).max(initial=0))
    if largest == 0:
        return 0.0
    errors = [_squared_error(weight, levels, largest * factor) for factor in _FACTORS]
    return largest * float(_FACTORS[int(np.argmin(errors))])


def _squared_error(weight: NDArray[np.float64], levels: int, reach: float) -> float:
    whole = np.clip(round_half_away(weight * (levels / reach)), -levels, levels)
    return float(np.sum((weight - whole * (reach / levels)) ** 2))
