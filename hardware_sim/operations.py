"""The work of a run: the operations that an event-driven chip would carry out, step by step.

Everything follows from the spikes, so that every count is exact. A spike's synaptic events and
messages are counted in the step in which it is emitted, whenever its synapses deliver.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from nmtool.network.float_network import Network
from nmtool.network.graph import INPUT
from nmtool.network.integer_network import IntegerNetwork
from nmtool.raster import Raster
from nmtool.recording import Recording

Part = tuple[str, int, int]
"""Neurons of a core: the population, its first neuron, and the one after the last."""

Core = Sequence[Part]
"""All that a core holds: parts of one population or of several."""

Counts = NDArray[np.int64]
"""[samples, steps] int64."""


@dataclass(frozen=True, eq=False)
class Operations:
    """Counts of every sample and step.

    Attributes:
        neurons: by population, their number; each is updated in every step.
        spikes: by source, `input` first, then every spiking population: [samples, steps] int64,
            spikes that it emitted.
        synaptic_events: per projection [samples, steps] int64, spikes times the synapses that they
            go through, those of weight 0 left out.
        synapses_read: per projection [samples, steps] int64, the same with weights of 0, as where
            a matrix is stored whole.
        messages: by source [samples, steps] int64, spikes times the cores that they go to: those
            that hold a neuron behind one of the spike's synapses, its own included. Synapses of
            weight 0 are no reason to go there, unless the cores store them. Where no cores are
            known, each population counts as one.
        n_samples, n_steps: of the input.
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
        """By population [samples, steps] int64: its number of neurons, in every step."""
        shape = (self.n_samples, self.n_steps)
        return {n: np.broadcast_to(np.int64(size), shape) for n, size in self.neurons.items()}


@dataclass(frozen=True, eq=False)
class CoreOperations:
    """Counts of one core, of every sample and step.

    Attributes:
        neurons: that it holds.
        synaptic_events: [samples, steps] int64, through the synapses onto its neurons that it
            stores: all of them, or those of weight other than 0.
        messages_in: [samples, steps] int64, spikes of anywhere that come to it.
        spikes: [samples, steps] int64, that its neurons emit.
        messages_out: [samples, steps] int64, their spikes times the cores that they go to.
    """

    neurons: int
    synaptic_events: Counts
    messages_in: Counts
    spikes: Counts
    messages_out: Counts


def count_operations(
    network: Network | IntegerNetwork,
    spikes: Raster,
    recording: Recording,
    cores: Sequence[Core] = (),
    *,
    dense: bool = False,
) -> Operations:
    """Count the operations of a run.

    Args:
        network: what was run.
        spikes: its input.
        recording: what came out.
        cores: what each core of a chip holds, which decides about messages.
        dense: cores store synapses of weight 0, too.
    """
    return Counter(network, spikes, recording, cores, dense=dense).operations()


class Counter:
    """Counts what the spikes of a run set off, on the cores that hold its network.

    Attributes:
        rasters: by source, `input` first, its spikes.
        cores: what each holds; a core per population where none were given.

    Args:
        network, spikes, recording, cores, dense: as for `count_operations`.
    """

    def __init__(
        self,
        network: Network | IntegerNetwork,
        spikes: Raster,
        recording: Recording,
        cores: Sequence[Core] = (),
        *,
        dense: bool = False,
    ) -> None:
        self.rasters: dict[str, Raster] = {INPUT: spikes, **recording.spikes}
        self.cores: Sequence[Core] = cores or [[(p.name, 0, p.size)] for p in network.populations]
        self._sizes = {population.name: population.size for population in network.populations}
        self._projections: Sequence = network.projections
        self._dense = dense
        self._offset = {name: raster.step_offset() for name, raster in self.rasters.items()}

    def operations(self) -> Operations:
        """All counts, as `count_operations` gives them."""
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

    def per_step(self, source: str, worth: NDArray[np.integer]) -> Counts:
        """[samples, steps] int64: the sum over a source's spikes of what each is worth.

        Args:
            source: a spiking population, or `input`.
            worth: [neurons] integers.
        """
        sums = np.concatenate(([0], np.cumsum(worth[self.rasters[source].neuron], dtype=np.int64)))
        return np.diff(sums[self._offset[source]], axis=1)

    @cached_property
    def target_cores(self) -> dict[str, NDArray[np.int64]]:
        """By source [neurons] int64: the number of cores that a neuron's spike goes to."""
        cores = {name: np.zeros(r.n_neurons, np.int64) for name, r in self.rasters.items()}
        for core in self.cores:
            for name, synapses in self._synapses_onto(core).items():
                cores[name] += synapses > 0
        return cores

    def of_core(self, core: Core) -> CoreOperations:
        """Count the operations of one core.

        Args:
            core: one of those that the counter was made with.
        """
        onto = self._synapses_onto(core)
        none = np.zeros((self.rasters[INPUT].n_samples, self.rasters[INPUT].n_steps), np.int64)
        mine = {name: np.zeros(r.n_neurons, np.int64) for name, r in self.rasters.items()}
        for name, first, end in core:
            if name in mine:
                mine[name][first:end] = 1
        return CoreOperations(
            neurons=sum(end - first for _, first, end in core),
            synaptic_events=sum((self.per_step(*one) for one in onto.items()), none),
            messages_in=sum(
                (self.per_step(name, (onto[name] > 0).astype(int)) for name in onto), none
            ),
            spikes=sum((self.per_step(*one) for one in mine.items()), none),
            messages_out=sum(
                (self.per_step(name, mine[name] * self.target_cores[name]) for name in mine), none
            ),
        )

    def _synapses_onto(self, core: Core) -> dict[str, NDArray[np.int64]]:
        """By source [neurons] int64: stored synapses onto the neurons of a core."""
        onto: dict[str, NDArray[np.int64]] = {}
        for name, first, end in core:
            for projection in self._projections:
                if projection.target == name:
                    stored = projection.weight[:, first:end]
                    count = (
                        np.full(len(stored), end - first)
                        if self._dense
                        else np.count_nonzero(stored, axis=1)
                    )
                    onto[projection.source] = onto.get(projection.source, 0) + count
        return onto
