"""Find the stored numbers that an input tests: a change of the number by one step is visible.

Two networks that differ in one number have equal states until the first step at which the number
matters. One deep recording of the correct network therefore suffices to tell, for every number,
whether a wrong value would change u, v or spikes. A synapse is tested if its source spikes, and the
spike arrives before the sample ends. A constant is tested if a step with the wrong constant, from
any recorded state, has another outcome.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nmtool.dynamics import HOP_LATENCY
from nmtool.hardware_sim.plan import neuron_constants
from nmtool.hardware_sim.rules import Rules, peak_after, spikes_and_membrane
from nmtool.network.float_network import Network
from nmtool.network.graph import INPUT
from nmtool.network.integer_network import IntegerNetwork, IntegerPopulation
from nmtool.network.numbers import number_names, valid_values, with_number
from nmtool.raster import Raster
from nmtool.recording import Recording

STATES_AT_ONCE = 1 << 20
"""Number of states examined at once; limits memory."""

_States = NDArray[np.int64]
"""Values of neurons, [samples, steps, neurons] int64."""


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
    changes = list(_one_unit_changes(population))
    batch_size = max(1, STATES_AT_ONCE // max(1, u[:1].size))
    parts = []
    for i in range(0, len(u), batch_size):
        batch = slice(i, i + batch_size)
        spiked = np.zeros(u[batch].shape, np.int64)
        if population.drop < 0:
            spiked[:] = deep.spikes[name][batch].dense()
        states = u[batch].astype(np.int64), v[batch].astype(np.int64), spiked
        right, columns = _outcomes(population, *states), []
        for wrong, neurons in changes:
            pairs = zip(right, _outcomes(wrong, *states), strict=True)
            differs = np.any([mine != theirs for mine, theirs in pairs], axis=0).any(axis=1)
            columns.append(
                differs.any(axis=1, keepdims=True) if neurons is None else differs[:, neurons]
            )
        parts.append(np.concatenate(columns, axis=1))
    return np.concatenate(parts)


def _one_unit_changes(
    population: IntegerPopulation,
) -> Iterator[tuple[IntegerPopulation, NDArray[np.bool_] | None]]:
    """Yield copies of a population with a constant changed by one unit, if it stays valid.

    A constant of each neuron is changed in all of them where that is valid, and the second value
    tells where; it is None for a constant of the population. Exponents, which only scale another
    constant, are not changed.
    """
    for name in number_names(population):
        value = np.asarray(getattr(population, name), np.int64)
        for change in () if name.endswith("exponent") else (-1, 1):
            if not value.ndim:
                for _, changed in valid_values(population, name, [int(value) + change]):
                    yield changed, None
                continue
            others = np.unique(value + change)
            valid = [other for other, _ in valid_values(population, name, others.tolist())]
            where = np.isin(value + change, valid)
            yield with_number(population, name, np.where(where, value + change, value)), where


def _outcomes(
    population: IntegerPopulation, u: _States, v: _States, spiked: _States
) -> tuple[_States, ...]:
    """Outcomes of every recorded step, if the population has these constants.

    Args:
        population: the population, with a constant that may be wrong.
        u, v: recorded states after each step, [samples, steps, neurons].
        spiked: recorded spikes, if resets are late.

    Returns:
        What the step keeps of u, numbers of spikes, and v after the step, for the recorded u.
    """
    runs_in, constants = population.runs_in, neuron_constants(population)
    rules = Rules.of(runs_in)
    u_before, v_before, spiked_before = (_previous_states(states) for states in (u, v, spiked))
    kept = runs_in.decayed(u_before, population.keep_u)
    if runs_in.neuron.u_overflow == "clips":
        # If u is at a limit, other values of u may have been clipped to this limit, too.
        kept = np.where((u > runs_in.lowest) & (u < runs_in.highest), kept, 0)
    peak = peak_after(rules, u, v_before, spiked_before, constants)
    return kept, *spikes_and_membrane(rules, peak, constants)


def _previous_states(states: _States) -> _States:
    """States before each step, from states after each step; zeros before the first step."""
    return np.concatenate([np.zeros_like(states[:, :1]), states[:, :-1]], axis=1)
