"""The step of a neuron with configurable rules, to model mistakes of other implementations.

With `Rules()`, the step equals the step of `loihi2`, and with `Rules.of(arithmetic)` the step of
this arithmetic, as tests check. Kernels without rules compile `step.py` itself, so that correct
`loihi2` networks do not use this module. Rules are runtime arguments, because compiling a kernel
for each set of rules would take seconds.
"""

from __future__ import annotations

from typing import NamedTuple

from nmtool.arithmetic import DECAY_SHIFT, STATE_LIMIT, STATE_SHIFT, Arithmetic
from nmtool.hardware_sim.compiled import compiled
from nmtool.hardware_sim.resets import owed_after, v_after
from nmtool.hardware_sim.step import Step

TRUNCATE, FLOOR, NEAREST, HALF_UP = range(4)
WRAP_ONCE, WRAP, CLIP, FREE = range(4)
RIGHT, KEEP, NEXT_STEP = range(3)

_HALF_WORD = 1 << 31
_WORD_MASK = (1 << 32) - 1

_v_after = compiled(inline="always")(v_after)
_owed_after = compiled(inline="always")(owed_after)


class Rules(NamedTuple):
    """Rules of a step; the defaults are the rules of `loihi2`.

    Attributes:
        round_u, round_v: rounding after decay: `TRUNCATE`, `FLOOR`, or to the nearest, halves away
            from zero (`NEAREST`) or up (`HALF_UP`).
        limit_u: overflow of u: `WRAP_ONCE` by the width of the range, `WRAP` in two's complement,
            `CLIP`, or `FREE` without a limit.
        limit_v: overflow of v: `CLIP`, `WRAP` or `FREE`.
        at_threshold: true to spike also if v equals the threshold.
        reset: reset of v by a spike: `RIGHT` as the neuron's `drop` says; `KEEP` without reset; or
            `NEXT_STEP`, where a reset to zero happens at the beginning of the next step. All other
            wrong resets are right resets of another `drop`.
        resets_u: true to reset u to zero after a spike.
        old_u: true to add u of the previous step to v.
        decay_bits: number of bits of a decay factor.
        state_shift: left shift of weights and thresholds to the units of the state.
        lowest: smallest u and v.
        highest, highest_u: largest v, and largest u.
        sum_limit: L if sums of arriving weights clip to −L … L − 1; 0 if they are exact.
    """

    round_u: int = TRUNCATE
    round_v: int = TRUNCATE
    limit_u: int = WRAP_ONCE
    limit_v: int = CLIP
    at_threshold: bool = False
    reset: int = RIGHT
    resets_u: bool = False
    old_u: bool = False
    decay_bits: int = DECAY_SHIFT
    state_shift: int = STATE_SHIFT
    lowest: int = 1 - STATE_LIMIT
    highest: int = STATE_LIMIT - 1
    highest_u: int = STATE_LIMIT
    sum_limit: int = 0

    @classmethod
    def of(cls, arithmetic: Arithmetic) -> Rules:
        """The rules of an arithmetic."""
        neuron, wraps = arithmetic.neuron, arithmetic.neuron.u_overflow == "wraps"
        rounding = {"towards zero": TRUNCATE, "down": FLOOR, "nearest": HALF_UP}
        decays = rounding[neuron.rounding or ""]
        return cls(
            decays,
            decays,
            WRAP_ONCE if wraps else CLIP,
            CLIP,
            neuron.compare == "at least",
            decay_bits=arithmetic.decay_one.bit_length() - 1,
            state_shift=arithmetic.state_shift,
            lowest=arithmetic.lowest,
            highest=arithmetic.highest,
            highest_u=arithmetic.highest + wraps,
            sum_limit=arithmetic.sum_limit,
        )


@compiled()
def wrong_step(a, u, v, spiked, bias, keep_u, keep_v, vth, drop, rules):
    """One step of one neuron, with rules that may differ from those of the arithmetic.

    The v of the result is that after the reset by one spike.

    Args:
        a, u, v, bias, keep_u, keep_v, vth: as for `neuron_step`.
        spiked: True if the neuron spiked in the previous step.
        drop: the neuron's reset, see `resets.py`.
        rules: rules of the step.
    """
    if spiked and rules.resets_u:
        u = 0
    if spiked and rules.reset == NEXT_STEP and drop == 0:
        v = 0
    owed = _owed_after(spiked and rules.reset != KEEP, drop)
    added_current = u
    u = _low_word(_decayed(u, keep_u, rules.round_u, rules.decay_bits) + (a << rules.state_shift))
    wrapped = u > rules.highest_u or u < rules.lowest
    u = _limited(u, rules.limit_u, rules)
    if not rules.old_u:
        added_current = u
    kept = _decayed(v, keep_v, rules.round_v, rules.decay_bits)
    peak = _low_word(kept + added_current + bias + owed)
    clipped = peak > rules.highest or peak < rules.lowest
    peak = _limited(peak, rules.limit_v, rules)
    threshold = vth << rules.state_shift
    fires = peak > threshold or (rules.at_threshold and peak == threshold)
    v = v_after_spikes(peak, int(fires), drop, rules)
    return Step(u, v, fires, wrapped, clipped, peak)


@compiled()
def v_after_spikes(peak, spikes, drop, rules):
    """v at the end of a step with this number of spikes; `peak` is v before the reset."""
    if rules.reset == KEEP or (rules.reset == NEXT_STEP and drop == 0):
        return peak
    return _v_after(peak, spikes, drop)


@compiled()
def silent_level(vth, rules):
    """Largest v at which a neuron stays silent."""
    return (vth << rules.state_shift) - int(rules.at_threshold)


@compiled()
def _decayed(state, keep, rounding, bits):
    """Decay a state, and round the result by a rule."""
    product, half = state * keep, 1 << (bits - 1)
    if rounding == FLOOR:
        return product >> bits
    if rounding == HALF_UP:
        return (product + half) >> bits
    size = (abs(product) + (half if rounding == NEAREST else 0)) >> bits
    return size if product >= 0 else -size


@compiled()
def _low_word(value):
    """The low 32 bits of a number, as a signed number."""
    return ((value + _HALF_WORD) & _WORD_MASK) - _HALF_WORD


@compiled()
def _limited(value, overflow, rules):
    if overflow == FREE or rules.lowest <= value <= rules.highest:
        return value
    if overflow == CLIP:
        return rules.highest if value > 0 else rules.lowest
    limit = rules.highest + 1
    if overflow == WRAP:
        return ((value + limit) & (2 * limit - 1)) - limit
    if value == limit:
        return value
    return value - 2 * limit if value > 0 else value + 2 * limit
