"""Integer arithmetics: the step of an integer network, and its number ranges.

Each arithmetic has an object with its properties, such as `LOIHI2`, and a function for the step of
a neuron, in the module that the object names. All other code reads the object. Plug-ins add
arithmetics whose properties all of this code implements (`check_implemented`).

The constants below are those of `loihi2`, for its step and for formats that support no other
arithmetic. `docs/arithmetic.md` defines this arithmetic. Its sources are Lava 0.10.0's fixed-point
models, restricted to the values where Lava, other Loihi simulators and the documented chip agree.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache
from importlib import import_module
from inspect import signature
from operator import attrgetter
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from nmtool import plugins
from nmtool.errors import Finding, NetworkError, UsageError, reason
from nmtool.options import option

_Whole = TypeVar("_Whole", int, NDArray[np.int32], NDArray[np.int64])
_Decay = TypeVar("_Decay", int, NDArray[np.int64])
_Source = TypeVar("_Source", int, NDArray[np.integer])

DECAY_SHIFT = 12
DECAY_ONE = 1 << DECAY_SHIFT
"""Denominator of 12-bit decay factors: a factor is an integer divided by 4096."""

STATE_SHIFT = 6
"""Weights and thresholds enter the state shifted left by 6 bits."""

STATE_ONE = 1 << STATE_SHIFT
"""A weight or threshold of 1, in the units of the state."""

STATE_LIMIT = 1 << 23
"""u wraps and v saturates at this magnitude."""

SILENT_THRESHOLD = 1 << 17
"""Threshold of non-spiking neurons: v saturates below this threshold."""

MAX_WEIGHT = 256
"""Weights lie strictly between −256 and 256, in every arithmetic."""

MAX_WEIGHT_BITS = 9
"""Number of bits of whole numbers between −256 and 256; in no arithmetic, weights have more."""

MAX_SIX_BIT_DELAY = 63
"""The largest delay of six bits, which other tools and Lava's own models allow."""

MAX_TRAINED_DELAY = (1 << 15) - 1
"""The largest delay in training, whose kernels store delays as signed 16-bit integers."""

MAX_STORED_DELAY = (1 << 8) - 1
"""The largest delay of an integer network, which stores delays as unsigned 8-bit integers."""

MAX_FLOAT_DELAY = (1 << 16) - 1
"""The largest delay in a float `Network` from any tool."""


def figure(help: str, *, low: float | None = None, choices: tuple[str, ...] = ()) -> Any:
    """A dataclass field for a published figure of a target; None, its default, means unknown.

    Args:
        help: meaning of the figure, with its unit.
        low: smallest valid number; None if the figure is a word or a truth value.
        choices: valid words.
    """
    return option(None, low, help=help, choices=choices)


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Number ranges of an arithmetic, or narrower ranges of a target.

    The defaults are the ranges of `loihi2`.

    >>> Limits(max_delay=31).max_threshold
    131071

    Attributes:
        weight_bits: possible numbers of bits per weight.
        max_weight_exponent: largest left shift of a projection's summed weights.
        delay_bits: possible numbers of bits per delay.
        max_delay: longest delay in steps; 0: no delays.
        max_du, max_dv: largest decays of current and membrane; with a du of 4095, u has no memory.
        max_threshold: largest threshold, before the shift into the state.
        bias_limit: bias mantissas lie in −bias_limit … bias_limit − 1; 0 or 1: no bias.
        max_bias_exponent: largest left shift of a bias mantissa.
        drive_limit: bound on the summed weights of a step (checked statically, not clipped).

    Raises:
        UsageError: a limit is beyond that of the arithmetic.
    """

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

    def __post_init__(self) -> None:
        findings = []
        for limit in LIMITS:
            value, widest = getattr(self, limit), getattr(self.runs_in, limit)
            if isinstance(widest, tuple):
                is_valid, span = bool(value) and set(value) <= set(widest), f"be among {widest}"
                object.__setattr__(self, limit, tuple(sorted(value)))
            else:
                least = 1 if limit in ("max_threshold", "drive_limit") else 0
                is_valid, span = least <= value <= widest, f"be in {least} … {widest}"
            if not is_valid:
                what, fix = f"{limit} must {span}, not {value}", "reduce it to this range"
                findings.append(Finding("target-beyond-arithmetic", f"holds.{limit}", what, fix))
        if findings:
            raise UsageError(
                f"limits of target '{getattr(self, 'name', '')}' exceed those of the arithmetic "
                f"{self.runs_in.name}",
                code="target-range",
                fix="narrow the target to the listed ranges",
                findings=findings,
            )

    @property
    def runs_in(self) -> Arithmetic:
        """The arithmetic of networks made for this target."""
        return LOIHI2

    @property
    def label(self) -> str:
        """The target's name in messages."""
        return str(getattr(self, "name", "") or "the target")

    @property
    def rounding(self) -> tuple[object, ...]:
        """Key of arithmetic and limits: targets with equal keys get the same rounded network."""
        return (self.runs_in.name, *(getattr(self, limit) for limit in LIMITS))

    @property
    def max_bias(self) -> int:
        """Largest magnitude of a bias, of either sign, that can be added to v in each step."""
        return (self.bias_limit - 1) << self.max_bias_exponent

    def weight_exponents(self, weight_bits: int) -> range:
        """Possible weight exponents of a projection; negative only where a right shift is exact.

        Integer weights of few bits end in zero bits. A right shift by as many bits loses
        nothing, whether the chip shifts the weights or their sum.
        """
        return range(weight_bits - self.runs_in.weight_bits[-1], self.max_weight_exponent + 1)


