"""Causes: single faults that explain all deviations of a recording from its network.

A candidate is a cause if and only if the network with this fault predicts every update in the
examined samples by teacher forcing (`replay.py`): u, v and spike of every neuron at every step. If
several candidates remain, the samples cannot distinguish them. If none remains, no single fault
explains the recording.

Candidates come from the place and size of deviations. A fault of a synapse or a bias affects one
neuron; in deep recordings, the first deviation gives the size of the fault. Constants of a
population are tried over their whole range, and exponents, latencies and rules of the arithmetic
one by one.

Some faults look alike on a sample: synapses that deliver the same input at the same steps; decays
that round all states of the sample alike; ≥ instead of >, and a threshold that is lower by less
than the distance of membranes; with one population, a decay without its +1, and a du lower by 1, or
a reset by the threshold, and a constant of the reset that is the threshold; an arrival after the
end, and a weight of 0. Two faults at once, noise and runs that cannot be
repeated have no single cause.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmtool.arithmetic import Arithmetic, place_in_sum, shifted
from nmtool.dynamics import HOP_LATENCY
from nmtool.hardware_sim.replay import (
    ANY,
    FIRST,
    UNREACHED,
    Cells,
    Start,
    Streams,
    Traces,
    altered,
    cells_of,
    outcomes,
    rewired,
    rows_of,
    streams,
)
from nmtool.hardware_sim.state_bounds import delivering
from nmtool.hardware_sim.wrong_step import (
    CLIP,
    FLOOR,
    FREE,
    KEEP,
    NEAREST,
    NEXT_STEP,
    TRUNCATE,
    WRAP,
    Rules,
)
from nmtool.network.graph import INPUT, MAX_SPIKES, SUBTRACT, TO_ZERO
from nmtool.network.integer_network import IntegerNetwork, IntegerProjection
from nmtool.raster import Raster
from nmtool.recording import Recording
from nmtool.tables import counted
from nmtool.verification.explanation import Cause

MOST_GUESSES = 8_192
"""Largest number of candidate changes: per projection (small changes first), and of the input."""

MOST_SUSPECTS = 8_000
"""Number of candidate input spikes after which the search tries no earlier steps."""


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
        events: the spikes in `sent` as flat arrays, sorted by step.
        recorded: recorded spikes, u and v of the samples, by population.
        cells: the network's neurons and synapses, by population.
        outcome: deviations of the recording from the network, by population.
    """

    def __init__(
        self,
        network: IntegerNetwork,
        spikes: Raster,
        actual: Recording,
        samples: Sequence[int],
    ) -> None:
        self.network, self.samples = network, list(samples)
        self._sent = {INPUT: spikes, **actual.spikes}
        self._u, self._v = actual.current, actual.v
        names = [population.name for population in network.populations]
        self.deep = all(name in self._u and name in self._v for name in names)
        self.sent = self._sent_in(self.samples)
        self.events = streams(network, self.sent)
        self.recorded = {name: self._recorded(name, self.samples) for name in names}
        self.cells = {name: cells_of(network, index) for index, name in enumerate(names)}
        self.outcome = {
            name: outcomes(self.events, self.cells[name], self.recorded[name]) for name in names
        }

    def _sent_in(self, samples: Sequence[int]) -> dict[str, Raster]:
        """Spikes sent in some samples, by source."""
        return {name: raster.take(samples) for name, raster in self._sent.items()}

    def _recorded(self, name: str, samples: Sequence[int]) -> Traces:
        """Recorded spikes, u and v of a population in some samples."""
        nothing = np.zeros((len(samples), 0, self.network.population(name).size))
        raster = self._sent[name].take(samples) if name in self._sent else None
        spikes = nothing if raster is None else raster.dense_counts()
        u = self._u[name][samples] if self.deep else nothing
        v = self._v[name][samples] if name in self._v else nothing
        traces = [np.ascontiguousarray(array.transpose(0, 2, 1)) for array in (spikes, u, v)]
        types = np.uint8, np.int64, np.int64
        return Traces(*(a.astype(dtype) for a, dtype in zip(traces, types, strict=True)))

    def index(self, name: str) -> int:
        """The index of a population in the network."""
        return [*self.recorded].index(name)

    def delivers(self, index: int) -> bool:
        """True if a projection delivers any spike before the end of its sample."""
        first = {n: raster.first_step().min(axis=0) for n, raster in self.sent.items()}
        return bool(delivering(self.network.projections[index], first, self.events.n_steps).any())

    @property
    def deviating(self) -> list[str]:
        """Names of the populations whose recording deviates from the network."""
        return [name for name, outcome in self.outcome.items() if outcome.deviations.any()]

    @property
    def updates(self) -> int:
        """Number of neuron updates that deviate from the network's step."""
        return sum(int(outcome.deviations.sum()) for outcome in self.outcome.values())

    def is_explained_by(
        self,
        cells: Mapping[str, Cells],
        events: Streams | None = None,
        start: Mapping[str, Start] | None = None,
    ) -> bool:
        """True if a candidate predicts every recorded update.

        Args:
            cells: cells of each population that the candidate changes, by name.
            events: spikes of all sources, if the candidate changes them; by default the recorded
                spikes.
            start: state at the beginning of samples, by population; by default rest.
        """
        if not cells.keys() >= {*self.deviating}:
            return False
        events = self.events if events is None else events
        return not any(
            outcomes(
                events, own, self.recorded[name], (start or {}).get(name), ANY
            ).deviations.any()
            for name, own in cells.items()
        )

    def explaining_columns(
        self, name: str, guesses: Cells, events: Streams | None = None
    ) -> NDArray[np.intp]:
        """Indices of the columns of `guesses` that predict every recorded update of their neuron.

        Args:
            name: name of the population.
            guesses: variants of its neurons, one candidate per column.
            events: spikes of all sources; by default the recorded spikes.
        """
        events = self.events if events is None else events
        outcome = outcomes(events, guesses, self.recorded[name], until=FIRST)
        return np.flatnonzero(~outcome.deviations.any(axis=1))

    def with_previous_sample(self) -> tuple[Streams, dict[str, Start]]:
        """Spikes and states, as if the network was not reset after the previous sample.

        Returns:
            Spikes of both samples, with negative steps in the previous one; and by population, the
            state at the end of the previous sample, if u and v were recorded.
        """
        previous = self.samples[0] - 1
        both = streams(self.network, self._sent_in([previous, self.samples[0]]))
        step = both.step.copy()
        for first, last, _ in both.offset:
            step[first:last] -= both.n_steps
        both_samples = both._replace(step=step, offset=np.ascontiguousarray(both.offset[:, ::2]))
        if not self.deep:
            return both_samples, {}
        last_seen = {name: self._recorded(name, [previous]) for name in self.recorded}
        return both_samples, {
            name: (
                recorded.u[:, :, -1].copy(),
                recorded.v[:, :, -1].copy(),
                np.asarray(recorded.spikes[:, :, -1:].any(axis=2)),
            )
            for name, recorded in last_seen.items()
        }


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
        neurons = np.flatnonzero(case.outcome[name].deviations.any(axis=1)).tolist()
        if len(neurons) == 1:
            for of_neuron in (_synapse_causes, _bias_causes, _single_threshold_causes):
                causes += of_neuron(case, name, neurons[0])
        for of_population in (
            _decay_causes,
            _threshold_causes,
            _reset_constant_causes,
            _most_spikes_causes,
            _bias_exponent_causes,
            _projection_causes,
        ):
            causes += of_population(case, name)
    for of_network in (
        _latency_causes,
        _count_causes,
        _arithmetic_causes,
        _input_causes,
        _leftover_state_causes,
    ):
        causes += of_network(case)
    return [replace(cause, arithmetic=case.network.arithmetic) for cause in causes]


