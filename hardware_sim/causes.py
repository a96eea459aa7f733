"""Causes: the single faults that explain all that a recording does otherwise than its network.

A candidate is a cause if and only if under it every update in the samples that are looked at is
predicted by teacher forcing (`forced.py`): u, v and spike of every neuron at every step. Where
several are left, the samples cannot tell them apart. Where none is, no single fault does it.

Candidates come from where and how updates deviate. A synapse or a bias touches one neuron; of
deep recordings the first deviation says by how much. Constants of a population are tried over
their whole range, exponents, latencies and rules of the arithmetic one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nmtool.arithmetic import (
    MAX_WEIGHT,
    SILENT_THRESHOLD,
    STATE_LIMIT,
    STATE_SHIFT,
    keep_current,
    keep_membrane,
    shifted,
    weight_step,
)
from nmtool.dynamics import HOP_LATENCY
from nmtool.graph import INPUT
from nmtool.hardware_sim.forced import (
    CLIP,
    FLOOR,
    FREE,
    FRESH,
    KEEP,
    LATE,
    NEAREST,
    SUBTRACT,
    WRAP,
    WRAP_24,
    Neurons,
    Rules,
    Seen,
    State,
    arrivals,
    arrived,
    deviates,
    neurons_of,
    predict,
    surviving,
)
from nmtool.integer_network import IntegerNetwork, IntegerProjection
from nmtool.raster import Raster
from nmtool.recording import Recording
from nmtool.targets import LOIHI2, MAX_SIX_BIT_DELAY
from nmtool.verification.explanation import Cause

MOST_GUESSES = 8_000
"""Per projection, changes that are tried where u and v were not recorded, small ones first."""

_GUESSES_AT_ONCE = 1024


class Wire(NamedTuple):
    """A projection as it delivers.

    Attributes:
        weight: [pre, post] int64, shifted by the exponent.
        delay: [pre, post] int64 steps.
        lag: steps by which everything arrives late.
    """

    weight: NDArray[np.int64]
    delay: NDArray[np.int64]
    lag: int = 0


@dataclass(frozen=True)
class Change:
    """A candidate, as what it changes.

    Attributes:
        wires: by index of the projection.
        neurons: constants and rules, by population.
        arriving: what arrives beside what projections deliver, by population.
        start: the state at the beginning of samples, by population.
    """

    wires: Mapping[int, Wire] = field(default_factory=dict)
    neurons: Mapping[str, Neurons] = field(default_factory=dict)
    arriving: Mapping[str, NDArray[np.int64]] = field(default_factory=dict)
    start: Mapping[str, State] = field(default_factory=dict)


class Case:
    """A network and the recording of some of its samples.

    Args:
        network: the expected network.
        spikes: the input raster of all samples.
        actual: the recording of all samples.
        samples: the samples that are examined.

    Attributes:
        network, samples: as above.
        deep: true where u and v of every neuron were recorded.
        sent: spikes by source, [samples, steps, neurons] bool.
        seen: the recorded arrays, by population.
        wires, delivered: by projection; `delivered` is [samples, steps, post] int64.
        arriving: the sum over projections, by population.
        neurons: by population.
        deviating: [samples, steps, neurons] bool by population: updates that are not the
            network's.
    """

    def __init__(
        self,
        network: IntegerNetwork,
        spikes: Raster,
        actual: Recording,
        samples: Sequence[int],
    ) -> None:
        self.network, self.samples = network, list(samples)
        self._spikes, self._actual = spikes, actual
        names = [population.name for population in network.populations]
        v = {**actual.membrane, **actual.potential}
        self.deep = all(name in actual.current and name in v for name in names)
        self.sent = {INPUT: spikes.take(self.samples).dense()}
        self.sent |= {n: raster.take(self.samples).dense() for n, raster in actual.spikes.items()}
        self.seen = {name: self._seen(name, v.get(name)) for name in names}
        self.neurons = {p.name: neurons_of(p) for p in network.populations}
        self.wires = [
            Wire(p.shifted_weight.astype(np.int64), p.delay.astype(np.int64))
            for p in network.projections
        ]
        self.delivered = [self._deliver(index, wire) for index, wire in enumerate(self.wires)]
        shape = self.sent[INPUT].shape[:2]
        self.arriving = {p.name: np.zeros((*shape, p.size), np.int64) for p in network.populations}
        for projection, arriving in zip(network.projections, self.delivered, strict=True):
            self.arriving[projection.target] += arriving
        self.deviating = {name: self._deviating(name, Change(), {}) for name in names}

    def _seen(self, name: str, v: NDArray | None) -> Seen:
        u = self._actual.current.get(name) if self.deep else None
        states = (None if x is None else x[self.samples].astype(np.int64) for x in (u, v))
        return Seen(self.sent.get(name), *states)

    def _deliver(self, index: int, wire: Wire) -> NDArray[np.int64]:
        return arrivals(self.sent[self.network.projections[index].source], *wire)

    def _deviating(
        self, name: str, change: Change, delivered: Mapping[int, NDArray]
    ) -> NDArray[np.bool_]:
        arriving = self.arriving[name]
        if name in change.arriving:
            arriving = arriving + change.arriving[name]
        for index, new in delivered.items():
            if self.network.projections[index].target == name:
                arriving = arriving + new - self.delivered[index]
        neurons = change.neurons.get(name, self.neurons[name])
        start = change.start.get(name, FRESH)
        return deviates(self.seen[name], predict(self.seen[name], arriving, neurons, start))

    def holds(self, change: Change) -> bool:
        """True where nothing deviates after the change."""
        names = {self.network.projections[index].target for index in change.wires}
        names |= {*change.neurons, *change.arriving, *change.start}
        if any(found.any() for name, found in self.deviating.items() if name not in names):
            return False
        delivered = {index: self._deliver(index, wire) for index, wire in change.wires.items()}
        return not any(self._deviating(name, change, delivered).any() for name in names)

    @property
    def touched(self) -> list[str]:
        """Populations that deviate."""
        return [name for name, found in self.deviating.items() if found.any()]

    def before(self) -> tuple[dict[str, State], dict[str, NDArray[np.int64]]]:
        """Remains of the sample before the first one: states, and spikes on their way."""
        previous = self.samples[0] - 1
        case = Case(self.network, self._spikes, self._actual, [previous])
        states = {
            name: State(seen.u[:, -1], seen.v[:, -1])
            for name, seen in case.seen.items()
            if seen.u is not None and seen.v is not None
        }
        n_steps = self.sent[INPUT].shape[1]
        on_their_way = {n: np.zeros_like(found) for n, found in self.arriving.items()}
        for projection, wire in zip(self.network.projections, case.wires, strict=True):
            late = arrivals(case.sent[projection.source], *wire, beyond=n_steps)
            on_their_way[projection.target] += late[:, n_steps:]
        return states, on_their_way


def find_causes(case: Case) -> list[Cause]:
    """All single faults under which nothing deviates, those of one number first.

    Args:
        case: with deviations.

    Returns:
        One per place; of several values there, the nearest, with their span.
    """
    ways: Iterable[Callable[[Case], Iterator[Cause]]] = (
        *(_synapses, _biases, _single_thresholds, _decays, _thresholds, _bias_exponents),
        *(_projections, _latencies, _arithmetic, _inputs, _kept_states),
    )
    return [cause for way in ways for cause in way(case)]


# Of one neuron.


def _only_deviating_neuron(case: Case) -> tuple[str, int] | None:
    """Population and index of the only neuron that deviates, if there is just one."""
    if len(case.touched) != 1:
        return None
    [name] = case.touched
    neurons = np.flatnonzero(case.deviating[name].any(axis=(0, 1)))
    return (name, int(neurons[0])) if len(neurons) == 1 else None


def _of_neuron(case: Case, name: str, neuron: int) -> tuple[Seen, NDArray[np.int64], Neurons]:
    """The recording of a neuron, what arrives at it, and its constants as single numbers."""
    constants = case.neurons[name]
    constants_of_one = replace(constants, bias=int(np.asarray(constants.bias)[neuron]))
    return case.seen[name].neuron(neuron), case.arriving[name][:, :, [neuron]], constants_of_one


def _excess(case: Case, name: str, neuron: int) -> tuple[tuple[int, int], int] | None:
    """Sample and step of the first u that deviates, and how much more arrives there."""
    seen, arriving, constants = _of_neuron(case, name, neuron)
    assert seen.u is not None
    more = seen.u - predict(seen, arriving, constants).u
    more = (more + STATE_LIMIT) % (2 * STATE_LIMIT) - STATE_LIMIT
    place = np.argwhere(more[:, :, 0])
    if not len(place):
        return None
    sample, step = (int(x) for x in place[0])
    excess, rest = divmod(int(more[sample, step, 0]), 1 << STATE_SHIFT)
    return None if rest else ((sample, step), excess)


def _synapses(case: Case) -> Iterator[Cause]:
    """Weights and delays of the only neuron that deviates."""
    only = _only_deviating_neuron(case)
    if only is None:
        return
    first = _excess(case, *only) if case.deep else None
    if case.deep and first is None:
        return
    for index, projection in enumerate(case.network.projections):
        if projection.target == only[0]:
            yield from _weights(case, index, only[1], first)
    for index, projection in enumerate(case.network.projections):
        if projection.target == only[0]:
            yield from _delays(case, index, only[1], first)


def _weights(
    case: Case, index: int, neuron: int, first: tuple[tuple[int, int], int] | None
) -> Iterator[Cause]:
    projection = case.network.projections[index]
    reach = arrived(case.sent[projection.source], projection.delay[:, neuron])
    weight = projection.weight[:, neuron].astype(np.int64)
    if first is not None:
        (sample, step), excess = first
        change = _unshifted(excess, projection.weight_exponent)
        if change is None:
            return
        pre = np.flatnonzero(reach[sample, step])
        value = weight[pre] + change
    else:
        spacing = weight_step(projection.weight_bits, mixed_signs=False)
        values = np.arange(-MAX_WEIGHT, MAX_WEIGHT + 1, spacing)
        active = np.flatnonzero(reach.any(axis=(0, 1)))
        pre, value = (x.ravel() for x in np.meshgrid(active, values, indexing="ij"))
    kept = (value != weight[pre]) & (abs(value) <= MAX_WEIGHT)
    pre, value = _nearest_first(pre[kept], value[kept], weight)
    more = _shifted(value, projection) - _shifted(weight[pre], projection)
    left = _left(
        *(case, projection.target, neuron, len(pre)),
        lambda some: reach[:, :, pre[some]] * more[some],
    )
    synapse = Cause("weight", projection.target, projection.source, neuron=neuron)
    yield from _by_synapse(synapse, pre[left], value[left], weight)


def _delays(
    case: Case, index: int, neuron: int, first: tuple[tuple[int, int], int] | None
) -> Iterator[Cause]:
    projection = case.network.projections[index]
    sent = case.sent[projection.source]
    delay = projection.delay[:, neuron].astype(np.int64)
    weight = case.wires[index].weight[:, neuron]
    useful = (weight != 0) & sent.any(axis=(0, 1))
    if first is not None:
        useful &= abs(weight) == abs(first[1])
    values = np.arange(MAX_SIX_BIT_DELAY + 1)
    pre, value = (x.ravel() for x in np.meshgrid(np.flatnonzero(useful), values, indexing="ij"))
    kept = value != delay[pre]
    pre, value = _nearest_first(pre[kept], value[kept], delay)

    def more(some: NDArray) -> NDArray[np.int64]:
        of = sent[:, :, pre[some]]
        new, old = arrived(of, value[some]), arrived(of, delay[pre[some]])
        return (new.astype(np.int64) - old) * weight[pre[some]]

    left = _left(case, projection.target, neuron, len(pre), more)
    synapse = Cause("delay", projection.target, projection.source, neuron=neuron)
    yield from _by_synapse(synapse, pre[left], value[left], delay)


def _left(
    case: Case,
    name: str,
    neuron: int,
    n_guesses: int,
    more: Callable[[NDArray[np.intp]], NDArray[np.int64]],
) -> NDArray[np.intp]:
    """The guesses that explain a neuron; `more` says what arrives beside under some of them."""
    seen, arriving, constants = _of_neuron(case, name, neuron)
    left = [np.zeros(0, np.intp)]
    for first in range(0, min(n_guesses, MOST_GUESSES), _GUESSES_AT_ONCE):
        some = np.arange(first, min(first + _GUESSES_AT_ONCE, n_guesses))
        left.append(some[surviving(seen, arriving + more(some), constants)])
    return np.concatenate(left)


def _nearest_first(
    pre: NDArray[np.intp], value: NDArray[np.int64], held: NDArray[np.int64]
) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
    order = np.argsort(abs(value - held[pre]), kind="stable")
    return pre[order], value[order]


def _by_synapse(
    synapse: Cause, pre: NDArray[np.intp], value: NDArray[np.int64], held: NDArray[np.int64]
) -> Iterator[Cause]:
    """A cause per synapse, of its nearest value; `value` has nearest ones first."""
    for one in dict.fromkeys(pre.tolist()):
        expected = int(held[one])
        yield _of_values(replace(synapse, pre=one, expected=expected), value[pre == one])


def _of_values(cause: Cause, values: NDArray[np.int64]) -> Cause:
    """The cause with the nearest of the values that explain it, and their span."""
    assert cause.expected is not None
    nearest = int(values[np.argmin(abs(values - cause.expected))])
    span = (int(values.min()), int(values.max())) if len(values) > 1 else None
    return replace(cause, actual=nearest, span=span)


def _unshifted(excess: int, exponent: int) -> int | None:
    """The change of a weight that a change of what arrives stands for; None for none."""
    if exponent < 0:
        return excess << -exponent
    weight, rest = divmod(excess, 1 << exponent)
    return None if rest else weight


def _shifted(weight: NDArray[np.int64], projection: IntegerProjection) -> NDArray[np.int64]:
    return _shifted_by(weight, projection.weight_exponent)


def _shifted_by(weight: NDArray[np.integer], exponent: int) -> NDArray[np.int64]:
    return shifted(weight.astype(np.int32), exponent).astype(np.int64)


def _biases(case: Case) -> Iterator[Cause]:
    only = _only_deviating_neuron(case)
    if only is None:
        return
    name, neuron = only
    population = case.network.population(name)
    seen, arriving, constants = _of_neuron(case, name, neuron)
    expected = int(np.asarray(population.bias_mantissa)[neuron])
    values = np.arange(-LOIHI2.bias_limit, LOIHI2.bias_limit)
    values = values[values != expected]
    guesses = replace(constants, bias=values << population.bias_exponent)
    left = surviving(seen, arriving, guesses)
    if len(left):
        yield _of_values(Cause("bias", name, neuron=neuron, expected=expected), values[left])


def _single_thresholds(case: Case) -> Iterator[Cause]:
    only = _only_deviating_neuron(case)
    if only is None or case.seen[only[0]].spikes is None:
        return
    name, neuron = only
    if case.network.population(name).size == 1 or next(_thresholds(case), None) is not None:
        return
    seen, arriving, constants = _of_neuron(case, name, neuron)
    vth = case.network.population(name).vth
    values = _thresholds_between(seen, arriving, constants)
    guesses = [one for one in values if one != vth]
    if not guesses:
        return
    one = replace(constants, threshold=guesses[0] << STATE_SHIFT)
    if not deviates(seen, predict(seen, arriving, one)).any():
        cause = Cause("threshold-one", name, neuron=neuron, expected=vth)
        yield _of_values(cause, np.array(guesses))


# Of one population.


def _only_deviating_population(case: Case) -> str | None:
    """The only population that deviates, if there is just one."""
    return case.touched[0] if len(case.touched) == 1 else None


def _decays(case: Case) -> Iterator[Cause]:
    name = _only_deviating_population(case)
    if name is None:
        return
    population, constants = case.network.population(name), case.neurons[name]
    for kind, key, expected, values, kept in (
        ("decay-u", "keep_u", population.du, np.arange(-1, LOIHI2.max_du + 1), keep_current),
        ("decay-v", "keep_v", population.dv, np.arange(LOIHI2.max_dv + 2), keep_membrane),
    ):
        values = values[values != expected]
        left = _left_of_population(case, name, kept(values), partial(_keeping, constants, key))
        if len(left):
            yield _of_values(Cause(kind, name, expected=expected), values[left])


def _keeping(constants: Neurons, key: str, keep: NDArray[np.int64]) -> Neurons:
    if key == "keep_u":
        return replace(constants, keep_u=keep)
    return replace(constants, keep_v=keep)


def _left_of_population(
    case: Case, name: str, values: NDArray[np.int64], made: Callable[[NDArray], Neurons]
) -> NDArray[np.intp]:
    """Indices of the values of a constant that explain all neurons of a population."""
    left = np.arange(len(values))
    often = case.deviating[name].sum(axis=(0, 1))
    bias = np.asarray(case.neurons[name].bias)
    for neuron in np.argsort(-often, kind="stable"):
        guesses = replace(made(values[left]), bias=int(bias[neuron]))
        arriving = case.arriving[name][:, :, [neuron]]
        left = left[surviving(case.seen[name].neuron(int(neuron)), arriving, guesses)]
        if not left.size:
            break
    return left


def _thresholds(case: Case) -> Iterator[Cause]:
    name = _only_deviating_population(case)
    if name is None or case.seen[name].spikes is None:
        return
    vth, constants = case.network.population(name).vth, case.neurons[name]
    values = _thresholds_between(case.seen[name], case.arriving[name], constants)
    guesses = [one for one in values if one != vth]
    if not guesses:
        return
    changed = replace(constants, threshold=guesses[0] << STATE_SHIFT)
    if case.holds(Change(neurons={name: changed})):
        yield _of_values(Cause("threshold", name, expected=vth), np.array(guesses))


def _thresholds_between(seen: Seen, arriving: NDArray[np.int64], constants: Neurons) -> range:
    """The thresholds that every membrane with a spike exceeds, and none without."""
    assert seen.spikes is not None
    # Resets are the recorded ones, so that membranes do not depend on the threshold.
    peak = predict(seen, arriving, constants).peak
    low = int(peak[~seen.spikes].max(initial=0))
    high = int(peak[seen.spikes].min(initial=(LOIHI2.max_threshold + 1) << STATE_SHIFT))
    return range(-(-low >> STATE_SHIFT), ((high - 1) >> STATE_SHIFT) + 1)


def _bias_exponents(case: Case) -> Iterator[Cause]:
    name = _only_deviating_population(case)
    if name is None:
        return
    population = case.network.population(name)
    mantissa, expected = np.asarray(population.bias_mantissa, np.int64), population.bias_exponent
    for exponent in range(LOIHI2.max_bias_exponent + 1):
        changed = replace(case.neurons[name], bias=mantissa << exponent)
        if exponent != expected and case.holds(Change(neurons={name: changed})):
            yield Cause("bias-exponent", name, expected=expected, actual=exponent)


# Of projections.


def _projections(case: Case) -> Iterator[Cause]:
    name = _only_deviating_population(case)
    if name is None:
        return
    for index, projection in enumerate(case.network.projections):
        if projection.target == name and case.delivered[index].any():
            yield from _projection(case, index)
    for index, projection in enumerate(case.network.projections):
        if projection.target == name and not case.delivered[index].any():
            yield from _projection(case, index)


def _projection(case: Case, index: int) -> Iterator[Cause]:
    projection, wire = case.network.projections[index], case.wires[index]
    about = Cause("", projection.target, projection.source)
    exponent = projection.weight_exponent
    tried = [
        (
            replace(about, kind="weight-exponent", expected=exponent, actual=one),
            wire._replace(weight=_shifted_by(projection.weight, one)),
        )
        for one in range(-8, LOIHI2.max_weight_exponent + 2)
        if one != exponent
    ]
    tried.append((replace(about, kind="projection-missing"), wire._replace(weight=wire.weight * 0)))
    tried.append((replace(about, kind="delays-ignored"), wire._replace(delay=wire.delay * 0)))
    if projection.shape[0] == projection.shape[1]:
        about = replace(about, kind="projection-transposed")
        weight, delay = wire.weight.T, wire.delay.T
        tried += [
            (replace(about, detail="weights"), wire._replace(weight=weight)),
            (replace(about, detail="delays"), wire._replace(delay=delay)),
            (replace(about, detail="weights and delays"), Wire(weight, delay)),
        ]
    for cause, changed in tried:
        same = np.array_equal(wire.weight, changed.weight)
        same &= np.array_equal(wire.delay, changed.delay)
        if not same and case.holds(Change(wires={index: changed})):
            yield cause


def _latencies(case: Case) -> Iterator[Cause]:
    """A step more or less of a projection, of several, or of all."""
    projections = case.network.projections
    everything = range(len(projections))
    groups: dict[tuple[int, ...], Cause] = {}

    def group(cause: Cause, indices: Iterable[int]) -> None:
        if key := tuple(indices):
            groups.setdefault(key, cause)

    for i, one in enumerate(projections):
        text = f"{one.source} → {one.target} delivers"
        group(Cause("latency", one.target, one.source, detail=text), [i])
    from_input = [i for i in everything if projections[i].source == INPUT]
    group(Cause("latency", source=INPUT, detail="the input arrives"), from_input)
    group(Cause("latency", detail="every spike arrives"), everything)
    inner = [i for i in everything if projections[i].source != INPUT]
    group(Cause("latency", detail="every spike but the input's arrives"), inner)
    for population in case.network.populations:
        into = [i for i in everything if projections[i].target == population.name]
        text = f"whatever reaches {population.name} arrives"
        group(Cause("latency", population.name, detail=text), into)
    for indices, cause in groups.items():
        for lag in (1, -1):
            wires = {i: case.wires[i]._replace(lag=lag) for i in indices}
            if case.holds(Change(wires=wires)):
                yield replace(cause, actual=lag)


# Of the arithmetic.

_ARITHMETIC = (
    ("floor", "u", Rules(round_u=FLOOR)),
    ("floor", "v", Rules(round_v=FLOOR)),
    ("floor", "the decay of u and v", Rules(round_u=FLOOR, round_v=FLOOR)),
    ("rounding", "u", Rules(round_u=NEAREST)),
    ("rounding", "v", Rules(round_v=NEAREST)),
    ("rounding", "the decay of u and v", Rules(round_u=NEAREST, round_v=NEAREST)),
    ("u-overflow", "wraps around as 24-bit numbers do", Rules(limit_u=WRAP_24)),
    ("u-overflow", "stops at the limit", Rules(limit_u=CLIP)),
    ("u-overflow", "goes on", Rules(limit_u=FREE)),
    ("v-overflow", "wraps around", Rules(limit_v=WRAP)),
    ("v-overflow", "goes on", Rules(limit_v=FREE)),
    ("at-threshold", "", Rules(at_threshold=True)),
    ("reset", "v is not reset", Rules(reset=KEEP)),
    ("reset", "the threshold is subtracted from v", Rules(reset=SUBTRACT)),
    ("reset", "v is reset at the next step", Rules(reset=LATE)),
    ("reset", "u is reset, too", Rules(resets_u=True)),
    ("update-order", "", Rules(old_u=True)),
)


def _arithmetic(case: Case) -> Iterator[Cause]:
    """Rules and the +1 of decays, everywhere; else in the only population that deviates."""

    def changed(names: Iterable[str], change: Callable[[Neurons], Neurons]) -> Change:
        return Change(neurons={name: change(case.neurons[name]) for name in names})

    tried: list[tuple[Cause, Callable[[Neurons], Neurons]]] = [
        (Cause(kind, detail=detail), partial(replace, rules=rules))
        for kind, detail, rules in _ARITHMETIC
    ]
    tried.append(
        (
            Cause("decay-plus-one", detail="keep u·(4096 − du), not u·(4096 − (du + 1))"),
            lambda one: replace(one, keep_u=one.keep_u + 1),
        )
    )
    tried.append(
        (
            Cause("decay-plus-one", detail="keep v·(4096 − (dv + 1)), not v·(4096 − dv)"),
            lambda one: replace(one, keep_v=one.keep_v - 1),
        )
    )
    tried.append((_FREE_OUTPUTS, _free_outputs))
    population = _only_deviating_population(case)
    goes_on = False
    for cause, change in tried:
        if goes_on and cause is _FREE_OUTPUTS:
            continue
        if case.holds(changed(case.neurons, change)):
            goes_on |= (cause.kind, cause.detail) == ("v-overflow", "goes on")
            yield cause
        elif population is not None and case.holds(changed([population], change)):
            yield replace(cause, population=population)


_FREE_OUTPUTS = Cause("v-overflow", detail="goes on; what only integrates has no threshold")


def _free_outputs(neurons: Neurons) -> Neurons:
    """v goes on, beyond the threshold too that nothing within 24 bits reaches."""
    silent = neurons.threshold == SILENT_THRESHOLD << STATE_SHIFT
    threshold = np.iinfo(np.int64).max if silent else neurons.threshold
    return replace(neurons, threshold=threshold, rules=Rules(limit_v=FREE))


# Of the input, and of samples.


def _inputs(case: Case) -> Iterator[Cause]:
    """A spike of the input that is there or not, or a channel without any."""
    wires = [i for i, one in enumerate(case.network.projections) if one.source == INPUT]
    reached = {case.network.projections[index].target for index in wires}
    if len(case.samples) != 1 or not reached >= {*case.touched}:
        return
    sent = case.sent[INPUT]
    step, name, neuron = _first_deviation(case)
    here = [index for index in wires if case.network.projections[index].target == name]

    def more(guesses: Sequence[tuple[int, int | None]]) -> NDArray[np.int64]:
        """Extra input of the neuron by each guess; without a step, a whole channel falls silent."""
        channel = np.array([one for one, _ in guesses], np.intp)
        at = np.array([-1 if one is None else one for _, one in guesses])
        found = np.zeros((*sent.shape[:2], len(guesses)), np.int64)
        flipped = np.arange(sent.shape[1])[:, None] == at
        of = np.where(at < 0, sent[:, :, channel], flipped)
        sign = np.where((at < 0) | sent[0, at, channel], -1, 1)
        for index in here:
            delay = case.wires[index].delay[channel, neuron]
            found += arrived(of, delay) * case.wires[index].weight[channel, neuron]
        return found * sign

    silent = np.flatnonzero(sent.any(axis=(0, 1)))
    guesses: list[tuple[int, int | None]] = [(int(channel), None) for channel in silent]
    guesses += _suspects(case, here, step, neuron)
    left = _left(
        *(case, name, neuron, len(guesses)),
        lambda some: more([guesses[index] for index in some]),
    )
    for channel, at in (guesses[index] for index in left):
        flipped = np.zeros_like(sent)
        flipped[0, :, channel] = (
            sent[0, :, channel] if at is None else np.arange(len(sent[0])) == at
        )
        there = at is None or bool(sent[0, at, channel])
        arriving: dict[str, NDArray[np.int64]] = {}
        for index in wires:
            target = case.network.projections[index].target
            added = arrivals(flipped, *case.wires[index]) * (-1 if there else 1)
            arriving[target] = arriving.get(target, 0) + added
        if case.holds(Change(arriving=arriving)):
            text = f"a spike of channel {channel} at step {at} is {'missing' if there else 'added'}"
            if at is None:
                text = f"channel {channel} is silent"
            yield Cause("input", source=INPUT, pre=channel, step=at, detail=text)


def _first_deviation(case: Case) -> tuple[int, str, int]:
    """Step, population and neuron of the first update that deviates, of one sample."""
    places = ((name, np.argwhere(case.deviating[name][0])[0]) for name in case.touched)
    return min((int(step), name, int(neuron)) for name, (step, neuron) in places)


def _suspects(
    case: Case, wires: Sequence[int], step: int, neuron: int
) -> list[tuple[int, int | None]]:
    """Channels and steps at which a spike would reach a neuron at a step.

    Without u and v its effect may come later than the spike: steps before are taken, too.
    """
    found: dict[tuple[int, int | None], None] = {}
    for arrival in [step] if case.deep else range(step, -1, -1):
        for index in wires:
            wire = case.wires[index]
            sent = arrival - HOP_LATENCY - wire.delay[:, neuron]
            for channel in np.flatnonzero((wire.weight[:, neuron] != 0) & (sent >= 0)):
                found[int(channel), int(sent[channel])] = None
        if len(found) > MOST_GUESSES:
            break
    return list(found)


def _kept_states(case: Case) -> Iterator[Cause]:
    """States, or spikes on their way, that the sample before leaves."""
    if len(case.samples) != 1 or case.samples[0] == 0:
        return
    states, on_their_way = case.before()
    tried = [("spikes on their way", Change(arriving=on_their_way))]
    if states:
        tried.append(("u and v", Change(start=states)))
        tried.append(("u, v and spikes on their way", Change(arriving=on_their_way, start=states)))
    for detail, change in tried:
        if case.holds(change):
            yield Cause("state-kept", detail=detail)
