"""How far a projection's integers reach: for the least error of its weights, or of the answers.

With few bits, integers that reach the largest weight leave most others at 0. A range r that
clips a few large weights keeps many small ones apart: with n levels on each side,

    error(r) = Σ (w − clip(round(w·n/r), −n, n)·r/n)²

is evaluated on a fixed geometric grid of r below max|w|.

What a choice costs shows in the scores x of the integers beside those of the float network, y,
both without their mean over classes, which decides nothing:

    E = Σ (x − y)² / Σ y²

`search_ranges` looks on data for ranges that lower it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from nmtool import targets
from nmtool.errors import UsageError
from nmtool.integer_network import MIXED, IntegerNetwork, sign_mode
from nmtool.network import Network
from nmtool.quantisation.exact import weight_jumps
from nmtool.raster import Raster
from nmtool.rounding import round_half_away
from nmtool.targets import STATE_SHIFT

_FACTORS = 2.0 ** (-np.arange(0, 33) / 8)
"""Ranges tried, as shares of the largest weight: down to 1/16."""

_MOVES = (2.0**0.5, 2.0**0.25)
"""A search changes ranges by these factors, the coarse one first."""


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


def search_ranges(
    start: Mapping[int, float],
    to_integers: Callable[[Mapping[int, float]], IntegerNetwork],
    spikes: Raster,
    scores: NDArray[np.float64],
    *,
    on_try: Callable[[float], None] = lambda least: None,
) -> dict[int, float]:
    """Ranges whose integers answer most like the float network, by coordinate descent.

    One projection after another moves up and down while that lowers E, until none does.

    Args:
        start: per projection (by index) the range to begin with.
        to_integers: quantises with given ranges.
        spikes: input raster of samples that stand for what the network will hear.
        scores: [samples, classes] float64, the float network's on these samples.
        on_try: told the least E after every network that was tried.
    """
    best = dict(start)
    least = score_error(to_integers(best), spikes, scores)
    for factor in _MOVES:
        moved = True
        while moved:
            moved = False
            for index in best:
                for times in (1 / factor, factor):
                    tried = {**best, index: best[index] * times}
                    error = score_error(to_integers(tried), spikes, scores)
                    if error < least:
                        best, least, moved = tried, error, True
                    on_try(least)
    return best


def score_error(network: IntegerNetwork, spikes: Raster, scores: NDArray[np.float64]) -> float:
    """E of an integer network; arguments as in `search_ranges`."""
    from nmtool.hardware_sim.simulator import simulate

    own = simulate(network, spikes).scores
    output = network.population(network.readout.population)
    if output in network.integrating:
        own = own / (output.scale * (1 << STATE_SHIFT))
    wanted = _centred(scores)
    total = float(np.sum(wanted**2))
    return float(np.sum((_centred(own) - wanted) ** 2)) / (total or 1.0)


def _centred(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    return scores - scores.mean(axis=1, keepdims=True)
