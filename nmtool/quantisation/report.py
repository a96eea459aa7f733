"""`Quantisation`: an integer network, rounding errors, findings, and accuracy lost."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmtool.arithmetic import Limits
from nmtool.errors import Finding
from nmtool.network.float_network import Network
from nmtool.network.integer_network import IntegerNetwork
from nmtool.quantisation.delays import DelayGrid
from nmtool.quantisation.neurons import common_value, rounded_tau, threshold_error
from nmtool.quantisation.scale import current_ceiling, one_signed_sum
from nmtool.quantisation.weights import weight_jumps
from nmtool.recording import Recording
from nmtool.tables import Result, Table, Tabular, counted
from nmtool.verification.comparison import spike_agreement

MUCH_ACCURACY = 0.05
"""Loss of accuracy by rounding, up to which there is no finding."""


@dataclass(frozen=True, repr=False)
class Quantisation(Tabular):
    """An integer network, the errors of rounding, and the accuracy lost by rounding.

    >>> import nmtool as nm
    >>> q = nm.round_network(nm.Network.layers([5, 8, 3], delays=100))
    >>> q.network
    <IntegerNetwork: 5 channels, hidden 8 lif, output 3 li, 100 steps of 1 ms>
    >>> q.findings[0].what
    '16 delays are longer than the 61 steps of the target'

    Attributes:
        network: the integer network.
        report: rounding errors, and findings on values that the target cannot represent.
        cost: accuracy lost by rounding; None if it was not measured.
    """

    network: IntegerNetwork
    report: QuantisationReport
    cost: RoundingCost | None = None

    def _line(self) -> str:
        return f"{self.network}, {counted(len(self.findings), 'finding')}"

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Findings on values that the target cannot represent, with the values used instead."""
        return self.report.findings

    def sentences(self) -> list[tuple[str, str]]:
        """Whether samples were used for calibration."""
        if self.report.calibrated:
            return [("Calibrated on samples.", "")]
        return [("Not calibrated: outputs have head-room for every possible input.", "")]

    def as_json(self) -> dict[str, Any]:
        """The report and the accuracy lost, as plain values for JSON."""
        return {
            "hash": self.network.content_hash,
            "source_hash": self.network.source_hash,
            **self.report.as_json(),
            "cost": None if self.cost is None else self.cost.as_json(),
        }

    def tables(self) -> list[Table]:
        """Tables of the report, and of the accuracy lost if it was measured."""
        return [*self.report.tables(), *(self.cost.tables() if self.cost else [])]


@dataclass(frozen=True)
class QuantisationReport(Tabular):
    """Rounding errors of every population and projection.

    Attributes:
        populations, projections: reports in the network's order.
        findings: values that the target cannot represent, with the values used instead.
        calibrated: the head-room of non-spiking populations comes from data.
    """

    populations: tuple[PopulationReport, ...]
    projections: tuple[ProjectionReport, ...]
    findings: tuple[Finding, ...]
    calibrated: bool

    def __repr__(self) -> str:
        calibrated = "calibrated" if self.calibrated else "not calibrated"
        return (
            f"<QuantisationReport: {counted(len(self.populations), 'population')}, "
            f"{counted(len(self.projections), 'projection')}, "
            f"{counted(len(self.findings), 'finding')}, {calibrated}>"
        )

    def as_json(self) -> dict[str, Any]:
        """The report as plain dictionaries and lists."""
        return asdict(self)

    def tables(self) -> list[Table]:
        """A table of weights and delays by projection, and a table of constants by population."""
        return [_projection_table(self.projections), _population_table(self.populations)]


