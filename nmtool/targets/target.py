"""`Target`: limits and capacities of a chip or a format, and how they are known.

Integer networks run in `loihi2` (`docs/arithmetic.md`), or in another arithmetic that a target
names. Quantisation uses the target's limits, which narrow the ranges of the arithmetic. The figures
in a target's sections decide whether a network fits, and determine its cost. Unpublished figures
are None, never 0.

>>> Target("short", max_delay=31).max_threshold
131071
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from nmtool.arithmetic import LOIHI2, Arithmetic, Limits, Neuron, arithmetic_named, figure
from nmtool.errors import visible

DEFINED, PUBLISHED, READ = "defined", "published", "source code"
MEASURED, SECOND_HAND, INFERRED = "measured", "second-hand", "inferred"
MARKS = (DEFINED, PUBLISHED, READ, MEASURED, SECOND_HAND, INFERRED)
"""How a figure is known: by definition of a format, published by its maker or in a paper, from
public source code, measured by running it, quoted by third parties, or inferred by nmtool."""

CHIP, SOFTWARE = "chip", "software"


@dataclass(frozen=True)
class Origin:
    """Mark and source of a figure.

    Attributes:
        mark: one of `MARKS`.
        source: the publication, or '' without one.
        note: further remark, or ''.
    """

    mark: str
    source: str = ""
    note: str = ""

    def __str__(self) -> str:
        return "; ".join(part for part in (self.mark, self.source, self.note) if part)


class Figures:
    """Figures of a section of a target's file: the fields of a frozen dataclass derived from this.

    Each field is a `nmtool.arithmetic.figure`, and None if it is unknown. A plug-in adds a section
    in the entry points `nmtool.figures`, and finds its figures in `Target.sections`.
    """

    def missing(self) -> Iterator[tuple[str, str, str]]:
        """Figures without which others cannot be used: name ('': the section), reason and fix."""
        return iter(())


@dataclass(frozen=True)
class Core(Figures):
    """Capacities of one core."""

    neurons: int | None = figure("neurons", low=1)
    synapses: int | None = figure("synapses", low=1)
    synapse_bytes: int | None = figure("bytes for synapses", low=1)
    neuron_bytes: int | None = figure("bytes of the same memory that a neuron takes", low=0)
    accumulators: int | None = figure(
        "sums of input that wait for their step: a neuron takes one per delay slot", low=1
    )
    fan_in: int | None = figure("synapses to one of its neurons", low=1)
    axons_in: int | None = figure("source neurons that send to it", low=1)
    axons_out: int | None = figure("pairs of a neuron and a core that it sends to", low=1)
    dense: bool | None = figure("synapses of weight 0 take memory, too")

    def missing(self) -> Iterator[tuple[str, str, str]]:
        if self.neuron_bytes is not None and self.synapse_bytes is None:
            why = "it cannot be checked without the bytes of a core"
            yield "neuron_bytes", why, "give core.synapse_bytes, too"
        capacities = (self.neurons, self.synapses, self.synapse_bytes, self.accumulators)
        if self.axons_out is not None and all(capacity is None for capacity in capacities):
            why = "it cannot be counted without the number of neurons of a core"
            yield "axons_out", why, "give core.neurons, too"


@dataclass(frozen=True)
class Chip(Figures):
    """Capacities of one chip."""

    cores: int | None = figure("cores", low=1)
    neurons: int | None = figure("neurons", low=1)
    synapses: int | None = figure("synapses", low=1)
    inputs: int | None = figure("input channels", low=1)
    outputs: int | None = figure("neurons of the output population", low=1)
    hidden: int | None = figure("neurons of all other populations", low=1)
    hidden_synapses: int | None = figure("synapses between hidden neurons", low=1)
    hidden_fan_out: int | None = figure("synapses from one hidden neuron to hidden neurons", low=1)
    hidden_with_input: int | None = figure("hidden neurons that inputs reach", low=1)
    hidden_with_output: int | None = figure("hidden neurons that outputs read from", low=1)


@dataclass(frozen=True)
class Memory(Figures):
    """Memories of a microcontroller, for the C export."""

    flash: int | None = figure("bytes of flash, for code and constants", low=1)
    ram: int | None = figure("bytes of RAM, for variables and the stack", low=1)


@dataclass(frozen=True)
class EventCosts(Figures):
    """Costs of single events on a chip: dynamic energy in pJ, or time in ns."""

    synaptic_event: float | None = figure("a spike that passes a synapse", low=0)
    neuron_access: float | None = figure("a neuron's state read and written", low=0)
    neuron_update: float | None = figure("a neuron's step, without the access", low=0)
    spike_out: float | None = figure("a spike emitted", low=0)
    axon_out: float | None = figure("a spike sent to one core", low=0)
    axon_in: float | None = figure("a spike received by one core", low=0)
    hop: float | None = figure("a spike passed on from one router to the next", low=0)


@dataclass(frozen=True)
class Target(Limits):
    """The limits and capacities of a chip or a format.

    >>> import nmtool as nm
    >>> nm.target_named("loihi1").max_delay
    61
    >>> network = nm.round_network(nm.Network.layers([5, 8, 3], delays=50)).network
    >>> nm.check(network, nm.Target("mine", max_delay=15))
    <CheckReport: mine unsupported>

    Attributes:
        name: name of the target in commands.
        weight_bits, …, drive_limit: limits, as in `nmtool.arithmetic.Limits`; keyword arguments.
        title: name of the target for display.
        kind: `chip` or `software`.
        format: the export format for the target, as in `nmtool export --to`; '' for none.
        processor: for a microcontroller, the emulated processor that counts instructions, as in
            `nmtool verify --against`; '' for none.
        arithmetic: arithmetic that the target computes bit for bit, e.g. `loihi2`; '' if it
            computes an arithmetic without simulator, which `neuron` describes.
        neuron, core, chip: properties of the target's neurons, and capacities of its cores and
            chips; unknown fields are None.
        memory: memories of a microcontroller.
        energy_pj, time_ns: energy and time per event.
        barrier_us: (tiles, µs) pairs, ascending: duration of the barrier that ends a step, on up to
            this number of tiles of four cores.
        sections: figures in the sections of plug-ins, by name of the section.
        origins: mark and source of each figure, by section and name, such as `core.neurons`.

    Raises:
        UsageError: a limit is beyond the range of the arithmetic.
    """

    name: str
    title: str = ""
    kind: str = CHIP
    format: str = ""
    processor: str = ""
    arithmetic: str = LOIHI2.name
    neuron: Neuron = LOIHI2.neuron
    core: Core = Core()
    chip: Chip = Chip()
    memory: Memory = Memory()
    energy_pj: EventCosts = EventCosts()
    time_ns: EventCosts = EventCosts()
    barrier_us: tuple[tuple[int, float], ...] = ()
    sections: Mapping[str, Figures] = field(default_factory=dict, repr=False)
    origins: Mapping[str, Origin] = field(default_factory=dict, repr=False)

    def __repr__(self) -> str:
        return visible(f"<Target: {self.name}, {self.title or self.kind}>")

    def origin(self, place: str) -> Origin:
        """Mark and source of a figure; the mark is `defined` if the arithmetic gives the figure.

        >>> from nmtool.targets import target_named
        >>> print(target_named("loihi1").origin("core.neurons"))
        source code; nengo-loihi, its model of the chip
        """
        return self.origins.get(place, Origin(DEFINED, f"the arithmetic {self.runs_in.name}"))

    @property
    def runs_in(self) -> Arithmetic:
        """The arithmetic in which networks for the target run; `loihi2` if `arithmetic` is ''."""
        return arithmetic_named(self.arithmetic) if self.arithmetic else LOIHI2

    def barrier(self, cores: int) -> float | None:
        """Duration in µs of the barrier that ends a step on `cores` cores; None if unknown."""
        tiles = -(-cores // CORES_PER_TILE)
        return next((us for limit, us in self.barrier_us if limit >= tiles), None)


CORES_PER_TILE = 4
