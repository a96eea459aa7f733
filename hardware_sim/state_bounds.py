"""Bounds over all inputs: the first possible spike of every neuron, and the ranges of u and v.

The bounds come from interval arithmetic over the steps of one sample. From the first step at which
its source can spike, a synapse may or may not deliver its weight in each step, up to `most_spikes`
times. It certainly delivers its weight at least once if the source spikes for every input, like a
clock. States outside of the bounds are impossible; some states within the bounds may be impossible,
too. If u can wrap around, u has no bounds, and v has only those of its number range.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from nmtool.dynamics import HOP_LATENCY
from nmtool.hardware_sim.resets import owed_after, spike_counts, v_after
from nmtool.network.graph import INPUT, LIF
from nmtool.network.integer_network import IntegerNetwork, IntegerPopulation, IntegerProjection

_ANYTHING = 1 << 31


@dataclass
class PopulationBounds:
    """Bounds on the states of one population, updated step by step.

    Attributes:
        u, v: [2, neurons] int64, minimum and maximum at the latest step, v before reset.
    """

    u: NDArray[np.int64]
    v: NDArray[np.int64]

    @classmethod
    def at_rest(cls, size: int) -> PopulationBounds:
        """Make the bounds before the first step: all states are exactly 0."""
        return cls(np.zeros((2, size), np.int64), np.zeros((2, size), np.int64))

    def spiking(self, population: IntegerPopulation) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Neurons that must spike and neurons that can spike in the latest step, [neurons] bool."""
        certain_spikes, possible_spikes = self.v >= population.runs_in.firing_level(population.vth)
        return certain_spikes, possible_spikes

    def step(self, arriving: NDArray[np.int64], population: IntegerPopulation) -> None:
        """Advance the bounds by one step.

        Args:
            arriving: [2, neurons] int64, minimum and maximum of the sum of arriving weights.
            population: population whose constants are used.
        """
        arithmetic = population.runs_in
        if limit := arithmetic.sum_limit:
            arriving = np.clip(arriving, -limit, limit - 1)
        u = arithmetic.decayed(self.u, population.keep_u) + (arriving << arithmetic.state_shift)
        unbounded = (np.abs(u) > arithmetic.highest).any(axis=0)
        if arithmetic.neuron.u_overflow == "clips":
            u, unbounded = (
                np.clip(u, arithmetic.lowest, arithmetic.highest),
                np.zeros_like(unbounded),
            )
        u[:, unbounded] = np.array([[-_ANYTHING], [_ANYTHING]])
        v = self._kept(population) + u + population.bias
        v = np.clip(v, arithmetic.lowest, arithmetic.highest)
        v[:, unbounded] = np.array([[arithmetic.lowest], [arithmetic.highest]])
        self.u, self.v = u, v

    def _kept(self, population: IntegerPopulation) -> NDArray[np.int64]:
        """Range of what the next step keeps of v, with late resets, [2, neurons]."""
        arithmetic, keep = population.runs_in, population.keep_v
        if population.kind != LIF:
            return arithmetic.decayed(self.v, keep)
        certain_spikes, possible_spikes = self.spiking(population)
        # After a step without a spike, v is at most the threshold.
        highest = arithmetic.firing_level(population.vth) - 1
        silent = arithmetic.decayed(np.minimum(self.v, highest), keep)
        spiked = arithmetic.decayed(self._after_spikes(population), keep)
        spiked = spiked + owed_after(True, population.drop)
        low, high = np.minimum(silent[0], spiked[0]), np.maximum(silent[1], spiked[1])
        either = np.where(possible_spikes, np.stack([low, high]), silent)
        return np.where(certain_spikes, spiked, either)

    def _after_spikes(self, population: IntegerPopulation) -> NDArray[np.int64]:
        """Range of v after a spike in the latest step, [2, neurons], for neurons that can spike."""
        level, drop = population.runs_in.firing_level(population.vth), population.drop
        peak = np.maximum(self.v, level)
        n_spikes = spike_counts(peak, level - 1, drop, population.most_spikes)
        if drop <= 0:
            return np.zeros_like(peak) + v_after(peak, True, drop)  # type: ignore[arg-type]
        low, high = peak - n_spikes * drop
        # Between two numbers of spikes, v after them jumps from just below the firing level to one
        # drop below.
        jumps = n_spikes[0] < n_spikes[1]
        low = np.where(jumps, np.minimum(low, level - drop), low)
        return np.stack([low, np.where(jumps, np.maximum(high, level - 1), high)])


@dataclass(frozen=True, eq=False)
class StateBounds:
    """Bounds on the spikes of a network over all inputs of `n_steps` steps.

    Attributes:
        earliest: by source, [neurons] int64, first step at which each neuron can spike; `n_steps`
            if it can never spike.
        certain_spikes: by population, [steps, neurons] bool, True for spikes that occur for every
            input.
    """

    earliest: dict[str, NDArray[np.int64]]
    certain_spikes: dict[str, NDArray[np.bool_]] = field(repr=False)