# Causes that explain the deviation of a single neuron


def _first_excess(case: Case, name: str, neuron: int) -> tuple[tuple[int, int], int] | None:
    """Find the first deviation of a neuron: sample and step, and the excess of the input there.

    None if no synapse can cause this excess.
    """
    outcome = case.outcome[name]
    sample = int(np.argmax(outcome.deviations[neuron] > 0))
    step = int(outcome.first[neuron, sample])
    difference = int(case.recorded[name].u[sample, neuron, step] - outcome.u[neuron, sample])
    excess, rest = divmod(difference, case.network.runs_in.state_one)
    excess = int(_in_range_of_u(case, np.int64(excess)))
    return None if rest or not excess else ((sample, step), excess)


def _in_range_of_u(case: Case, weights: Any) -> Any:
    """Sums of weights, wrapped around as u wraps; unchanged if u clips."""
    runs_in = case.network.runs_in
    if runs_in.neuron.u_overflow != "wraps":
        return weights
    limit = runs_in.state_limit // runs_in.state_one
    return (weights + limit) % (2 * limit) - limit


def _synapse_causes(case: Case, name: str, neuron: int) -> Iterator[Cause]:
    """Yield causes: faulty weights, then faulty delays, of synapses onto a neuron."""
    deviation = _first_excess(case, name, neuron) if case.deep else None
    if case.deep and deviation is None:
        return
    for of_kind in (_weight_causes, _delay_causes):
        for index, projection in enumerate(case.network.projections):
            if projection.target == name:
                yield from of_kind(case, index, neuron, deviation)