@dataclass(frozen=True)
class PopulationReport:
    """A population's constants before and after rounding.

    Attributes:
        name: name of the population.
        scale: number of integer weight units per unit of u.
        tau_mem_ms, tau_syn_ms: exact time constants (mean over neurons).
        tau_mem_held_ms, tau_syn_held_ms: time constants of the rounded decays.
        threshold_error: relative error of the rounded threshold; 0 for non-spiking populations.
        drive_share, current_share: largest magnitudes of a step's summed input and of u for any
            input, as shares of their ranges.
        limit: the bound that limits the scale: `input`, `current`, `membrane`, `threshold`,
            `bias`, or `weights` if some weights are far larger than others.
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
    limit: str


@dataclass(frozen=True)
class ProjectionReport:
    """A projection's weights and delays before and after rounding.

    Attributes:
        source, target: names of the projection's source and target.
        weight_bits, weight_exponent: bits and exponent of the integer weights.
        largest_weight: largest magnitude of the integer weights, at most about 254.
        rms_error: root-mean-square rounding error, relative to the rms weight.
        lost: share of nonzero weights that became 0.
        delays_clipped: number of synapses of nonzero weight whose delay was clipped.
        delay_error: largest change of the delay of a synapse of nonzero weight, in steps.
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
class RoundingCost(Result):
    """Accuracy lost by rounding: a float network and its integers, on the same samples.

    Attributes:
        compared_on: description of the samples.
        samples: number of samples.
        float_accuracy, integer_accuracy: share of samples classified correctly, 0 … 1.
        agreement: share of samples for which both networks predict the same class.
        spikes_shared: spikes emitted by both networks, as a share of spikes emitted by either.
        u_wraps, v_clips: how often currents and membranes overflowed in the integer network.
    """

    compared_on: str
    samples: int
    float_accuracy: float
    integer_accuracy: float
    agreement: float
    spikes_shared: float
    u_wraps: int
    v_clips: int

    @classmethod
    def of(
        cls,
        answers: Iterable[tuple[Recording, Recording, NDArray[np.integer]]],
        compared_on: str,
    ) -> RoundingCost:
        """Make a `RoundingCost` from recordings of the float network and of the integer network.

        Args:
            answers: for each portion of the samples, recordings of the float network and of the
                integer network, which may have additional relays, and labels [samples] int64.
            compared_on: description of the samples.
        """
        float_correct, integer_correct, same_class = [], [], []
        shared = different = wraps = clips = 0
        for before, after, label in answers:
            agreement = spike_agreement(before, after.only({*before.spikes, *before.membrane}))
            shared += agreement.spikes_shared
            different += agreement.spikes_different
            float_correct.append(before.predictions == label)
            integer_correct.append(after.predictions == label)
            same_class.append(before.predictions == after.predictions)
            wraps += after.counts["u_wraps"]
            clips += after.counts["v_clips"]
        n_samples = sum(map(len, same_class))
        return cls(
            f"{n_samples:,} {compared_on.replace('samples', 'sample', n_samples == 1)}",
            n_samples,
            float(np.concatenate(float_correct).mean()),
            float(np.concatenate(integer_correct).mean()),
            float(np.concatenate(same_class).mean()),
            shared / (shared + different) if shared + different else 1.0,
            wraps,
            clips,
        )

    @property
    def findings(self) -> tuple[Finding, ...]:
        """A finding if the accuracy lost exceeds `MUCH_ACCURACY` and two standard errors."""
        lost = self.float_accuracy - self.integer_accuracy
        # Only samples with different classes in the two networks contribute to the variance of the
        # lost accuracy.
        variance = max(1 - self.agreement - lost**2, 0.0) / self.samples
        if lost <= max(MUCH_ACCURACY, 2 * math.sqrt(variance)):
            return ()
        finding = Finding(
            "rounding-costs-accuracy",
            "network",
            f"rounding lowers accuracy from {self.float_accuracy:.1%} to "
            f"{self.integer_accuracy:.1%}, on {self.compared_on}",
            "fine-tune in integers, with the same target and bits: nmtool train DATA --start RUN "
            "-o RUN2 --arithmetic integer (`nmtool.finetune`); or round to more bits, if the "
            "target has them: `weight_bits=`, `delay_bits=`",
        )
        return (finding,)

    def tables(self) -> list[Table]:
        """A table with one row per value."""
        rows = [
            ("compared on", self.compared_on),
            ("accuracy of the float network", f"{self.float_accuracy:.2%}"),
            ("accuracy of the integer network", f"{self.integer_accuracy:.2%}"),
            ("same class in both", f"{self.agreement:.2%}"),
            ("spikes in common", f"{self.spikes_shared:.2%}"),
            ("currents that wrap around", f"{self.u_wraps:,}"),
            ("membranes that clip", f"{self.v_clips:,}"),
        ]
        return [Table("cost of rounding", ("", "value"), rows)]


