"""Find the stored numbers that an input tests: a change by one step up or down is visible.

Two networks that differ in one number have equal states until the first step at which the number
matters. Therefore one deep recording of the correct network suffices to tell, for every number,
whether a wrong value would change u, v or spikes. It would if, at any step,

synapse     its source spikes, and the spike arrives before the sample ends (for weight and delay)
du, dv      the part of a state that a step keeps differs, after truncation
threshold   a membrane lies between the right threshold and the wrong one
bias        a membrane or a spike differs
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nmtool.dynamics import HOP_LATENCY
from nmtool.network.float_network import Network
from nmtool.network.graph import INPUT, LIF
from nmtool.network.integer_network import IntegerNetwork, IntegerPopulation
from nmtool.raster import Raster
from nmtool.recording import Recording

STATES_AT_ONCE = 1 << 20
"""Number of states examined at once; limits memory."""

_States = NDArray[np.int64]
"""[samples, steps, neurons]."""


@dataclass(frozen=True, eq=False)
class ReachableSynapses:
    """Number of synapses over which a spike arrives before the end, by neuron and step.

    Attributes:
        n_steps: steps of a sample.
        reached: by source, [neurons, steps + 1] int64; column n counts the synapses over which a
            spike of step n arrives within the sample. The last column, for silent neurons, is 0.
    """

    n_steps: int
    reached: Mapping[str, NDArray[np.int64]]

    @classmethod
    def of(cls, network: IntegerNetwork | Network, n_steps: int) -> ReachableSynapses:
        """Count a network's synapses, without those of weight 0."""
        sizes = {INPUT: network.channels.size, **{p.name: p.size for p in network.populations}}
        reached = {}
        for source in dict.fromkeys(p.source for p in network.projections):
            last = np.zeros((sizes[source], n_steps + 1), np.int64)
            for projection in network.projections:
                if projection.source == source:
                    pre, post = np.nonzero(projection.weight)
                    step = n_steps - 1 - HOP_LATENCY - projection.delay[pre, post].astype(np.int64)
                    np.add.at(last, (pre[step >= 0], step[step >= 0]), 1)
            # A spike early enough for one delay is early enough for all shorter ones.
            reached[source] = np.cumsum(last[:, ::-1], axis=1)[:, ::-1]
            reached[source][:, n_steps] = 0
        return cls(n_steps, reached)

    def first_spikes(self, spikes: Raster, recording: Recording) -> dict[str, NDArray[np.int64]]:
        """First spike's step of every neuron, or `n_steps`; by source [samples, neurons] int64."""
        rasters = {INPUT: spikes, **recording.spikes}
        return {source: rasters[source].first_step() for source in self.reached}

    def seen(self, first: Mapping[str, NDArray[np.int64]]) -> int:
        """Number of synapses tested, given the first spikes by source, [neurons] each."""
        return sum(
            int(np.take_along_axis(count, first[source][:, None], axis=1).sum())
            for source, count in self.reached.items()
        )


def seen_constants(network: IntegerNetwork, deep: Recording) -> NDArray[np.bool_]:
    """Changes of decays, thresholds and biases by one step that would alter a deep recording.

    Args:
        network: the network.
        deep: its recording with u and v of every neuron.

    Returns:
        [samples, numbers · 2] bool, in a fixed order for each network, without changes beyond a
        number's range.
    """
    return np.concatenate([_population(p, deep) for p in network.populations], axis=1)


def _population(population: IntegerPopulation, deep: Recording) -> NDArray[np.bool_]:
    """[samples, numbers · 2] bool, a few samples at a time."""
    name = population.name
    u, v = deep.current[name], deep.v[name]
    at_once = max(1, STATES_AT_ONCE // max(1, u[:1].size))
    return np.concatenate(
        [
            _seen(population, *(states[i : i + at_once].astype(np.int64) for states in (u, v)))
            for i in range(0, len(u), at_once)
        ]
    )


def _seen(population: IntegerPopulation, u: _States, v: _States) -> NDArray[np.bool_]:
    bias = population.bias
    u_before, v_before = _previous_states(u), _previous_states(v)
    runs_in = population.runs_in
    decayed_v = runs_in.decayed(v_before, population.keep_v)
    level = runs_in.firing_level(population.vth)

    def clipped(v: _States) -> _States:
        return np.clip(v, runs_in.lowest, runs_in.highest)

    peak = clipped(decayed_v + u + bias)
    columns = []
    for by in (-1, 1):
        if 0 <= population.du + by <= runs_in.max_du:
            keep = population.keep_u
            other = runs_in.decayed(u_before, keep - by)
            differs = runs_in.decayed(u_before, keep) != other
            if runs_in.neuron.u_overflow == "clips":  # at a limit, both values are clipped to it
                differs &= (u > runs_in.lowest) & (u < runs_in.highest)
            columns.append(_in_any_step(differs))
        if 0 <= population.dv + by <= runs_in.max_dv:
            other = runs_in.decayed(v_before, population.keep_v - by)
            columns.append(_in_any_step(_differ(peak, clipped(other + u + bias), level)))
        least = runs_in.least_threshold
        if population.kind == LIF and least <= population.vth + by <= runs_in.max_threshold:
            moved = runs_in.firing_level(population.vth + by)
            columns.append(_in_any_step((peak >= level) != (peak >= moved)))
        if runs_in.bias_limit:
            more = by << population.bias_exponent
            biased = _differ(peak, clipped(decayed_v + u + bias + more), level)
            columns += list(biased.any(axis=1).T)
    return np.stack(columns, axis=1)


def _previous_states(states: _States) -> _States:
    return np.concatenate([np.zeros_like(states[:, :1]), states[:, :-1]], axis=1)


def _differ(first: _States, second: _States, level: int) -> NDArray[np.bool_]:
    """True where two membranes lead to different spikes, or to different membranes after a reset.

    Args:
        first, second: the membranes before a reset.
        level: lowest membrane at which the neuron spikes.
    """
    spiked, spikes = first >= level, second >= level
    return (spiked != spikes) | (~spiked & (first != second))


def _in_any_step(differs: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Samples with a difference in any step and neuron, [samples] bool."""
    return np.asarray(differs.any(axis=(1, 2)))
