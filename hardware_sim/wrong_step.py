"""The step of `step.py` with rules that may be wrong: what other implementations get wrong.

With the rules of `Rules()` it is that step, which a test compares. A kernel that is given no rules
compiles `step.py` itself, so that stored numbers never run here. Rules are arguments all the same:
a kernel compiled for each of them would take seconds, the first time, for each of them.
"""

from __future__ import annotations

from typing import NamedTuple

from nmtool.arithmetic import DECAY_SHIFT, STATE_LIMIT, STATE_SHIFT
from nmtool.hardware_sim.compiled import compiled
from nmtool.hardware_sim.step import Step

TRUNCATE, FLOOR, NEAREST = range(3)
WRAP_ONCE, WRAP, CLIP, FREE = range(4)
TO_ZERO, KEEP, SUBTRACT, LATE = range(4)

_HALF_WORD = 1 << 31
_WORD_MASK = (1 << 32) - 1


class Rules(NamedTuple):
    """Rules of a step; the defaults are the arithmetic `loihi2`.

    Attributes:
        round_u, round_v: rounding of what a decay leaves: `TRUNCATE`, `FLOOR` or `NEAREST`.
        limit_u: `WRAP_ONCE` beyond M, `WRAP` as 24-bit numbers do, `CLIP` or `FREE`.
        limit_v: `CLIP`, `WRAP` or `FREE`.
        at_threshold: true to spike where v equals the threshold, too.
        reset: v after a spike: `TO_ZERO`; `KEEP`; `SUBTRACT` the threshold; `LATE`, zero from the
            next step on.
        resets_u: true to begin the step after a spike with u at zero.
        old_u: true to add u of the step before to v.
    """

    round_u: int = TRUNCATE
    round_v: int = TRUNCATE
    limit_u: int = WRAP_ONCE
    limit_v: int = CLIP
    at_threshold: bool = False
    reset: int = TO_ZERO
    resets_u: bool = False
    old_u: bool = False


@compiled()
def wrong_step(a, u, v, spiked, bias, keep_u, keep_v, vth, rules):
    """The whole step of one neuron.

    Args:
        a, u, v, bias, keep_u, keep_v, vth: as of `neuron_step`.
        spiked: true where the step before ended with a spike.
        rules: of the arithmetic.
    """
    if spiked and rules.resets_u:
        u = 0
    if spiked and rules.reset == LATE:
        v = 0
    added = u
    u = _word(_decayed(u, keep_u, rules.round_u) + (a << STATE_SHIFT))
    wrapped = u > STATE_LIMIT or u <= -STATE_LIMIT
    u = _limited(u, rules.limit_u)
    if not rules.old_u:
        added = u
    peak = _word(_decayed(v, keep_v, rules.round_v) + added + bias)
    clipped = peak >= STATE_LIMIT or peak <= -STATE_LIMIT
    peak = _limited(peak, rules.limit_v)
    threshold = vth << STATE_SHIFT
    fires = peak > threshold or (rules.at_threshold and peak == threshold)
    return Step(
        u, left_by_spike(peak, vth, rules) if fires else peak, fires, wrapped, clipped, peak
    )


@compiled()
def left_by_spike(peak, vth, rules):
    """v as a step with a spike leaves it; `peak` is v before a reset."""
    if rules.reset == KEEP or rules.reset == LATE:
        return peak
    return peak - (vth << STATE_SHIFT) if rules.reset == SUBTRACT else 0


@compiled()
def _decayed(state, keep, how):
    product = state * keep
    if how == FLOOR:
        return product >> DECAY_SHIFT
    half = 1 << (DECAY_SHIFT - 1) if how == NEAREST else 0
    size = (abs(product) + half) >> DECAY_SHIFT
    return size if product >= 0 else -size


@compiled()
def _word(value):
    """The low 32 bits, with sign."""
    return ((value + _HALF_WORD) & _WORD_MASK) - _HALF_WORD


@compiled()
def _limited(value, how):
    if how == FREE or -STATE_LIMIT < value < STATE_LIMIT:
        return value
    if how == CLIP:
        return STATE_LIMIT - 1 if value > 0 else 1 - STATE_LIMIT
    if how == WRAP:
        return ((value + STATE_LIMIT) & (2 * STATE_LIMIT - 1)) - STATE_LIMIT
    if value == STATE_LIMIT:
        return value
    return value - 2 * STATE_LIMIT if value > 0 else value + 2 * STATE_LIMIT
