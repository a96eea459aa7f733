"""`Target`: what a chip or a format holds, and how sure that is.

All networks of integers run one arithmetic, `loihi2` (`docs/arithmetic.md`). The limits of a target
narrow it, for quantisation; its sections describe what else decides if a network fits and what
it costs. Figures that nobody published are None, never 0.

>>> Target("short", max_delay=31).max_threshold
131071
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nmtool.arithmetic import ARITHMETIC
from nmtool.errors import Finding, UsageError

# Limits of a delay, in steps, beside the `max_delay` of a target.

MAX_SIX_BIT_DELAY = 63
"""The largest delay of six bits, as in other tools' networks and Lava's own models."""

MAX_TRAINED_DELAY = (1 << 15) - 1
"""Kernels of training hold delays in 16 bits with a sign."""

MAX_FLOAT_DELAY = (1 << 16) - 1
"""The largest delay in a float `Network`, whoever made it."""

DEFINED, PUBLISHED, READ = "defined", "published", "source code"
MEASURED, SECOND_HAND, INFERRED = "measured", "second-hand", "inferred"
MARKS = (DEFINED, PUBLISHED, READ, MEASURED, SECOND_HAND, INFERRED)
"""Ways to know a figure: by definition of a format, from its maker or a paper, read in public
source code, measured by running it, quoted by others, or concluded by us."""

CHIP, SOFTWARE = "chip", "software"


def figure(
    help: str, *, low: float | None = None, choices: tuple[str, ...] = (), real: bool = False
) -> Any:
    """A field of a section: None until its figure is known.

    Args:
        help: what it is, in its unit.
        low: smallest number that makes sense; None for what is no number.
        choices: words that it may be.
        real: it need not be a whole number.
    """
    kind = (int, float) if real else int
    about = {"help": help, "low": low, "choices": choices, "type": kind}
    return field(default=None, metadata=about)


@dataclass(frozen=True)
class Origin:
    """Mark and source of a figure.

    Attributes:
        mark: one of `MARKS`.
        source: where it stands.
        note: what else to know of it.
    """

    mark: str
    source: str = ""
    note: str = ""

    def __str__(self) -> str:
        return "; ".join(part for part in (self.mark, self.source, self.note) if part)


@dataclass(frozen=True)
class Neuron:
    """The step of a neuron, where it is not that of `loihi2`; compared with `LOIHI2_NEURON`."""

    state_bits: int | None = figure("bits of current and membrane, sign included", low=2)
    u_overflow: str | None = figure(
        "a current beyond its bits", choices=("wraps", "clips", "grows")
    )
    v_overflow: str | None = figure(
        "a membrane beyond its bits", choices=("wraps", "clips", "grows")
    )
    decay: str | None = figure("how a state decays", choices=("multiply", "shift"))
    decay_bits: int | None = figure("bits of a decay factor", low=1)
    rounding: str | None = figure(
        "rounding of a decayed state",
        choices=("towards zero", "down", "nearest", "away from zero", "none"),
    )
    compare: str | None = figure(
        "a neuron spikes when its membrane is", choices=("above", "at least")
    )
    reset: str | None = figure("a spike's effect on the membrane", choices=("zero", "subtract"))
    current: str | None = figure(
        "current that enters the membrane: of this step or of the one before",
        choices=("this step", "step before"),
    )
    spikes_per_step: int | None = figure("spikes of one neuron in one step, at most", low=1)
    bias: bool | None = figure("a bias per neuron is held")


LOIHI2_NEURON = Neuron(
    state_bits=24,
    u_overflow="wraps",
    v_overflow="clips",
    decay="multiply",
    decay_bits=12,
    rounding="towards zero",
    compare="above",
    reset="zero",
    current="this step",
    spikes_per_step=1,
    bias=True,
)


@dataclass(frozen=True)
class Core:
    """Capacity of one core."""

    neurons: int | None = figure("neurons", low=1)
    synapses: int | None = figure("synapses", low=1)
    synapse_bytes: int | None = figure("bytes for synapses", low=1)
    neuron_bytes: int | None = figure("bytes of the same memory that a neuron takes", low=0)
    accumulators: int | None = figure(
        "sums of input that wait for their step: a neuron takes one per delay slot", low=1
    )
    axons_in: int | None = figure("source neurons that send to it", low=1)
    axons_out: int | None = figure("pairs of its neurons and of cores that they send to", low=1)
    dense: bool | None = figure("synapses of weight 0 take memory, too")


@dataclass(frozen=True)
class Chip:
    """Capacity of one chip."""

    cores: int | None = figure("cores", low=1)
    neurons: int | None = figure("neurons", low=1)
    synapses: int | None = figure("synapses", low=1)
    inputs: int | None = figure("input channels", low=1)
    outputs: int | None = figure("neurons of the population that answers", low=1)
    hidden: int | None = figure("neurons of all other populations", low=1)
    hidden_synapses: int | None = figure("synapses between hidden neurons", low=1)
    hidden_fan_out: int | None = figure("synapses from one hidden neuron to hidden ones", low=1)
    hidden_with_input: int | None = figure("hidden neurons that inputs reach", low=1)
    hidden_with_output: int | None = figure("hidden neurons that outputs read from", low=1)


@dataclass(frozen=True)
class Fabric:
    """Capacity of an FPGA, which a core of nmtool's Verilog is built into."""

    family: str | None = figure("its kind of memories", choices=("ecp5", "ice40up"))
    luts: int | None = figure("look-up tables of four inputs", low=1)
    block_rams: int | None = figure("block RAMs, of 18 kbit in an ECP5, 4 in an iCE40", low=1)
    large_rams: int | None = figure("RAMs of 256 kbit with one port", low=0)
    multipliers: int | None = figure("multipliers, of 18 × 18 bits or 16 × 16", low=0)


