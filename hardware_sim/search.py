"""Ranges of weights that keep a network's answers, searched on data.

Few bits force a choice: integers that reach the largest weights hold the small ones coarsely.
What a choice costs shows in the scores x of the integers beside those of the float network, y,
both without their mean over classes, which decides nothing:

    E = Σ (x − y)² / Σ y²
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from nmtool.hardware_sim.simulator import simulate
from nmtool.integer_network import IntegerNetwork
from nmtool.raster import Raster
from nmtool.targets import STATE_SHIFT

Ranges = Mapping[int, float]

_FACTORS = (2.0**0.5, 2.0**0.25)
"""Ranges change by these factors, the coarse one first."""


def search_ranges(
    start: Ranges,
    to_integers: Callable[[Ranges], IntegerNetwork],
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
    for factor in _FACTORS:
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
    own = simulate(network, spikes).scores
    output = network.population(network.readout.population)
    if output in network.integrating:
        own = own / (output.scale * (1 << STATE_SHIFT))
    wanted = _centred(scores)
    total = float(np.sum(wanted**2))
    return float(np.sum((_centred(own) - wanted) ** 2)) / (total or 1.0)


def _centred(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    return scores - scores.mean(axis=1, keepdims=True)
