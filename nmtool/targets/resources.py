"""Number of cores that a network takes, and the limiting resource.

Each population is spread evenly over its own cores. The number of its neurons per core is limited
by the scarcest of five resources:

    neurons       number of neurons on a core
    synapses      number of synapses on a core
    memory        bytes for synapses / bytes per neuron, with a weight and a delay per synapse
    accumulators  sums of future steps: per neuron a power of two, at least the longest incoming
                  delay + 2 (one slot is read while the farthest is written); 1 without delays
    axons out     pairs of a neuron and a core to which it sends spikes

Input channels take no core. Source: nengo-loihi's rules for Loihi 1. The rules for Loihi 2 are
inferred from them; see the marks in the target files.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from nmtool.errors import Finding
from nmtool.network.graph import INPUT
from nmtool.network.integer_network import IntegerNetwork, IntegerProjection
from nmtool.tables import Plain, Table, counted, in_json, plain
from nmtool.targets.target import INFERRED, Target

NEURONS, SYNAPSES, MEMORY = "neurons", "synapses", "memory"
ACCUMULATORS, AXONS = "accumulators", "axons out"

PLACES = {
    NEURONS: "core.neurons",
    SYNAPSES: "core.synapses",
    MEMORY: "core.synapse_bytes",
    ACCUMULATORS: "core.accumulators",
    AXONS: "core.axons_out",
}
"""Section and name of the target's figure for each resource."""


