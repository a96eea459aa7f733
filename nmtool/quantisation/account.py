"""The account of a quantisation: a network beside its integers, in numbers."""

from __future__ import annotations

import numpy as np

from nmtool import targets
from nmtool.graph import LIF
from nmtool.integer_network import IntegerNetwork, IntegerPopulation, IntegerProjection
from nmtool.network import Network, Population, Projection
from nmtool.quantisation.delays import DelayGrid
from nmtool.quantisation.exact import single, weight_jumps
from nmtool.quantisation.report import PopulationReport, ProjectionReport
from nmtool.quantisation.scale import current_ceiling, held_tau, one_signed_sum
from nmtool.targets import STATE_LIMIT, STATE_SHIFT


def population_reports(network: Network, integers: IntegerNetwork) -> list[PopulationReport]:
    """One per population, in the network's order.

    Args:
        network: the float network.
        integers: what it became.
    """
    drives = {
        population.name: _drive(integers, population.name) for population in integers.populations
    }
    pairs = zip(network.populations, integers.populations, strict=True)
    return [_population(exact, held, drives[held.name], network.dt_ms) for exact, held in pairs]


def _drive(integers: IntegerNetwork, target: str) -> float:
    incoming = [p.shifted_weight for p in integers.projections if p.target == target]
    return one_signed_sum([weight.astype(np.int64) for weight in incoming])


def _population(
    exact: Population, held: IntegerPopulation, drive: float, dt_ms: float
) -> PopulationReport:
    error = 0.0
    if held.kind == LIF:
        error = held.vth / (held.scale * single(exact.values("threshold"))) - 1
    current = current_ceiling(drive, held.du) * (1 << STATE_SHIFT)
    return PopulationReport(
        name=held.name,
        scale=held.scale,
        tau_mem_ms=single(exact.values("tau_mem_ms")),
        tau_mem_held_ms=held_tau(held.dv, dt_ms),
        tau_syn_ms=single(exact.values("tau_syn_ms")),
        tau_syn_held_ms=held_tau(held.du + 1, dt_ms),
        threshold_error=error,
        drive_share=drive / targets.CURRENT_LIMIT,
        current_share=current / STATE_LIMIT,
    )


def projection_reports(
    network: Network, integers: IntegerNetwork, delays: DelayGrid
) -> list[ProjectionReport]:
    """One per projection, in the network's order.

    Args:
        network: the float network.
        integers: what it became.
        delays: which delays were held.
    """
    return [
        _projection(network, exact, held, integers.population(held.target).scale, delays.longest)
        for exact, held in zip(network.projections, integers.projections, strict=True)
    ]


def _projection(
    network: Network, exact: Projection, held: IntegerProjection, scale: float, longest: int
) -> ProjectionReport:
    wanted = weight_jumps(network, exact) * scale
    error = held.shifted_weight - wanted
    size, nonzero = _rms(wanted), wanted != 0
    return ProjectionReport(
        source=held.source,
        target=held.target,
        weight_bits=held.weight_bits,
        weight_exponent=held.weight_exponent,
        largest_weight=int(np.abs(held.weight).max(initial=0)),
        rms_error=_rms(error) / size if size else 0.0,
        lost=float((held.weight[nonzero] == 0).mean()) if nonzero.any() else 0.0,
        delays_clipped=int((exact.delay > longest).sum()),
        delay_error=int(np.abs(held.delay - exact.delay).max(initial=0)),
    )


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(values**2))) if values.size else 0.0
