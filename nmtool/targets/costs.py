"""`Cost`: operations, sparsity, memory, latency and energy of a network on samples.

Counts are exact. Latency and energy are estimates or measurements; the boundary of each states the
parts of the system that it covers. Unknown quantities are never 0: a reason takes their place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmtool.errors import visible
from nmtool.tables import NOT_IN_JSON, Result, Table, Tabular, counted, shown
from nmtool.targets.footprint import Footprint

COUNTS = (
    *("synaptic_events", "synapses_read", "neuron_updates", "input_spikes", "spikes", "messages"),
)
"""Exact counts of a `Cost`, by attribute."""

_WORDS = {"effective_acs": "effective ACs", "effective_macs": "effective MACs"}

_SPREAD = ("mean", "95 %", "worst", "in sample", "per step", "worst step")
"""Headers for the values of a `Spread`, in the order of `_columns`."""


@dataclass(frozen=True)
class Spread:
    """Statistics of a quantity over samples and steps.

    Attributes:
        mean: mean per sample.
        p95: 95th percentile over samples: of the values that occur, the lowest that at least 95 %
            of the samples do not exceed.
        worst: maximum over samples.
        worst_sample: the first sample with the maximum.
        step_mean: mean per step, over all steps of all samples; None if not counted per step.
        step_worst: maximum over steps; None if not counted per step.
        total: sum over all samples.

    >>> Spread.of(np.array([[1, 2], [0, 5]]))
    Spread(mean=4.0, p95=5, worst=5, worst_sample=1, step_mean=2.0, step_worst=5, total=8)
    """

    mean: float
    p95: float
    worst: float
    worst_sample: int
    step_mean: float | None
    step_worst: float | None
    total: float

    @classmethod
    def of(cls, per_step: NDArray) -> Spread:
        """Compute statistics from a number per sample and step, [samples, steps].

        There must be at least one number. Sums of integers are exact.
        """
        samples = cls.of_samples(per_step.sum(axis=1))
        steps = {"step_mean": samples.total / per_step.size, "step_worst": per_step.max().item()}
        return cls(**{**asdict(samples), **steps})

    @classmethod
    def of_samples(cls, per_sample: NDArray) -> Spread:
        """Compute statistics from one number per sample, [samples], for at least one sample."""
        total = per_sample.sum().item()
        return cls(
            mean=total / per_sample.size,
            p95=np.percentile(per_sample, 95, method="inverted_cdf").item(),
            worst=per_sample.max().item(),
            worst_sample=int(per_sample.argmax()),
            step_mean=None,
            step_worst=None,
            total=total,
        )


@dataclass(frozen=True)
class Counted:
    """Statistics of a count, in total and by population or projection.

    Attributes:
        total: statistics of the sum over all parts.
        parts: statistics by name of a part, e.g. `hidden` or `input → hidden`.
    """

    total: Spread
    parts: Mapping[str, Spread] = field(default_factory=dict)

    @classmethod
    def of(cls, parts: Mapping[str, NDArray[np.int64]], shape: tuple[int, int]) -> Counted:
        """Compute statistics of the counts of all parts, and of their sum.

        Args:
            parts: counts by name of the part, each [samples, steps] int64; if there are no parts,
                the total is 0.
            shape: number of samples, and of steps.
        """
        total = sum(parts.values(), np.zeros(shape, np.int64))
        return cls(Spread.of(total), {name: Spread.of(counts) for name, counts in parts.items()})


@dataclass(frozen=True)
class Constant:
    """A figure of a chip, the cost of one event, that an estimate uses.

    Attributes:
        name: name of the event, e.g. `synaptic_event`.
        value, unit: cost per event.
        mark: published, source code, measured, second-hand or inferred.
        source: the publication, with remarks.
        target: name of the chip to which the figure belongs.
    """

    name: str
    value: float
    unit: str
    mark: str
    source: str
    target: str


@dataclass(frozen=True)
class Estimate:
    """Latency or energy per inference, or the reason why it is unknown.

    Attributes:
        unit: unit of the numbers.
        boundary: words on the part of the system, and of its energy or time, that the numbers
            cover, and on the chip whose figures were used.
        note: further remarks, such as what is not included.
        spread: the numbers; None if unknown.
        absent: reason why the numbers are unknown; '' if they are known.
        constants: the figures per event from which the numbers are computed.
    """

    unit: str
    boundary: str = ""
    note: str = ""
    spread: Spread | None = None
    absent: str = ""
    constants: tuple[Constant, ...] = ()

    @property
    def mean_in_words(self) -> str:
        """The mean with its unit; '' if unknown."""
        return "" if self.spread is None else f"{shown(float(self.spread.mean))} {self.unit}"

    def as_json(self) -> dict[str, Any]:
        """Plain values: the numbers with unit, boundary and note, or why there are no numbers."""
        if self.spread is None:
            return {"absent": self.absent}
        spread = {name: value for name, value in asdict(self.spread).items() if value is not None}
        return {"unit": self.unit, "boundary": self.boundary, "note": self.note, **spread}


@dataclass(frozen=True)
class RunningCost:
    """Measured cost of an export in its runtime, from the `running_cost` of its format.

    Attributes:
        program: name of the running program, e.g. `C program`.
        latency: the measured latency, or the reason why it could not be measured.
        footprint: memory of the program.
        operations: exact source-level operations per inference, by name.
    """

    program: str
    latency: Estimate
    footprint: Footprint
    operations: Mapping[str, Spread]


@dataclass(frozen=True, repr=False)
class Cost(Result):
    """The cost of a network on samples. An *inference* is one sample from a fresh state.

    >>> import nmtool as nm
    >>> events = nm.SpikeEvents.from_lists([[1.0, 2.0], [1.0]], [[0, 1], [0]], [0, 1])
    >>> cost = nm.cost(nm.round_network(nm.Network.layers([2, 2])).network, events)
    >>> cost
    <Cost: 3 synaptic events per inference, 2 samples>
    >>> cost.neuron_updates.total.mean
    200.0

    Attributes:
        network_hash: content hash of the network that ran.
        arithmetic: `float`, or the name of the integer arithmetic.
        bits: bits of weights and delays, e.g. `8/6`; '' for floats.
        samples, steps: number of samples, and of steps per sample.
        accuracy: share of samples classified correctly, 0 … 1.
        target: name of the target, '' without one.
        cores: number of the target's cores that the network takes; None if unknown. Each
            population then counts as one core.
        grouping: number of cores in words, with its assumptions, e.g. `2 cores if accumulators are
            as on Loihi 1`.
        synaptic_events: by projection; each spike counts its synapses of nonzero weight.
        synapses_read: by projection; each spike counts all its synapses, including weight 0.
        neuron_updates: by population; number of neurons times number of steps.
        input_spikes: number of input spikes.
        spikes: by spiking population, number of emitted spikes.
        messages: by source; each spike counts the cores with target neurons, including the
            source's own core. Synapses of weight 0 matter only if the target's cores store them.
            If cores are unknown, each spike counts its target populations.
        effective_acs, effective_macs, dense_operations: NeuroBench's synaptic operations per
            inference: additions for spikes through nonzero weights; multiplications with inputs
            that are not spikes, which do not occur; and all weights in all steps.
        activation_sparsity: share of bins (neurons of spiking populations times steps) without a
            spike; None if no population can spike.
        connection_sparsity: share of weights that are 0; None without synapses.
        footprint: by kind of storage: `chip integers`, `torch copy` (NeuroBench's) and, if a
            program was measured, `program`.
        energy, latency: energy and latency per inference.
        program: name of the program that was measured, e.g. `C program`; '' if none was.
        operations: exact source-level operations of the program per inference, by name.
        absent: why a quantity other than energy and latency is unknown, by the quantity's name.
        remarks: sentences that limit the meaning of the numbers.
    """

    _left_out = ("", None)

    network_hash: str = field(metadata=NOT_IN_JSON)
    arithmetic: str
    bits: str
    samples: int
    steps: int
    accuracy: float
    target: str
    cores: int | None
    grouping: str
    synaptic_events: Counted
    synapses_read: Counted
    neuron_updates: Counted
    input_spikes: Counted
    spikes: Counted
    messages: Counted
    effective_acs: float
    effective_macs: float
    dense_operations: float
    activation_sparsity: float | None
    connection_sparsity: float | None
    footprint: Mapping[str, Footprint]
    program: str = field(metadata=NOT_IN_JSON)
    operations: Mapping[str, Spread]
    energy: Estimate
    latency: Estimate
    absent: Mapping[str, str] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()

    def __repr__(self) -> str:
        events = self.synaptic_events.total.mean
        samples = counted(self.samples, "sample")
        return f"<Cost: {shown(events)} synaptic events per inference, {samples}>"

    def as_json(self) -> dict[str, Any]:
        """Plain values, under stable names for scripts; unknown quantities are in `absent`."""
        plain = super().as_json()
        if not self.operations:
            del plain["operations"]
        return plain

    def constants(self) -> list[Constant]:
        """The figures from which energy and latency are computed."""
        return [*self.energy.constants, *self.latency.constants]

    def sources(self) -> Table:
        """A table of the figures from which energy and latency are computed, with their sources."""
        rows = [
            (c.target, c.name.replace("_", " "), shown(c.value), c.unit, c.mark, c.source)
            for c in self.constants()
        ]
        header = ("target", "event", "figure", "unit", "mark", "source")
        return Table("figures behind energy and latency", header, rows)

    def tables(self) -> list[Table]:
        """Tables of operations, of sparsity and footprint, and of latency and energy if known."""
        header = ("", "where", *_SPREAD)
        rows = [
            (name.replace("_", " "), where, *_columns(asdict(spread)))
            for name, where, spread in self._counts()
        ]
        estimates = [
            (name, estimate.unit, *_columns(asdict(estimate.spread)))
            for name, estimate in (("latency", self.latency), ("energy", self.energy))
            if estimate.spread is not None
        ]
        grouping = f", {self.target}: {self.grouping}" if self.grouping else ""
        tables = [
            Table(f"operations per inference{grouping}", header, rows),
            Table("sparsity and footprint (NeuroBench)", ("", "value"), list(self._neurobench())),
        ]
        if estimates:
            title = "latency and energy per inference"
            tables.append(Table(title, ("", "unit", *_SPREAD), estimates))
        return tables

    def summary(self) -> str:
        """The tables and the notes, as plain text."""
        return "\n\n".join([super().summary(), "\n".join(map(visible, self.notes()))])

    def notes(self) -> list[str]:
        """Sentences on the scope of latency and energy, or on why they are unknown."""
        axes: dict[str, list[str]] = {}
        for axis in ("latency", "energy"):
            estimate: Estimate = getattr(self, axis)
            if estimate.spread is None:
                axes.setdefault(f"not given: {estimate.absent}", []).append(axis)
            else:
                axes.setdefault(estimate.boundary, []).append(axis)
                axes.setdefault(estimate.note, []).append(axis)
        return [f"{' and '.join(names)}: {text}" for text, names in axes.items() if text]

    def value(self, quantity: str) -> float | None:
        """The mean of a quantity per inference; None if unknown.

        Args:
            quantity: one of `COUNTS`, or `footprint`, `energy` or `latency`.
        """
        if quantity == "footprint":
            stored = self.footprint.get("chip integers")
            return None if stored is None else stored.total
        if quantity in ("energy", "latency"):
            spread = getattr(self, quantity).spread
            return None if spread is None else spread.mean
        return getattr(self, quantity).total.mean

    def _scalars(self) -> Iterator[tuple[str, float | None]]:
        """Yield the name and the value of each quantity that is a single number."""
        for name in (
            *("effective_acs", "effective_macs", "dense_operations"),
            *("activation_sparsity", "connection_sparsity"),
        ):
            yield name, getattr(self, name)

    def _counts(self) -> Iterator[tuple[str, str, Spread]]:
        """Yield the name, the place and the statistics of each count."""
        for name in COUNTS:
            count: Counted = getattr(self, name)
            for where, spread in (*count.parts.items(), ("all", count.total)):
                yield name, where, spread
        for name, spread in self.operations.items():
            yield name, self.program, spread

    def _neurobench(self) -> Iterator[tuple[str, str]]:
        """Yield the rows of the table of sparsity and footprint."""
        for name, value in self._scalars():
            if value is not None:
                text = f"{value:.2%}" if "sparsity" in name else f"{value:,.1f} per inference"
                yield _WORDS.get(name, name.replace("_", " ")), text
        for name, footprint in self.footprint.items():
            split = f"{footprint.parameters:,} of parameters, {footprint.state:,} of state"
            yield f"footprint, {name}", f"{footprint.total:,} bytes: {split}"
        for name, reason in self.absent.items():
            yield name.replace("_", " "), f"not given: {reason}"


@dataclass(frozen=True, repr=False)
class Tradeoff(Tabular):
    """Accuracy and cost of several networks on the same samples.

    >>> import nmtool as nm
    >>> floats = nm.Network.layers([2, 2])
    >>> networks = {bits: nm.round_network(floats, weight_bits=int(bits)).network for bits in "48"}
    >>> events = nm.SpikeEvents.from_lists([[1.0, 2.0], [1.0]], [[0, 1], [0]], [0, 1])
    >>> [cost.value("footprint") for cost in nm.compare_cost(networks, events).costs.values()]
    [28, 30]

    Attributes:
        costs: by name of the network, in the given order.
    """

    costs: Mapping[str, Cost]

    def _line(self) -> str:
        return counted(len(self.costs), "network")

    def as_json(self) -> dict[str, Any]:
        """Costs as plain values, by network."""
        return {
            "networks": [
                {"network": name, "hash": cost.network_hash, **cost.as_json()}
                for name, cost in self.costs.items()
            ]
        }

    def tables(self) -> list[Table]:
        """Tables of mean counts and of mean latency and energy per inference, by network.

        If latency and energy are unknown for all networks, there is only the table of counts.
        """
        axes = ("synaptic_events", "neuron_updates", "spikes", "messages")
        counted = [
            (
                *(name, cost.bits, f"{cost.accuracy:.2%}"),
                *(cost.value(axis) for axis in axes),
                *(_percent(cost.connection_sparsity), cost.value("footprint")),
            )
            for name, cost in self.costs.items()
        ]
        header = ("network", "bits", "accuracy", *(axis.replace("_", " ") for axis in axes))
        header += ("zero weights", "bytes")
        tables = [Table("accuracy against cost, means per inference", header, counted)]
        estimated = [
            (name, *(getattr(cost, axis).mean_in_words for axis in ("latency", "energy")))
            for name, cost in self.costs.items()
        ]
        if any(cell for _, *cells in estimated for cell in cells):
            title, header = "latency and energy per inference", ("network", "latency", "energy")
            tables.append(Table(title, header, estimated))
        return tables

    def notes(self) -> list[str]:
        """Sentences on the scope of latency and energy, or on why they are unknown."""
        return list(dict.fromkeys(note for cost in self.costs.values() for note in cost.notes()))


def _columns(spread: Mapping[str, Any]) -> list[Any]:
    """The values of a `Spread` that tables show, in the order of `_SPREAD`."""
    names = ("mean", "p95", "worst", "worst_sample", "step_mean", "step_worst")
    return [spread[name] for name in names]


def _percent(share: float | None) -> str:
    """A share as text, as a percentage with two decimals; '' for None."""
    return "" if share is None else f"{share:.2%}"
