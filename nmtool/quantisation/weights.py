"""Ranges of a projection's integers: for the least error of its weights, or of the answers.

With few bits, integers that reach the largest weight leave most others at 0. A range r that
clips a few large weights keeps many small ones apart: with n levels on each side,

    error(r) = Σ (w − clip(round(w·n/r), −n, n)·r/n)²

is evaluated on a fixed geometric grid of r below max|w|.

The cost of a choice is the difference between the scores x of the integers and y of the float
network, both without their mean over classes, which decides nothing:

    E = Σ (x − y)² / Σ y²

`search_ranges` searches for ranges that lower it on data.

Weights of few bits have few levels, so many of them become 0, as was asked for. It is a finding
where next to nothing of a projection is left. It is one, too, where more than half of it became 0
because its scale leaves part of its bits unused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from nmtool import dynamics
from nmtool.arithmetic import LOIHI2, Limits
from nmtool.errors import Finding, UsageError
from nmtool.network.float_network import Network, Projection
from nmtool.network.integer_network import MIXED, IntegerNetwork, IntegerProjection, sign_mode
from nmtool.quantisation import scale
from nmtool.raster import Raster
from nmtool.rounding import round_half_away

_FACTORS = 2.0 ** (-np.arange(0, 33) / 8)
"""Ranges tried, as shares of the largest weight: down to 1/16."""

_MOVES = (2.0**0.5, 2.0**0.25)
"""A search changes ranges by these factors, the coarse one first."""


def weight_ranges(network: Network, weight_bits: int, target: Limits = LOIHI2) -> dict[int, float]:
    """Per projection (by index) the magnitude, as a jump of u, that its integers should reach.

    Args:
        network: the float network.
        weight_bits: of every projection, e.g. 8.
        target: what holds them.

    Raises:
        UsageError: bits that the target does not have.
    """
    check_weight_bits(weight_bits, target)
    ranges = {}
    for index, projection in enumerate(network.projections):
        weight = weight_jumps(network, projection)
        step = target.runs_in.weight_step(weight_bits, sign_mode(weight) == MIXED)
        ranges[index] = least_error_range(weight, target.runs_in.weight_limit // step - 1)
    return ranges


def check_weight_bits(weight_bits: int, target: Limits) -> None:
    """Raise `UsageError` unless the target holds weights of `weight_bits` bits."""
    held = target.weight_bits
    if weight_bits not in held:
        raise UsageError(
            f"weights are held in {held[0]} to {held[-1]} bits, not {weight_bits}",
            code="weight-bits-range",
            fix="choose one of those",
        )


def least_error_range(weight: NDArray[np.float64], levels: int) -> float:
    """The range of least squared error; 0 for weights that are all 0.

    Args:
        weight: any shape, float64.
        levels: integers on each side of 0.
    """
    weight = weight[weight != 0]  # zeros, most of an unrolled convolution, have no error
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
        own = own / output.unit
    wanted = _centred(scores)
    total = float(np.sum(wanted**2))
    return float(np.sum((_centred(own) - wanted) ** 2)) / (total or 1.0)


def _centred(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    return scores - scores.mean(axis=1, keepdims=True)


def weight_jumps(network: Network, projection: Projection) -> NDArray[np.float64]:
    """[pre, post]: weights of one of a network's projections, as jumps of u."""
    population = network.population(projection.target)
    tau_mem, tau_syn = population.values("tau_mem_ms"), population.values("tau_syn_ms")
    return projection.weight * dynamics.drive_scale(tau_mem, tau_syn, network.dt_ms)


NEARLY_ALL, MOST = 0.95, 0.5
"""Shares of the weights other than 0."""

_ROOM_BY_STEP = "a longer time step or shorter time constants leave more of it to weights"
_FIXES = {
    scale.INPUT: "input has room for every spike at once; calibration data and the scale rule "
    "'data' leave more of it to weights",
    scale.CURRENT: "currents have room for any input; calibration data and the scale rule 'data', "
    "a longer time step or a shorter synaptic time constant leave more of it to weights",
    scale.MEMBRANE: f"its membrane needs the room that data showed; {_ROOM_BY_STEP}",
    scale.THRESHOLD: "its threshold is too large beside its weights; bring them closer in size",
    scale.BIAS: "its bias is too large beside its weights; bring them closer in size",
    scale.WEIGHTS: "other weights into the same population are too large beside them; bring them "
    "closer in size",
}
_UNCALIBRATED = (
    "without calibration data its membrane has room for any input; quantise with calibration data"
)
_BITS = "use more weight bits, or clip the largest weights (ranges)"


def weight_findings(
    network: Network, integers: IntegerNetwork, limits: Mapping[str, str], *, calibrated: bool
) -> Iterator[Finding]:
    """Projections of which most weights became 0, and a read-out that nothing reaches any more.

    Args:
        network: the float network.
        integers: what it became.
        limits: per population what limits its scale, see `scale.limited_by`.
        calibrated: true where data set the head-room of membranes.
    """
    fixes = _FIXES if calibrated else {**_FIXES, scale.MEMBRANE: _UNCALIBRATED}
    for exact, held in zip(network.projections, integers.projections, strict=True):
        nonzero = int(np.count_nonzero(exact.weight))
        lost = nonzero - int(np.count_nonzero(held.weight))
        unused = _levels_unused(exact, held)
        if lost > nonzero * (MOST if unused else NEARLY_ALL):
            yield Finding(
                "weights-lost",
                f"{exact.source} → {exact.target}",
                f"{lost} of its {nonzero} weights other than 0 became 0",
                fixes[limits[held.target]] if unused else _BITS,
            )
    answers = network.readout.population
    if _reached(network, answers) and not _reached(integers, answers):
        yield Finding(
            "answers-lost",
            answers,
            "all weights into the read-out became 0: it gives the same answer to everything",
            "weights-lost says what took them",
        )


def _levels_unused(exact: Projection, held: IntegerProjection) -> bool:
    """True where weights became 0 because the scale is at most half as fine as the bits allow."""
    step = held.runs_in.weight_step(held.weight_bits, sign_mode(exact.weight) == MIXED)
    return 2 * int(np.abs(held.weight).max(initial=0)) <= held.runs_in.weight_limit - step


def _reached(network: Network | IntegerNetwork, target: str) -> bool:
    return any(p.weight.any() for p in network.projections if p.target == target)