LIMITS = tuple(limit.name for limit in fields(Limits))


def bits_in_words(bits: Sequence[int]) -> str:
    """Possible numbers of bits, as text for messages.

    >>> bits_in_words((4, 6, 8))
    '4, 6 or 8 bits'
    """
    *others, last = map(str, bits)
    return f"{', '.join(others)} or {last} bits" if others else f"{last} bits"


def nearest_bits(bits: int, possible: Sequence[int]) -> int:
    """The member of `possible` that is nearest to `bits`."""
    return min(possible, key=lambda candidate: abs(candidate - bits))


@dataclass(frozen=True)
class Neuron:
    """Properties of the step of a neuron in an arithmetic or on a target.

    Unknown properties are None."""

    state_bits: int | None = figure("bits of current and membrane, sign included", low=2)
    u_overflow: str | None = figure(
        "a current beyond its bits", choices=("wraps", "clips", "grows")
    )
    v_overflow: str | None = figure(
        "a membrane beyond its bits", choices=("wraps", "clips", "grows")
    )
    decay: str | None = figure("decay of a state", choices=("multiply", "shift"))
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
        "current that enters the membrane: from this step or the step before",
        choices=("this step", "step before"),
    )
    spikes_per_step: int | None = figure("most spikes of one neuron in one step", low=1)
    bias: bool | None = figure("neurons have a bias")


