"""Ranges of a projection's integer weights, with the least error of weights or of scores.

With few bits, integers that represent the largest weight leave most other weights at 0. A range r
that clips a few large weights resolves many small weights: with n levels on each side,

    error(r) = Σ (w − clip(round(w·n/r), −n, n)·r/n)²

is evaluated on a fixed geometric grid of r below max|w|.

The error of the scores is the difference between scores x of the integers and y of the float
network, both without their mean over classes, which does not affect the decision:

    E = Σ (x − y)² / Σ y²

`search_ranges` searches for ranges that lower E on data.

With few bits and levels, many weights become 0, as expected. There is a finding if almost all
weights of a projection became 0, or if more than half of them became 0 because the scale leaves
part of their bits unused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from nmtool import dynamics
from nmtool.arithmetic import LOIHI2, Limits, bits_in_words, nearest_bits
from nmtool.errors import Finding, UsageError
from nmtool.network.float_network import Network
from nmtool.network.float_parts import Projection
from nmtool.network.integer_network import MIXED, IntegerNetwork, IntegerProjection, sign_mode
from nmtool.quantisation import scale
from nmtool.raster import Raster
from nmtool.rounding import round_half_away

_FACTORS = 2.0 ** (-np.arange(0, 33) / 8)
"""Ranges that are tried, as shares of the largest weight: 1 to 1/16."""

_MOVES = (2.0**0.5, 2.0**0.25)
"""Factors by which the search changes ranges, coarse first."""


def weight_ranges(network: Network, weight_bits: int, target: Limits = LOIHI2) -> dict[int, float]:
    """Choose the range of weights of each projection with the least squared rounding error.

    Returns the ranges, as jumps of u, by index of the projection.

    Args:
        network: the float network.
        weight_bits: bits per weight, e.g. 8.
        target: chip or format to round for.

    Raises:
        UsageError: the target has no weights of `weight_bits` bits.
    """
    check_weight_bits(weight_bits, target)
    ranges = {}
    for index, projection in enumerate(network.projections):
        weight = weight_jumps(network, projection)
        step = target.runs_in.weight_step(weight_bits, sign_mode(weight) == MIXED)
        ranges[index] = least_error_range(weight, target.runs_in.weight_limit // step - 1)
    return ranges


def check_weight_bits(weight_bits: int, target: Limits) -> None:
    """Raise `UsageError` unless the target has weights of `weight_bits` bits."""
    if weight_bits not in target.weight_bits:
        raise UsageError(
            f"{target.label} does not support weights of {weight_bits} bits",
            code="weight-bits-range",
            why=f"weights may have {bits_in_words(target.weight_bits)}",
            fix=f"`weight_bits={nearest_bits(weight_bits, target.weight_bits)}`",
        )


def least_error_range(weight: NDArray[np.float64], levels: int) -> float:
    """The range of weights with the least squared error; 0 if all weights are 0.

    Args:
        weight: float64 weights, of any shape.
        levels: number of integer levels on each side of 0.
    """
    # Weights of 0 have no rounding error. Most weights of an unrolled convolution are 0.
    weight = weight[weight != 0]
    largest = float(np.abs(weight).max(initial=0))
    if largest == 0:
        return 0.0
    errors = [_squared_error(weight, levels, largest * factor) for factor in _FACTORS]
    return largest * float(_FACTORS[int(np.argmin(errors))])


def _squared_error(weight: NDArray[np.float64], levels: int, clip_range: float) -> float:
    """Sum of squared errors of weights that are clipped to a range and rounded to levels."""
    rounded_levels = np.clip(round_half_away(weight * (levels / clip_range)), -levels, levels)
    return float(np.sum((weight - rounded_levels * (clip_range / levels)) ** 2))


def search_ranges(
    start: Mapping[int, float],
    to_integers: Callable[[Mapping[int, float]], IntegerNetwork],
    spikes: Raster,
    scores: NDArray[np.float64],
    *,
    on_try: Callable[[float], None] = lambda least: None,
) -> dict[int, float]:
    """Search for the ranges with the smallest error of the scores, by coordinate descent.

    The search raises or lowers the range of one projection after another while this lowers E. It
    ends if no change lowers E.

    Args:
        start: initial range per projection (by index).
        to_integers: function that quantises the network with given ranges.
        spikes: input raster of representative samples.
        scores: [samples, classes] float64, scores of the float network on these samples.
        on_try: called after every trial, with the smallest E so far.
    """
    best = dict(start)
    least = score_error(to_integers(best), spikes, scores)
    for factor in _MOVES:
        improved = True
        while improved:
            improved = False
            for index in best:
                for change in (1 / factor, factor):
                    tried = {**best, index: best[index] * change}
                    error = score_error(to_integers(tried), spikes, scores)
                    if error < least:
                        best, least, improved = tried, error, True
                    on_try(least)
    return best


def score_error(network: IntegerNetwork, spikes: Raster, scores: NDArray[np.float64]) -> float:
    """The error E of an integer network's scores; arguments as for `search_ranges`."""
    from nmtool.hardware_sim.simulator import simulate

    integer_scores = simulate(network, spikes).scores
    output = network.population(network.readout.population)
    if output in network.integrating:
        integer_scores = integer_scores / output.unit
    centred_scores = _centred(scores)
    total = float(np.sum(centred_scores**2))
    return float(np.sum((_centred(integer_scores) - centred_scores) ** 2)) / (total or 1.0)


