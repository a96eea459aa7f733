"""`quantise`: every integer of an `IntegerNetwork`, decided once."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from nmtool import dynamics, targets
from nmtool.errors import UsageError
from nmtool.graph import LIF
from nmtool.integer_network import (
    MIXED,
    IntegerNetwork,
    IntegerPopulation,
    IntegerProjection,
    sign_mode,
)
from nmtool.network import Network, Population, Projection
from nmtool.quantise.delays import DelayGrid
from nmtool.quantise.report import PopulationReport, ProjectionReport, QuantisationReport
from nmtool.quantise.scale import (
    Ceilings,
    choose_scale,
    current_ceiling,
    held_tau,
    membrane_ceiling,
    one_signed_sum,
    share_of_ranges,
)
from nmtool.rounding import round_half_away
from nmtool.targets import DECAY_ONE, STATE_LIMIT, STATE_SHIFT, Finding

SPIKING_ROOM, INTEGRATING_ROOM = 1.25, 2.0
"""Room of a membrane, relative to the largest magnitude that data showed."""

_LEAST_YIELD = 1 + 1 / 1024
"""A scale whose integers break a bound shrinks at least by this factor."""


@dataclass(frozen=True)
class Calibration:
    """What data showed: largest magnitudes per population, in units of u.

    Attributes:
        drive: of a step's summed input.
        current: of u.
        membrane: of v. A population that is missing gets no head-room at all; a non-spiking one
            that stayed at 0 gets what any input could need.
    """

    drive: Mapping[str, float] = field(default_factory=dict)
    current: Mapping[str, float] = field(default_factory=dict)
    membrane: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Quantisation:
    """An integer network and the account of how it came about."""

    network: IntegerNetwork
    report: QuantisationReport


def quantise(
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
    if weight_bits not in targets.WEIGHT_BITS:
        raise UsageError(f"weights are held in 2 to 8 bits, not {weight_bits}")
    if scale not in ("static", "data"):
        raise UsageError(f"unknown scale rule '{scale}'", fix="use static or data")
    if scale == "data" and calibration is None:
        raise UsageError("the scale rule 'data' needs calibration data")
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
        self.projections: dict[int, tuple[IntegerProjection, ProjectionReport]] = {}

    def run(self) -> Quantisation:
        populations = [self._population(population) for population in self.network.populations]
        projections = [self.projections[i] for i in range(len(self.network.projections))]
        network = self.network
        integer = IntegerNetwork(
            channels=network.channels,
            populations=[population for population, _ in populations],
            projections=[projection for projection, _ in projections],
            readout=network.readout,
            dt_ms=network.dt_ms,
            n_steps=network.n_steps,
            class_names=network.class_names,
            source_hash=network.content_hash,
        )
        report = QuantisationReport(
            populations=tuple(report for _, report in populations),
            projections=tuple(report for _, report in projections),
            findings=tuple(self.findings),
            calibrated=self.calibration is not None,
        )
        return Quantisation(integer, report)

    def _population(self, population: Population) -> tuple[IntegerPopulation, PopulationReport]:
        name = population.name
        tau_mem = self._uniform(population, "tau_mem_ms")
        tau_syn = self._uniform(population, "tau_syn_ms")
        du = self._decay(name, "tau_syn_ms", tau_syn, 1, targets.MAX_DU)
        dv = self._decay(name, "tau_mem_ms", tau_mem, 0, targets.MAX_DV)
        incoming = {
            index: self._jumps(projection, population)
            for index, projection in enumerate(self.network.projections)
            if projection.target == name
        }
        held = [
            np.clip(jumps, -self._range(index, jumps), self._range(index, jumps))
            for index, jumps in incoming.items()
        ]
        ceilings = self._ceilings(population, held, du, dv)
        integer = self._fit(population, incoming, ceilings, du, dv)
        return integer, self._account(integer, tau_mem, tau_syn, list(incoming))

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
        factor, share = math.inf, 1.0
        while share >= 1:
            at_most = factor / max(share, _LEAST_YIELD)
            factor, exponents = choose_scale(ceilings, largest, limits, at_most, self.weight_bits)
            for (index, jumps), exponent in zip(incoming.items(), exponents, strict=True):
                self.projections[index] = self._projection(index, jumps, factor, exponent)
            integer = self._constants(population, du, dv, factor)
            share = self._share(integer, list(incoming)) if ceilings.static else 0.0
        return integer

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
            [self.projections[index][0].shifted_weight.astype(np.int64) for index in incoming]
        )

    def _jumps(self, projection: Projection, target: Population) -> NDArray[np.float64]:
        """[pre, post]: weights as jumps of u."""
        return projection.weight * dynamics.drive_scale(
            target.values("tau_mem_ms"), target.values("tau_syn_ms"), self.network.dt_ms
        )

    def _range(self, index: int, jumps: NDArray[np.float64]) -> float:
        """Largest magnitude the integers of a projection must reach."""
        largest = float(np.abs(jumps).max(initial=0))
        return min(largest, self.ranges.get(index, largest))

    def _step(self, jumps: NDArray[np.float64]) -> int:
        return targets.weight_step(self.weight_bits, sign_mode(jumps) == MIXED)

    def _uniform(self, population: Population, key: str) -> float:
        values = population.values(key)
        if (values == values[0]).all():
            return float(values[0])
        mean = float(np.mean(values))
        self._find(
            f"per-neuron-{key.removesuffix('_ms')}".replace("_", "-"),
            population.name,
            f"{key} differs between neurons; the target holds one value per population",
            f"the mean, {mean:g}, was taken",
        )
        return mean

    def _decay(self, name: str, key: str, tau_ms: float, offset: int, limit: int) -> int:
        """12-bit decay of a time constant: 4096·(1 − exp(−dt/τ)) − offset."""
        lost = DECAY_ONE * (1 - float(dynamics.decay(tau_ms, self.network.dt_ms)))
        exact = int(round_half_away(lost)) - offset
        held = min(max(exact, 0), limit)
        if held != exact:
            self._find(
                "decay-range",
                name,
                f"{key} = {tau_ms:g} ms is outside what a 12-bit decay holds",
                f"the nearest decay, {held}, was taken",
            )
        return held

    def _ceilings(
        self, population: Population, jumps: Sequence[NDArray], du: int, dv: int
    ) -> Ceilings:
        name = population.name
        drive = one_signed_sum(jumps)
        current = current_ceiling(drive, du)
        bias = float(np.abs(self._bias_per_step(population)).max())
        threshold = self._uniform(population, "threshold") if population.kind == LIF else None
        membrane = self._membrane(population, membrane_ceiling(current + bias, dv))
        if membrane is not None and math.isinf(membrane):
            membrane = None
            self._find(
                "membrane-unbounded",
                name,
                "without a leak nothing bounds the membrane; it may saturate",
                "quantise with calibration data",
            )
        return self._trusted(name, Ceilings(drive, current, membrane, threshold, bias))

    def _bias_per_step(self, population: Population) -> NDArray[np.float64]:
        """[size]: what is added to v each step, in units of u."""
        gain = dynamics.membrane_gain(population.values("tau_mem_ms"), self.network.dt_ms)
        return population.values("bias") * gain

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
        self._find(
            "bounds-from-data",
            name,
            "currents are bounded by calibration data, not by every possible input",
            "watch the count of wraps when it runs",
        )
        return replace(
            ceilings,
            drive=min(drive, ceilings.drive),
            current=min(current, ceilings.current),
            static=False,
        )

    def _projection(
        self, index: int, jumps: NDArray, factor: float, exponent: int
    ) -> tuple[IntegerProjection, ProjectionReport]:
        projection = self.network.projections[index]
        step = self._step(jumps)
        unit = step * 2.0**exponent
        exact = jumps * factor
        levels = 256 // step - 1
        whole = np.clip(round_half_away(exact / unit), -levels, levels)
        longest = self.delays.longest
        clipped = int((projection.delay > longest).sum())
        if clipped:
            self._find(
                "delay-range",
                f"{projection.source} → {projection.target}",
                f"{clipped} delays are longer than {longest} steps",
                f"they were cut to {longest}; a longer time step holds longer delays",
            )
        integer = IntegerProjection(
            projection.source,
            projection.target,
            (whole * step).astype(np.int16),
            self.delays.snap(projection.delay).astype(np.uint8),
            self.weight_bits,
            exponent,
        )
        return integer, _weight_account(integer, exact, whole * unit, clipped)

    def _constants(
        self, population: Population, du: int, dv: int, factor: float
    ) -> IntegerPopulation:
        spiking = population.kind == LIF
        vth = targets.SILENT_THRESHOLD
        if spiking:
            threshold = self._uniform(population, "threshold")
            vth = min(targets.MAX_THRESHOLD, int(round_half_away(factor * threshold)))
        mantissa, exponent = self._bias(population, factor)
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

    def _bias(self, population: Population, factor: float) -> tuple[NDArray[np.int16], int]:
        exact = self._bias_per_step(population) * factor * (1 << STATE_SHIFT)
        limit = targets.BIAS_MANTISSA_LIMIT - 1
        largest = float(np.abs(exact).max())
        exponent = max(0, math.ceil(math.log2(largest / limit))) if largest > limit else 0
        exponent = min(exponent, targets.MAX_BIAS_EXPONENT)
        mantissa = np.clip(round_half_away(exact / 2**exponent), -limit, limit)
        return mantissa.astype(np.int16), exponent

    def _account(
        self, integer: IntegerPopulation, tau_mem: float, tau_syn: float, incoming: list[int]
    ) -> PopulationReport:
        dt_ms, factor = self.network.dt_ms, integer.scale
        drive = self._drive(incoming)
        error = 0.0
        if integer.kind == LIF:
            threshold = self._uniform(self.network.population(integer.name), "threshold")
            error = integer.vth / (factor * threshold) - 1
        return PopulationReport(
            name=integer.name,
            scale=factor,
            tau_mem_ms=tau_mem,
            tau_mem_held_ms=held_tau(integer.dv, dt_ms),
            tau_syn_ms=tau_syn,
            tau_syn_held_ms=held_tau(integer.du + 1, dt_ms),
            threshold_error=error,
            drive_share=drive / targets.CURRENT_LIMIT,
            current_share=current_ceiling(drive, integer.du) * (1 << STATE_SHIFT) / STATE_LIMIT,
        )

    def _find(self, code: str, where: str, what: str, fix: str) -> None:
        finding = Finding(code, where, what, fix)
        if finding not in self.findings:
            self.findings.append(finding)


def _weight_account(
    integer: IntegerProjection, exact: NDArray, held: NDArray, delays_clipped: int
) -> ProjectionReport:
    rms = float(np.sqrt(np.mean(exact**2))) if exact.size else 0.0
    error = float(np.sqrt(np.mean((held - exact) ** 2))) if exact.size else 0.0
    nonzero = exact != 0
    lost = float((held[nonzero] == 0).mean()) if nonzero.any() else 0.0
    return ProjectionReport(
        source=integer.source,
        target=integer.target,
        weight_bits=integer.weight_bits,
        weight_exponent=integer.weight_exponent,
        largest_weight=int(np.abs(integer.weight).max(initial=0)),
        rms_error=error / rms if rms else 0.0,
        lost=lost,
        delays_clipped=delays_clipped,
    )