@dataclass(frozen=True)
class Arithmetic(Limits):
    """An integer arithmetic: the step of a neuron, and its number ranges.

    >>> LOIHI2.neuron.rounding, LOIHI2.max_delay
    ('towards zero', 61)
    >>> LOIHI2
    <Arithmetic loihi2>
    >>> LOIHI2.keep_u(1095), LOIHI2.decay_one
    (3000, 4096)

    Attributes:
        name: as in `IntegerNetwork.arithmetic`.
        neuron: properties of a neuron's step.
        module: module of its `neuron_step`, with the same signature as in `hardware_sim/step.py`.
        state_shift: left shift of weights and thresholds when they enter the state, in bits.
        lowest: smallest value of v.
        lost_u, lost_v: part of u and v that each step loses in addition to du and dv, as a
            numerator over `decay_one`.
        weight_limit: weights lie strictly between −weight_limit and weight_limit.
        sign_bit: True if the sign takes one bit of each weight in a matrix of mixed signs.
        sum_limit: limit of summed weights; 0: sums are exact. With a limit, the weights that arrive
            at a neuron in a step are added one by one, by step of sending, then by projection, then
            by `place_in_sum` of their sources, and each partial sum is clipped to
            −sum_limit … sum_limit − 1.
        word: number of sources per word of spikes, see `place_in_sum`.
    """

    name: str
    neuron: Neuron
    module: str
    state_shift: int
    lowest: int
    lost_u: int
    lost_v: int
    weight_limit: int
    sign_bit: bool
    sum_limit: int
    word: int

    def __post_init__(self) -> None:
        """Skip the check of `Limits`: an arithmetic narrows no other arithmetic."""

    def __repr__(self) -> str:
        # The text is short, since signatures show it as the default of an argument.
        return f"<Arithmetic {self.name}>"

    @property
    def runs_in(self) -> Arithmetic:
        """The arithmetic in which networks within these limits run: this one."""
        return self

    @property
    def decay_one(self) -> int:
        """The denominator of decay factors."""
        return 1 << self._decay_bits

    @property
    def state_one(self) -> int:
        """A weight or threshold of 1, in the units of the state."""
        return 1 << self.state_shift

    @property
    def state_limit(self) -> int:
        """Magnitude at which u and v overflow."""
        assert self.neuron.state_bits is not None
        return 1 << (self.neuron.state_bits - 1)

    @property
    def highest(self) -> int:
        """Greatest value of v."""
        return self.state_limit - 1

    @property
    def silent_threshold(self) -> int:
        """Threshold of non-spiking populations: the smallest threshold that v never reaches."""
        return self.state_limit >> self.state_shift

    @property
    def least_threshold(self) -> int:
        """The smallest threshold with which a neuron at rest stays silent."""
        return 1 if self.neuron.compare == "at least" else 0

    def reset_constants(self, vth: int) -> range:
        """Possible constants c of a reset: after any spike, v − c stays in the range of v."""
        return range(1, vth + (-self.lowest >> self.state_shift) + 1)

    def thresholds(self, reset_by: int | None) -> range:
        """Possible thresholds of neurons with this constant of the reset; None: reset to zero."""
        least = 0 if reset_by is None else reset_by - (-self.lowest >> self.state_shift)
        return range(max(least, self.least_threshold), self.max_threshold + 1)

    def firing_level(self, vth: _Whole) -> _Whole:
        """The smallest v at which a neuron spikes."""
        return (vth << self.state_shift) + (0 if self.neuron.compare == "at least" else 1)

    def keep_u(self, du: _Decay) -> _Decay:
        """Part of u that each step keeps, as a numerator over `decay_one`."""
        return self.decay_one - self.lost_u - du

    def keep_v(self, dv: _Decay) -> _Decay:
        """Part of v that each step keeps, as a numerator over `decay_one`."""
        return self.decay_one - self.lost_v - dv

    def decayed(self, state: NDArray[np.int64], keep: int) -> NDArray[np.int64]:
        """Return an array of states after one step of decay.

        Args:
            state: u or v, int64.
            keep: part of the state that is kept, as a numerator over `decay_one`.
        """
        product = state * keep
        if self.neuron.rounding == "towards zero":
            return np.sign(product) * (np.abs(product) >> self._decay_bits)
        half = self.decay_one >> 1 if self.neuron.rounding == "nearest" else 0
        return (product + half) >> self._decay_bits

    def weight_step(self, weight_bits: int, mixed_signs: bool) -> int:
        """Difference between neighbouring integer weights of a matrix."""
        spare = self.weight_bits[-1] - weight_bits
        return 1 << (spare + int(self.sign_bit and mixed_signs))

    @property
    def _decay_bits(self) -> int:
        """Number of bits of a decay factor."""
        assert self.neuron.decay_bits is not None
        return self.neuron.decay_bits