@dataclass(frozen=True)
class EventCosts:
    """Energy or time of one event, in the unit of the section: pJ of dynamic energy, or ns."""

    synaptic_event: float | None = figure("a spike that passes a synapse", low=0, real=True)
    neuron_access: float | None = figure("a neuron's state read and written", low=0, real=True)
    neuron_update: float | None = figure("a neuron's step, beside the access", low=0, real=True)
    spike_out: float | None = figure("a spike made", low=0, real=True)
    axon_out: float | None = figure("a spike sent to one core", low=0, real=True)
    axon_in: float | None = figure("a spike received by one core", low=0, real=True)
    hop: float | None = figure("a spike passed on from one router to the next", low=0, real=True)


@dataclass(frozen=True)
class Target:
    """A chip or a format.

    >>> import nmtool as nm
    >>> nm.target_named("loihi1").max_delay
    61
    >>> network = nm.round_network(nm.Network.layers([5, 8, 3], delays=50)).network
    >>> nm.check(network, nm.Target("mine", max_delay=15))
    <CheckReport: mine unsupported>

    Attributes:
        name: what commands call it.
        weight_bits: bits that a weight may have.
        max_weight_exponent: a projection's summed weights are shifted left by at most so much.
        delay_bits: bits that a delay may have.
        max_delay: longest delay, in steps; 0 where there are none.
        max_du, max_dv: decays of current and membrane, out of 4096; u keeps nothing at 4095.
        max_threshold: before the shift by 6 bits.
        bias_limit: bias mantissas lie in −bias_limit … bias_limit − 1; 0 and 1 for none.
        max_bias_exponent: mantissas are shifted left by at most so much.
        drive_limit: a step's summed weights stay below it (a static bound, not a clip).
        title: its name for people.
        kind: `chip` or `software`.
        format: the format that leads there, as of `nmtool export --to`; '' for none.
        arithmetic: `loihi2` where it runs that bit by bit; '' where `neuron` says what it runs.
        neuron, core, chip: what it does and holds; fields are None where nobody says.
        fabric: of an FPGA, what it is made of.
        energy_pj, time_ns: what events take.
        barrier_us: (tiles of four cores, µs) pairs: what a step takes beside its events.
        origins: how a figure is known, by its place, such as `core.neurons`.

    Raises:
        UsageError: more than the arithmetic can run.
    """

    name: str = "loihi2"
    weight_bits: tuple[int, ...] = (2, 3, 4, 5, 6, 7, 8)
    max_weight_exponent: int = 7
    delay_bits: tuple[int, ...] = (1, 2, 3, 4, 5, 6)
    max_delay: int = 61
    max_du: int = 4095
    max_dv: int = 4095
    max_threshold: int = 131071
    bias_limit: int = 1 << 12
    max_bias_exponent: int = 7
    drive_limit: int = 1 << 15
    title: str = ""
    kind: str = CHIP
    format: str = ""
    arithmetic: str = ARITHMETIC
    neuron: Neuron = LOIHI2_NEURON
    core: Core = Core()
    chip: Chip = Chip()
    fabric: Fabric = Fabric()
    energy_pj: EventCosts = EventCosts()
    time_ns: EventCosts = EventCosts()
    barrier_us: tuple[tuple[int, float], ...] = ()
    origins: Mapping[str, Origin] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        beyond = []
        for limit in LIMITS:
            held, widest = getattr(self, limit), getattr(Target, limit)
            if isinstance(widest, tuple):
                legal, span = bool(held) and set(held) <= set(widest), f"among {widest}"
                object.__setattr__(self, limit, tuple(sorted(held)))
            else:
                least = 1 if limit in ("max_threshold", "drive_limit") else 0
                legal, span = least <= held <= widest, f"in {least} … {widest}"
            if not legal:
                what, fix = f"{limit} must lie {span}, not {held}", "narrow it to that"
                beyond.append(Finding("target-beyond-arithmetic", f"holds.{limit}", what, fix))
        if beyond:
            raise UsageError(
                f"target '{self.name}' holds more than the arithmetic {ARITHMETIC} runs",
                code="target-range",
                fix="narrow the target to what is listed",
                findings=beyond,
            )

    def __repr__(self) -> str:
        return f"<Target: {self.name}, {self.title or self.kind}>"

    @property
    def rounding(self) -> tuple[object, ...]:
        """All that decides the integers a network is rounded to; targets alike in it share them."""
        return (
            *(self.weight_bits, self.max_weight_exponent, self.delay_bits, self.max_delay),
            *(self.max_du, self.max_dv, self.max_threshold),
            *(self.bias_limit, self.max_bias_exponent, self.drive_limit),
        )

    @property
    def max_bias(self) -> int:
        """Largest magnitude that can be added to v each step, of either sign."""
        return (self.bias_limit - 1) << self.max_bias_exponent

    def weight_exponents(self, weight_bits: int) -> range:
        """Exponents of a projection: as low as weights of so few bits can be shifted right exactly.

        Shifted weights are then weights of eight bits times a power of two from 1 on, and so are
        their sums, whatever a chip shifts first.
        """
        return range(weight_bits - 8, self.max_weight_exponent + 1)

    def origin(self, place: str) -> Origin:
        """Mark and source of a figure; `defined` where only the arithmetic says so.

        >>> from nmtool.targets import target_named
        >>> print(target_named("loihi1").origin("core.neurons"))
        source code; nengo-loihi, its model of the chip
        """
        return self.origins.get(place, Origin(DEFINED, f"the arithmetic {ARITHMETIC}"))

    def barrier(self, cores: int) -> float | None:
        """Barrier of a step in microseconds, for a number of cores; None if unknown."""
        tiles = -(-cores // CORES_PER_TILE)
        return next((us for held, us in self.barrier_us if held >= tiles), None)


CORES_PER_TILE = 4

LIMITS = (
    "weight_bits",
    "max_weight_exponent",
    "delay_bits",
    "max_delay",
    "max_du",
    "max_dv",
    "max_threshold",
    "bias_limit",
    "max_bias_exponent",
    "drive_limit",
)
"""The fields of a target that narrow the arithmetic."""
