"""`round_network`: every integer of an `IntegerNetwork`, decided once."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nmtool import targets
from nmtool.errors import Finding, UsageError
from nmtool.graph import LIF
from nmtool.integer_network import (
    MIXED,
    IntegerNetwork,
    IntegerPopulation,
    IntegerProjection,
    sign_mode,
)
from nmtool.network import Network, Population
from nmtool.quantisation.account import population_reports, projection_reports
from nmtool.quantisation.constants import (
    bias_integers,
    bias_per_step,
    constant_findings,
    current_decay,
    membrane_decay,
)
from nmtool.quantisation.delays import DelayGrid
from nmtool.quantisation.exact import single, weight_jumps
from nmtool.quantisation.losses import delay_losses, threshold_losses, weight_losses
from nmtool.quantisation.ranges import check_weight_bits
from nmtool.quantisation.report import QuantisationReport, RoundingCost
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
from nmtool.rounding import round_half_away
from nmtool.tables import Table, Tabular

SPIKING_ROOM, INTEGRATING_ROOM = 1.25, 2.0
"""Room of a membrane, relative to the largest magnitude that data showed."""

_LEAST_YIELD = 1 + 1 / 1024
"""A scale whose integers break a bound shrinks at least by this factor."""


@dataclass(frozen=True)
class Quantisation(Tabular):
    """An integer network and the account of how it came about.

    Attributes:
        network: the integers.
        report: what rounding changed, and what the target cannot hold.
        cost: what rounding costs in accuracy, where that was measured.
    """

    network: IntegerNetwork
    report: QuantisationReport
    cost: RoundingCost | None = None

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Everything the target cannot hold as it is, and what was done about it."""
        return self.report.findings

    def tables(self) -> list[Table]:
        """The report, and the cost where there is one."""
        return [*self.report.tables(), *(self.cost.tables() if self.cost else [])]

    def __repr__(self) -> str:
        return f"<Quantisation: {self.network}, {len(self.findings)} findings>"


def round_network(
    network: Network,
    *,
    weight_bits: int = 8,
    delays: DelayGrid | None = None,
    ranges: Mapping[int, float] | None = None,
    calibration: Calibration | None = None,
    scale: str = "static",
) -> Quantisation:
    """Round a network to the integers of the target `loihi2`.

    Args:
        network: what training learnt.
        weight_bits: 2 … 8, of every projection.
        delays: which delays are held; by default every step of 6 bits.
        ranges: per projection (by index) the magnitude, as a jump of u, that its integers reach
            at least; larger weights may be clipped. By default the largest weight is held.
        calibration: what data showed; without it, the head-room of non-spiking populations
            comes from bounds that hold for every possible input, which costs resolution.
        scale: `static` keeps currents inside their ranges for every possible input; `data`
            trusts twice what calibration showed, and says so in the findings.

    Raises:
        UsageError: unknown bits or scale rule, or `data` without calibration.
    """
    check_weight_bits(weight_bits)
    if scale not in ("static", "data"):
        raise UsageError(
            f"unknown scale rule '{scale}'", code="scale-rule-unknown", fix="use static or data"
        )
    if scale == "data" and calibration is None:
        raise UsageError(
            "the scale rule 'data' needs calibration data",
            code="calibration-data-missing",
            fix="give it data, or use the scale rule 'static'",
        )
    work = _Quantiser(
        network,
        weight_bits,
        delays or DelayGrid(),
        ranges or {},
        calibration,
        trust_data=scale == "data",
    )
    return work.run()


