"""What rounding took from a network, as findings: weights that became 0, thresholds, long delays.

Weights are few levels apart when they have few bits, and then many of them become 0: that is what
was asked for. It is a finding where next to nothing of a projection is left, or where more than
half of it became 0 because its scale leaves part of its bits unused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from nmtool import targets
from nmtool.errors import Finding
from nmtool.integer_network import MIXED, IntegerNetwork, IntegerProjection, sign_mode
from nmtool.network import Network, Projection
from nmtool.quantisation import scale
from nmtool.quantisation.delays import DelayGrid
from nmtool.quantisation.report import PopulationReport
from nmtool.targets import MAX_DELAY

NEARLY_ALL, MOST = 0.95, 0.5
"""Shares of the weights other than 0."""

THRESHOLD_TOLERANCE = 0.05
"""Of a threshold, relative to itself."""

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


def weight_losses(
    network: Network, integers: IntegerNetwork, limits: Mapping[str, str], *, calibrated: bool
) -> Iterator[Finding]:
    """Projections of which most weights became 0, and a read-out that nothing reaches any more.

    Args:
        network: the float network.
        integers: what it became.
        limits: per population what limits its scale, see `scale.limited_by`.
        calibrated: whether data set the head-room of membranes.
    """
    fixes = _FIXES if calibrated else {**_FIXES, scale.MEMBRANE: _UNCALIBRATED}
    for exact, held in zip(network.projections, integers.projections, strict=True):
        nonzero = int(np.count_nonzero(exact.weight))
        lost = nonzero - int(np.count_nonzero(held.weight))
        unused = _levels_unused(exact, held)
        if lost > nonzero * (MOST if unused else NEARLY_ALL):
            yield Finding(
                "weights-lost",
                _arrow(exact),
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
    """Whether a scale half as fine or coarser than bits allow is what made weights 0."""
    step = targets.weight_step(held.weight_bits, sign_mode(exact.weight) == MIXED)
    return 2 * int(np.abs(held.weight).max(initial=0)) <= targets.MAX_WEIGHT - step


def _reached(network: Network | IntegerNetwork, target: str) -> bool:
    return any(p.weight.any() for p in network.projections if p.target == target)


def threshold_losses(
    integers: IntegerNetwork, reports: Sequence[PopulationReport]
) -> Iterator[Finding]:
    """Thresholds that rounding moved by more than a few percent.

    Args:
        integers: what the network became.
        reports: of its populations, in their order.
    """
    fix = "it is too small beside the weights; bring them closer in size"
    for population, report in zip(integers.populations, reports, strict=True):
        error = report.threshold_error
        if population.vth == 0:
            what = "its threshold became 0: any membrane above 0 makes it spike"
            yield Finding("threshold-lost", population.name, what, fix)
        elif abs(error) > THRESHOLD_TOLERANCE:
            what = f"its threshold is held as {population.vth}, which is off by {error:+.0%}"
            yield Finding("threshold-error", population.name, what, fix)


def delay_losses(network: Network, delays: DelayGrid) -> Iterator[Finding]:
    """Delays that are longer than those that were held.

    Args:
        network: the float network.
        delays: which delays were held.
    """
    for projection in network.projections:
        beyond_target = int((projection.delay > MAX_DELAY).sum())
        beyond_grid = int((projection.delay > delays.longest).sum()) - beyond_target
        if beyond_target:
            what = f"{beyond_target} delays are longer than the {MAX_DELAY} steps of the target"
            fix = f"they were cut to {delays.longest}; a longer time step holds longer delays"
            yield Finding("delay-range", _arrow(projection), what, fix)
        if beyond_grid:
            what = (
                f"{beyond_grid} delays are longer than {delays.longest} steps, as far as "
                f"{delays.bits}-bit delays in strides of {delays.stride} reach"
            )
            fix = f"they were cut to {delays.longest}; more bits or another stride reach further"
            yield Finding("delay-range", _arrow(projection), what, fix)


def _arrow(projection: Projection) -> str:
    return f"{projection.source} → {projection.target}"
