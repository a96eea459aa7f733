"""The arithmetic `loihi2`: what a step does, the numbers it holds, and what kernels compile in.

`LOIHI2` is the value that describes it, for whoever asks what an arithmetic can do; another one
would be another such value. Constants and small functions below are what its kernels are made of;
the step itself is `nmtool/hardware_sim/step.py`. `docs/arithmetic.md` defines all of it.

Source: Lava 0.10.0's fixed-point models, restricted to the values where Lava, other Loihi
simulators and the documented chip agree.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from nmtool.errors import Finding, UsageError

DECAY_SHIFT = 12
DECAY_ONE = 1 << DECAY_SHIFT
"""12-bit decays: a factor is an integer out of 4096."""

STATE_SHIFT = 6
"""Weights and thresholds enter the state shifted left by 6 bits."""

STATE_ONE = 1 << STATE_SHIFT
"""A weight or threshold of 1, as it stands in the state."""

STATE_LIMIT = 1 << 23
"""u wraps and v saturates at this magnitude."""

SILENT_THRESHOLD = 1 << 17
"""Threshold of non-spiking neurons: v saturates before it is reached."""

MAX_WEIGHT = 256
"""Weights lie strictly between −256 and 256."""

MAX_SIX_BIT_DELAY = 63
"""The largest delay of six bits, as in other tools' networks and Lava's own models."""

MAX_TRAINED_DELAY = (1 << 15) - 1
"""Kernels of training hold delays in 16 bits with a sign."""

MAX_FLOAT_DELAY = (1 << 16) - 1
"""The largest delay in a float `Network`, whoever made it."""


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


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Numbers that an arithmetic holds, or a target that narrows it; by default those of `loihi2`.

    >>> Limits(max_delay=31).max_threshold
    131071

    Attributes:
        weight_bits: bits that a weight may have.
        max_weight_exponent: a projection's summed weights are shifted left by at most so much.
        delay_bits: bits that a delay may have.
        max_delay: longest delay, in steps; 0 where there are none.
        max_du, max_dv: decays of current and membrane, out of 4096; u keeps nothing at 4095.
        max_threshold: before the shift by 6 bits.
        bias_limit: bias mantissas lie in −bias_limit … bias_limit − 1; 0 and 1 for none.
        max_bias_exponent: mantissas are shifted left by at most so much.
        drive_limit: a step's summed weights stay below it (a static bound, not a clip).

    Raises:
        UsageError: more than the arithmetic `loihi2` can run.
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
        beyond = []
        for limit in LIMITS:
            held, widest = getattr(self, limit), getattr(Limits, limit)
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
                f"target '{getattr(self, 'name', '')}' holds more than the arithmetic loihi2 runs",
                code="target-range",
                fix="narrow the target to what is listed",
                findings=beyond,
            )

    @property
    def rounding(self) -> tuple[object, ...]:
        """All that decides the integers a network is rounded to; targets alike in it share them."""
        return tuple(getattr(self, limit) for limit in LIMITS)

    @property
    def max_bias(self) -> int:
        """Largest magnitude that can be added to v each step, of either sign."""
        return (self.bias_limit - 1) << self.max_bias_exponent

    def weight_exponents(self, weight_bits: int) -> range:
        """Exponents of a projection: as low as weights of so few bits can be shifted right exactly.

        A shifted weight is then an eight-bit weight times 1, 2, 4, …; so is a sum of them, whether
        a chip shifts before it adds or after.
        """
        return range(weight_bits - 8, self.max_weight_exponent + 1)


LIMITS = tuple(one.name for one in fields(Limits))


@dataclass(frozen=True)
class Neuron:
    """The step of a neuron, where it is not that of `loihi2`; compared with `LOIHI2.neuron`."""

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


@dataclass(frozen=True)
class Arithmetic(Limits):
    """Integers that a network runs in: the step of a neuron, and the numbers that it holds.

    >>> LOIHI2.neuron.rounding, LOIHI2.max_delay
    ('towards zero', 61)

    Attributes:
        name: as `IntegerNetwork.arithmetic` gives it.
        neuron: what a step does.
    """

    name: str
    neuron: Neuron


LOIHI2 = Arithmetic(
    "loihi2",
    Neuron(
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
    ),
)


_Whole = TypeVar("_Whole", int, NDArray[np.int32])
_Decay = TypeVar("_Decay", int, NDArray[np.int64])


def shifted(weight: _Whole, exponent: int) -> _Whole:
    """weight·2^exponent in integers; a legal weight loses nothing where it is shifted right."""
    return weight << exponent if exponent >= 0 else weight >> -exponent


def keep_current(du: _Decay) -> _Decay:
    """The part of u that each step keeps, out of 4096; the chip adds one to du."""
    return DECAY_ONE - (du + 1)


def keep_membrane(dv: _Decay) -> _Decay:
    """The part of v that each step keeps, out of 4096."""
    return DECAY_ONE - dv


def decayed(state: NDArray[np.int64], keep: int) -> NDArray[np.int64]:
    """state·keep/4096, rounded towards zero: `hardware_sim/step.py`'s decay, of many states.

    Args:
        state: int64, of u or v.
        keep: of 4096.
    """
    product = state * keep
    return np.sign(product) * (np.abs(product) >> DECAY_SHIFT)


def weight_step(weight_bits: int, mixed_signs: bool) -> int:
    """Spacing of the weights a matrix can hold: mixed signs cost one bit of 9."""
    return 1 << (8 - weight_bits + int(mixed_signs))