def state_bounds(network: IntegerNetwork, n_steps: int) -> StateBounds:
    """Compute the bounds on spikes and states over all inputs of `n_steps` steps.

    Args:
        network: any integer network.
        n_steps: number of steps of a sample.
    """
    sizes = {p.name: p.size for p in network.populations}
    earliest = {name: np.full(size, n_steps, np.int64) for name, size in sizes.items()}
    earliest[INPUT] = np.zeros(network.channels.size, np.int64)
    arriving = {name: np.zeros((2, n_steps, size), np.int64) for name, size in sizes.items()}
    populations = {name: PopulationBounds.at_rest(size) for name, size in sizes.items()}
    outgoing = {
        name: [p for p in network.projections if p.source == name] for name in [INPUT, *sizes]
    }
    certain_spikes = {name: np.zeros((n_steps, size), np.bool_) for name, size in sizes.items()}
    certain_input = {name: np.zeros((2, n_steps, size), np.int64) for name, size in sizes.items()}
    clipping, most_spikes = _clipping_populations(network), network.spike_limits
    if n_steps:
        _add_arrivals(
            outgoing[INPUT],
            np.arange(network.channels.size),
            0,
            most_spikes[INPUT],
            arriving,
        )
    for n in range(n_steps):
        for population in network.populations:
            name = population.name
            possible_input = arriving[name][:, n]
            # A weight that can arrive in one step can also arrive in every later step.
            if n:
                possible_input += arriving[name][:, n - 1]
            populations[name].step(possible_input + certain_input[name][:, n], population)
            if population.kind != LIF:
                continue
            certain_spikes[name][n], possible_spikes = populations[name].spiking(population)
            new = np.flatnonzero(possible_spikes & (earliest[name] == n_steps))
            if new.size:
                earliest[name][new] = n
                _add_arrivals(outgoing[name], new, n, population.most_spikes, arriving)
            for projection in outgoing[name]:
                if projection.target in clipping:
                    continue
                certain = certain_input[projection.target]
                _deliver_certain(projection, certain_spikes[name], n, certain)
    return StateBounds(earliest, certain_spikes)


def _clipping_populations(network: IntegerNetwork) -> set[str]:
    """Names of populations whose sums of arriving weights may clip.

    In these populations, no weight certainly adds its full value.
    """
    limit = network.runs_in.sum_limit
    return {p.name for p in network.populations if limit and network.largest_sum(p) >= limit}


def _add_arrivals(
    projections: list[IntegerProjection],
    sources: NDArray[np.integer],
    n: int,
    most_spikes: int,
    arriving: dict[str, NDArray[np.int64]],
) -> None:
    """Add the weights of neurons that can spike from step n on.

    Args:
        projections: projections of one source.
        sources: indices of the source's neurons.
        n: first step at which these neurons can spike.
        most_spikes: largest number of spikes of such a neuron in a step.
        arriving: by target population, [2, steps, neurons] int64, updated.
    """
    for projection in projections:
        target = arriving[projection.target]
        first = np.full(projection.shape[0], target.shape[1], np.int64)
        first[sources] = n
        _deliver(projection, first, most_spikes, target)


def _deliver(
    projection: IntegerProjection,
    first: NDArray[np.int64],
    most_spikes: int,
    arriving: NDArray[np.int64],
) -> None:
    """Add each weight at the first step at which it may arrive, as often as it may arrive.

    Args:
        projection: the synapses.
        first: [pre] int64, the first step at which each source neuron can spike.
        most_spikes: largest number of spikes of a source neuron in a step.
        arriving: [2, steps, neurons] int64, sums of negative and of positive weights, updated.
    """
    rows = np.flatnonzero(first < arriving.shape[1])
    weight = projection.shifted_weight[rows].astype(np.int64)
    step = first[rows][:, None] + HOP_LATENCY + projection.delay[rows]
    pre, post = np.nonzero((step < arriving.shape[1]) & (weight != 0))
    value = weight[pre, post] * most_spikes
    np.add.at(arriving, ((value > 0).astype(np.int64), step[pre, post], post), value)


def _deliver_certain(
    projection: IntegerProjection,
    certain_spikes: NDArray[np.bool_],
    n: int,
    arriving: NDArray[np.int64],
) -> None:
    """Narrow the range of arriving sums by the weights of spikes that are certain in a step.

    Args:
        projection: the synapses.
        certain_spikes: [steps, pre] bool, certain spikes of the source.
        n: the step of the spikes.
        arriving: [2, steps, neurons] int64, minimum and maximum sums, updated.
    """
    rows = np.flatnonzero(certain_spikes[n])
    if not rows.size:
        return
    weight = projection.shifted_weight[rows].astype(np.int64)
    step = n + HOP_LATENCY + projection.delay[rows].astype(np.int64)
    pre, post = np.nonzero((step < arriving.shape[1]) & (weight != 0))
    value = weight[pre, post]
    np.add.at(arriving, ((value < 0).astype(np.int64), step[pre, post], post), value)
