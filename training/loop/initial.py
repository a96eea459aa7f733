"""The initial network of a run."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nmtool.network.analogue import AnalogueInput
from nmtool.network.float_network import Network
from nmtool.network.float_parts import Population
from nmtool.network.graph import InputChannels, count_inputs
from nmtool.network.layers import OUTPUT, Draw, hidden_layers, random_projections, with_reset
from nmtool.network.readout import Readout
from nmtool.training.options import TrainOptions


def initial_network(
    options: TrainOptions,
    n_units: int,
    class_names: Sequence[str],
    analogue: AnalogueInput | None = None,
) -> Network:
    """A network with random synapses and the shape defined by the options.

    Args:
        options: the run's settings, which include the seed.
        n_units: channels of the data, before grouping.
        class_names: names of the classes, one per output neuron.
        analogue: the rule by which the data's numbers became counts; None for spikes.
    """
    channels = InputChannels(
        count_inputs(n_units, options.group), options.group, options.most_of_input, analogue
    )
    readout = Readout(OUTPUT, options.readout, options.window)
    tau_out = options.tau_mem_ms if options.tau_out_ms is None else options.tau_out_ms
    layers = hidden_layers(options.hidden_layers, options.tau_mem_ms, options.tau_syn_ms)
    layers.append([Population(OUTPUT, len(class_names), readout.kind, tau_out, options.tau_syn_ms)])
    populations = [population for layer in layers for population in layer]
    projections = random_projections(
        channels.size,
        layers,
        {kind: _draw(options, kind) for kind in ("input", "hidden", "recurrent", "output")},
        np.random.default_rng([options.seed, 0]),
        recurrent=options.recurrent,
    )
    return Network(
        channels,
        with_reset(populations, options.reset, options.most_spikes),
        projections,
        readout,
        options.dt_ms,
        options.n_steps,
        class_names,
    )


def _draw(options: TrainOptions, kind: str) -> Draw:
    """Distributions of the initial weights and delays of a kind of synapses."""
    weights = getattr(options, f"init_{kind}")
    return Draw(weights, options.longest_initial(kind), options.axonal)
