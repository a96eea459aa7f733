"""Neurons alone: a population that runs on the recorded spikes of its sources.

The rest of a network reaches a neuron only as spikes. With the spikes of all sources as input, a
population therefore runs alone in the simulator's time loop, and predicts what it would have done
in the network. The neurons are columns that can be selected, repeated and changed, so that
thousands of variants of a neuron run at a time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nmtool.arithmetic import Arithmetic
from nmtool.dynamics import HOP_LATENCY
from nmtool.hardware_sim.kernel import kernels
from nmtool.hardware_sim.plan import Plan, in_order_of_sums, neuron_constants
from nmtool.hardware_sim.simulator import extensions_of
from nmtool.network.graph import INPUT, LIF, MOST_SPIKES, RESET
from nmtool.network.integer_network import IntegerNetwork
from nmtool.raster import Raster


class Traces(NamedTuple):
    """Spikes, u and v of neurons after each step, [samples, steps, columns] integers each."""

    spikes: NDArray[np.uint8]
    u: NDArray[np.signedinteger]
    v: NDArray[np.signedinteger]


@dataclass(frozen=True, eq=False)
class Neurons:
    """Neurons of one population, or variants of them, with all their synapses.

    Attributes:
        runs_in: the arithmetic.
        properties: names of the network's properties that extend the arithmetic.
        spiking: False for neurons that only integrate.
        weight: [channels, columns] int32, shifted weights; see `source_channels`.
        delay: [channels, columns] uint8, delays in steps.
        constants: by field of `Plan`, [columns] int64 constants of the step.
    """

    runs_in: Arithmetic
    properties: frozenset[str]
    spiking: bool
    weight: NDArray[np.int32]
    delay: NDArray[np.uint8]
    constants: Mapping[str, NDArray[np.int64]]

    @classmethod
    def of(cls, network: IntegerNetwork, name: str) -> Neurons:
        """The neurons of a population, as they are in the network."""
        population = network.population(name)
        incoming = [p for p in network.projections if p.target == name]
        blocks = source_channels(network, name)
        n_channels = blocks[-1].stop if blocks else 0
        weight = np.zeros((n_channels, population.size), np.int32)
        delay = np.zeros((n_channels, population.size), np.uint8)
        for projection, block in zip(incoming, blocks, strict=True):
            weight[block], delay[block] = projection.shifted_weight, projection.delay
        return cls(
            network.runs_in,
            extensions_of(network),
            population.kind == LIF,
            weight,
            delay,
            neuron_constants(population),
        )

    @property
    def size(self) -> int:
        """Number of columns."""
        return self.weight.shape[1]

    def take(self, columns: NDArray[np.integer]) -> Neurons:
        """Select columns; a column may be selected several times."""
        constants = {name: values[columns] for name, values in self.constants.items()}
        weight, delay = self.weight[:, columns], self.delay[:, columns]
        return replace(self, weight=weight, delay=delay, constants=constants)

    def with_constants(self, **constants: NDArray[np.int64]) -> Neurons:
        """Copy the neurons, with other constants."""
        return replace(self, constants={**self.constants, **constants})

    def run(self, spikes: Raster) -> Traces:
        """Run all samples from rest.

        Args:
            spikes: spikes of the sources, from `spikes_to`.
        """
        runs_in, constants = self.runs_in, self.constants
        plan = Plan(
            **constants,
            source=np.array([-1]),
            pre=np.array([len(self.weight)]),
            target=np.zeros(1, np.int64),
            post=np.array([self.size]),
            row=np.zeros(1, np.int64),
            weight=self.weight.ravel(),
            delay=self.delay.ravel(),
            slots=1 << (int(self.delay.max(initial=0)) + HOP_LATENCY).bit_length(),
        )
        counts = spikes.count is not None or (constants["most_spikes"] > 1).any()
        used = {RESET.name: constants["drop"].any(), MOST_SPIKES.name: counts}
        properties = self.properties.union(name for name, is_used in used.items() if is_used)
        shape = spikes.n_samples, spikes.n_steps, self.size
        spiked = np.zeros(shape, np.uint8 if MOST_SPIKES.name in properties else np.bool_)
        u, v = np.zeros(shape, np.int32), np.zeros(shape, np.int32)
        channel, count = in_order_of_sums(spikes, runs_in.word)
        loops = kernels(runs_in.module, runs_in.sum_limit, runs_in.word, properties)
        overflows = np.zeros((shape[0], 2, shape[2]), np.int64)
        loops.run_samples(plan, spikes.step_offset(), channel, count, spiked, u, v, overflows)
        return Traces(spiked.view(np.uint8), u, v)


def source_channels(network: IntegerNetwork, name: str) -> list[slice]:
    """The channels of each projection to a population, when it runs alone.

    Projections with the same source have channels of their own. Each block of channels begins with
    a new word, so that weights are added in the order of the network.
    """
    blocks, first, word = [], 0, network.runs_in.word
    for projection in network.projections:
        if projection.target == name:
            blocks.append(slice(first, first + projection.shape[0]))
            first += -(-projection.shape[0] // word) * word
    return blocks


def spikes_to(
    network: IntegerNetwork, name: str, sent: Mapping[str, Raster], lag: Mapping[int, int] = {}
) -> Raster:
    """The spikes that a population's sources sent, as input of the population alone.

    Args:
        network: the network.
        name: name of the population.
        sent: spikes of the input and of every spiking population, by name.
        lag: by index of a projection, the number of steps by which its spikes are late.
    """
    blocks = source_channels(network, name)
    n_samples, n_steps = sent[INPUT].n_samples, sent[INPUT].n_steps
    dense = np.zeros((n_samples, n_steps, blocks[-1].stop if blocks else 0), np.uint8)
    incoming = [(i, p.source) for i, p in enumerate(network.projections) if p.target == name]
    for (index, source), block in zip(incoming, blocks, strict=True):
        late = sent[source].steps_from(-lag.get(index, 0), n_steps)
        dense[:, :, block] = late.dense_counts()
    return Raster.from_dense(dense)


def arriving(neurons: Neurons, spikes: Raster) -> NDArray[np.int64]:
    """Sums of the weights that arrive in every step, [samples, steps, columns] int64.

    Args:
        neurons: the neurons.
        spikes: spikes of the sources, from `spikes_to`.
    """
    sums = np.zeros((spikes.n_samples, spikes.n_steps, neurons.size), np.int64)
    columns, limit = np.arange(neurons.size), neurons.runs_in.sum_limit
    channel, count = in_order_of_sums(spikes, neurons.runs_in.word)
    sample, sent, filled = spikes.sample_index(), spikes.step, np.arange(channel.size)
    # Sums that clip depend on the order of the weights, all others do not. No two spikes of a
    # channel reach a column of `place` in the same step.
    groups = filled[:, None] if limit else [filled[channel == i] for i in np.unique(channel)]
    for bins in groups:
        source = channel[bins[0]]
        step = sent[bins, None] + HOP_LATENCY + neurons.delay[source].astype(np.int64)
        row, column = np.nonzero(step < spikes.n_steps)
        place = sample[bins][row], step[row, column], columns[column]
        sums[place] += neurons.weight[source, column].astype(np.int64) * count[bins][row]
        if limit:
            sums[place] = np.clip(sums[place], -limit, limit - 1)
    return sums
