"""Find the stored numbers that an input tests: a change of the number by one step is visible.

Two networks that differ in one number have equal states until the first step at which the number
matters. Therefore one deep recording of the correct network suffices to tell, for every number,
whether a wrong value would change u, v or spikes. If u neither clips nor wraps around, a wrong
value is visible if, at any step,

synapse     its source spikes, and the spike arrives before the sample ends (for weight and delay)
du, dv      the part of a state that a step keeps differs, after truncation
threshold   a membrane lies between the right threshold and the wrong one
most spikes a neuron spikes as often as the smaller limit allows, and is still above the threshold
reset       a neuron spikes; if the reset is late, the membrane of the next step differs
bias        a membrane or a spike differs
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nmtool.dynamics import HOP_LATENCY
from nmtool.hardware_sim.resets import owed_after, spike_counts
from nmtool.network.float_network import Network
from nmtool.network.graph import INPUT, LIF, MAX_SPIKES
from nmtool.network.integer_network import IntegerNetwork, IntegerPopulation
from nmtool.raster import Raster
from nmtool.recording import Recording

STATES_AT_ONCE = 1 << 20
"""Number of states examined at once; limits memory."""

_States = NDArray[np.int64]
"""u or v, [samples, steps, neurons] int64."""


@dataclass(frozen=True, eq=False)
class ReachableSynapses:
    """Numbers of synapses over which a spike arrives in time, by source neuron and step.

    Attributes:
        n_steps: steps of a sample.
        reached: by source, [neurons, steps + 1] int64; column n has the number of synapses over
            which a spike of step n arrives within the sample. The last column, for neurons that do
            not spike, is 0.
    """

    n_steps: int
    reached: Mapping[str, NDArray[np.int64]]

    @classmethod
    def of(cls, network: IntegerNetwork | Network, n_steps: int) -> ReachableSynapses:
        """Make the counts for a network; synapses of weight 0 are left out."""
        sizes = {INPUT: network.channels.size, **{p.name: p.size for p in network.populations}}
        reached = {}
        for source in dict.fromkeys(p.source for p in network.projections):
            last = np.zeros((sizes[source], n_steps + 1), np.int64)
            for projection in network.projections:
                if projection.source == source:
                    pre, post = np.nonzero(projection.weight)
                    step = n_steps - 1 - HOP_LATENCY - projection.delay[pre, post].astype(np.int64)
                    np.add.at(last, (pre[step >= 0], step[step >= 0]), 1)
            # A spike that is early enough for a delay is also early enough for all shorter delays.
            reached[source] = np.cumsum(last[:, ::-1], axis=1)[:, ::-1]
            reached[source][:, n_steps] = 0
        return cls(n_steps, reached)

    def first_spikes(self, spikes: Raster, recording: Recording) -> dict[str, NDArray[np.int64]]:
        """Step of the first spike of each neuron: by source, [samples, neurons] int64.

        The step of a silent neuron is `n_steps`.
        """
        rasters = {INPUT: spikes, **recording.spikes}
        return {source: rasters[source].first_step() for source in self.reached}

    def count_tested(self, first: Mapping[str, NDArray[np.int64]]) -> int:
        """Count the synapses that samples test, given the steps of their first spikes.

        Args:
            first: by source, [neurons] int64, earliest step of a spike in these samples.
        """
        return sum(
            int(np.take_along_axis(count, first[source][:, None], axis=1).sum())
            for source, count in self.reached.items()
        )


def visible_changes(network: IntegerNetwork, deep: Recording) -> NDArray[np.bool_]:
    """Find the one-unit changes of constants of populations that a recording shows.

    Args:
        network: the network.
        deep: recording of the network with u and v of every neuron.

    Returns:
        [samples, changes] bool: True for visible changes. Each number has a change up and a
        change down, in a fixed order for each network. Changes that would move a constant out of
        its range are left out.
    """
    return np.concatenate([_visible_changes(p, deep) for p in network.populations], axis=1)


def _visible_changes(population: IntegerPopulation, deep: Recording) -> NDArray[np.bool_]:
    """Find the visible changes of one population's constants, [samples, changes] bool.

    Samples are examined in batches, to limit memory.
    """
    name = population.name
    u, v = deep.current[name], deep.v[name]
    batch_size = max(1, STATES_AT_ONCE // max(1, u[:1].size))
    parts = []
    for i in range(0, len(u), batch_size):
        batch = slice(i, i + batch_size)
        spiked = np.zeros(u[batch].shape, np.int64)
        if population.drop < 0:
            spiked[:] = deep.spikes[name][batch].dense()
        states = u[batch].astype(np.int64), v[batch].astype(np.int64)
        parts.append(_visible_in_states(population, *states, spiked))
    return np.concatenate(parts)


def _visible_in_states(
    population: IntegerPopulation, u: _States, v: _States, spiked: _States
) -> NDArray[np.bool_]:
    """Find visible changes of constants from states after each step: [samples, changes] bool.

    Args:
        population: the population.
        u, v: the states.
        spiked: 1 for spikes, if resets are late.
    """
    u_before, v_before, spiked_before = (_previous_states(states) for states in (u, v, spiked))
    added = u + population.bias + spiked_before * owed_after(True, population.drop)
    runs_in = population.runs_in
    decayed_v = runs_in.decayed(v_before, population.keep_v)
    level = runs_in.firing_level(population.vth)

    def clipped(v: _States) -> _States:
        """Clip membranes as the step does."""
        return np.clip(v, runs_in.lowest, runs_in.highest)

    def is_visible(other: _States) -> NDArray[np.bool_]:
        """True where another v before the reset leads to another spike or state."""
        return _differ_after_reset(peak, clipped(other), level, population.drop)

    def spikes_with(level: int, most: int) -> _States:
        """Numbers of spikes with another lowest membrane of a spike, or another limit."""
        return spike_counts(peak, level - 1, population.drop, most)

    peak = clipped(decayed_v + added)
    most = population.most_spikes
    spikes = spikes_with(level, most)
    thresholds = runs_in.thresholds(population.reset_by)
    constants = runs_in.reset_constants(population.vth)
    columns = []
    for change in (-1, 1):
        if 0 <= population.du + change <= runs_in.max_du:
            keep = population.keep_u
            other = runs_in.decayed(u_before, keep - change)
            differs = runs_in.decayed(u_before, keep) != other
            # If u is at a limit, both values of u may be clipped to this limit, and be equal.
            if runs_in.neuron.u_overflow == "clips":
                differs &= (u > runs_in.lowest) & (u < runs_in.highest)
            columns.append(_in_any_step(differs))
        if 0 <= population.dv + change <= runs_in.max_dv:
            other = runs_in.decayed(v_before, population.keep_v - change)
            columns.append(_in_any_step(is_visible(other + added)))
        if population.kind == LIF and population.vth + change in thresholds:
            other_level = runs_in.firing_level(population.vth + change)
            columns.append(_in_any_step(spikes != spikes_with(other_level, most)))
        if most > 1 and most + change <= MAX_SPIKES:
            columns.append(_in_any_step(spikes != spikes_with(level, most + change)))
        if population.drop and population.reset_by + change in constants:
            other = decayed_v + added - spiked_before * change * runs_in.state_one
            now = (peak >= level) & (population.drop > 0)
            columns.append(_in_any_step(now | is_visible(other)))
        if runs_in.bias_limit:
            bias_change = change << population.bias_exponent
            columns += list(is_visible(decayed_v + added + bias_change).any(axis=1).T)
    return np.stack(columns, axis=1)


def _previous_states(states: _States) -> _States:
    """States before each step, from states after each step; zeros before the first step."""
    return np.concatenate([np.zeros_like(states[:, :1]), states[:, :-1]], axis=1)


def _differ_after_reset(
    first: _States, second: _States, level: int, drop: int
) -> NDArray[np.bool_]:
    """True where two membranes lead to different spikes, or to different membranes after a reset.

    Args:
        first, second: the membranes before a reset.
        level: lowest membrane at which the neuron spikes.
        drop: the reset; only a reset to zero makes different membranes equal.
    """
    if drop:
        return first != second
    spiked, spikes = first >= level, second >= level
    return (spiked != spikes) | (~spiked & (first != second))


def _in_any_step(differs: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """[samples] bool: True for samples with a difference in any step and neuron."""
    return np.asarray(differs.any(axis=(1, 2)))
