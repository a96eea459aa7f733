"""What quantisation cost: numbers per population and projection, and what did not fit."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from nmtool.errors import Finding


@dataclass(frozen=True)
class PopulationReport:
    """A population's constants before and after.

    Attributes:
        name: the population.
        scale: integer weight per unit of u.
        tau_mem_ms, tau_syn_ms: as asked for (mean over neurons).
        tau_mem_held_ms, tau_syn_held_ms: what the 12-bit decays amount to.
        threshold_error: relative error of the rounded threshold, 0 for non-spiking ones.
        drive_share, current_share: of the ranges of a and u, what any input can fill at most.
    """

    name: str
    scale: float
    tau_mem_ms: float
    tau_mem_held_ms: float
    tau_syn_ms: float
    tau_syn_held_ms: float
    threshold_error: float
    drive_share: float
    current_share: float


@dataclass(frozen=True)
class ProjectionReport:
    """A projection's weights and delays before and after.

    Attributes:
        source, target: the projection.
        weight_bits, weight_exponent: how its weights are held.
        largest_weight: largest magnitude of its integer weights, of 254 or so possible.
        rms_error: root-mean-square rounding error, relative to the rms weight.
        lost: share of the weights other than 0 that became 0.
        delays_clipped: synapses whose delay was longer than any that is held.
        delay_error: largest change of a delay, in steps.
    """

    source: str
    target: str
    weight_bits: int
    weight_exponent: int
    largest_weight: int
    rms_error: float
    lost: float
    delays_clipped: int
    delay_error: int


@dataclass(frozen=True)
class QuantisationReport:
    """The whole account.

    Attributes:
        populations, projections: in the network's order.
        findings: everything the target cannot hold as it is, and what was done about it.
        calibrated: whether data set the head-room of the non-spiking populations.
    """

    populations: tuple[PopulationReport, ...]
    projections: tuple[ProjectionReport, ...]
    findings: tuple[Finding, ...]
    calibrated: bool

    def as_json(self) -> dict[str, Any]:
        """Plain dictionaries and lists."""
        return asdict(self)