@dataclass(frozen=True)
class PopulationCores(Plain):
    """Cores of one population.

    Attributes:
        population: name of the population.
        neurons: number of neurons.
        synapses: largest number of synapses onto a neuron (fan-in).
        bytes_per_neuron: bytes of a neuron's synapses and state.
        per_core: number of neurons per core that each resource allows; unknown resources are
            missing.
    """

    population: str
    neurons: int
    synapses: int = field(metadata=in_json("synapses_per_neuron"))
    bytes_per_neuron: int
    per_core: Mapping[str, int] = field(metadata=in_json("neurons_per_core"))

    @property
    def binding(self) -> str:
        """The resource that allows the fewest neurons per core; '' if no resource is known."""
        return min(self.per_core, key=self.per_core.__getitem__, default="")

    @property
    def cores(self) -> int | None:
        """Number of cores; None if unknown, or if a core cannot hold a single neuron."""
        per_core = self.per_core[self.binding] if self.binding else 0
        return -(-self.neurons // per_core) if per_core else None

    def as_json(self) -> dict[str, Any]:
        """The content as plain values for JSON, under names that scripts can rely on."""
        return {**super().as_json(), "binding": self.binding, "cores": self.cores}


@dataclass(frozen=True)
class Resources(Plain):
    """Cores that a network takes on a target.

    Attributes:
        target: the target.
        populations: cores of each population, in the network's order.
        zeros_assumed: True if weights of 0 are assumed to take memory, since the target's figure
            `dense` is unknown.
    """

    target: Target
    populations: tuple[PopulationCores, ...]
    zeros_assumed: bool = False

    def as_json(self) -> dict[str, Any]:
        """The content as plain values for JSON, under names that scripts can rely on."""
        return plain(
            {
                "cores": self.cores,
                "chips": self.chips,
                "binding": self.binding,
                "if": self.assumptions,
                "populations": self.populations,
            }
        )

    @property
    def cores(self) -> int | None:
        """Total number of cores; None if it is unknown for a population."""
        counts = [population.cores for population in self.populations]
        return None if None in counts else sum(cores for cores in counts if cores)

    @property
    def chips(self) -> int | None:
        """Number of chips that together have enough cores; None if unknown."""
        per_chip = self.target.chip.cores
        return None if self.cores is None or per_chip is None else -(-self.cores // per_chip)

    @property
    def is_inferred(self) -> bool:
        """True if the number of cores depends on an inferred figure or an assumption."""
        return bool(self.assumptions)

    @property
    def binding(self) -> list[str]:
        """The limiting resource of each population; populations with more cores come first."""
        order = sorted(self.populations, key=lambda p: -(p.cores or 0))
        return list(dict.fromkeys(p.binding for p in order if p.binding and (p.cores or 2) > 1))

    @property
    def assumptions(self) -> list[str]:
        """Unpublished figures and assumptions that the number of cores depends on, in words."""
        words = []
        for resource in self.binding:
            origin = self.target.origin(PLACES[resource])
            if origin.mark == INFERRED:
                words.append(f"{resource} are {origin.note or 'as inferred'}")
        if self.zeros_assumed and {SYNAPSES, MEMORY} & {*self.binding}:
            words.append("weights of 0 take memory, too")
        return words

    def in_words(self) -> str:
        """Number of cores in words, e.g. `2 of 128 cores if accumulators are as on Loihi 1`."""
        if self.cores is None:
            return "cores: unknown"
        per_chip = self.target.chip.cores
        words = counted(self.cores, "core")
        if per_chip is not None:
            words = f"{self.cores:,} of {counted(per_chip, 'core')}"
        return f"{words} if {' and '.join(self.assumptions)}" if self.assumptions else words

    def tables(self) -> list[Table]:
        """Cores by population."""
        keys = [key for key in PLACES if any(key in p.per_core for p in self.populations)]
        by = [f"by {key}" for key in keys]
        header = ["population", "neurons", "fan-in", "bytes", *by, "binds", "cores"]
        rows: list[list[Any]] = [
            [
                population.population,
                population.neurons,
                population.synapses,
                population.bytes_per_neuron,
                *(population.per_core.get(key) for key in keys),
                population.binding,
                population.cores,
            ]
            for population in self.populations
        ]
        title = f"{self.target.name}: {self.in_words()}; neurons per core, by resource"
        return [Table(title, header, rows)] if keys else []


def resources(network: IntegerNetwork, target: Target) -> Resources:
    """Count the cores that a network takes on a target.

    >>> from nmtool.targets import target_named
    >>> resources(network, target_named("loihi2")).in_words()  # doctest: +SKIP
    '2 of 128 cores if accumulators are as on Loihi 1'

    Args:
        network: an integer network.
        target: a chip; unknown resources of its cores are ignored.
    """
    return Resources(target, _populations(network, target), assumes_zeros(network, target))


def assumes_zeros(network: IntegerNetwork, target: Target) -> bool:
    """True if the network has weights of 0, and it is unknown whether they take memory."""
    return target.core.dense is None and any((p.weight == 0).any() for p in network.projections)


def longest_delay(projection: IntegerProjection) -> int:
    """Longest delay of a projection in steps, without synapses of weight 0."""
    return int(projection.delay[projection.weight != 0].max(initial=0))


def delay_slots(longest: int) -> int:
    """Number of a neuron's accumulators for delays of up to `longest` steps: a power of two.

    >>> [delay_slots(steps) for steps in (0, 1, 2, 30, 31, 61, 62)]
    [1, 4, 4, 32, 64, 64, 64]
    """
    return 1 << (longest + 1).bit_length() if longest else 1


def findings(demand: Resources, network: IntegerNetwork) -> list[Finding]:
    """Findings on the capacities of the target's cores and chip that a network exceeds."""
    target, chip = demand.target, demand.target.chip
    name = target.title or target.name
    smaller = "train a smaller network, or use several chips"
    sparser = "connect fewer neurons to it, or remove synapses in training (`sparsity=`)"
    exceeded = []
    for population in demand.populations:
        resource = population.binding
        if resource and population.per_core[resource] == 0:
            what = f"one neuron takes more {resource} than a core has"
            exceeded.append(Finding("neuron-beyond-core", population.population, what, sparser))
        fan_in = target.core.fan_in
        if fan_in is not None and population.synapses > fan_in:
            what = f"a neuron has {population.synapses:,} synapses, but on {name} it can have "
            what += f"{fan_in:,}"
            exceeded.append(Finding("fan-in-exceeded", population.population, what, sparser))
        axons = sum(p.shape[0] for p in network.projections if p.target == population.population)
        if target.core.axons_in is not None and axons > target.core.axons_in:
            what = f"{axons:,} neurons send to it, but a core of {name} can receive from "
            what += f"{target.core.axons_in:,}"
            fix = "connect fewer neurons to it"
            exceeded.append(Finding("axons-in-exceeded", population.population, what, fix))
    if demand.cores is not None and chip.cores is not None and demand.cores > chip.cores:
        what = f"{name} has too few cores: populations on separate cores take {demand.in_words()}"
        exceeded.append(Finding("cores-exceeded", "network", what, smaller))
    answering = network.population(network.readout.population)
    neurons = sum(p.size for p in network.populations)
    counts = [
        ("neurons", neurons, chip.neurons),
        ("hidden neurons", neurons - answering.size, chip.hidden),
        ("synapses", _count_stored(network, target), chip.synapses),
        ("input channels", network.channels.size, chip.inputs),
        ("outputs", answering.size, chip.outputs),
        *_hidden_counts(network, target),
    ]
    for noun, count, capacity in counts:
        if capacity is not None and count > capacity:
            what = f"it has {count:,} {noun}, but {name} has room for {capacity:,}"
            exceeded.append(Finding("chip-exceeded", noun, what, smaller))
    return exceeded


def _hidden_counts(
    network: IntegerNetwork, target: Target
) -> Iterator[tuple[str, int, int | None]]:
    """Yield counts of hidden neurons and of their synapses: noun, count, the chip's capacity."""
    chip, hidden = target.chip, {p.name for p in network.populations} - {network.readout.population}
    fan_out, from_inputs, to_outputs = (
        {p.name: np.zeros(p.size, np.int64) for p in network.populations} for _ in range(3)
    )
    for projection in network.projections:
        stored = _is_stored(projection, target)
        if projection.source in hidden and projection.target in hidden:
            fan_out[projection.source] += stored.sum(axis=1)
        elif projection.source in hidden:
            to_outputs[projection.source] += stored.any(axis=1)
        elif projection.source == INPUT and projection.target in hidden:
            from_inputs[projection.target] += stored.any(axis=0)
    total = sum(int(count.sum()) for count in fan_out.values())
    yield "synapses between hidden neurons", total, chip.hidden_synapses
    largest_fan_out = max(int(count.max(initial=0)) for count in fan_out.values())
    yield "synapses from one hidden neuron to hidden neurons", largest_fan_out, chip.hidden_fan_out
    reached = sum(int(np.count_nonzero(count)) for count in from_inputs.values())
    yield "hidden neurons that inputs reach", reached, chip.hidden_with_input
    n_read = sum(int(np.count_nonzero(count)) for count in to_outputs.values())
    yield "hidden neurons that outputs read from", n_read, chip.hidden_with_output


def _populations(network: IntegerNetwork, target: Target) -> tuple[PopulationCores, ...]:
    """Count the cores of all populations."""
    core, by_name = target.core, {}
    for population in network.populations:
        incoming = [p for p in network.projections if p.target == population.name]
        fan_in = np.zeros(population.size, np.int64)
        bits = np.zeros(population.size, np.int64)
        slots = 1
        for projection in incoming:
            stored = _stored_per_post(projection, target)
            reach = longest_delay(projection)
            fan_in += stored
            bits += stored * (projection.weight_bits + reach.bit_length())
            slots = max(slots, delay_slots(reach))
        size = -(-int(bits.max(initial=0)) // 8) + (core.neuron_bytes or 0)
        per_core = {}
        if core.neurons is not None:
            per_core[NEURONS] = core.neurons
        if core.synapses is not None and fan_in.any():
            per_core[SYNAPSES] = core.synapses // int(fan_in.max())
        if core.synapse_bytes is not None and size:
            per_core[MEMORY] = core.synapse_bytes // size
        if core.accumulators is not None:
            per_core[ACCUMULATORS] = core.accumulators // slots
        by_name[population.name] = PopulationCores(
            population.name, population.size, int(fan_in.max(initial=0)), size, per_core
        )
    return tuple(_with_axons(network, target, by_name).values())


def _with_axons(
    network: IntegerNetwork, target: Target, by_name: dict[str, PopulationCores]
) -> dict[str, PopulationCores]:
    """Limit the number of neurons per core by the number of outgoing axons of a core.

    A neuron has one axon to each core that it reaches. If one population takes more cores, other
    populations may therefore need more axons. So the count is repeated until nothing changes. The
    loop ends because neurons per core only decrease, and populations without a single neuron per
    core are skipped.
    """
    axons = target.core.axons_out
    if axons is None:
        return by_name
    while True:
        before = {name: entry.cores for name, entry in by_name.items()}
        for name, population in by_name.items():
            target_names = {p.target for p in network.projections if p.source == name}
            reached = [
                cores for target_name in target_names if (cores := before[target_name]) is not None
            ]
            if reached and len(reached) == len(target_names):
                per_core = {**population.per_core, AXONS: axons // sum(reached)}
                by_name[name] = replace(population, per_core=per_core)
        if before == {name: entry.cores for name, entry in by_name.items()}:
            return by_name


def _stored_per_post(projection: IntegerProjection, target: Target) -> np.ndarray:
    """[post] int64: number of synapses onto each neuron that take memory."""
    return np.count_nonzero(_is_stored(projection, target), axis=0)


def _is_stored(projection: IntegerProjection, target: Target) -> np.ndarray:
    """[pre, post] bool: True for synapses that take memory.

    Synapses of weight 0 take memory unless the target's figure `dense` is False.
    """
    if target.core.dense is False:
        return projection.weight != 0
    return np.ones(projection.shape, np.bool_)


def _count_stored(network: IntegerNetwork, target: Target) -> int:
    """Number of a network's synapses that take memory on a target."""
    return sum(int(np.count_nonzero(_is_stored(p, target))) for p in network.projections)
