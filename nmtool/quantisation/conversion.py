"""`round_network`: round a float network to an `IntegerNetwork`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nmtool.arguments import checked
from nmtool.arithmetic import LOIHI2, Limits
from nmtool.errors import Finding, UsageError
from nmtool.network.float_network import Network
from nmtool.network.float_parts import Population
from nmtool.network.graph import LIF, RESET_BY
from nmtool.network.integer_network import (
    MIXED,
    IntegerNetwork,
    IntegerPopulation,
    IntegerProjection,
    sign_mode,
)
from nmtool.quantisation.delays import DelayGrid, delay_findings
from nmtool.quantisation.neurons import (
    bias_integers,
    bias_per_step,
    common_value,
    constant_findings,
    current_decay,
    membrane_decay,
    reset_findings,
    reset_integer,
    threshold_findings,
)
from nmtool.quantisation.report import (
    Quantisation,
    QuantisationReport,
    population_reports,
    projection_reports,
)
from nmtool.quantisation.scale import (
    MEMBRANE,
    Calibration,
    Ceilings,
    choose_scale,
    current_ceiling,
    limited_by,
    membrane_ceiling,
    one_signed_sum,
    share_of_ranges,
)
from nmtool.quantisation.weights import check_weight_bits, weight_findings, weight_jumps
from nmtool.rounding import round_half_away
from nmtool.targets import target_named

STATIC, DATA = SCALES = ("static", "data")
"""Scale rules: currents stay in range for every possible input, or on calibration data."""

SPIKING_ROOM, INTEGRATING_ROOM = 1.25, 2.0
"""Ranges of membranes, of spiking and of non-spiking populations, relative to the largest magnitude
on calibration data."""

_LEAST_YIELD = 1 + 1 / 1024
"""If a scale violates a bound, it is divided by at least this factor."""


@checked
def round_network(
    network: Network,
    *,
    weight_bits: int | None = None,
    delays: DelayGrid | None = None,
    ranges: Mapping[int, float] | None = None,
    calibration: Calibration | None = None,
    scale: str = STATIC,
    target: str | Path | Limits = LOIHI2,
) -> Quantisation:
    """Round a network to the integers of a target.

    >>> q = round_network(Network.layers([5, 8, 3]), weight_bits=4)
    >>> q.network
    <IntegerNetwork: 5 channels, hidden 8 lif, output 3 li, 100 steps of 1 ms>

    Args:
        network: the float network.
        weight_bits: bits per weight, in every projection; by default the target's maximum.
        delays: grid of possible delays; by default with the target's maximum number of bits,
            and the stride that minimises the largest rounding error of delays up to the target's
            longest.
        ranges: by index of a projection, the magnitude (as a jump of u) that its integers must
            represent; larger weights may be clipped. By default the projection's largest weight.
        calibration: ranges measured on data; without it, the head-room of non-spiking populations
            covers every possible input, which costs resolution.
        scale: `static` keeps currents in range for every possible input; `data` keeps them in range
            up to twice their largest magnitude in calibration, and adds a finding.
        target: chip or format to round for: a name, the path of a target's file, or an
            `nmtool.Target`.

    Raises:
        UsageError: unknown target or scale rule, bits that the target does not have, or `data`
            without calibration.
    """
    target = target if isinstance(target, Limits) else target_named(target)
    weight_bits = target.weight_bits[-1] if weight_bits is None else weight_bits
    check_weight_bits(weight_bits, target)
    if scale not in SCALES:
        raise UsageError(
            f"unknown scale rule '{scale}'", code="scale-rule-unknown", fix="use static or data"
        )
    if scale == DATA and calibration is None:
        raise UsageError(
            "the scale rule 'data' needs calibration data",
            code="calibration-data-missing",
            fix="give calibration data, or use the scale rule 'static'",
        )
    if delays is None:
        grid = DelayGrid.spanning(target.delay_bits[-1], target.max_delay, target=target)
    else:
        grid = delays.within(target)
    request = _Request(network, target, weight_bits, grid, ranges or {}, calibration, scale == DATA)
    rounded = [_round_population(request, population) for population in network.populations]
    projections = {
        index: projection
        for outcome in rounded
        for index, projection in outcome.projections.items()
    }
    integers = IntegerNetwork(
        channels=network.channels,
        populations=[outcome.population for outcome in rounded],
        projections=[projections[index] for index in range(len(network.projections))],
        readout=network.readout,
        dt_ms=network.dt_ms,
        n_steps=network.n_steps,
        class_names=network.class_names,
        source_hash=network.content_hash,
        arithmetic=target.runs_in.name,
    )
    integers.check(target)
    calibrated = calibration is not None
    limits = {outcome.population.name: outcome.limit for outcome in rounded}
    findings = (
        *constant_findings(network, target),
        *(finding for outcome in rounded for finding in outcome.findings),
        *threshold_findings(network, integers),
        *reset_findings(network, integers),
        *weight_findings(network, integers, limits, calibrated=calibrated),
        *delay_findings(network, grid),
    )
    report = QuantisationReport(
        populations=tuple(population_reports(network, integers, limits, target)),
        projections=tuple(projection_reports(network, integers, grid)),
        findings=findings,
        calibrated=calibrated,
    )
    return Quantisation(integers, report)


@dataclass(frozen=True)
class _Request:
    """Arguments of `round_network`, checked, with defaults filled in."""

    network: Network
    target: Limits
    weight_bits: int
    delays: DelayGrid
    ranges: Mapping[int, float]
    calibration: Calibration | None
    trust_data: bool


class _Rounded(NamedTuple):
    """A rounded population, with its rounded incoming projections.

    Attributes:
        population: the population.
        projections: its incoming projections, by index in the network.
        limit: the bound that limits its scale, one of the limits in `scale.py`.
        findings: values that the target cannot represent.
    """

    population: IntegerPopulation
    projections: dict[int, IntegerProjection]
    limit: str
    findings: list[Finding]


class _Incoming(NamedTuple):
    """A projection that is to be rounded, with the range of its weights.

    Attributes:
        place: index of the projection in the network.
        jumps: [pre, post] float64, weights as jumps of u.
        magnitude: largest jump of u that the integer weights must represent.
        step: difference between neighbouring integer weights.
    """

    place: int
    jumps: NDArray[np.float64]
    magnitude: float
    step: int


def _round_population(request: _Request, population: Population) -> _Rounded:
    """Round a population and its projections; lower the scale until integers keep all bounds."""
    network, target, calibration = request.network, request.target, request.calibration
    du = current_decay(population, network.dt_ms, target)
    dv = membrane_decay(population, network.dt_ms, target)
    incoming = [
        _incoming(request, index)
        for index, projection in enumerate(network.projections)
        if projection.target == population.name
    ]
    # A weight can arrive as often in a step as its source spikes.
    spike_limits = network.spike_limits
    most_arrivals = [spike_limits[network.projections[a.place].source] for a in incoming]
    clipped = [
        np.clip(afferent.jumps, -afferent.magnitude, afferent.magnitude) * most
        for afferent, most in zip(incoming, most_arrivals, strict=True)
    ]
    ceilings, findings = _ceilings(request, population, clipped, du, dv)
    largest = [afferent.magnitude for afferent in incoming]
    limits = [target.runs_in.weight_limit - afferent.step for afferent in incoming]
    bounds = {} if calibration is None else calibration.at_most
    seen_at_most = bounds.get(population.name, math.inf)
    bounded_output = population.kind != LIF and calibration is None
    at_most, share = seen_at_most, 1.0
    while share >= 1:
        scale, exponents = choose_scale(
            ceilings, largest, limits, at_most, request.weight_bits, target
        )
        projections = {
            afferent.place: _integer_projection(request, afferent, scale, exponent)
            for afferent, exponent in zip(incoming, exponents, strict=True)
        }
        integer = _integer_population(request, population, du, dv, scale)
        share = 0.0
        if ceilings.static:
            shifted = [
                projection.shifted_weight.astype(np.int64) * most
                for projection, most in zip(projections.values(), most_arrivals, strict=True)
            ]
            share = share_of_ranges(
                one_signed_sum(shifted),
                du,
                of_current=ceilings.static_current,
                output_dv=dv if bounded_output else None,
                output_bias=float(np.abs(integer.bias).max()),
                target=target,
            )
        at_most = scale / max(share, _LEAST_YIELD)
    overflowed = 2 * scale > seen_at_most
    limit = MEMBRANE if overflowed else limited_by(ceilings, scale, target)
    return _Rounded(integer, projections, limit, findings)


def _incoming(request: _Request, index: int) -> _Incoming:
    """Prepare a projection for rounding, given its index in the network."""
    jumps = weight_jumps(request.network, request.network.projections[index])
    largest = float(np.abs(jumps).max(initial=0))
    magnitude = min(largest, request.ranges.get(index, largest))
    step = request.target.runs_in.weight_step(request.weight_bits, sign_mode(jumps) == MIXED)
    return _Incoming(index, jumps, magnitude, step)


def _ceilings(
    request: _Request, population: Population, jumps: Sequence[NDArray], du: int, dv: int
) -> tuple[Ceilings, list[Finding]]:
    """Bounds of a population's input, u and v, and findings on bounds that input may exceed.

    Bounds are valid for every input, or come from calibration.
    """
    name, calibration, findings = population.name, request.calibration, list[Finding]()
    drive = one_signed_sum(jumps)
    runs_in = request.target.runs_in
    current = current_ceiling(drive, du, runs_in)
    bias = float(np.abs(bias_per_step(population, request.network.dt_ms)).max())
    threshold = common_value(population.values("threshold")) if population.kind == LIF else None
    bound = membrane_ceiling(current + bias, dv, runs_in)
    membrane = _membrane_room(population, bound, calibration)
    if membrane is not None and math.isinf(membrane):
        membrane = None
        findings.append(
            Finding(
                "membrane-unbounded",
                name,
                "the membrane has no leak and therefore no bound; it may saturate",
                "quantise with calibration data"
                if calibration is None
                else (
                    "quantise with calibration data that drive this population; the samples used "
                    "do not drive it"
                ),
            )
        )
    ceilings = Ceilings(drive, current, membrane, threshold, bias)
    if calibration is None:
        return ceilings, findings
    if runs_in.neuron.u_overflow == "clips" and (seen := calibration.current.get(name)):
        room = min(current, INTEGRATING_ROOM * seen)
        ceilings = replace(ceilings, current=room, static_current=False)
    # If sums of arriving weights can clip, these sums depend on the order of the additions. They
    # must then stay in range for any input, and not only for the calibration data.
    if not request.trust_data or runs_in.sum_limit:
        return ceilings, findings
    drive, current = 2 * calibration.drive.get(name, 0.0), 2 * calibration.current.get(name, 0.0)
    if drive >= ceilings.drive and current >= ceilings.current:
        return ceilings, findings
    findings.append(
        Finding(
            "bounds-from-data",
            name,
            "currents stay in range for the calibration data, but other input may exceed the range",
            "check the number of wraps (u_wraps) when the network runs",
        )
    )
    drive, current = min(drive, ceilings.drive), min(current, ceilings.current)
    flags = {"static": False, "static_current": False}
    return replace(ceilings, drive=drive, current=current, **flags), findings


def _membrane_room(
    population: Population, bound: float, calibration: Calibration | None
) -> float | None:
    """Magnitude up to which v must be in range, in units of u; None if unknown.

    A magnitude from data may exceed `bound`, because integers may be rounded up.

    Args:
        population: the population.
        bound: largest magnitude of v of a non-spiking population for every input.
        calibration: ranges measured on data, or None.
    """
    seen = None if calibration is None else calibration.membrane.get(population.name)
    if population.kind == LIF:
        return SPIKING_ROOM * seen if seen else None
    if calibration is not None and seen is None:
        return None
    return INTEGRATING_ROOM * seen if seen else bound


def _integer_projection(
    request: _Request, afferent: _Incoming, scale: float, exponent: int
) -> IntegerProjection:
    """Round weights and delays of a projection, with a scale and an exponent."""
    projection = request.network.projections[afferent.place]
    levels = request.target.runs_in.weight_limit // afferent.step - 1
    exact = afferent.jumps * scale / (afferent.step * 2.0**exponent)
    rounded_levels = np.clip(round_half_away(exact), -levels, levels)
    return IntegerProjection(
        projection.source,
        projection.target,
        (rounded_levels * afferent.step).astype(np.int16),
        request.delays.snap(projection.delay).astype(np.uint8),
        request.weight_bits,
        exponent,
        request.target.runs_in.name,
    )


def _integer_population(
    request: _Request, population: Population, du: int, dv: int, scale: float
) -> IntegerPopulation:
    """Round threshold, reset and biases of a population with a scale, and add its decays."""
    runs_in = request.target.runs_in
    vth = runs_in.silent_threshold
    if population.kind == LIF:
        threshold = common_value(population.values("threshold"))
        vth = min(request.target.max_threshold, int(round_half_away(scale * threshold)))
        vth = max(vth, runs_in.least_threshold)
    properties = population.properties
    if population.reset_by is not None:
        properties[RESET_BY.name] = reset_integer(population, vth, scale, runs_in)
    mantissa, exponent = bias_integers(population, request.network.dt_ms, scale, request.target)
    return IntegerPopulation(
        *(population.name, population.size, population.kind, du, dv, vth),
        scale=scale,
        bias_exponent=exponent,
        bias_mantissa=mantissa,
        arithmetic=runs_in.name,
        **properties,
    )
