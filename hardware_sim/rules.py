"""The step of any arithmetic from its properties, and with the mistakes that others make in it.

With `Rules.of(arithmetic)`, the step equals the compiled one, as `check_arithmetic` tests. With one
rule changed, it is the step of another implementation that got this rule wrong. It computes many
neurons at a time in numpy, so that rules need no compilation.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nmtool.arithmetic import Arithmetic
from nmtool.hardware_sim.alone import Neurons, Traces, arriving
from nmtool.hardware_sim.resets import spike_counts
from nmtool.raster import Raster

TRUNCATE, FLOOR, NEAREST, HALF_UP = "towards zero", "down", "away from zero", "nearest"
"""Rounding of a decayed state: as `Neuron.rounding`; `NEAREST` rounds halves away from zero."""

WRAP_ONCE, WRAP, CLIP, FREE = "wraps once", "wraps", "clips", "grows"
"""A state beyond its limit: moves by the width of the range; wraps in two's complement; stops at
the limit; or has no limit."""

RIGHT, KEEP, NEXT_STEP = "right", "keep", "next step"
"""Reset of v by a spike: as `drop` says; none; or, where `drop` is 0, to zero in the next step."""

_States = NDArray[np.int64]


class Rules(NamedTuple):
    """Rules of a step.

    Attributes:
        round_u, round_v: rounding after the decay of u and v.
        limit_u, limit_v: what happens to u and v beyond their range.
        at_threshold: True to spike also if v equals the threshold.
        reset: reset of v by a spike.
        resets_u: True to reset u to zero after a spike.
        old_u: True to add u of the previous step to v.
        more_u, more_v: additional numerators of the decay factors.
        decay_bits: number of bits of a decay factor.
        state_shift: left shift of weights and thresholds to the units of the state.
        lowest, highest, highest_u: smallest u and v, largest v, and largest u.
    """

    round_u: str
    round_v: str
    limit_u: str
    limit_v: str
    at_threshold: bool
    reset: str
    resets_u: bool
    old_u: bool
    more_u: int
    more_v: int
    decay_bits: int
    state_shift: int
    lowest: int
    highest: int
    highest_u: int

    @classmethod
    def of(cls, arithmetic: Arithmetic) -> Rules:
        """The rules of an arithmetic."""
        neuron, wraps = arithmetic.neuron, arithmetic.neuron.u_overflow == "wraps"
        assert neuron.rounding is not None
        return cls(
            round_u=neuron.rounding,
            round_v=neuron.rounding,
            limit_u=WRAP_ONCE if wraps else CLIP,
            limit_v=CLIP,
            at_threshold=neuron.compare == "at least",
            reset=RIGHT,
            resets_u=False,
            old_u=False,
            more_u=0,
            more_v=0,
            decay_bits=arithmetic.decay_one.bit_length() - 1,
            state_shift=arithmetic.state_shift,
            lowest=arithmetic.lowest,
            highest=arithmetic.highest,
            highest_u=arithmetic.highest + wraps,
        )


def run_with(rules: Rules, neurons: Neurons, spikes: Raster) -> Traces:
    """Run neurons alone, from rest, with these rules.

    Args:
        rules: rules of the step.
        neurons: the neurons.
        spikes: spikes of their sources, from `spikes_to`.
    """
    sums = arriving(neurons, spikes)
    traces = Traces(np.zeros(sums.shape, np.uint8), np.zeros_like(sums), np.zeros_like(sums))
    u, v, n_spikes = np.zeros((3, spikes.n_samples, neurons.size), np.int64)
    for n in range(spikes.n_steps):
        u, v, n_spikes, _ = step_with(rules, sums[:, n], u, v, n_spikes, neurons.constants)
        traces.spikes[:, n], traces.u[:, n], traces.v[:, n] = n_spikes, u, v
    return traces


def without_output_threshold(neurons: Neurons) -> Neurons:
    """Copy neurons; if they only integrate, with a threshold that no membrane reaches."""
    if neurons.spiking:
        return neurons
    return neurons.with_constants(vth=np.full_like(neurons.constants["vth"], 1 << 40))


def step_with(
    rules: Rules,
    a: _States,
    u: _States,
    v: _States,
    n_spikes: _States,
    constants: Mapping[str, _States],
) -> tuple[_States, _States, _States, _States]:
    """One step of neurons: u, v and numbers of spikes after it, and v before the reset.

    Args:
        rules: rules of the step.
        a: sums of the weights that arrive.
        u, v, n_spikes: state after the previous step, and its numbers of spikes.
        constants: constants of the neurons, as in `Neurons`.
    """
    before = np.where(n_spikes > 0, 0, u) if rules.resets_u else u
    kept = _decayed(before, constants["keep_u"] + rules.more_u, rules.round_u, rules.decay_bits)
    u = _low_word(kept + (a << rules.state_shift))
    u = _limited(u, rules.limit_u, rules, rules.highest_u)
    peak = peak_after(rules, before if rules.old_u else u, v, n_spikes, constants)
    n_spikes, v = spikes_and_membrane(rules, peak, constants)
    return u, v, n_spikes, peak


def peak_after(
    rules: Rules, u: _States, v: _States, n_spikes: _States, constants: Mapping[str, _States]
) -> _States:
    """v of a step before its reset.

    Args:
        rules: rules of the step.
        u: the current that enters v.
        v, n_spikes: membrane after the previous step, and its numbers of spikes.
        constants: constants of the neurons, as in `Neurons`.
    """
    drop, late = constants["drop"], n_spikes > 0
    if rules.reset == NEXT_STEP:
        v = np.where(late & (drop == 0), 0, v)
    owed = 0 if rules.reset == KEEP else np.where(late, np.minimum(drop, 0), 0)
    kept = _decayed(v, constants["keep_v"] + rules.more_v, rules.round_v, rules.decay_bits)
    peak = _low_word(kept + u + constants["bias"] + owed)
    return _limited(peak, rules.limit_v, rules, rules.highest)


def spikes_and_membrane(
    rules: Rules, peak: _States, constants: Mapping[str, _States]
) -> tuple[_States, _States]:
    """Numbers of spikes in a step, and v after it, from v before the reset."""
    drop, threshold = constants["drop"], constants["vth"] << rules.state_shift
    silent = threshold - int(rules.at_threshold)
    n_spikes = spike_counts(peak, silent, drop, constants["most_spikes"])
    v = np.where(drop > 0, peak - n_spikes * drop, np.where(drop < 0, peak, 0))
    kept = rules.reset == KEEP or (rules.reset == NEXT_STEP) & (drop == 0)
    return n_spikes, np.where((n_spikes == 0) | kept, peak, v)


def _decayed(state: _States, keep: _States, rounding: str, bits: int) -> _States:
    """Decay a state, and round the result by a rule."""
    product, half = state * keep, 1 << (bits - 1)
    if rounding == FLOOR:
        return product >> bits
    if rounding == HALF_UP:
        return (product + half) >> bits
    size = (np.abs(product) + (half if rounding == NEAREST else 0)) >> bits
    return np.where(product >= 0, size, -size)


def _low_word(value: _States) -> _States:
    """The low 32 bits of numbers, as signed numbers."""
    return ((value + (1 << 31)) & ((1 << 32) - 1)) - (1 << 31)


def _limited(value: _States, overflow: str, rules: Rules, highest: int) -> _States:
    """States within their limits; `highest` is the largest valid one."""
    limit = rules.highest + 1
    if overflow == FREE:
        return value
    if overflow == CLIP:
        return np.clip(value, rules.lowest, rules.highest)
    if overflow == WRAP:
        return ((value + limit) & (2 * limit - 1)) - limit
    over = (value > highest).astype(np.int64) - (value < rules.lowest)
    return value - 2 * limit * over
