"""Run a graph written by nmtool, and record the populations of its network."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nmtool import float_simulator
from nmtool.batches import in_batches, samples_at_once
from nmtool.errors import FileFormatError, printable
from nmtool.exporters.nir.graph.file import Settings
from nmtool.exporters.nir.graph.nodes import Graph
from nmtool.exporters.nir.options import CURRENT
from nmtool.exporters.nir.runtime.delay_lines import delay_lines, n_delayed_values
from nmtool.exporters.nir.runtime.interpreter import interpret
from nmtool.float_simulator import Array, Spikes, step_network
from nmtool.network.float_network import Network
from nmtool.network.graph import INPUT, LIF
from nmtool.network.integer_network import IntegerNetwork
from nmtool.raster import Raster
from nmtool.recording import Recording


def record(
    graph: Graph,
    network: Network | IntegerNetwork,
    settings: Settings,
    spikes: Raster,
    on_progress: Callable[[int], None] | None,
) -> Recording:
    """Run every sample from rest.

    Args:
        graph: the graph.
        network: the graph's network, for names, sizes and readout, and for the output population
            if the file does not contain it (see `_add_output_membranes`).
        settings: settings with which the graph was written.
        spikes: the input, one neuron per channel.
        on_progress: called with the number of samples finished since the last call.

    Raises:
        FileFormatError: the graph cannot be run, or does not belong to the network.
    """
    missing = sorted({*settings.recorded.values()} - {*graph.nodes})
    if missing:
        raise FileFormatError(
            f"the graph has no node '{printable(missing[0])}'",
            code="nir-run-node",
            fix="export the network again",
        )
    spiking = {p.name: p.kind == LIF for p in network.populations}

    def run(samples: Raster) -> Recording:
        activity = _activity(graph, network, settings, samples.dense_counts())
        return Recording(
            network.readout,
            {n: Raster.from_dense(v) for n, v in activity.items() if spiking[n]},
            {n: v for n, v in activity.items() if not spiking[n]},
        )

    n_delayed = n_delayed_values(delay_lines(graph, settings.options.nir_dt_s))
    sizes = spikes.n_neurons + sum(p.size for p in network.populations)
    at_once = samples_at_once(n_delayed + spikes.n_steps * sizes)
    return in_batches(run, spikes, at_once, on_progress)


def _activity(
    graph: Graph, network: Network | IntegerNetwork, settings: Settings, spikes: Spikes
) -> dict[str, Array]:
    """Spikes or membranes [samples, steps, size], per population."""
    recorded = list(settings.recorded.values())
    outputs = interpret(graph, spikes, recorded, dt_s=settings.options.nir_dt_s)
    activity = {}
    for population in network.populations:
        if population.name not in settings.recorded:
            continue
        values = outputs[settings.recorded[population.name]]
        if values.shape != (*spikes.shape[:2], population.size):
            raise FileFormatError(
                f"'{population.name}' has another size in the graph than in the network",
                code="nir-run-size",
                fix="export the network again",
            )
        # A population may spike `ahead` steps earlier in the graph than in the network. Its values
        # are therefore shifted to later steps, and the first `ahead` steps remain silent.
        ahead = settings.ahead[population.name]
        activity[population.name] = late = np.zeros_like(values)
        late[:, ahead:] = values[:, : max(0, values.shape[1] - ahead)]
    _add_output_membranes(activity, network, settings, spikes)
    return activity


def _add_output_membranes(
    activity: dict[str, Array],
    network: Network | IntegerNetwork,
    settings: Settings,
    spikes: Spikes,
) -> None:
    """Add the membranes of the output population, if the graph does not contain them.

    With the readout `current` the graph ends with the input current of the output population, with
    the readout `spikes` with the spikes into it.
    """
    steps, output = step_network(network), network.readout.population
    integrator = next(p for p in steps.populations if p.name == output)
    if output not in activity:
        emitted = {INPUT: spikes, **{name: v != 0 for name, v in activity.items()}}
        projections = [p for p in steps.projections if p.target == output]
        arriving = float_simulator.arriving(projections, emitted)
        activity[output] = float_simulator.membrane(integrator, arriving)
    elif settings.options.readout == CURRENT:
        activity[output] = float_simulator.membrane(integrator, activity[output])
