"""Teacher forcing: what one exact step makes of the states and spikes that were recorded.

Every update of a neuron is judged by itself: from the state that a recording has at step n − 1
and the spikes that it has before step n, one step of the arithmetic `loihi2` predicts step n. A
recording of the same network is predicted everywhere; a fault shows at exactly those updates that
it touches, and not at those that follow from them.

Where u and v were not recorded, they are followed from the beginning of the sample, with the
recorded spikes as input and as resets: all that a neuron hears is known without them.

The step is that of `hardware_sim/step.py`, on arrays, with ways to get it wrong (`Rules`).
Arrays are [samples, steps, columns]; a column is a neuron, or a guess about one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nmtool.arithmetic import DECAY_SHIFT, STATE_LIMIT, STATE_SHIFT, keep_current, keep_membrane
from nmtool.dynamics import HOP_LATENCY
from nmtool.integer_network import IntegerPopulation

Whole: TypeAlias = "int | NDArray[np.int64]"

TRUNCATE, FLOOR, NEAREST = "truncate", "floor", "nearest"
WRAP, WRAP_24, CLIP, FREE = "wrap", "wrap-24", "clip", "free"
TO_ZERO, KEEP, SUBTRACT, LATE = "zero", "keep", "subtract", "late"

_HALF_WORD = 1 << 31
_STEPS_AT_ONCE = 16
_COLUMNS_AT_ONCE = 1024


@dataclass(frozen=True)
class Rules:
    """Rules of a step; the defaults are the arithmetic `loihi2`.

    Attributes:
        round_u, round_v: rounding of what a decay leaves: `truncate`, `floor` or `nearest`.
        limit_u: `wrap` once beyond M, `wrap-24` as 24-bit numbers do, `clip` or `free`.
        limit_v: `clip`, `wrap` or `free`.
        at_threshold: true to spike where v equals the threshold, too.
        reset: v after a spike: `zero`; `keep`; `subtract` the threshold; `late`, zero from the
            next step on.
        resets_u: true to begin the step after a spike with u at zero.
        old_u: true to add u of the step before to v.
    """

    round_u: str = TRUNCATE
    round_v: str = TRUNCATE
    limit_u: str = WRAP
    limit_v: str = CLIP
    at_threshold: bool = False
    reset: str = TO_ZERO
    resets_u: bool = False
    old_u: bool = False


EXACT = Rules()


@dataclass(frozen=True)
class Neurons:
    """Constants of a step, one of all columns or [columns] int64.

    Attributes:
        keep_u, keep_v: of 4096.
        bias: added to v each step.
        threshold: what v is compared with.
        rules: of the arithmetic.
    """

    keep_u: Whole
    keep_v: Whole
    bias: Whole
    threshold: Whole
    rules: Rules = EXACT

    def pick(self, columns: NDArray) -> Neurons:
        """Some of the columns: their indices, or a mask."""

        def of(value: Whole) -> Whole:
            return value[columns] if isinstance(value, np.ndarray) else value

        return replace(
            self,
            keep_u=of(self.keep_u),
            keep_v=of(self.keep_v),
            bias=of(self.bias),
            threshold=of(self.threshold),
        )


def neurons_of(population: IntegerPopulation) -> Neurons:
    """The constants that a population holds."""
    return Neurons(
        keep_current(population.du),
        keep_membrane(population.dv),
        population.bias,
        population.vth << STATE_SHIFT,
    )


class Seen(NamedTuple):
    """The recording of a population, or of one neuron of it.

    Attributes:
        spikes: bool; None for a population that does not spike.
        u, v: int64; None where they were not recorded.
    """

    spikes: NDArray[np.bool_] | None
    u: NDArray[np.int64] | None
    v: NDArray[np.int64] | None

    @property
    def deep(self) -> bool:
        """True where both u and v were recorded."""
        return self.u is not None and self.v is not None

    def neuron(self, index: int) -> Seen:
        """The recording of one neuron: one column."""
        return self.part((slice(None), slice(None), [index]))

    def part(self, index: Any) -> Seen:
        """Take the same part of every array."""
        spikes, u, v = (None if one is None else one[index] for one in self)
        return Seen(spikes, u, v)


class State(NamedTuple):
    """u and v, int64, at the beginning of every sample: [samples, columns]."""

    u: Whole
    v: Whole


FRESH = State(0, 0)


class Predicted(NamedTuple):
    """Outcome of every step: u, v after a reset, spikes, and v before a reset."""

    u: NDArray[np.int64]
    v: NDArray[np.int64]
    spikes: NDArray[np.bool_]
    peak: NDArray[np.int64]


def predict(
    seen: Seen, arriving: NDArray[np.int64], neurons: Neurons, start: State = FRESH
) -> Predicted:
    """Predict every update from what was recorded before it.

    Args:
        seen: the recording.
        arriving: [samples, steps, columns]: sums of the weights that arrive.
        neurons: the constants.
        start: the state at the beginning of samples.
    """
    if seen.deep:
        return _one_step(seen, arriving, neurons, start)
    parts = list(_followed(seen, arriving, neurons, start))
    u, v, spikes, peak = (np.stack(arrays, axis=1) for arrays in zip(*parts, strict=True))
    return Predicted(u, v, spikes, peak)


def deviates(seen: Seen, predicted: Predicted) -> NDArray[np.bool_]:
    """[samples, steps, columns]: updates that were recorded otherwise than predicted."""
    found = np.zeros(predicted.u.shape, np.bool_)
    for mine, theirs in zip((predicted.spikes, predicted.u, predicted.v), seen, strict=True):
        if theirs is not None:
            found |= mine != theirs
    return found


def surviving(seen: Seen, arriving: NDArray[np.int64], neurons: Neurons) -> NDArray[np.intp]:
    """Guesses about one neuron that predict all that was recorded of it, from a fresh state on.

    Args:
        seen: of one neuron.
        arriving: [samples, steps, 1 or columns]: what arrives, by guess.
        neurons: the constants, by guess.

    Returns:
        The columns that are left, ascending.
    """
    n_columns = max(arriving.shape[2], *(np.size(x) for x in _constants(neurons)))
    left = []
    for first in range(0, n_columns, _COLUMNS_AT_ONCE):
        columns = np.arange(first, min(first + _COLUMNS_AT_ONCE, n_columns))
        part = arriving if arriving.shape[2] == 1 else arriving[:, :, columns]
        some = replace(neurons, keep_u=np.broadcast_to(neurons.keep_u, n_columns)).pick(columns)
        if seen.deep:
            predicted = _one_step(seen, part, some, FRESH)
            left.append(columns[~deviates(seen, predicted).any(axis=(0, 1))])
        else:
            left.append(columns[_left_of(seen, part, some)])
    return np.concatenate(left)


def _constants(neurons: Neurons) -> tuple[Whole, ...]:
    return neurons.keep_u, neurons.keep_v, neurons.bias, neurons.threshold


def _one_step(seen: Seen, arriving: NDArray[np.int64], neurons: Neurons, start: State) -> Predicted:
    assert seen.u is not None
    assert seen.v is not None
    u, v = _before(seen.u, start.u), _before(seen.v, start.v)
    if seen.spikes is not None:
        u, v = _reset_before(u, v, _before(seen.spikes, 0), neurons.rules)
    new_u = next_u(u, arriving, neurons)
    peak = next_v(v, u if neurons.rules.old_u else seen.u, neurons)
    spikes = fires(peak, neurons)
    return Predicted(new_u, _after(peak, spikes, neurons), spikes, peak)


def _followed(
    seen: Seen, arriving: NDArray[np.int64], neurons: Neurons, start: State
) -> Iterator[Predicted]:
    """Step after step from the start: u, v after a reset, spikes, and v before a reset."""
    shape = (arriving.shape[0], arriving.shape[2])
    u, v = np.broadcast_to(start.u, shape), np.broadcast_to(start.v, shape)
    spiked = np.zeros(shape, np.bool_)
    for n in range(arriving.shape[1]):
        before, v = _reset_before(u, v, spiked, neurons.rules)
        u = next_u(before, arriving[:, n], neurons)
        peak = next_v(v, before if neurons.rules.old_u else u, neurons)
        fired = fires(peak, neurons)
        # Spikes that were recorded reset, so that a wrong guess about one is seen once.
        spiked = fired if seen.spikes is None else seen.spikes[:, n]
        yield Predicted(u, _after(peak, fired, neurons), fired, peak)
        v = _after(peak, spiked, neurons)


def _left_of(seen: Seen, arriving: NDArray[np.int64], neurons: Neurons) -> NDArray[np.intp]:
    """`surviving` where u and v are followed: guesses are dropped as soon as they fail."""
    n_samples, n_steps, _ = arriving.shape
    n_columns = max(arriving.shape[2], *(np.size(x) for x in _constants(neurons)))
    arriving = np.broadcast_to(arriving, (n_samples, n_steps, n_columns))
    alive = np.arange(n_columns)
    u = np.broadcast_to(FRESH.u, (n_samples, n_columns))
    v = np.broadcast_to(FRESH.v, (n_samples, n_columns))
    last = np.zeros((n_samples, 1), np.bool_)
    for first in range(0, n_steps, _STEPS_AT_ONCE):
        part = slice(first, first + _STEPS_AT_ONCE)
        some = seen.part((slice(None), part))
        left = np.ones(len(alive), np.bool_)
        here = neurons.pick(alive)
        sums = arriving[:, part][:, :, alive]
        for n in range(sums.shape[1]):
            before, v = _reset_before(u, v, last, here.rules)
            u = next_u(before, sums[:, n], here)
            peak = next_v(v, before if here.rules.old_u else u, here)
            fired = fires(peak, here)
            v = _after(peak, fired, here)
            if some.v is not None:
                left &= (v == some.v[:, n]).all(axis=0)
            if some.spikes is not None:
                left &= (fired == some.spikes[:, n]).all(axis=0)
                last = some.spikes[:, n]
                v = _after(peak, np.broadcast_to(last, peak.shape), here)
        alive, u, v = alive[left], u[:, left], v[:, left]
        if not alive.size:
            break
    return alive


def _before(trace: NDArray, start: Whole) -> NDArray:
    """Values of the step before, of the start at step 0."""
    before = np.empty_like(trace)
    before[:, 1:] = trace[:, :-1]
    before[:, 0] = start
    return before


def _reset_before(u: Whole, v: Whole, spiked: NDArray, rules: Rules) -> tuple:
    """u and v with which a step begins, after a spike in the step before."""
    if rules.reset == LATE:
        v = np.where(spiked, 0, v)
    if rules.resets_u:
        u = np.where(spiked, 0, u)
    return u, v


def _after(peak: NDArray, spiked: NDArray, neurons: Neurons) -> NDArray:
    """v as a step leaves it."""
    if neurons.rules.reset in (KEEP, LATE):
        return peak
    if neurons.rules.reset == SUBTRACT:
        return np.where(spiked, peak - neurons.threshold, peak)
    return np.where(spiked, 0, peak)


def next_u(u: Whole, arriving: NDArray[np.int64], neurons: Neurons) -> NDArray[np.int64]:
    """u after a step.

    Args:
        u: before it.
        arriving: sums of the weights that arrive.
        neurons: the constants.
    """
    rules = neurons.rules
    u = _word(_decayed(u, neurons.keep_u, rules.round_u) + (arriving << STATE_SHIFT))
    if rules.limit_u == WRAP:
        u = np.where(u > STATE_LIMIT, u - 2 * STATE_LIMIT, u)
        return np.where(u <= -STATE_LIMIT, u + 2 * STATE_LIMIT, u)
    return _limited(u, rules.limit_u)


def next_v(v: Whole, u: NDArray[np.int64], neurons: Neurons) -> NDArray[np.int64]:
    """v after a step, before a reset.

    Args:
        v: before it.
        u: of this step.
        neurons: the constants.
    """
    rules = neurons.rules
    v = _word(_decayed(v, neurons.keep_v, rules.round_v) + u + neurons.bias)
    return _limited(v, WRAP_24 if rules.limit_v == WRAP else rules.limit_v)


def fires(peak: NDArray[np.int64], neurons: Neurons) -> NDArray[np.bool_]:
    """True where a membrane is over its threshold."""
    return peak >= neurons.threshold if neurons.rules.at_threshold else peak > neurons.threshold


def _decayed(state: Whole, keep: Whole, how: str) -> NDArray[np.int64]:
    product = np.asarray(state, np.int64) * keep
    if how == FLOOR:
        return product >> DECAY_SHIFT
    half = 1 << (DECAY_SHIFT - 1) if how == NEAREST else 0
    return np.sign(product) * ((abs(product) + half) >> DECAY_SHIFT)


def _word(value: NDArray[np.int64]) -> NDArray[np.int64]:
    """The low 32 bits, with sign."""
    return ((value + _HALF_WORD) & (2 * _HALF_WORD - 1)) - _HALF_WORD


def _limited(value: NDArray[np.int64], how: str) -> NDArray[np.int64]:
    if how == CLIP:
        return np.clip(value, 1 - STATE_LIMIT, STATE_LIMIT - 1)
    if how == WRAP_24:
        return ((value + STATE_LIMIT) & (2 * STATE_LIMIT - 1)) - STATE_LIMIT
    return value


def arrivals(
    spikes: NDArray[np.bool_],
    weight: NDArray[np.integer],
    delay: NDArray[np.integer],
    lag: int = 0,
    beyond: int = 0,
) -> NDArray[np.int64]:
    """Sums that the synapses of a projection deliver at every step.

    Args:
        spikes: [samples, steps, pre] of its source.
        weight: [pre, post], what a spike adds.
        delay: [pre, post] steps.
        lag: steps by which everything arrives late.
        beyond: steps after the end of samples to go on for.

    Returns:
        [samples, steps + beyond, post] int64.
    """
    n_samples, n_steps, _ = spikes.shape
    weight, delay = weight.astype(np.int64), delay.astype(np.int64)
    rows = n_steps + HOP_LATENCY + int(delay.max(initial=0)) + max(lag, 0) + beyond
    out = np.zeros((n_samples, rows, weight.shape[1]), np.int64)
    posts = np.arange(weight.shape[1])
    for sample, n, pre in np.argwhere(spikes):
        out[sample, n + HOP_LATENCY + lag + delay[pre], posts] += weight[pre]
    return out[:, : n_steps + beyond]


def arrived(spikes: NDArray[np.bool_], delay: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Steps at which the spikes of every source neuron reach one neuron.

    Args:
        spikes: [samples, steps, pre] of the source.
        delay: [pre] steps to that neuron.

    Returns:
        [samples, steps, pre].
    """
    sent = np.arange(spikes.shape[1])[:, None] - HOP_LATENCY - delay.astype(np.int64)
    found = np.take_along_axis(spikes, np.maximum(sent, 0)[None], axis=1)
    return found & (sent >= 0)