LOIHI2 = Arithmetic(
    "loihi2",
    Neuron(
        state_bits=24,
        u_overflow="wraps",
        v_overflow="clips",
        decay="multiply",
        decay_bits=DECAY_SHIFT,
        rounding="towards zero",
        compare="above",
        reset="zero",
        current="this step",
        spikes_per_step=1,
        bias=True,
    ),
    module="nmtool.hardware_sim.step",
    state_shift=STATE_SHIFT,
    lowest=1 - STATE_LIMIT,
    lost_u=1,
    lost_v=0,
    weight_limit=MAX_WEIGHT,
    sign_bit=True,
    sum_limit=0,
    word=1,
)


@cache
def arithmetics() -> Mapping[str, Arithmetic]:
    """All arithmetics, by name: `loihi2`, and those of plug-ins.

    Plug-ins with an unimplemented property are left out, see `check_implemented`.
    """
    of_plugins = plugins.loaded(
        plugins.ARITHMETICS, Arithmetic, check_implemented, own=(LOIHI2.name,)
    )
    return {LOIHI2.name: LOIHI2, **of_plugins}


def arithmetic_named(name: str) -> Arithmetic:
    """Look up an arithmetic by name.

    >>> arithmetic_named("loihi2").state_one
    64

    Raises:
        NetworkError: there is no arithmetic of that name.
        MissingError: a plug-in provides the arithmetic, but cannot be used.
    """
    if name == LOIHI2.name:  # Most networks need no plug-in.
        return LOIHI2
    arithmetic = arithmetics().get(name)
    if arithmetic is not None:
        return arithmetic
    if name in plugins.registered(plugins.ARITHMETICS):
        return plugins.load(plugins.ARITHMETICS, name, Arithmetic, check_implemented)
    raise NetworkError(
        f"unknown arithmetic '{name}'",
        code="arithmetic-unknown",
        why=f"this nmtool runs {', '.join(arithmetics())}",
        fix="update nmtool",
    )


def check_implemented(arithmetic: Arithmetic) -> None:
    """Refuse an arithmetic with a property that nmtool does not implement.

    Simulators, fault rules, quantisation and training read the properties. Each of them computes
    correctly with the values in `_IMPLEMENTED`, and only with these.

    >>> check_implemented(LOIHI2)

    Args:
        arithmetic: the arithmetic, e.g. of a plug-in.

    Raises:
        UsageError: there is a finding for each property that is not implemented.
    """
    findings = _unimplemented(arithmetic)
    if findings:
        raise UsageError(
            f"nmtool does not implement {', '.join(finding.where for finding in findings)} of the "
            f"arithmetic '{arithmetic.name}'",
            code="arithmetic-not-implemented",
            why="networks in this arithmetic would be computed as in another one",
            fix="change these properties, or extend nmtool",
            findings=findings,
        )


def _unimplemented(arithmetic: Arithmetic) -> list[Finding]:
    """A finding for each property that is not implemented."""
    findings = [*_beyond(arithmetic, _IMPLEMENTED)]
    if not findings:  # The other ranges are computed from these properties.
        findings = [*_beyond(arithmetic, _implemented_with(arithmetic))]
    return [*findings, *_step_findings(arithmetic.module)]


def _beyond(
    arithmetic: Arithmetic, implemented: Mapping[str, Sequence[object]]
) -> Iterator[Finding]:
    """Yield a finding for each property that is not among its implemented values."""
    for place, values in implemented.items():
        given = attrgetter(place)(arithmetic)
        given = given if isinstance(given, tuple) and given else (given,)
        kinds = {type(value) for value in values[:1]}  # In Python, True equals 1.
        wrong = [value for value in given if type(value) not in kinds or value not in values]
        if not wrong and list(given) != sorted({*given}):
            wrong = [f"the order of {given}"]
        if wrong:
            known = f"{values[0]} … {values[-1]}" if values else "other properties"
            if values and not isinstance(values, range):
                known = " or ".join(map(str, values))
            what = f"{wrong[0]} is not implemented, only {known}"
            yield Finding("property-not-implemented", place, what, "choose an implemented value")