def _centred(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scores minus their mean over classes."""
    return scores - scores.mean(axis=1, keepdims=True)


def weight_jumps(network: Network, projection: Projection) -> NDArray[np.float64]:
    """[pre, post] float64: weights of a projection, as jumps of u."""
    population = network.population(projection.target)
    tau_mem, tau_syn = population.values("tau_mem_ms"), population.values("tau_syn_ms")
    return projection.weight * dynamics.drive_scale(tau_mem, tau_syn, network.dt_ms)


NEARLY_ALL, MOST = 0.95, 0.5
"""Shares of nonzero weights that may become 0 without a finding: the first if the weights use all
bits, the second if the scale leaves bits unused."""

_ROOM_BY_STEP = "a longer time step or shorter time constants would leave more range for weights"
_FIXES = {
    scale.INPUT: "the range allows for spikes of all inputs at once; calibration data and the "
    "scale rule 'data' would leave more range for weights",
    scale.CURRENT: "currents have head-room for any input; calibration data and the scale rule "
    "'data', a longer time step or a shorter synaptic time constant would leave more range for "
    "weights",
    scale.MEMBRANE: f"the membrane has head-room for calibration data; {_ROOM_BY_STEP}",
    scale.THRESHOLD: "the threshold is large relative to the weights; bring them closer in size",
    scale.BIAS: "the bias is large relative to the weights; bring them closer in size",
    scale.WEIGHTS: "other weights into the same population are much larger; bring them closer in "
    "size",
}
_UNCALIBRATED = (
    "without calibration the membrane has head-room for any input; quantise with calibration data"
)
_BITS = "use more weight bits, or clip the largest weights (ranges)"


def weight_findings(
    network: Network, integers: IntegerNetwork, limits: Mapping[str, str], *, calibrated: bool
) -> Iterator[Finding]:
    """Findings for projections with most weights at 0, and for a readout without input.

    Args:
        network: the float network.
        integers: the rounded network.
        limits: limit of the scale by population, see `scale.limited_by`.
        calibrated: True if the head-room of membranes was measured on data.
    """
    fixes = _FIXES if calibrated else {**_FIXES, scale.MEMBRANE: _UNCALIBRATED}
    for exact, integer in zip(network.projections, integers.projections, strict=True):
        nonzero = int(np.count_nonzero(exact.weight))
        lost = nonzero - int(np.count_nonzero(integer.weight))
        unused = _levels_unused(exact, integer)
        if lost > nonzero * (MOST if unused else NEARLY_ALL):
            yield Finding(
                "weights-lost",
                f"{exact.source} → {exact.target}",
                f"{lost} of its {nonzero} nonzero weights became 0",
                fixes[limits[integer.target]] if unused else _BITS,
            )
    answers = network.readout.population
    if _has_input(network, answers) and not _has_input(integers, answers):
        yield Finding(
            "answers-lost",
            answers,
            "all weights into the readout became 0: every sample gets the same class",
            "see the findings weights-lost for the reasons",
        )


def _levels_unused(exact: Projection, integer: IntegerProjection) -> bool:
    """True if weights became 0 because the scale is at most half as fine as the bits allow."""
    step = integer.runs_in.weight_step(integer.weight_bits, sign_mode(exact.weight) == MIXED)
    return 2 * int(np.abs(integer.weight).max(initial=0)) <= integer.runs_in.weight_limit - step


def _has_input(network: Network | IntegerNetwork, target: str) -> bool:
    """True if a projection to a population has a weight other than 0."""
    return any(p.weight.any() for p in network.projections if p.target == target)