def _weight_causes(
    case: Case, index: int, neuron: int, deviation: tuple[tuple[int, int], int] | None
) -> Iterator[Cause]:
    """Yield causes: faulty weights of a projection's synapses onto a neuron.

    Args:
        case: the case.
        index: index of the projection.
        neuron: index of the target neuron.
        deviation: first deviation and excess, as from `_first_excess`; None without u and v.
    """
    projection, limit = case.network.projections[index], case.network.runs_in.weight_limit
    reach = _arrivals(case.sent[projection.source], projection.delay[:, neuron])
    weight = projection.weight[:, neuron].astype(np.int64)
    values = np.arange(1 - limit, limit)
    if deviation is not None:
        (sample, step), excess = deviation
        active = np.flatnonzero(reach[sample, step])
        pre, value = (grid.ravel() for grid in np.meshgrid(active, values, indexing="ij"))
        exponent = projection.weight_exponent
        change = shifted((value - weight[pre]) * reach[sample, step, pre], max(exponent, 0))
        matches = _in_range_of_u(case, change) == excess << max(-exponent, 0)
        pre, value = pre[matches], value[matches]
    else:
        active = np.flatnonzero(reach.any(axis=(0, 1)))
        pre, value = (grid.ravel() for grid in np.meshgrid(active, values, indexing="ij"))
    legal = _is_representable(projection, pre, neuron, value)
    yield from _causes_by_synapse(case, "weight", index, neuron, pre[legal], value[legal])