def population_reports(
    network: Network, integers: IntegerNetwork, limits: Mapping[str, str], target: Limits
) -> list[PopulationReport]:
    """One report per population, in the network's order.

    Args:
        network: the float network.
        integers: the rounded network.
        limits: the bound that limits the scale, by population.
        target: chip or format to round for.
    """
    runs_in, reports = integers.runs_in, []
    decay_one, spike_limits = runs_in.decay_one, integers.spike_limits
    for exact, integer in zip(network.populations, integers.populations, strict=True):
        incoming = [p for p in integers.projections if p.target == integer.name]
        drive = one_signed_sum(
            [p.shifted_weight.astype(np.int64) * spike_limits[p.source] for p in incoming]
        )
        current = current_ceiling(drive, integer.du, runs_in) * runs_in.state_one
        reports.append(
            PopulationReport(
                name=integer.name,
                scale=integer.scale,
                tau_mem_ms=common_value(exact.values("tau_mem_ms")),
                tau_mem_held_ms=rounded_tau(decay_one - integer.keep_v, network.dt_ms, decay_one),
                tau_syn_ms=common_value(exact.values("tau_syn_ms")),
                tau_syn_held_ms=rounded_tau(decay_one - integer.keep_u, network.dt_ms, decay_one),
                threshold_error=threshold_error(exact, integer),
                drive_share=drive / target.drive_limit,
                current_share=current / runs_in.state_limit,
                limit=limits[integer.name],
            )
        )
    return reports


def projection_reports(
    network: Network, integers: IntegerNetwork, delays: DelayGrid
) -> list[ProjectionReport]:
    """One report per projection, in the network's order.

    Args:
        network: the float network.
        integers: the rounded network.
        delays: the grid of possible delays.
    """
    reports = []
    for exact, integer in zip(network.projections, integers.projections, strict=True):
        exact_weight = weight_jumps(network, exact) * integers.population(integer.target).scale
        size, nonzero = _rms(exact_weight), exact_weight != 0
        reports.append(
            ProjectionReport(
                source=integer.source,
                target=integer.target,
                weight_bits=integer.weight_bits,
                weight_exponent=integer.weight_exponent,
                largest_weight=int(np.abs(integer.weight).max(initial=0)),
                rms_error=_rms(integer.shifted_weight - exact_weight) / size if size else 0.0,
                lost=float((integer.weight[nonzero] == 0).mean()) if nonzero.any() else 0.0,
                delays_clipped=int((exact.delay[nonzero] > delays.longest).sum()),
                delay_error=int(np.abs(integer.delay - exact.delay)[nonzero].max(initial=0)),
            )
        )
    return reports


def _rms(values: np.ndarray) -> float:
    """Root mean square of values; 0 without values."""
    return float(np.sqrt(np.mean(values**2))) if values.size else 0.0


def _projection_table(projections: Sequence[ProjectionReport]) -> Table:
    """Table of the rounding of weights and delays, one row per projection."""
    header = ["projection", "bits", "exponent", "largest", "rms error", "became 0"]
    header += ["delays clipped", "delay error, steps"]
    rows = [_projection_cells(projection) for projection in projections]
    if not any(projection.delay_error for projection in projections):
        header, rows = header[:-1], [row[:-1] for row in rows]
    return Table("weights and delays", header, rows)


def _projection_cells(projection: ProjectionReport) -> tuple[str | int, ...]:
    """Cells of a projection's row."""
    return (
        f"{projection.source} → {projection.target}",
        projection.weight_bits,
        projection.weight_exponent,
        projection.largest_weight,
        f"{projection.rms_error:.2%}",
        f"{projection.lost:.2%}",
        projection.delays_clipped,
        projection.delay_error,
    )


def _population_table(populations: Sequence[PopulationReport]) -> Table:
    """Table of the rounding of constants, one row per population."""
    header = ("population", "scale", "tau_mem ms", "tau_syn ms", "θ error")
    return Table(
        "neurons",
        (*header, "input used", "current used", "limited by"),
        [
            (
                p.name,
                p.scale,
                f"{p.tau_mem_ms:g} → {p.tau_mem_held_ms:.4g}",
                f"{p.tau_syn_ms:g} → {p.tau_syn_held_ms:.4g}",
                f"{p.threshold_error:+.2%}",
                f"{p.drive_share:.0%}",
                f"{p.current_share:.0%}",
                p.limit,
            )
            for p in populations
        ],
    )
