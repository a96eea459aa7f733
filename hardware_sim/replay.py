"""Teacher-forced replay: one neuron run on the recorded spikes of its sources.

Every update is checked separately: step n is predicted from the recorded state at step n − 1 and
the spikes sent before step n. Where u and v were not recorded, they are computed from the beginning
of the sample, with resets at the recorded spikes. All predictions are correct for a recording of
the same network. For a recording with a fault, exactly the affected updates are mispredicted.

Modified `Cells` represent a fault of a population, in a stored number or a rule of the arithmetic.
The fault is detectable if these cells mispredict an update of the network's own recording
(`nmtool.verification.mutation`). The fault explains a deviating recording if these cells predict
all its updates (`nmtool.verification.causes`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nmtool.arithmetic import LOIHI2, STATE_SHIFT, shifted
from nmtool.dynamics import HOP_LATENCY
from nmtool.hardware_sim.compiled import compiled
from nmtool.hardware_sim.plan import in_order_of_sums
from nmtool.hardware_sim.resets import owed_after, spikes_in, v_after
from nmtool.hardware_sim.step import neuron_step as plain_step
from nmtool.hardware_sim.wrong_step import Rules, silent_level, v_after_spikes, wrong_step
from nmtool.network.graph import INPUT
from nmtool.network.integer_network import OF_PROJECTIONS, IntegerNetwork
from nmtool.raster import Raster

SPIKES, MEMBRANE, EVERYTHING = 0, 1, 2
"""Quantities to compare: spikes; spikes and v; or spikes, v and u."""

ALL, FIRST, ANY = 0, 1, 2
"""End of a replay: ALL runs to the last step, FIRST ends each column at its first deviation, and
ANY ends all columns at the first deviation of any of them."""

UNREACHED = 1 << 40
"""A threshold above every 32-bit v."""

_HIGHEST = (1 << 63) - 1

_step = compiled()(plain_step)
_spikes_in = compiled(inline="always")(spikes_in)
_v_after = compiled(inline="always")(v_after)
_owed_after = compiled(inline="always")(owed_after)


class Streams(NamedTuple):
    """Spikes of all sources as flat arrays: the input first, then every population.

    Attributes:
        n_steps: number of steps of every sample.
        offset: [sources, samples + 1] int64, where each sample begins in `step` and `neuron`.
        step, neuron: [filled] int32, step and neuron of each filled bin; those of a sample are
            sorted by step, then by `place_in_sum`.
        n_spikes: [filled] uint8, number of spikes of each bin.
        several: True if a bin has several spikes.
        first: [samples, neurons of all sources] int32, step of the first spike; `n_steps` if
            silent.
        begin: [sources] int64, index of each source's first neuron in `first`.
    """

    n_steps: int
    offset: NDArray[np.int64]
    step: NDArray[np.int32]
    neuron: NDArray[np.int32]
    n_spikes: NDArray[np.uint8]
    several: bool
    first: NDArray[np.int32]
    begin: NDArray[np.int64]


class Cells(NamedTuple):
    """Parameters of neurons of one population; each neuron, or variant of a neuron, is a column.

    Attributes:
        source: [projections] int64, index of the source in `Streams`.
        row: [projections] int64, first row of the projection's synapses.
        weight, delay: [neurons, rows] int32, by projection; weights include their exponents.
        neuron: [columns] int64, index of the neuron in the population.
        bias, keep_u, keep_v, vth: [columns] int64, constants of the step.
        drop: [columns] int64, resets, see `resets.py`.
        most: [columns] int64, largest number of spikes in a step.
        synapse: [columns] int64, row of the modified synapse; −1 for none.
        other_weight, other_delay: [columns] int64, weight and delay of the modified synapse.
        rules: rules of the arithmetic; None for those of `loihi2`.
    """

    source: NDArray[np.int64]
    row: NDArray[np.int64]
    weight: NDArray[np.int32]
    delay: NDArray[np.int32]
    neuron: NDArray[np.int64]
    bias: NDArray[np.int64]
    keep_u: NDArray[np.int64]
    keep_v: NDArray[np.int64]
    vth: NDArray[np.int64]
    drop: NDArray[np.int64]
    most: NDArray[np.int64]
    synapse: NDArray[np.int64]
    other_weight: NDArray[np.int64]
    other_delay: NDArray[np.int64]
    rules: Rules | None = None

    def pick(self, columns: NDArray[np.integer]) -> Cells:
        """Select the columns with these indices; an index may occur several times."""
        return self._replace(**{name: getattr(self, name)[columns] for name in _OF_COLUMNS})


_OF_COLUMNS = Cells._fields[4:-1]


class Traces(NamedTuple):
    """Spikes, u and v of a population, recorded or predicted.

    Attributes:
        spikes: [samples, neurons, steps] uint8, numbers of spikes, with 0 steps if not recorded;
            [steps] for one neuron in one sample.
        u, v: [samples, neurons, steps] int64, with 0 steps if not recorded; [steps] for one neuron.
    """

    spikes: NDArray[np.uint8]
    u: NDArray[np.int64]
    v: NDArray[np.int64]


Start: TypeAlias = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]
"""State at the beginning of samples: u and v, [samples, neurons] int64 each, and [samples, neurons]
bool, True for neurons that spiked in the step before, whose late resets are due."""


class Outcome(NamedTuple):
    """Deviations of a recording from its prediction, [columns, samples] int64 each.

    Attributes:
        deviations: number of updates that differ from the prediction.
        first: step of the first deviation; `n_steps` without deviations.
        u: predicted u at the first deviation.
        highest_silent: maximum of v after the recorded spikes of a step, over the steps in which
            the neuron could have spiked again.
        lowest_spiking: minimum of v before the last recorded spike of a step, over the steps with a
            recorded spike.
    """

    deviations: NDArray[np.int64]
    first: NDArray[np.int64]
    u: NDArray[np.int64]
    highest_silent: NDArray[np.int64]
    lowest_spiking: NDArray[np.int64]


def streams(network: IntegerNetwork, sent: Mapping[str, Raster]) -> Streams:
    """Convert the spikes of a run to flat arrays.

    Args:
        network: the network that was run.
        sent: spikes of the input and of every spiking population, by name.
    """
    spikes = sent[INPUT]
    silent = Raster.silent(spikes.n_samples, spikes.n_steps, 0)
    sources = [sent.get(name, silent) for name in [INPUT, *(p.name for p in network.populations)]]
    begin = np.cumsum([0, *(raster.n_filled for raster in sources)])
    word = network.runs_in.word
    neuron, count = zip(*(in_order_of_sums(raster, word) for raster in sources), strict=True)
    return Streams(
        spikes.n_steps,
        np.stack([raster.offset + shift for raster, shift in zip(sources, begin, strict=False)]),
        np.concatenate([raster.step for raster in sources]),
        np.concatenate(neuron),
        np.concatenate(count),
        any(raster.count is not None for raster in sources),
        np.hstack([raster.first_step().astype(np.int32) for raster in sources]),
        np.cumsum([0, *(raster.n_neurons for raster in sources)])[:-1].astype(np.int64),
    )


def cells_of(network: IntegerNetwork, index: int) -> Cells:
    """Make the cells of a population: all its neurons with their stored parameters.

    Args:
        network: the network.
        index: index of the population.
    """
    population = network.populations[index]
    names = [INPUT, *(p.name for p in network.populations)]
    incoming = [p for p in network.projections if p.target == population.name]
    nothing = np.zeros((population.size, 0), np.int32)
    neurons = np.arange(population.size)
    none = np.full(population.size, -1)
    # The kernel contains the compiled step of `loihi2`. The step of any other arithmetic reads its
    # rules from an argument, `Rules`.
    rules = None if network.runs_in == LOIHI2 else Rules.of(network.runs_in)
    return Cells(
        np.array([names.index(p.source) for p in incoming], np.int64),
        np.cumsum([0, *(p.shape[0] for p in incoming)])[:-1].astype(np.int64),
        np.ascontiguousarray(
            np.hstack([nothing, *(p.shifted_weight.T for p in incoming)]), np.int32
        ),
        np.ascontiguousarray(np.hstack([nothing, *(p.delay.T for p in incoming)]), np.int32),
        neurons,
        population.bias,
        np.full_like(neurons, population.keep_u),
        np.full_like(neurons, population.keep_v),
        np.full_like(neurons, population.vth),
        np.full_like(neurons, population.drop),
        np.full_like(neurons, population.most_spikes),
        *(none, none, none),
        rules,
    )


def rows_of(network: IntegerNetwork, cells: Cells, index: int) -> slice:
    """Rows of a projection's synapses in `weight` and `delay` of its target's `Cells`."""
    projection = network.projections[index]
    before = [p for p in network.projections[:index] if p.target == projection.target]
    first = int(cells.row[len(before)])
    return slice(first, first + projection.shape[0])


def rewired(cells: Cells, rows: slice, **arrays: NDArray) -> Cells:
    """Copy cells, and set other weights or delays in some rows.

    Args:
        cells: the cells.
        rows: rows of the synapses, as from `rows_of`.
        arrays: `weight` or `delay`, or both, [pre, post].
    """
    changed = {}
    for name, new in arrays.items():
        changed[name] = getattr(cells, name).copy()
        changed[name][:, rows] = new.T
    return cells._replace(**changed)


def altered(
    network: IntegerNetwork, cells: Cells, kind: str, place: tuple, value: int | NDArray
) -> Cells:
    """Copy cells, and change one stored number.

    Args:
        network: the network of these neurons.
        cells: columns of the neurons that the number affects.
        kind: one of `FAULT_KINDS` of `nmtool.verification.faults`.
        place: place of the number, as in `Fault`; the source neuron may be an array, [columns].
        value: the new number, or [columns] numbers; for a weight exponent, always one number.
    """
    values = np.zeros_like(cells.neuron) + value
    if kind in OF_PROJECTIONS:
        projection, rows = network.projections[place[0]], rows_of(network, cells, place[0])
        exponent = projection.weight_exponent
        if kind == "weight exponent":
            assert isinstance(value, int), "the weights of all columns are the same"
            return rewired(cells, rows, weight=shifted(projection.weight.astype(np.int32), value))
        synapse = np.zeros_like(cells.neuron) + rows.start + place[1]
        weight = cells.weight[cells.neuron, synapse].astype(np.int64)
        delay = cells.delay[cells.neuron, synapse].astype(np.int64)
        if kind == "weight":
            weight = shifted(values.astype(np.int32), exponent).astype(np.int64)
        else:
            delay = values
        return cells._replace(synapse=synapse, other_weight=weight, other_delay=delay)
    population = network.populations[place[0]]
    if kind == "bias":
        return cells._replace(bias=values << population.bias_exponent)
    if kind == "bias exponent":
        mantissa = np.asarray(population.bias_mantissa, np.int64)
        return cells._replace(bias=mantissa[cells.neuron] << values)
    if kind == "du":
        return cells._replace(keep_u=population.runs_in.keep_u(values))
    if kind == "dv":
        return cells._replace(keep_v=population.runs_in.keep_v(values))
    if kind == "reset_by":
        drop = values << population.runs_in.state_shift
        return cells._replace(drop=-drop if population.drop < 0 else drop)
    if kind == "most_spikes":
        return cells._replace(most=values)
    return cells._replace(vth=values)


def outcomes(
    events: Streams,
    cells: Cells,
    recorded: Traces,
    start: Start | None = None,
    until: int = ALL,
) -> Outcome:
    """Compare every update of some columns with its prediction from the recording.

    Args:
        events: spikes of all sources.
        cells: neurons, or variants of them, one per column.
        recorded: recording of the neurons' population.
        start: state at the beginning of samples; by default rest.
        until: stop at the last step (`ALL`), at the first deviation of each column (`FIRST`), or at
            the first deviation of any column (`ANY`).

    Returns:
        Deviations up to the end set by `until`.
    """
    n_samples = events.offset.shape[1] - 1
    shape = cells.neuron.size, n_samples
    outcome = Outcome(*(np.zeros(shape, np.int64) for _ in Outcome._fields))
    outcome.first[:] = events.n_steps
    outcome.lowest_spiking[:] = _HIGHEST
    if start is None:
        rest = np.zeros((n_samples, len(cells.weight)), np.int64)
        start = rest, rest, rest != 0
    _replay(cells.rules, events, cells._replace(rules=None), recorded, start, until, outcome)
    return outcome


def traced(events: Streams, cells: Cells, recorded: Traces) -> Traces:
    """Simulate neurons, one per column, from rest, with resets at the recorded spikes.

    Args:
        events: spikes of all sources.
        cells: neurons, or variants of them, one per column.
        recorded: recording of the neurons' population; only its spikes are used.

    Returns:
        Predicted spikes, u and v, [samples, columns, steps].
    """
    shape = events.offset.shape[1] - 1, cells.neuron.size, events.n_steps
    prediction = Traces(
        np.zeros(shape, np.uint8), np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    )
    _trace(cells.rules, events, cells._replace(rules=None), recorded, prediction)
    return prediction


@compiled()
def _trace(rules, events, cells, recorded, prediction):
    """Compute the result of `traced`, and write it into `prediction`.

    `rules` is None for the arithmetic `loihi2`.
    """
    arriving = np.zeros(events.n_steps, np.int32)
    rest, until = (np.int64(0), np.int64(0), bool(0)), np.int64(ALL)
    for column in range(cells.neuron.size):
        neuron = cells.neuron[column]
        for sample in range(prediction.u.shape[0]):
            _deliver(rules, events, sample, cells, neuron, -1, arriving)
            own = Traces(
                recorded.spikes[sample, neuron],
                recorded.u[sample, neuron],
                recorded.v[sample, neuron],
            )
            trace = Traces(
                prediction.spikes[sample, column],
                prediction.u[sample, column],
                prediction.v[sample, column],
            )
            _replay_sample(rules, arriving, cells, column, own, rest, trace, until)


@compiled()
def _replay(rules, events, cells, recorded, start, until, outcome):
    """Compare every update with its prediction, and write the deviations into `outcome`.

    `rules` is None for the arithmetic `loihi2`.
    """
    n_samples = outcome.first.shape[1]
    arriving = np.zeros((n_samples, events.n_steps), np.int32)
    untraced = _empty_traces(0)
    delivered = -1
    for column in range(cells.neuron.size):
        neuron = cells.neuron[column]
        if neuron != delivered:
            for sample in range(n_samples):
                _deliver(rules, events, sample, cells, neuron, -1, arriving[sample])
            delivered = neuron
        for sample in range(n_samples):
            sums = arriving[sample]
            if cells.synapse[column] >= 0:
                sums = sums.copy()
                _replace_synapse(rules, events, sample, cells, column, sums)
            own = Traces(
                recorded.spikes[sample, neuron],
                recorded.u[sample, neuron],
                recorded.v[sample, neuron],
            )
            begin = start[0][sample, neuron], start[1][sample, neuron], start[2][sample, neuron]
            deviations, first, first_u, highest_silent, lowest_spiking = _replay_sample(
                rules, sums, cells, column, own, begin, untraced, until
            )
            outcome.deviations[column, sample] = deviations
            outcome.first[column, sample] = first
            outcome.u[column, sample] = first_u
            outcome.highest_silent[column, sample] = highest_silent
            outcome.lowest_spiking[column, sample] = lowest_spiking
            if deviations and until == ANY:
                return
            if deviations and until == FIRST:
                break


def mark_differences(
    events: Streams,
    right: Cells,
    wrong: Cells,
    view: int,
    first_only: bool,
    shown: NDArray[np.bool_],
) -> None:
    """Mark the samples in which two variants of a population's neurons differ.

    Args:
        events: spikes of all sources.
        right, wrong: columns of the same neurons and rules; `wrong` differs in one number, or in
            the weights of a projection.
        view: quantities to compare: `SPIKES`, `MEMBRANE` or `EVERYTHING`.
        first_only: stop at the first sample with a difference.
        shown: [samples] bool, updated; samples already marked are skipped.
    """
    plain = right._replace(rules=None), wrong._replace(rules=None)
    _mark_differences(right.rules, events, *plain, view, first_only, shown)


@compiled()
def _mark_differences(rules, events, right, wrong, view, first_only, shown):
    """The compiled part of `mark_differences`; `rules` is None for the arithmetic `loihi2`."""
    n_steps = events.n_steps
    right_sums = np.zeros(n_steps, np.int32)
    # The numbers have a fixed type, because Numba would compile the kernel again for literals.
    rest, until = (np.int64(0), np.int64(0), bool(0)), np.int64(FIRST)
    trace, nothing = _empty_traces(n_steps), _empty_traces(0)
    recorded = Traces(
        trace.spikes, trace.u if view > MEMBRANE else nothing.u, trace.v if view else nothing.v
    )
    for column in range(right.neuron.size):
        neuron = right.neuron[column]
        same = right.bias[column] == wrong.bias[column] and right.vth[column] == wrong.vth[column]
        same = same and right.keep_u[column] == wrong.keep_u[column]
        same = same and right.keep_v[column] == wrong.keep_v[column]
        same = same and right.drop[column] == wrong.drop[column]
        same = same and right.most[column] == wrong.most[column]
        synapse = wrong.synapse[column] >= 0
        for sample in range(shown.size):
            if shown[sample] or (synapse and not _reaches_in_time(events, sample, wrong, column)):
                continue
            _deliver(rules, events, sample, right, neuron, -1, right_sums)
            wrong_sums = right_sums.copy()
            if synapse:
                _replace_synapse(rules, events, sample, wrong, column, wrong_sums)
            elif same:
                _deliver(rules, events, sample, wrong, neuron, -1, wrong_sums)
            _replay_sample(rules, right_sums, right, column, nothing, rest, trace, until)
            outcome = _replay_sample(
                rules, wrong_sums, wrong, column, recorded, rest, nothing, until
            )
            shown[sample] = outcome[0] > 0
            if shown[sample] and first_only:
                return


@compiled()
def _empty_traces(n_steps):
    """Make `Traces` of one neuron in one sample, filled with 0."""
    return Traces(
        np.zeros(n_steps, np.uint8), np.zeros(n_steps, np.int64), np.zeros(n_steps, np.int64)
    )


@compiled()
def _replay_sample(rules, arriving, cells, column, recorded, begin, trace, until):
    """Run one column through one sample, teacher-forced by the recording.

    Args:
        rules: rules of the arithmetic; None for `loihi2`.
        arriving: [steps] int32, sums of the weights that arrive.
        cells, column: `Cells`, and the index of the column.
        recorded: recorded `Traces` of the column's neuron, [steps]; predictions replace quantities
            that were not recorded.
        begin: state at the beginning of the sample: u, v, and True if a late reset may be due.
        trace: `Traces`, output: predictions; with 0 steps, there is no output.
        until: `ALL`, else stop at the first deviation.

    Returns:
        The fields of `Outcome`.
    """
    bias, vth, drop = cells.bias[column], cells.vth[column], cells.drop[column]
    keep_u, keep_v, most = cells.keep_u[column], cells.keep_v[column], cells.most[column]
    silent = vth << STATE_SHIFT if rules is None else silent_level(vth, rules)
    owed = _owed_after(True, drop)
    u, v, spiked = begin
    deviations, first, first_u, highest_silent, lowest_spiking = (
        0,
        arriving.size,
        np.int64(0),
        np.int64(0),
        _HIGHEST,
    )
    for n in range(arriving.size):
        sums = np.int64(arriving[n])
        if rules is None:
            added = bias + owed if spiked else bias
            after = _step(sums, u, v, added, keep_u, keep_v, vth)
        else:
            after = wrong_step(sums, u, v, spiked, bias, keep_u, keep_v, vth, drop, rules)
        spikes = _spikes_in(after.peak, after.spiked, silent, drop, most)
        v = _reset(after.peak, spikes, drop, rules)
        if (
            (recorded.spikes.size and recorded.spikes[n] != spikes)
            or (recorded.v.size and recorded.v[n] != v)
            or (recorded.u.size and recorded.u[n] != after.u)
        ):
            if not deviations:
                first, first_u = n, after.u
            deviations += 1
            if until != ALL:
                break
        if trace.u.size:
            trace.spikes[n], trace.u[n], trace.v[n] = spikes, after.u, v
        if recorded.spikes.size and recorded.spikes[n] != spikes:
            # After each step, v follows the recorded spikes and not the predicted ones. Wrong
            # spikes thus count as a single deviation.
            spikes = np.int64(recorded.spikes[n])
            v = _reset(after.peak, spikes, drop, rules)
        spiked = spikes > 0
        if spikes:
            lowest_spiking = min(lowest_spiking, after.peak - (spikes - 1) * drop)
        if spikes < most:
            highest_silent = max(highest_silent, after.peak - spikes * drop)
        if recorded.u.size and recorded.v.size:
            u, v = recorded.u[n], recorded.v[n]
            continue
        u = after.u
    return deviations, first, first_u, highest_silent, lowest_spiking


@compiled()
def _reset(peak, spikes, drop, rules):
    """v at the end of a step with this number of spikes; `rules` is None for `loihi2`."""
    if rules is None:
        return _v_after(peak, spikes, drop)
    return v_after_spikes(peak, spikes, drop, rules)


@compiled()
def _deliver(rules, events, sample, cells, neuron, column, arriving):
    """Sum the weights that arrive at a neuron in every step, into `arriving`, [steps] int32.

    If sums clip, `column`'s modified synapse replaces the stored one; −1: no synapse is modified.
    """
    for n in range(arriving.size):
        arriving[n] = 0
    weight, delay = cells.weight[neuron], cells.delay[neuron]
    if rules is not None and rules.sum_limit:
        _deliver_in_order(rules.sum_limit, events, sample, cells, neuron, column, arriving)
        return
    several = events.several
    for k in range(cells.source.size):
        source, row = cells.source[k], cells.row[k]
        for e in range(events.offset[source, sample], events.offset[source, sample + 1]):
            i = row + events.neuron[e]
            n = events.step[e] + HOP_LATENCY + delay[i]
            if 0 <= n < arriving.size:
                arriving[n] += weight[i] * events.n_spikes[e] if several else weight[i]


@compiled()
def _deliver_in_order(limit, events, sample, cells, neuron, column, arriving):
    """Sum the arriving weights as `_deliver` does, and clip each sum to `limit`.

    Weights are added by step of the spike, then by projection, then in the order of `events`.
    """
    n_sources = cells.source.size
    position, end = np.empty(n_sources, np.int64), np.empty(n_sources, np.int64)
    first = events.n_steps
    for k in range(n_sources):
        position[k] = events.offset[cells.source[k], sample]
        end[k] = events.offset[cells.source[k], sample + 1]
        if position[k] < end[k]:
            first = min(first, events.step[position[k]])
    for sent in range(first, events.n_steps):
        for k in range(n_sources):
            while position[k] < end[k] and events.step[position[k]] == sent:
                i = cells.row[k] + events.neuron[position[k]]
                weight, delay = np.int64(cells.weight[neuron, i]), np.int64(cells.delay[neuron, i])
                if column >= 0 and cells.synapse[column] == i:
                    weight, delay = cells.other_weight[column], cells.other_delay[column]
                weight = weight * events.n_spikes[position[k]]
                n = sent + HOP_LATENCY + delay
                if 0 <= n < arriving.size:
                    arriving[n] = min(max(arriving[n] + weight, -limit), limit - 1)
                position[k] += 1


@compiled()
def _replace_synapse(rules, events, sample, cells, column, arriving):
    """Update the sums of arriving weights for the modified synapse of a column."""
    neuron, synapse = cells.neuron[column], cells.synapse[column]
    if rules is not None and rules.sum_limit:
        _deliver(rules, events, sample, cells, neuron, column, arriving)
        return
    weight, delay = cells.weight[neuron, synapse], cells.delay[neuron, synapse]
    source, pre = _source_of(cells, synapse)
    for e in range(events.offset[source, sample], events.offset[source, sample + 1]):
        if events.neuron[e] == pre:
            sent = events.step[e] + HOP_LATENCY
            if 0 <= sent + delay < arriving.size:
                arriving[sent + delay] -= weight * events.n_spikes[e]
            if 0 <= sent + cells.other_delay[column] < arriving.size:
                other = cells.other_weight[column] * events.n_spikes[e]
                arriving[sent + cells.other_delay[column]] += other


@compiled()
def _reaches_in_time(events, sample, cells, column):
    """True if a spike arrives in time over a modified synapse, with the old or the new delay."""
    neuron, synapse = cells.neuron[column], cells.synapse[column]
    source, pre = _source_of(cells, synapse)
    delay = min(np.int64(cells.delay[neuron, synapse]), cells.other_delay[column])
    return events.first[sample, events.begin[source] + pre] + HOP_LATENCY + delay < events.n_steps


@compiled()
def _source_of(cells, synapse):
    """The source of a synapse: its index in `Streams`, and the index of the source neuron."""
    k = 0
    while k + 1 < cells.row.size and cells.row[k + 1] <= synapse:
        k += 1
    return cells.source[k], synapse - cells.row[k]
