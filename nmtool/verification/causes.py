"""Causes: single faults that explain all deviations of a recording from its network.

A neuron depends on the rest of a network only through the spikes that reach it. So each population
runs alone on the recorded spikes of its sources (`hardware_sim/alone.py`): a candidate is a cause
if and only if all neurons that it affects then do what was recorded, in every examined sample. If
several candidates remain, the samples cannot distinguish them. If none remains, no single fault
explains the recording.

If the neurons of one population deviate, any of its numbers and of those of its synapses may be
wrong, by any amount in reach. Further candidates are mistakes in wiring, latencies and counts, a
wrong rule of the step, another input, and states that are left over from the sample before.

Some faults look alike on a sample: synapses that deliver the same input at the same steps; decays
that round all states of the sample alike; ≥ instead of >, and a threshold that is lower by less
than the distance of membranes; with one population, a decay without its +1, and a du lower by 1;
an arrival after the end, and a weight of 0. Two faults at once, noise and runs that cannot be
repeated have no single cause. If a projection without delays delivers a step early, what was sent
in the first step must not matter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmtool.arithmetic import MAX_WEIGHT, Arithmetic
from nmtool.dynamics import HOP_LATENCY
from nmtool.errors import NetworkError
from nmtool.hardware_sim.alone import Neurons, source_channels, spikes_to
from nmtool.hardware_sim.plan import neuron_constants
from nmtool.hardware_sim.rules import (
    CLIP,
    FLOOR,
    FREE,
    KEEP,
    NEAREST,
    NEXT_STEP,
    TRUNCATE,
    WRAP,
    Rules,
    run_with,
    without_output_threshold,
)
from nmtool.network.graph import INPUT
from nmtool.network.integer_network import IntegerNetwork, IntegerProjection
from nmtool.network.numbers import number_names, valid_values, with_number
from nmtool.raster import Raster
from nmtool.recording import Recording
from nmtool.tables import counted
from nmtool.verification.explanation import Cause

REACH = (32, 512)
"""Largest difference of a wrong constant to the right one, besides factors of powers of two: if no
near value explains the recording, all in reach are tried."""

MOST_VALUES = 128
"""Largest number of values that are tried in all neurons, after they explained one."""

MOST_INPUTS = 8_192
"""Largest number of other inputs that are tried."""

VALUES_AT_ONCE = 1 << 23
"""Number of states and synapses of the variants that run together."""


class Case:
    """A network and the recording of some of its samples.

    Args:
        network: the expected network.
        spikes: the input raster of all samples.
        actual: the recording of all samples.
        samples: indices of the samples to examine.

    Attributes:
        network, samples: the arguments of the same names.
        deep: True if u and v of every neuron were recorded.
        sent: spikes of the samples, by source.
        neurons: the network's neurons, by population.
        arrived: spikes of each population's sources, by population.
        deviating: indices of the neurons that deviate, by population; only populations with some.
    """

    def __init__(
        self, network: IntegerNetwork, spikes: Raster, actual: Recording, samples: Sequence[int]
    ) -> None:
        self.network, self.samples = network, list(samples)
        self._all_sent, self._actual = {INPUT: spikes, **actual.spikes}, actual
        names = [population.name for population in network.populations]
        self.deep = all(name in actual.current and name in actual.v for name in names)
        self.sent = self.sent_in(self.samples)
        self.neurons = {name: Neurons.of(network, name) for name in names}
        self.arrived = {name: spikes_to(network, name, self.sent) for name in names}
        self._recorded = {name: self._traces(name) for name in names}
        self._first: dict[str, int] = {}
        self.deviating = {}
        for name in names:
            differs = ~self._agreement(name, self.neurons[name], self.arrived[name])
            if differs.any():
                self.deviating[name] = np.flatnonzero(differs.any(axis=(0, 1)))
                self._first[name] = int(np.flatnonzero(differs.any(axis=(0, 2)))[0])

    def sent_in(self, samples: Sequence[int]) -> dict[str, Raster]:
        """Spikes sent in some samples, by source."""
        return {name: raster.take(samples) for name, raster in self._all_sent.items()}

    def _traces(self, name: str) -> dict[str, NDArray]:
        """What was recorded of a population: spikes, u and v, [samples, steps, neurons]."""
        recorded: dict[str, NDArray] = {}
        if name in self.sent:
            recorded["spikes"] = self.sent[name].dense_counts()
        if self.deep:
            recorded["u"] = self._actual.current[name][self.samples]
        if name in self._actual.v:
            recorded["v"] = self._actual.v[name][self.samples]
        return recorded

    def _agreement(
        self,
        name: str,
        neurons: Neurons,
        arrived: Raster,
        columns: NDArray[np.integer] | slice = slice(None),
        rules: Rules | None = None,
    ) -> NDArray[np.bool_]:
        """True where neurons, run alone, do what was recorded: [samples, steps, columns].

        Args:
            name: name of the population.
            neurons: its neurons, or variants of them.
            arrived: spikes of their sources; of fewer steps than recorded, or in variants of one
                sample.
            columns: for each column of `neurons`, the neuron whose recording it should equal.
            rules: rules of the step, if they are wrong ones.
        """
        traces = neurons.run(arrived) if rules is None else run_with(rules, neurons, arrived)
        same = np.ones(traces.v.shape, np.bool_)
        for key, values in self._recorded[name].items():
            same &= getattr(traces, key) == values[:, : arrived.n_steps, columns]
        return same

    def block(self, index: int) -> slice:
        """The channels of a projection, when its target runs alone."""
        projections = self.network.projections
        before = [p for p in projections[:index] if p.target == projections[index].target]
        return source_channels(self.network, projections[index].target)[len(before)]

    def is_explained_by(
        self,
        neurons: Mapping[str, Neurons] | None = None,
        sent: Mapping[str, Raster] | None = None,
        lag: Mapping[int, int] = {},
        rules: Rules | None = None,
    ) -> bool:
        """True if all populations that a candidate changes do what was recorded, and all others do.

        Args:
            neurons: neurons that the candidate changes, by population.
            sent: spikes of all sources, if the candidate changes them.
            lag: by index of a projection, the number of steps by which its spikes are late.
            rules: rules of the step, if the candidate changes them in these neurons.
        """
        sent = sent or {}
        moved = {
            p.target for i, p in enumerate(self.network.projections) if i in lag or p.source in sent
        }
        changed = {**{name: self.neurons[name] for name in moved}, **(neurons or {})}
        if not changed.keys() >= self.deviating.keys():
            return False
        for name, own in changed.items():
            arrived = self.arrived[name]
            if name in moved:
                arrived = spikes_to(self.network, name, {**self.sent, **sent}, lag)
            if not self._agreement(name, own, arrived, rules=rules).all():
                return False
        return True

    def continues_previous_sample(self) -> bool:
        """True if all that was recorded follows from the state after the sample before."""
        both = self.sent_in([self.samples[0] - 1, self.samples[0]])
        for name, neurons in self.neurons.items():
            arrived = np.concatenate(spikes_to(self.network, name, both).dense_counts())
            traces = neurons.run(Raster.from_dense(arrived[None]))
            for key, values in self._recorded[name].items():
                if (getattr(traces, key)[:, -values.shape[1] :] != values).any():
                    return False
        return True

    def explaining(
        self, name: str, variants: Callable[[slice], Neurons], n_variants: int, neuron: int
    ) -> list[int]:
        """Indices of the variants of a neuron that do what was recorded.

        They run up to the first deviation of the population first, which few survive.

        Args:
            name: name of the population.
            variants: makes some of the variants, of which each is a column.
            n_variants: number of variants.
            neuron: index of the neuron.
        """
        arrived = self.arrived[name]
        at_once = max(
            1,
            VALUES_AT_ONCE
            // (arrived.n_samples * arrived.n_steps + len(self.neurons[name].weight)),
        )
        early = arrived.first_steps(self._first[name] + 1)
        left: list[int] = []
        for first in range(0, n_variants, at_once):
            some = variants(slice(first, min(first + at_once, n_variants)))
            survivors = np.arange(some.size)
            for spikes in (early, arrived):
                if survivors.size:
                    same = self._agreement(
                        name, some.take(survivors), spikes, np.full(survivors.size, neuron)
                    )
                    survivors = survivors[same.all(axis=(0, 1))]
            left += (first + survivors).tolist()
        return left

    def first_deviation(self) -> tuple[str, int, int]:
        """Population, neuron and step of the first deviation in any examined sample."""
        name = min(self._first, key=lambda name: self._first[name])
        early = self.arrived[name].first_steps(self._first[name] + 1)
        same = self._agreement(name, self.neurons[name], early)
        return name, int(np.flatnonzero(~same.all(axis=(0, 1)))[0]), self._first[name]

    def explaining_inputs(
        self, name: str, neuron: int, inputs: NDArray[np.uint8]
    ) -> NDArray[np.intp]:
        """Indices of the inputs with which a neuron does what was recorded, up to their end.

        Args:
            name: name of the population.
            neuron: index of the neuron.
            inputs: [inputs, steps, channels] spikes of its sources, of a single examined sample.
        """
        column = np.array([neuron])
        own = self.neurons[name].take(column)
        same = self._agreement(name, own, Raster.from_dense(inputs), column)
        return np.flatnonzero(same.all(axis=(1, 2)))


def find_causes(case: Case) -> list[Cause]:
    """Find every single fault that explains all deviations of a recording.

    Faults of one stored number come first, then faults of whole populations and of the network.

    Args:
        case: a case with deviations.

    Returns:
        One cause per place, with the explaining value that is nearest to the network's value. If
        several values explain the recording, the cause has their span.
    """
    causes: list[Cause] = []
    if len(case.deviating) == 1:
        [name] = case.deviating
        causes += _synapse_causes(case, name)
        for reach in REACH:
            causes += [] if causes else _constant_causes(case, name, reach)
        causes += _projection_causes(case, name)
    for of_network in (
        _latency_causes,
        _count_causes,
        _rule_causes,
        _input_causes,
        _leftover_state_causes,
    ):
        causes += of_network(case)
    return [replace(cause, arithmetic=case.network.arithmetic) for cause in causes]


# Causes that are one stored number


def _candidate_values(right: int, reach: int) -> list[int]:
    """Values that a constant may have by mistake, the nearest to the right one first."""
    shifts = [right << n for n in range(1, 17)] + [right >> n for n in range(1, 17)]
    values = {*range(right - reach, right + reach + 1), *shifts, -right, 0} - {right}
    return sorted(values, key=lambda value: (abs(value - right), value))


def _cause_of(values: Sequence[int], right: int, cause: Cause) -> Cause:
    """A cause with the nearest of its explaining values, and their span if there are several."""
    nearest = min(values, key=lambda value: abs(value - right))
    span = (min(values), max(values)) if len(values) > 1 else None
    return replace(cause, expected=right, actual=nearest, span=span)


def _synapse_causes(case: Case, name: str) -> Iterator[Cause]:
    """Yield causes: a wrong number of a single synapse, if a single neuron deviates."""
    if len(case.deviating[name]) > 1:
        return
    [neuron] = case.deviating[name].tolist()
    for number in ("weight", "delay"):
        for index, projection in enumerate(case.network.projections):
            if projection.target == name:
                yield from _synapse_causes_in(case, index, neuron, number)


def _synapse_causes_in(case: Case, index: int, neuron: int, number: str) -> Iterator[Cause]:
    """Yield causes: a wrong number of a synapse of a projection.

    Args:
        case: the case.
        index: index of the projection, to the population that deviates.
        neuron: index of the target neuron.
        number: `weight` or `delay`.
    """
    projection, block = case.network.projections[index], case.block(index)
    name, right = projection.target, getattr(projection, number)[:, neuron].astype(int)
    active = np.flatnonzero(case.arrived[name].counts()[:, block].any(axis=0))
    if number == "delay":
        active = active[projection.weight[active, neuron] != 0]
    nothing = np.zeros((1, 1), np.int16)
    single = replace(projection, weight=nothing, delay=nothing.astype(np.uint8))
    values, stored = _values_of_a_synapse(single, number)
    pre, place = (grid.ravel() for grid in np.meshgrid(active, range(len(values)), indexing="ij"))

    def variants(part: slice) -> Neurons:
        """The neuron with another number of a synapse in each column."""
        size = part.stop - part.start
        neurons = case.neurons[name].take(np.full(size, neuron))
        numbers = getattr(neurons, number).copy()
        numbers[block.start + pre[part], np.arange(size)] = stored[place[part]]
        return replace(neurons, **{number: numbers})

    explaining = np.array(case.explaining(name, variants, len(pre), neuron), np.intp)
    for source in np.unique(pre[explaining]).tolist():
        possible = []
        for value in values[place[explaining[pre[explaining] == source]]].tolist():
            with suppress(NetworkError):
                with_number(projection, number, value, (source, neuron))
                possible.append(value)
        if possible:
            about = Cause(number, name, projection.source, pre=source, neuron=neuron)
            yield _cause_of(possible, int(right[source]), about)


@cache
def _values_of_a_synapse(
    synapse: IntegerProjection, number: str
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """All values of a number of a synapse, and what the simulator stores for each."""
    valid = list(valid_values(synapse, number, range(-MAX_WEIGHT, MAX_WEIGHT + 1)))
    stored = [(p.shifted_weight if number == "weight" else p.delay).item() for _, p in valid]
    return np.array([value for value, _ in valid]), np.array(stored)


def _constant_causes(case: Case, name: str, reach: int) -> Iterator[Cause]:
    """Yield causes: a wrong constant of the population, or of the only neuron that deviates.

    Args:
        case: the case.
        name: name of the population.
        reach: largest difference of a wrong constant to the right one.
    """
    population, neurons = case.network.population(name), case.neurons[name]
    neuron = int(case.deviating[name][0])
    for number in number_names(population):
        of_neurons = isinstance(getattr(population, number), np.ndarray)
        if of_neurons and len(case.deviating[name]) > 1:
            continue
        right = int(np.ravel(getattr(population, number))[neuron if of_neurons else 0])
        wrong = dict(valid_values(population, number, _candidate_values(right, reach)))
        values, constants = list(wrong), [neuron_constants(p) for p in wrong.values()]

        def variants(part: slice, constants: list[dict[str, NDArray]] = constants) -> Neurons:
            """The neuron with another constant in each column."""
            some = constants[part]
            of_neuron = {key: np.array([c[key][neuron] for c in some]) for key in some[0]}
            return neurons.take(np.full(len(some), neuron)).with_constants(**of_neuron)

        explaining = case.explaining(name, variants, len(values), neuron)
        if not of_neurons:
            explaining = [
                i
                for i in explaining[:MOST_VALUES]
                if case.is_explained_by({name: neurons.with_constants(**constants[i])})
            ]
        if explaining:
            place = neuron if of_neurons else None
            about = Cause(number, name, neuron=place)
            yield _cause_of([values[i] for i in explaining], right, about)


def _projection_causes(case: Case, name: str) -> Iterator[Cause]:
    """Yield causes: a wrong constant of a projection, or a projection that is wired wrongly."""
    for index, projection in enumerate(case.network.projections):
        if projection.target != name:
            continue
        block, about = case.block(index), Cause("", name, projection.source)
        for cause, wrong in _wrong_projections(projection, about):
            own = case.neurons[name]
            weight, delay = own.weight.copy(), own.delay.copy()
            weight[block], delay[block] = wrong.shifted_weight, wrong.delay
            same = np.array_equal(weight, own.weight) and np.array_equal(delay, own.delay)
            changed = {name: replace(own, weight=weight, delay=delay)}
            if not same and case.is_explained_by(changed):
                yield cause


def _wrong_projections(
    projection: IntegerProjection, about: Cause
) -> Iterator[tuple[Cause, IntegerProjection]]:
    """Yield possible mistakes of a whole projection, each with the wrong projection."""
    for number in number_names(projection):
        right = getattr(projection, number)
        if isinstance(right, int):
            for value, wrong in valid_values(projection, number, range(right - 16, right + 17)):
                yield replace(about, kind=number, expected=right, actual=value), wrong
    weight, delay = projection.weight, projection.delay
    yield replace(about, kind="projection-missing"), replace(projection, weight=0 * weight)
    yield replace(about, kind="delays-ignored"), replace(projection, delay=0 * delay)
    if weight.shape[0] == weight.shape[1]:
        for detail, arrays in {
            "weights": {"weight": weight.T},
            "delays": {"delay": delay.T},
            "weights and delays": {"weight": weight.T, "delay": delay.T},
        }.items():
            cause = replace(about, kind="projection-transposed", detail=detail)
            yield cause, replace(projection, **arrays)


# Causes that lie in the delivery of spikes


def _latency_causes(case: Case) -> Iterator[Cause]:
    """Yield causes: spikes of one, several or all projections arrive a step late or early."""
    projections = case.network.projections
    everything = range(len(projections))
    groups: dict[tuple[int, ...], Cause] = {}

    def group(cause: Cause, indices: Iterable[int]) -> None:
        """Add a group of projections, and the cause to yield for this group."""
        if key := tuple(indices):
            groups.setdefault(key, cause)

    for i, p in enumerate(projections):
        text = f"{p.source} → {p.target} delivers"
        group(Cause("latency", p.target, p.source, detail=text), [i])
    from_input = [i for i in everything if projections[i].source == INPUT]
    group(Cause("latency", source=INPUT, detail="the input arrives"), from_input)
    group(Cause("latency", detail="every spike arrives"), everything)
    others = [i for i in everything if i not in from_input]
    group(Cause("latency", detail="every spike but the input's arrives"), others)
    for population in case.network.populations:
        incoming = [i for i in everything if projections[i].target == population.name]
        text = f"every spike to {population.name} arrives"
        group(Cause("latency", population.name, detail=text), incoming)
    for indices, cause in groups.items():
        for lag in (1, -1):
            if case.is_explained_by(*_lagging(case, indices, lag)):
                yield replace(cause, actual=lag)


def _lagging(
    case: Case, indices: Iterable[int], lag: int
) -> tuple[dict[str, Neurons], None, dict[int, int]]:
    """Neurons with other delays; and projections without a delay to shorten, with their lag."""
    neurons: dict[str, Neurons] = {}
    early: dict[int, int] = {}
    for index in indices:
        projection = case.network.projections[index]
        name, place = projection.target, case.block(index)
        if int(projection.delay.min()) + lag < 0:
            early[index] = lag
            continue
        own = neurons.get(name, case.neurons[name])
        delay = own.delay.copy()
        delay[place] = projection.delay.astype(np.int64) + lag
        neurons[name] = replace(own, delay=delay)
    return neurons, None, early


def _count_causes(case: Case) -> Iterator[Cause]:
    """Yield causes: several spikes in a step arrive like a single one, or are a single one.

    If only one population has several spikes, the latter is a wrong `most_spikes`.
    """
    several = [name for name, raster in case.sent.items() if raster.count is not None]
    for names in [[name] for name in several] + ([several] if len(several) > 1 else []):
        single = {name: Raster.from_dense(case.sent[name].dense()) for name in names}
        if case.is_explained_by(sent=single):
            name = names[0] if len(names) == 1 else ""
            yield Cause("counts-ignored", source=name, detail=name or "every source")
    once = {name: _once(own) for name, own in case.neurons.items()}
    n_limits = sum(population.most_spikes > 1 for population in case.network.populations)
    if n_limits > 1 and case.is_explained_by(once):
        yield Cause("reset", detail="no neuron spikes again in the same step")


# Causes that lie in the rules of the step

_Change = Callable[[Neurons, Rules], tuple[Neurons, Rules]]
"""A mistake: what another implementation makes of neurons and rules."""


def _rule_causes(case: Case) -> Iterator[Cause]:
    """Yield causes: a wrong rule of the step.

    Each candidate is tried in all populations. If it is no cause there, and only one population
    deviates, it is tried in this population alone.
    """
    right = Rules.of(case.network.runs_in)
    populations = [[*case.neurons], *([[*case.deviating]] if len(case.deviating) == 1 else [])]
    for kind, detail, change in _wrong_rules(case.network.runs_in):
        for names in populations:
            changed = {name: change(case.neurons[name], right) for name in names}
            [rules] = {rules for _, rules in changed.values()}
            neurons = {name: own for name, (own, _) in changed.items()}
            if case.is_explained_by(neurons, rules=rules):
                alone = names[0] if names is not populations[0] else ""
                yield Cause(kind, alone, detail=detail)
                break


def _wrong_rules(runs_in: Arithmetic) -> Iterator[tuple[str, str, _Change]]:
    """Yield the possible mistakes in a rule of the step: kind, detail and change."""
    right, bits = Rules.of(runs_in), runs_in.neuron.state_bits

    def rules(**changes: Any) -> _Change:
        return lambda neurons, rules: (neurons, rules._replace(**changes))

    def neurons(change: Callable[[Neurons], Neurons], **changes: Any) -> _Change:
        return lambda neurons, rules: (change(neurons), rules._replace(**changes))

    for kind, rounding in {"truncation": TRUNCATE, "floor": FLOOR, "rounding": NEAREST}.items():
        if rounding != right.round_u:
            yield kind, "u", rules(round_u=rounding)
            yield kind, "v", rules(round_v=rounding)
            yield kind, "the decay of u and v", rules(round_u=rounding, round_v=rounding)
    ways = {"wraps around": WRAP, "stops at the limit": CLIP, "keeps growing": FREE}
    for detail, way in ways.items():
        as_bits = f" as {bits}-bit numbers do" * (way == WRAP)
        if way != right.limit_u:
            yield "u-overflow", f"{detail}{as_bits}", rules(limit_u=way)
    for detail, way in ways.items():
        if way != right.limit_v:
            yield "v-overflow", detail, rules(limit_v=way)
    without = "keeps growing (outputs without any threshold)"
    yield "v-overflow", without, neurons(without_output_threshold, limit_v=FREE)
    kind = "above-threshold" if right.at_threshold else "at-threshold"
    yield kind, "", rules(at_threshold=not right.at_threshold)
    yield "reset", "v is not reset", rules(reset=KEEP)
    yield "reset", "v is reset to zero", neurons(lambda own: _once(own, drop=0))
    by_threshold = partial(_reset_by_threshold, runs_in)
    yield "reset", "the threshold is subtracted from v", neurons(by_threshold)
    late = neurons(lambda own: _once(own, drop=-abs(own.constants["drop"])), reset=NEXT_STEP)
    yield "reset", "v is reset at the next step", late
    at_once = neurons(lambda own: own.with_constants(drop=abs(own.constants["drop"])))
    yield "reset", "v is reset at once", at_once
    yield "reset", "u is reset, too", rules(resets_u=True)
    yield "update-order", "", rules(old_u=True)
    for state, lost in {"u": runs_in.lost_u, "v": runs_in.lost_v}.items():
        plain = f"{state}·({runs_in.decay_one} − d{state})"
        less = f"{state}·({runs_in.decay_one} − (d{state} + 1))"
        wrong, expected = (plain, less) if lost else (less, plain)
        more = rules(**{f"more_{state}": 1 if lost else -1})
        yield "decay-plus-one", f"keep {wrong}, not {expected}", more
    if runs_in.sum_limit:
        yield "sums", "", neurons(lambda own: replace(own, runs_in=replace(runs_in, sum_limit=0)))


def _once(neurons: Neurons, **constants: Any) -> Neurons:
    """Copy neurons that spike at most once per step, with other constants."""
    most = np.ones_like(neurons.constants["most_spikes"])
    constants = {key: value + 0 * most for key, value in constants.items()}
    return neurons.with_constants(most_spikes=most, **constants)


def _reset_by_threshold(runs_in: Arithmetic, neurons: Neurons) -> Neurons:
    """Copy neurons, with the threshold as the constant of their resets; late resets stay late."""
    threshold = neurons.constants["vth"] << runs_in.state_shift
    late = neurons.constants["drop"] < 0
    return neurons.with_constants(drop=np.where(late, -threshold, threshold))


# Causes that lie in the input, or in the states at the beginning of a sample


def _input_causes(case: Case) -> Iterator[Cause]:
    """Yield causes: a wrong number of spikes of a channel in a step, or a silent channel."""
    reached = {p.target for p in case.network.projections if p.source == INPUT}
    if len(case.samples) != 1 or not reached >= case.deviating.keys():
        return
    name, neuron, last = case.first_deviation()
    [right] = case.sent[INPUT].dense_counts()
    guesses = list(_other_inputs(case, right, name, neuron, last))[:MOST_INPUTS]
    [arrived] = case.arrived[name].first_steps(last + 1).dense_counts()
    starts = np.array(
        [
            case.block(index).start
            for index, p in enumerate(case.network.projections)
            if (p.source, p.target) == (INPUT, name)
        ]
    )
    at_once = max(1, VALUES_AT_ONCE // max(arrived.size, 1))
    for first in range(0, len(guesses), at_once):
        some = guesses[first : first + at_once]
        inputs = np.repeat(arrived[None], len(some), axis=0)
        for dense, (channel, at, count) in zip(inputs, some, strict=True):
            dense[slice(None) if at is None else at, starts + channel] = count
        for guess in case.explaining_inputs(name, neuron, inputs).tolist():
            channel, at, count = some[guess]
            changed = right.copy()
            changed[slice(None) if at is None else at, channel] = count
            if case.is_explained_by(sent={INPUT: Raster.from_dense(changed[None])}):
                text = f"channel {channel} is silent"
                if at is not None:
                    text = _input_in_words(channel, at, int(right[at, channel]), count)
                yield Cause("input", source=INPUT, pre=channel, step=at, detail=text)


def _other_inputs(
    case: Case, right: NDArray[np.uint8], name: str, neuron: int, last: int
) -> Iterator[tuple[int, int | None, int]]:
    """Yield other inputs that a neuron would notice: channel, step and number of spikes.

    Without a step, the channel is silent. Small changes of a number come first.

    Args:
        case: the case.
        right: [steps, channels], the input.
        name, neuron: population and index of the neuron.
        last: step of its first deviation. Without u and v, earlier arrivals may show only then.
    """
    yield from ((channel, None, 0) for channel in np.flatnonzero(right.any(axis=0)).tolist())
    places: dict[tuple[int, int], None] = {}
    for arrival in [last] if case.deep else range(last, -1, -1):
        for p in case.network.projections:
            if (p.source, p.target) == (INPUT, name):
                sent = arrival - HOP_LATENCY - p.delay[:, neuron].astype(np.int64)
                for channel in np.flatnonzero((p.weight[:, neuron] != 0) & (sent >= 0)).tolist():
                    places[channel, int(sent[channel])] = None
        if len(places) > MOST_INPUTS:
            break
    most = case.network.channels.most_spikes
    for change in range(1, most + 1):
        for channel, at in places:
            for count in (int(right[at, channel]) + change, int(right[at, channel]) - change):
                if 0 <= count <= most:
                    yield channel, at, count


def _input_in_words(channel: int, at: int, expected: int, actual: int) -> str:
    """Describe a wrong number of spikes of a channel in a step."""
    if max(expected, actual) > 1:
        return f"channel {channel} has {counted(actual, 'spike')} at step {at}, not {expected}"
    return f"a spike of channel {channel} at step {at} is {'missing' if expected else 'added'}"


def _leftover_state_causes(case: Case) -> Iterator[Cause]:
    """Yield a cause if the sample begins as if the previous one went on."""
    if len(case.samples) == 1 and case.samples[0] > 0 and case.continues_previous_sample():
        yield Cause("state-kept")