class _Quantiser:
    def __init__(
        self,
        network: Network,
        weight_bits: int,
        delays: DelayGrid,
        ranges: Mapping[int, float],
        calibration: Calibration | None,
        *,
        trust_data: bool,
    ) -> None:
        self.network = network
        self.weight_bits = weight_bits
        self.delays = delays
        self.ranges = ranges
        self.calibration = calibration
        self.trust_data = trust_data
        self.findings: list[Finding] = []
        self.projections: dict[int, IntegerProjection] = {}
        self.limits: dict[str, str] = {}

    def run(self) -> Quantisation:
        network = self.network
        populations = [self._population(population) for population in network.populations]
        integers = IntegerNetwork(
            channels=network.channels,
            populations=populations,
            projections=[self.projections[index] for index in range(len(network.projections))],
            readout=network.readout,
            dt_ms=network.dt_ms,
            n_steps=network.n_steps,
            class_names=network.class_names,
            source_hash=network.content_hash,
        )
        return Quantisation(integers, self._report(integers))

    def _report(self, integers: IntegerNetwork) -> QuantisationReport:
        network, calibrated = self.network, self.calibration is not None
        populations = population_reports(network, integers)
        findings = [
            *constant_findings(network),
            *self.findings,
            *threshold_losses(integers, populations),
            *weight_losses(network, integers, self.limits, calibrated=calibrated),
            *delay_losses(network, self.delays),
        ]
        return QuantisationReport(
            populations=tuple(populations),
            projections=tuple(projection_reports(network, integers, self.delays)),
            findings=tuple(findings),
            calibrated=calibrated,
        )

    def _population(self, population: Population) -> IntegerPopulation:
        dt_ms = self.network.dt_ms
        du, dv = current_decay(population, dt_ms), membrane_decay(population, dt_ms)
        incoming = {
            index: weight_jumps(self.network, projection)
            for index, projection in enumerate(self.network.projections)
            if projection.target == population.name
        }
        held = [
            np.clip(jumps, -self._range(index, jumps), self._range(index, jumps))
            for index, jumps in incoming.items()
        ]
        return self._fit(population, incoming, self._ceilings(population, held, du, dv), du, dv)

    def _fit(
        self,
        population: Population,
        incoming: Mapping[int, NDArray[np.float64]],
        ceilings: Ceilings,
        du: int,
        dv: int,
    ) -> IntegerPopulation:
        """Choose the scale, round everything, and yield until the integers keep the bounds."""
        limits = [256 - self._step(jumps) for jumps in incoming.values()]
        largest = [self._range(index, jumps) for index, jumps in incoming.items()]
        at_most, share = self._at_most(population.name), 1.0
        while share >= 1:
            factor, exponents = choose_scale(ceilings, largest, limits, at_most, self.weight_bits)
            for (index, jumps), exponent in zip(incoming.items(), exponents, strict=True):
                self.projections[index] = self._projection(index, jumps, factor, exponent)
            integer = self._constants(population, du, dv, factor)
            share = self._share(integer, list(incoming)) if ceilings.static else 0.0
            at_most = factor / max(share, _LEAST_YIELD)
        overflowed = 2 * factor > self._at_most(population.name)
        self.limits[population.name] = MEMBRANE if overflowed else limited_by(ceilings, factor)
        return integer

    def _at_most(self, name: str) -> float:
        """Bound of a population's scale that data showed."""
        bounds = self.calibration.at_most if self.calibration is not None else {}
        return bounds.get(name, math.inf)

    def _share(self, integer: IntegerPopulation, incoming: list[int]) -> float:
        bounded = integer.kind != LIF and self.calibration is None
        return share_of_ranges(
            self._drive(incoming),
            integer.du,
            output_dv=integer.dv if bounded else 0,
            output_bias=float(np.abs(integer.bias).max()),
        )

    def _drive(self, incoming: list[int]) -> float:
        """Σ± of the integers."""
        return one_signed_sum(
            [self.projections[index].shifted_weight.astype(np.int64) for index in incoming]
        )

    def _range(self, index: int, jumps: NDArray[np.float64]) -> float:
        """Largest magnitude the integers of a projection must reach."""
        largest = float(np.abs(jumps).max(initial=0))
        return min(largest, self.ranges.get(index, largest))

    def _step(self, jumps: NDArray[np.float64]) -> int:
        return targets.weight_step(self.weight_bits, sign_mode(jumps) == MIXED)

    def _ceilings(
        self, population: Population, jumps: Sequence[NDArray], du: int, dv: int
    ) -> Ceilings:
        name = population.name
        drive = one_signed_sum(jumps)
        current = current_ceiling(drive, du)
        bias = float(np.abs(bias_per_step(population, self.network.dt_ms)).max())
        threshold = single(population.values("threshold")) if population.kind == LIF else None
        membrane = self._membrane(population, membrane_ceiling(current + bias, dv))
        if membrane is not None and math.isinf(membrane):
            membrane = None
            self.findings.append(
                Finding(
                    "membrane-unbounded",
                    name,
                    "without a leak nothing bounds the membrane; it may saturate",
                    "quantise with calibration data",
                )
            )
        return self._trusted(name, Ceilings(drive, current, membrane, threshold, bias))

    def _membrane(self, population: Population, bound: float) -> float | None:
        """What v needs room for; None where nothing is known.

        More than the bound for every input where data showed more: integers round up, too.
        """
        seen = None if self.calibration is None else self.calibration.membrane.get(population.name)
        if population.kind == LIF:
            return SPIKING_ROOM * seen if seen else None
        if self.calibration is not None and seen is None:
            return None
        return INTEGRATING_ROOM * seen if seen else bound

    def _trusted(self, name: str, ceilings: Ceilings) -> Ceilings:
        """The ceilings, or twice what calibration data showed where they may be trusted."""
        if self.calibration is None or not self.trust_data:
            return ceilings
        drive = 2 * self.calibration.drive.get(name, 0.0)
        current = 2 * self.calibration.current.get(name, 0.0)
        if drive >= ceilings.drive and current >= ceilings.current:
            return ceilings
        self.findings.append(
            Finding(
                "bounds-from-data",
                name,
                "currents are bounded by calibration data, not by every possible input",
                "watch the count of wraps when it runs",
            )
        )
        return replace(
            ceilings,
            drive=min(drive, ceilings.drive),
            current=min(current, ceilings.current),
            static=False,
        )

    def _projection(
        self, index: int, jumps: NDArray, factor: float, exponent: int
    ) -> IntegerProjection:
        projection = self.network.projections[index]
        step = self._step(jumps)
        unit = step * 2.0**exponent
        exact = jumps * factor
        levels = 256 // step - 1
        whole = np.clip(round_half_away(exact / unit), -levels, levels)
        return IntegerProjection(
            projection.source,
            projection.target,
            (whole * step).astype(np.int16),
            self.delays.snap(projection.delay).astype(np.uint8),
            self.weight_bits,
            exponent,
        )

    def _constants(
        self, population: Population, du: int, dv: int, factor: float
    ) -> IntegerPopulation:
        spiking = population.kind == LIF
        vth = targets.SILENT_THRESHOLD
        if spiking:
            threshold = single(population.values("threshold"))
            vth = min(targets.MAX_THRESHOLD, int(round_half_away(factor * threshold)))
        mantissa, exponent = bias_integers(population, self.network.dt_ms, factor)
        return IntegerPopulation(
            population.name,
            population.size,
            population.kind,
            du,
            dv,
            vth,
            factor,
            exponent,
            mantissa,
        )
