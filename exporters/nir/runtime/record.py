"""Executes the graph in a NIR file that nmtool wrote, as the network it was made from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from nmtool.errors import FileFormatError
from nmtool.exporters.batches import in_batches, samples_at_once
from nmtool.exporters.hdf5 import printable
from nmtool.exporters.nir import float_simulator as recursion
from nmtool.exporters.nir.float_network import Array, real_network
from nmtool.exporters.nir.float_simulator import Spikes
from nmtool.exporters.nir.graph.embedded import Settings
from nmtool.exporters.nir.graph.nodes import Graph
from nmtool.exporters.nir.options import CURRENT, IMPLIED
from nmtool.exporters.nir.runtime.delay_lines import delay_lines, held_back
from nmtool.exporters.nir.runtime.interpreter import execute
from nmtool.graph import INPUT, LIF
from nmtool.integer_network import IntegerNetwork
from nmtool.network import Network
from nmtool.raster import Raster
from nmtool.recording import Recording


@dataclass(frozen=True, eq=False)
class WrittenGraph:
    """What is in a file: a graph, the network it stands for, and how it was written.

    The network tells names, sizes and the read-out. It also integrates what a file leaves to its
    receiver: with the read-outs `current` and `spikes` the output population itself.
    """

    graph: Graph
    network: Network | IntegerNetwork
    settings: Settings

    def record(self, spikes: Raster, on_progress: Callable[[int], None] | None) -> Recording:
        """Run every sample from rest.

        Raises:
            FileFormatError: the graph cannot be run, or is not that of the network.
        """
        self._check()
        held = held_back(delay_lines(self.graph, self.settings.options.nir_dt_s))
        sizes = spikes.n_neurons + sum(p.size for p in self.network.populations)
        at_once = samples_at_once(held + spikes.n_steps * sizes)
        return in_batches(self._recording, spikes, at_once, on_progress)

    def _recording(self, spikes: Raster) -> Recording:
        answer = self._answer(spikes.dense())
        spiking = {p.name: p.kind == LIF for p in self.network.populations}
        return Recording(
            self.network.readout,
            {n: Raster.from_dense(v) for n, v in answer.items() if spiking[n]},
            {n: v for n, v in answer.items() if not spiking[n]},
        )

    def _check(self) -> None:
        missing = sorted({*self.settings.recorded.values()} - {*self.graph.nodes})
        if missing:
            raise FileFormatError(
                f"the graph has no node '{printable(missing[0])}'",
                code="nir-run-node",
                fix="export the network again",
            )

    def _answer(self, spikes: Spikes) -> dict[str, Array]:
        """Per population [samples, steps, size] spikes or membranes."""
        options, recorded = self.settings.options, self.settings.recorded
        outputs = execute(
            self.graph,
            spikes,
            list(recorded.values()),
            dt_s=options.nir_dt_s,
            implied=options.recurrent_step == IMPLIED,
        )
        answer = {}
        for population in self.network.populations:
            if population.name in recorded:
                values = outputs[recorded[population.name]]
                if values.shape != (*spikes.shape[:2], population.size):
                    raise FileFormatError(
                        f"'{population.name}' has another size in the graph",
                        code="nir-run-size",
                        fix="export the network again",
                    )
                answer[population.name] = _late(values, self.settings.ahead[population.name])
        return self._completed(answer, spikes)

    def _completed(self, answer: dict[str, Array], spikes: Spikes) -> dict[str, Array]:
        """With the membranes of the output population, if the file leaves them to its receiver."""
        network, output = real_network(self.network), self.network.readout.population
        held = next(p for p in network.populations if p.name == output)
        if output not in answer:
            emitted = {INPUT: spikes, **{name: v != 0 for name, v in answer.items()}}
            projections = [p for p in network.projections if p.target == output]
            answer[output] = recursion.membrane(held, recursion.arriving(projections, emitted))
        elif self.settings.options.readout == CURRENT:
            answer[output] = recursion.membrane(held, answer[output])
        return answer


def _late(values: Array, steps: int) -> Array:
    """[samples, steps, size]: as the network has it, whose populations run ahead in the file."""
    late = np.zeros_like(values)
    late[:, steps:] = values[:, : max(0, values.shape[1] - steps)]
    return late