def _step_findings(module: str) -> Iterator[Finding]:
    """Yield a finding unless a module has a step with the arguments of that of `loihi2`."""
    arguments = ["a", "u", "v", "bias", "keep_u", "keep_v", "vth"]
    try:
        step = import_module(module).neuron_step
    except Exception as error:  # Importing runs code of the plug-in.
        what = f"no neuron_step can be imported from {module}: {reason(error)}"
    else:
        if [*signature(step).parameters] == arguments:
            return
        what = f"neuron_step of {module} has other arguments than {', '.join(arguments)}"
    fix = "define neuron_step as in nmtool.hardware_sim.step"
    yield Finding("property-not-implemented", "module", what, fix)


_IMPLEMENTED: Mapping[str, Sequence[object]] = {
    "neuron.state_bits": range(2, 31),  # The sum of two states and a bias fits 32 bits.
    "neuron.u_overflow": ("wraps", "clips"),
    "neuron.v_overflow": ("clips",),
    "neuron.decay": ("multiply",),
    "neuron.decay_bits": range(1, 17),  # A search for causes tries all decay factors.
    "neuron.rounding": ("towards zero", "down", "nearest"),
    "neuron.compare": ("above", "at least"),
    "neuron.reset": ("zero",),
    "neuron.current": ("this step",),
    "neuron.spikes_per_step": (1,),
    "neuron.bias": (False, True),
    "weight_bits": range(2, MAX_WEIGHT_BITS + 1),
    "sign_bit": (False, True),
    "max_weight_exponent": range(23),  # Shifted weights fit 32 bits.
    "delay_bits": range(1, 9),
    "max_delay": range(MAX_STORED_DELAY + 1),
    "lost_u": (0, 1),
    "lost_v": (0, 1),
    "state_shift": range(30),
    "bias_limit": range((1 << 15) + 1),  # Bias mantissas are stored in 16 bits.
    "max_bias_exponent": range(16),
    "sum_limit": range(1 << 31),
    "word": range(1, (1 << 16) + 1),
}
"""Values of each property that all code implements."""


def _implemented_with(arithmetic: Arithmetic) -> dict[str, Sequence[object]]:
    """Values of the properties whose implemented values depend on other properties."""
    limit, one, shift = arithmetic.state_limit, arithmetic.decay_one, arithmetic.state_shift
    wraps = arithmetic.neuron.u_overflow == "wraps"
    coarsest = arithmetic.weight_step(min(arithmetic.weight_bits), mixed_signs=True)
    largest_sum = ((1 << 31) - limit) >> shift
    return {
        # Where u wraps, chips are named that treat states of 24 bits in another way.
        "neuron.state_bits": (STATE_LIMIT.bit_length(),) if wraps else range(2, 31),
        "neuron.bias": (arithmetic.bias_limit > 1,),
        "weight_limit": range(2 * coarsest, MAX_WEIGHT + 1),
        "state_shift": range(limit.bit_length() - 1),
        "lowest": (1 - limit,) if wraps else (1 - limit, -limit),
        "max_du": range(1, one - arithmetic.lost_u + 1),
        "max_dv": range(1, one - arithmetic.lost_v + 1),
        "max_threshold": range(1, limit >> shift),
        # Only a current that wraps allows sums beyond 32 bits, of which the low word remains.
        "sum_limit": range(0 if wraps else 1, largest_sum + 1),
        "drive_limit": range(1, (arithmetic.sum_limit or largest_sum) + 1),
    }


def place_in_sum(source: _Source, word: int) -> _Source:
    """Place of a source neuron or channel in the order in which weights of a projection are added.

    Words of `word` sources follow each other; in a word, the highest source is first. The function
    is its own inverse: it also returns the source at a place.

    >>> [place_in_sum(source, 4) for source in range(8)]
    [3, 2, 1, 0, 7, 6, 5, 4]
    >>> place_in_sum(7, 1)
    7

    Args:
        source: number of the source, or an array of numbers.
        word: number of sources per word; 1: sources are in ascending order.
    """
    return source + word - 1 - 2 * (source % word)


def shifted(weight: _Whole, exponent: int) -> _Whole:
    """The integer weight·2^exponent; exact for legal weights, even if the exponent is negative."""
    return weight << exponent if exponent >= 0 else weight >> -exponent
