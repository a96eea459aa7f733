"""Operations of a run: the events that a chip would execute, step by step.

All counts follow from the spikes and are exact. A spike's synaptic events and messages are counted
in the step in which it is emitted, regardless of delays. Several spikes of a neuron in a step are
one event: a chip sends them as one message with a number, which multiplies each weight.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from nmtool.network.any_network import AnyNetwork
from nmtool.network.graph import INPUT
from nmtool.raster import Raster
from nmtool.recording import Recording

Part = tuple[str, int, int]
"""Neurons of a population on a core: population, first neuron, and index after the last neuron."""

Core = Sequence[Part]
"""All neurons on a core: parts of one or several populations."""

Counts = NDArray[np.int64]
"""Numbers of operations, [samples, steps] int64."""


@dataclass(frozen=True, eq=False)
class Operations:
    """Operation counts of a run, for every sample and step.

    Attributes:
        neurons: number of neurons by population; each neuron is updated in every step.
        spikes: number of neurons or channels that spike, by source, `input` first, then every
            spiking population: [samples, steps] int64.
        synaptic_events: per projection [samples, steps] int64, number of times that a spike passes
            a synapse with nonzero weight.
        synapses_read: per projection [samples, steps] int64, number of times that a spike passes
            any synapse, for chips that store full matrices.
        messages: by source [samples, steps] int64, number of spikes, each counted once per core
            with a postsynaptic neuron, including its own core. Synapses of weight 0 matter only if
            the cores store them.
        n_samples, n_steps: size of the input.
    """

    neurons: Mapping[str, int]
    spikes: Mapping[str, Counts]
    synaptic_events: Sequence[Counts]
    synapses_read: Sequence[Counts]
    messages: Mapping[str, Counts]
    n_samples: int
    n_steps: int

    @property
    def neuron_updates(self) -> dict[str, Counts]:
        """Neuron updates by population, [samples, steps] int64: all neurons in every step."""
        shape = (self.n_samples, self.n_steps)
        return {n: np.broadcast_to(np.int64(size), shape) for n, size in self.neurons.items()}


@dataclass(frozen=True, eq=False)
class CoreOperations:
    """Operation counts of one core, for every sample and step.

    Attributes:
        neurons: number of neurons on the core.
        synaptic_events: [samples, steps] int64, number of times that a spike passes a synapse that
            the core stores: any synapse onto its neurons, or only synapses of nonzero weight.
        messages_in: [samples, steps] int64, number of spikes that arrive at the core.
        spikes: [samples, steps] int64, number of spikes of the core's neurons.
        messages_out: [samples, steps] int64, number of spikes of the core's neurons, each counted
            once per target core.
    """

    neurons: int
    synaptic_events: Counts
    messages_in: Counts
    spikes: Counts
    messages_out: Counts


def count_operations(
    network: AnyNetwork,
    spikes: Raster,
    recording: Recording,
) -> Operations:
    """Count the operations of a run, with one core per population.

    Args:
        network: the network that was run.
        spikes: the input.
        recording: recording of the run.
    """
    return Counter(network, spikes, recording).operations()


class Counter:
    """Counts the operations of a run, in total or per core.

    Attributes:
        rasters: spikes by source, `input` first.

    Args:
        network, spikes, recording: as for `count_operations`.
        cores: neurons on each core of the chip, which determine the messages; by default, each
            population has one core.
        dense: True if cores also store synapses of weight 0.
    """

    def __init__(
        self,
        network: AnyNetwork,
        spikes: Raster,
        recording: Recording,
        cores: Sequence[Core] = (),
        *,
        dense: bool = False,
    ) -> None:
        self.rasters: dict[str, Raster] = {INPUT: spikes, **recording.spikes}
        self.cores: Sequence[Core] = cores or [[(p.name, 0, p.size)] for p in network.populations]
        self._sizes = {population.name: population.size for population in network.populations}
        self._projections = network.projections
        self._dense = dense
        self._offset = {name: raster.step_offset() for name, raster in self.rasters.items()}

    def operations(self) -> Operations:
        """Count all operations of the run."""
        projections, inputs = self._projections, self.rasters[INPUT]
        return Operations(
            neurons=self._sizes,
            spikes={
                name: self.per_step(name, np.ones(raster.n_neurons, np.int64))
                for name, raster in self.rasters.items()
            },
            synaptic_events=tuple(
                self.per_step(p.source, np.count_nonzero(p.weight, axis=1)) for p in projections
            ),
            synapses_read=tuple(
                self.per_step(p.source, np.full(p.shape[0], p.shape[1])) for p in projections
            ),
            messages={
                name: self.per_step(name, cores) for name, cores in self.target_cores.items()
            },
            n_samples=inputs.n_samples,
            n_steps=inputs.n_steps,
        )

    def per_step(self, source: str, weight: NDArray[np.integer]) -> Counts:
        """Number of neurons of a source that spike in each step, weighted, [samples, steps] int64.

        Args:
            source: a spiking population, or `input`.
            weight: [neurons] integers, weight of each neuron in the count.
        """
        sums = np.concatenate(([0], np.cumsum(weight[self.rasters[source].neuron], dtype=np.int64)))
        return np.diff(sums[self._offset[source]], axis=1)

    @cached_property
    def target_cores(self) -> dict[str, NDArray[np.int64]]:
        """Number of target cores of every neuron, by source, [neurons] int64."""
        cores = {name: np.zeros(r.n_neurons, np.int64) for name, r in self.rasters.items()}
        for core in self.cores:
            for name, synapses in self._synapses_onto(core).items():
                cores[name] += synapses > 0
        return cores

    def of_core(self, core: Core) -> CoreOperations:
        """Count the operations of one core.

        Args:
            core: one of the counter's cores.
        """
        n_synapses = self._synapses_onto(core)
        none = np.zeros((self.rasters[INPUT].n_samples, self.rasters[INPUT].n_steps), np.int64)
        on_core = {name: np.zeros(r.n_neurons, np.int64) for name, r in self.rasters.items()}
        for name, first, end in core:
            if name in on_core:
                on_core[name][first:end] = 1
        return CoreOperations(
            neurons=sum(end - first for _, first, end in core),
            synaptic_events=sum((self.per_step(*pair) for pair in n_synapses.items()), none),
            messages_in=sum(
                (self.per_step(name, (n_synapses[name] > 0).astype(int)) for name in n_synapses),
                none,
            ),
            spikes=sum((self.per_step(*pair) for pair in on_core.items()), none),
            messages_out=sum(
                (self.per_step(name, on_core[name] * self.target_cores[name]) for name in on_core),
                none,
            ),
        )

    def _synapses_onto(self, core: Core) -> dict[str, NDArray[np.int64]]:
        """Number of stored synapses onto a core, by source, [neurons] int64."""
        n_synapses: dict[str, NDArray[np.int64]] = {}
        for name, first, end in core:
            for projection in self._projections:
                if projection.target == name:
                    stored = projection.weight[:, first:end]
                    count = (
                        np.full(len(stored), end - first)
                        if self._dense
                        else np.count_nonzero(stored, axis=1)
                    )
                    n_synapses[projection.source] = n_synapses.get(projection.source, 0) + count
        return n_synapses