def _is_representable(
    projection: IntegerProjection, pre: NDArray[np.intp], neuron: int, value: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """True for synapses whose weight may be `value` in the projection's bits and sign mode."""
    runs_in, weight = projection.runs_in, projection.weight
    single, mixed = (runs_in.weight_step(projection.weight_bits, signs) for signs in (False, True))

    def others(which: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """True where `which` is true for at least one weight other than the changed one."""
        return which.sum() > which[pre, neuron]

    has_both = (others(weight > 0) | (value > 0)) & (others(weight < 0) | (value < 0))
    mixes = (value % mixed == 0) & ~others(weight % mixed != 0)
    return (abs(value) < runs_in.weight_limit) & np.where(has_both, mixes, value % single == 0)


def _delay_causes(
    case: Case, index: int, neuron: int, deviation: tuple[tuple[int, int], int] | None
) -> Iterator[Cause]:
    """Yield causes: faulty delays of a projection's synapses onto a neuron.

    Arguments are as for `_weight_causes`.
    """
    projection = case.network.projections[index]
    weight = projection.shifted_weight[:, neuron]
    useful = (weight != 0) & case.sent[projection.source].counts().any(axis=0)
    if deviation is not None and case.sent[projection.source].count is None:
        _, excess = deviation
        useful &= abs(weight) == abs(excess)
    values = np.arange(projection.runs_in.max_delay + 1)
    pre, value = (
        grid.ravel() for grid in np.meshgrid(np.flatnonzero(useful), values, indexing="ij")
    )
    yield from _causes_by_synapse(case, "delay", index, neuron, pre, value)


def _causes_by_synapse(
    case: Case, kind: str, index: int, neuron: int, pre: NDArray[np.intp], value: NDArray[np.int64]
) -> Iterator[Cause]:
    """Yield a cause for each synapse that explains the recording, with the nearest value.

    Args:
        case: the case.
        kind: `weight` or `delay`.
        index: index of the projection.
        neuron: index of the target neuron.
        pre, value: candidates: source neurons, and the changed weights or delays.
    """
    projection = case.network.projections[index]
    stored = getattr(projection, kind)[:, neuron].astype(np.int64)
    differs = value != stored[pre]
    pre, value = pre[differs], value[differs]
    nearest = np.argsort(abs(value - stored[pre]), kind="stable")[:MOST_GUESSES]
    pre, value = pre[nearest], value[nearest]
    columns = case.cells[projection.target].pick(np.full(len(pre), neuron))
    guesses = altered(case.network, columns, kind, (index, pre), value)
    remaining = case.explaining_columns(projection.target, guesses)
    pre, value = pre[remaining], value[remaining]
    cause_template = Cause(kind, projection.target, projection.source, neuron=neuron)
    for sender in dict.fromkeys(pre.tolist()):
        cause = replace(cause_template, pre=sender, expected=int(stored[sender]))
        yield from _cause_range(cause, value[pre == sender])


def _arrivals(sent: Raster, delay: NDArray[np.integer]) -> NDArray[np.int64]:
    """[samples, steps, pre] int64: number of spikes of a source neuron that arrive at one neuron.

    Args:
        sent: the spikes of the source.
        delay: [pre] delays to that neuron, in steps.
    """
    step = np.arange(sent.n_steps)[:, None] - HOP_LATENCY - delay.astype(np.int64)
    counts = sent.dense_counts().astype(np.int64)
    return np.take_along_axis(counts, np.maximum(step, 0)[None], axis=1) * (step >= 0)


def _cause_range(cause: Cause, values: NDArray[np.int64]) -> Iterator[Cause]:
    """Yield a cause with the nearest of the explaining values and their span, if there are any."""
    assert cause.expected is not None
    if len(values):
        nearest = int(values[np.argmin(abs(values - cause.expected))])
        span = (int(values.min()), int(values.max())) if len(values) > 1 else None
        yield replace(cause, actual=nearest, span=span)


def _bias_causes(case: Case, name: str, neuron: int) -> Iterator[Cause]:
    expected = int(np.asarray(case.network.population(name).bias_mantissa)[neuron])
    limit = case.network.runs_in.bias_limit
    values = np.arange(-limit, limit)
    cause = Cause("bias", name, neuron=neuron, expected=expected)
    yield from _cause_range(cause, _explaining_values(case, cause, "bias", values))


def _single_threshold_causes(case: Case, name: str, neuron: int) -> Iterator[Cause]:
    """Yield causes: a faulty threshold of one neuron.

    If a faulty threshold of the whole population explains all deviations, yield nothing.
    """
    if (
        case.network.population(name).size == 1
        or next(_threshold_causes(case, name), None) is not None
    ):
        return
    guesses = _thresholds_between(case, name, neuron)
    cause = Cause("threshold-one", name, neuron=neuron, expected=case.network.population(name).vth)
    if len(_explaining_values(case, cause, "vth", guesses[:1])):
        yield from _cause_range(cause, guesses)


# Causes that explain the deviations of a single population


def _decay_causes(case: Case, name: str) -> Iterator[Cause]:
    """Yield causes: a faulty decay of u or v of a population."""
    population, runs_in = case.network.population(name), case.network.runs_in
    # The loop tries all possible decay factors, from 0 to 1.
    for kind, constant, expected, values in (
        ("decay-u", "du", population.du, np.arange(runs_in.decay_one + 1) - runs_in.lost_u),
        ("decay-v", "dv", population.dv, np.arange(runs_in.decay_one + 1) - runs_in.lost_v),
    ):
        cause = Cause(kind, name, expected=expected)
        yield from _cause_range(cause, _explaining_values(case, cause, constant, values))


def _explaining_values(
    case: Case, cause: Cause, constant: str, values: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Find the values of a constant that explain the recording of a neuron or a population.

    Args:
        case: the case.
        cause: cause with the population; if only one neuron has the fault, with this neuron.
        constant: kind of the constant, one of `FAULT_KINDS`.
        values: values to try.
    """
    name, values = cause.population, values[values != cause.expected]
    n_deviations = case.outcome[name].deviations.sum(axis=1)
    neurons = np.argsort(-n_deviations, kind="stable") if cause.neuron is None else [cause.neuron]
    for neuron in neurons:
        if not len(values):
            break
        columns = case.cells[name].pick(np.full(len(values), neuron))
        guesses = altered(case.network, columns, constant, (case.index(name),), values)
        values = values[case.explaining_columns(name, guesses)]
    return values


def _threshold_causes(case: Case, name: str) -> Iterator[Cause]:
    """Yield causes: a faulty threshold of a population."""
    guesses = _thresholds_between(case, name, slice(None))
    cause = Cause("threshold", name, expected=case.network.population(name).vth)
    if len(_explaining_values(case, cause, "vth", guesses[:1])):
        yield from _cause_range(cause, guesses)


def _thresholds_between(case: Case, name: str, neurons: int | slice) -> NDArray[np.int64]:
    """Find the other thresholds with which all recorded membranes and spikes are consistent.

    Membranes are reset at recorded spikes, so that they do not depend on the threshold. Non-spiking
    populations have no threshold.
    """
    if name not in case.sent:
        return np.zeros(0, np.int64)
    outcome, runs_in = case.outcome[name], case.network.runs_in
    least, shift = runs_in.firing_level(0), runs_in.state_shift
    low = int(outcome.highest_silent[neurons].max(initial=0)) + 1 - least
    last = runs_in.firing_level(runs_in.max_threshold)
    high = int(outcome.lowest_spiking[neurons].min(initial=last)) - least
    values = np.arange(-(-low >> shift), (high >> shift) + 1)
    return values[values != case.network.population(name).vth]


def _reset_constant_causes(case: Case, name: str) -> Iterator[Cause]:
    """Yield causes: a faulty constant that spikes of a population subtract."""
    population = case.network.population(name)
    if population.reset == TO_ZERO:
        return
    cause = Cause("reset-constant", name, expected=population.reset_by)
    values = np.array(case.network.runs_in.reset_constants(population.vth))
    yield from _cause_range(cause, _explaining_values(case, cause, "reset_by", values))


def _most_spikes_causes(case: Case, name: str) -> Iterator[Cause]:
    """Yield causes: a faulty limit of the spikes of a population's neurons in a step."""
    population = case.network.population(name)
    if population.reset != SUBTRACT or not (
        case.network.has_counts or case.sent[name].most_spikes > 1
    ):
        return
    cause = Cause("most-spikes", name, expected=population.most_spikes)
    values = np.arange(1, MAX_SPIKES + 1)
    yield from _cause_range(cause, _explaining_values(case, cause, "most_spikes", values))


def _bias_exponent_causes(case: Case, name: str) -> Iterator[Cause]:
    """Yield causes: a faulty bias exponent of a population."""
    cause = Cause("bias-exponent", name, expected=case.network.population(name).bias_exponent)
    values = np.arange(case.network.runs_in.max_bias_exponent + 1)
    for exponent in _explaining_values(case, cause, "bias exponent", values).tolist():
        yield replace(cause, actual=exponent)


# Causes that lie in a projection


def _projection_causes(case: Case, name: str) -> Iterator[Cause]:
    """Yield causes: faults of whole projections onto a population.

    Projections that deliver spikes come first.
    """
    onto = [i for i, projection in enumerate(case.network.projections) if projection.target == name]
    for index in sorted(onto, key=lambda index: not case.delivers(index)):
        yield from _causes_in_projection(case, index)


def _causes_in_projection(case: Case, index: int) -> Iterator[Cause]:
    """Yield causes: one mistake in a whole projection, e.g. a wrong exponent or no delays."""
    projection = case.network.projections[index]
    cells = case.cells[projection.target]
    rows = rows_of(case.network, cells, index)
    cause_template = Cause("", projection.target, projection.source)
    exponent = projection.weight_exponent
    weight, delay = projection.shifted_weight, projection.delay
    candidates = [
        (
            replace(
                cause_template, kind="weight-exponent", expected=exponent, actual=wrong_exponent
            ),
            altered(case.network, cells, "weight exponent", (index,), wrong_exponent),
        )
        for wrong_exponent in range(-8, case.network.runs_in.max_weight_exponent + 2)
    ]
    candidates += [
        (
            replace(cause_template, kind="projection-missing"),
            rewired(cells, rows, weight=weight * 0),
        ),
        (replace(cause_template, kind="delays-ignored"), rewired(cells, rows, delay=delay * 0)),
    ]
    if projection.shape[0] == projection.shape[1]:
        cause_template = replace(cause_template, kind="projection-transposed")
        transposed = {"weight": weight.T, "delay": delay.T}
        candidates += [
            (replace(cause_template, detail="weights"), rewired(cells, rows, weight=weight.T)),
            (replace(cause_template, detail="delays"), rewired(cells, rows, delay=delay.T)),
            (
                replace(cause_template, detail="weights and delays"),
                rewired(cells, rows, **transposed),
            ),
        ]
    for cause, changed in candidates:
        same = np.array_equal(cells.weight, changed.weight)
        same &= np.array_equal(cells.delay, changed.delay)
        if not same and case.is_explained_by({projection.target: changed}):
            yield cause


def _latency_causes(case: Case) -> Iterator[Cause]:
    """Yield causes: spikes of one, several or all projections arrive a step late or early."""
    projections = case.network.projections
    all_indices = range(len(projections))
    groups: dict[tuple[int, ...], Cause] = {}

    def group(cause: Cause, indices: Iterable[int]) -> None:
        """Add a group of projections, and the cause to yield for this group."""
        if key := tuple(indices):
            groups.setdefault(key, cause)

    for i, projection in enumerate(projections):
        text = f"{projection.source} → {projection.target} delivers"
        group(Cause("latency", projection.target, projection.source, detail=text), [i])
    from_input = [i for i in all_indices if projections[i].source == INPUT]
    group(Cause("latency", source=INPUT, detail="the input arrives"), from_input)
    group(Cause("latency", detail="every spike arrives"), all_indices)
    not_from_input = [i for i in all_indices if projections[i].source != INPUT]
    group(Cause("latency", detail="every spike but the input's arrives"), not_from_input)
    for population in case.network.populations:
        incoming = [i for i in all_indices if projections[i].target == population.name]
        text = f"every spike to {population.name} arrives"
        group(Cause("latency", population.name, detail=text), incoming)
    for indices, cause in groups.items():
        for lag in (1, -1):
            if case.is_explained_by(_delayed_cells(case, indices, lag)):
                yield replace(cause, actual=lag)


def _count_causes(case: Case) -> Iterator[Cause]:
    """Yield causes: several spikes in a step arrive like a single one, or are a single one.

    If only one population has several spikes, the latter is a wrong `most_spikes`.
    """
    names = [INPUT, *(population.name for population in case.network.populations)]
    several = [i for i, name in enumerate(names) if _most_sent(case, name) > 1]
    groups = [[i] for i in several] + ([several] if len(several) > 1 else [])
    for sources in groups:
        n_spikes = case.events.n_spikes.copy()
        for source in sources:
            first, last = case.events.offset[source, [0, -1]]
            n_spikes[first:last] = 1
        if case.is_explained_by(case.cells, case.events._replace(n_spikes=n_spikes)):
            name = names[sources[0]] if len(sources) == 1 else ""
            yield Cause("counts-ignored", source=name, detail=name or "every source")
    if sum(population.most_spikes > 1 for population in case.network.populations) > 1:
        once = {name: _once(cells) for name, cells in case.cells.items()}
        if case.is_explained_by(once):
            yield Cause("reset", detail="no neuron spikes again in the same step")


def _most_sent(case: Case, name: str) -> int:
    """Largest number of spikes that a source sent in a step."""
    return case.sent[name].most_spikes if name in case.sent else 1


def _delayed_cells(case: Case, indices: Iterable[int], lag: int) -> dict[str, Cells]:
    """Cells of target populations, by name, if spikes of these projections are `lag` steps late."""
    cells: dict[str, Cells] = {}
    for index in indices:
        name = case.network.projections[index].target
        own = cells.get(name, case.cells[name])
        delay = case.network.projections[index].delay.astype(np.int32) + lag
        cells[name] = rewired(own, rows_of(case.network, own, index), delay=delay)
    return cells


# Causes that lie in the rules of the arithmetic

_BOTH = "the decay of u and v"


_Change = Callable[[Cells], Cells]


def _wrong_rules(runs_in: Arithmetic) -> Iterator[tuple[str, str, _Change]]:
    """Yield the possible mistakes in a rule of the arithmetic: kind, detail and change of cells."""
    right, bits = Rules.of(runs_in), runs_in.neuron.state_bits

    def with_rules(**changes: Any) -> _Change:
        return partial(Cells._replace, rules=right._replace(**changes))

    roundings = {"truncation": TRUNCATE, "floor": FLOOR, "rounding": NEAREST}
    for kind, rule in roundings.items():
        if rule != right.round_u:
            yield kind, "u", with_rules(round_u=rule)
            yield kind, "v", with_rules(round_v=rule)
            yield kind, _BOTH, with_rules(round_u=rule, round_v=rule)
    ways = {"wraps around": WRAP, "stops at the limit": CLIP, "keeps growing": FREE}
    for detail, rule in ways.items():
        if rule != right.limit_u:
            as_bits = f" as {bits}-bit numbers do" * (rule == WRAP)
            yield "u-overflow", f"{detail}{as_bits}", with_rules(limit_u=rule)
    for detail, rule in ways.items():
        if rule != right.limit_v:
            yield "v-overflow", detail, with_rules(limit_v=rule)
    kind = "above-threshold" if right.at_threshold else "at-threshold"
    yield kind, "", with_rules(at_threshold=not right.at_threshold)
    yield "reset", "v is not reset", with_rules(reset=KEEP)
    yield "reset", "v is reset to zero", _reset_to_zero
    yield "reset", "the threshold is subtracted from v", partial(_reset_by_threshold, runs_in)
    at_next_step = with_rules(reset=NEXT_STEP)
    yield (
        "reset",
        "v is reset at the next step",
        lambda cells: at_next_step(_once(cells)._replace(drop=-abs(cells.drop))),
    )
    yield "reset", "v is reset at once", lambda cells: cells._replace(drop=abs(cells.drop))
    yield "reset", "u is reset, too", with_rules(resets_u=True)
    yield "update-order", "", with_rules(old_u=True)
    if right.sum_limit:
        yield "sums", "", with_rules(sum_limit=0)


def _once(cells: Cells) -> Cells:
    """Copy cells whose neurons spike at most once per step."""
    return cells._replace(most=np.ones_like(cells.most))


def _reset_to_zero(cells: Cells) -> Cells:
    """Copy cells with a reset to zero, after which no neuron spikes again in a step."""
    return _once(cells)._replace(drop=cells.drop * 0)


def _reset_by_threshold(runs_in: Arithmetic, cells: Cells) -> Cells:
    """Copy cells, with the threshold as the constant of their resets; late resets stay late."""
    threshold = cells.vth << runs_in.state_shift
    return cells._replace(drop=np.where(cells.drop < 0, -threshold, threshold))


def _plus_one_cause(runs_in: Arithmetic, quantity: str) -> tuple[Cause, _Change]:
    """Make the cause for a missing or surplus +1 in the decay of u or v.

    The second value is a function that copies cells and gives them the faulty decay.
    """
    lost = {"u": runs_in.lost_u, "v": runs_in.lost_v}[quantity]
    plain, less = (
        f"{{0}}·({runs_in.decay_one} − d{{0}})",
        f"{{0}}·({runs_in.decay_one} − (d{{0}} + 1))",
    )
    right, wrong = (less, plain) if lost else (plain, less)
    change_of_keep, field = 1 if lost else -1, f"keep_{quantity}"
    detail = f"keep {wrong}, not {right}".format(quantity)
    return Cause("decay-plus-one", detail=detail), lambda cells: cells._replace(
        **{field: getattr(cells, field) + change_of_keep}
    )


def _arithmetic_causes(case: Case) -> Iterator[Cause]:
    """Yield causes: a wrong rule of the arithmetic, or a wrong +1 in a decay.

    Each candidate is tried in all populations. If it is no cause there, and only one population
    deviates, it is tried in this population alone.
    """
    runs_in = case.network.runs_in
    candidates: list[tuple[Cause, _Change]] = [
        (Cause(kind, detail=detail), change) for kind, detail, change in _wrong_rules(runs_in)
    ]
    candidates += [_plus_one_cause(runs_in, "u"), _plus_one_cause(runs_in, "v")]
    candidates.append((_FREE_OUTPUTS, partial(_free_outputs, runs_in)))
    keeps_growing = False
    for cause, change in candidates:
        if keeps_growing and cause is _FREE_OUTPUTS:
            continue
        changed = {name: change(cells) for name, cells in case.cells.items()}
        if case.is_explained_by(changed):
            keeps_growing |= (cause.kind, cause.detail) == ("v-overflow", "keeps growing")
            yield cause
        elif len(case.deviating) == 1 and case.is_explained_by(
            {name: changed[name] for name in case.deviating}
        ):
            yield replace(cause, population=case.deviating[0])


_FREE_OUTPUTS = Cause("v-overflow", detail="keeps growing (outputs without any threshold)")


def _free_outputs(runs_in: Arithmetic, cells: Cells) -> Cells:
    """Copy cells without limits of v; non-spiking neurons get a threshold that v cannot reach."""
    vth = np.where(cells.vth == runs_in.silent_threshold, UNREACHED, cells.vth)
    return cells._replace(vth=vth, rules=Rules.of(runs_in)._replace(limit_v=FREE))


# Causes that lie in the input, or in the states at the beginning of a sample


def _input_causes(case: Case) -> Iterator[Cause]:
    """Yield causes: a wrong number of spikes of a channel in a step, or a silent channel."""
    from_input = [
        projection for projection in case.network.projections if projection.source == INPUT
    ]
    reached = {name: case.cells[name] for name in dict.fromkeys(p.target for p in from_input)}
    if len(case.samples) != 1 or not reached.keys() >= {*case.deviating}:
        return
    step, name, neuron = _first_deviation(case)
    suspect = case.cells[name].pick(np.array([neuron]))
    onto_target = [projection for projection in from_input if projection.target == name]
    raster, most = case.sent[INPUT], case.network.channels.most_spikes
    guesses: list[tuple[int, int | None, int]] = [
        (channel, None, 0) for channel in np.flatnonzero(raster.counts()[0]).tolist()
    ]
    right = raster.dense_counts()[0]
    suspects = _suspect_inputs(case, onto_target, step, neuron)
    for change in range(1, most + 1):
        for place in suspects:
            own = int(right[place[::-1]])
            counts = own + change, own - change
            guesses += [(*place, count) for count in counts if 0 <= count <= most]
    for channel, at, count in guesses[:MOST_GUESSES]:
        events = _with_input(case.events, case.network.runs_in.word, channel, at, count)
        if len(case.explaining_columns(name, suspect, events)) and case.is_explained_by(
            reached, events
        ):
            text = f"channel {channel} is silent"
            if at is not None:
                text = _input_in_words(channel, at, int(right[at, channel]), count)
            yield Cause("input", source=INPUT, pre=channel, step=at, detail=text)


def _input_in_words(channel: int, at: int, expected: int, actual: int) -> str:
    """Describe a wrong number of spikes of a channel in a step."""
    if max(expected, actual) > 1:
        return f"channel {channel} has {counted(actual, 'spike')} at step {at}, not {expected}"
    return f"a spike of channel {channel} at step {at} is {'missing' if expected else 'added'}"


def _with_input(events: Streams, word: int, channel: int, at: int | None, count: int) -> Streams:
    """Change the number of spikes of an input channel in the events of a sample.

    Args:
        events: events of the sample.
        word: number of sources per word, see `place_in_sum`.
        channel: the channel.
        at: the step; None for all spikes of the channel.
        count: the new number of spikes; 0 if `at` is None.
    """
    step, neuron = (spikes[: events.offset[0, 1]] for spikes in (events.step, events.neuron))
    own = neuron == channel
    if at is not None:
        own &= step == at
    places = np.flatnonzero(own)
    if count and places.size:
        n_spikes = events.n_spikes.copy()
        n_spikes[places] = count
        return events._replace(n_spikes=n_spikes, several=True)
    lists: list[NDArray[Any]] = [events.step, events.neuron, events.n_spikes]
    if not count:
        lists = [np.delete(values, places) for values in lists]
    else:
        assert at is not None, "only a channel with spikes can be silenced"
        before = place_in_sum(neuron, word) < place_in_sum(channel, word)
        place = int(np.count_nonzero((step < at) | ((step == at) & before)))
        new = at, channel, count
        lists = [np.insert(values, place, n) for values, n in zip(lists, new, strict=True)]
    offset = events.offset + (lists[0].size - events.step.size)
    offset[0, 0] = 0
    events = events._replace(step=lists[0], neuron=lists[1], n_spikes=lists[2])
    return events._replace(offset=offset, several=events.several or count > 1)


def _first_deviation(case: Case) -> tuple[int, str, int]:
    """Step, population and neuron of the first deviation in the only examined sample."""
    firsts = {name: case.outcome[name].first[:, 0] for name in case.deviating}
    return min((int(first.min()), name, int(first.argmin())) for name, first in firsts.items())


def _suspect_inputs(
    case: Case, onto_target: Sequence[IntegerProjection], step: int, neuron: int
) -> list[tuple[int, int]]:
    """Find the input spikes that would reach a neuron at a step, each as (channel, step).

    Without u and v, the effect of a spike may only be visible later, so earlier spikes are
    included, too.
    """
    suspects: dict[tuple[int, int], None] = {}
    for arrival in [step] if case.deep else range(step, -1, -1):
        for projection in onto_target:
            departure = arrival - HOP_LATENCY - projection.delay[:, neuron].astype(np.int64)
            for channel in np.flatnonzero((projection.weight[:, neuron] != 0) & (departure >= 0)):
                suspects[int(channel), int(departure[channel])] = None
        if len(suspects) > MOST_SUSPECTS:
            break
    return list(suspects)


def _leftover_state_causes(case: Case) -> Iterator[Cause]:
    """Yield causes: states, or spikes on their way, are left over from the previous sample."""
    if len(case.samples) != 1 or case.samples[0] == 0:
        return
    both_samples, states = case.with_previous_sample()
    candidates: list[tuple[str, Streams, Mapping[str, Start]]] = [
        ("spikes on their way", both_samples, {})
    ]
    if states:
        candidates.append(("u and v", case.events, states))
        candidates.append(("u, v and spikes on their way", both_samples, states))
    for detail, events, start in candidates:
        if case.is_explained_by(case.cells, events, start):
            yield Cause("state-kept", detail=detail)
