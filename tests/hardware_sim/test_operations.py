from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from nmtool.graph import INPUT, InputChannels
from nmtool.hardware_sim.operations import Operations, count_operations
from nmtool.hardware_sim.simulator import simulate
from nmtool.network import Network, Population, Projection
from nmtool.raster import Raster
from nmtool.readout import Readout
from nmtool.recording import Recording
from tests.networks.drawn import integer_networks, rasters


@settings(max_examples=25)
@given(st.data())
def test_operations_are_those_of_the_naive_loop(data: st.DataObject) -> None:
    network = data.draw(integer_networks())
    spikes = data.draw(rasters(network.channels.size, max_steps=20))
    recording = simulate(network, spikes)
    emitted = {INPUT: spikes, **recording.spikes}
    events = 0
    for projection in network.projections:
        for neuron in emitted[projection.source].neuron:
            events += sum(1 for weight in projection.weight[neuron] if weight != 0)
    size = sum(population.size for population in network.populations)
    assert count_operations(network, spikes, recording) == Operations(
        input_spikes=spikes.n_spikes,
        spikes=sum(raster.n_spikes for raster in recording.spikes.values()),
        synaptic_events=events,
        neuron_updates=size * spikes.n_steps * spikes.n_samples,
    )


def test_synapses_of_weight_0_cost_nothing() -> None:
    weight = np.array([[1.0, 0.0, -2.0], [0.0, 0.0, 0.0]])
    network = Network(
        InputChannels(2),
        [Population("out", 3, "li")],
        [Projection(INPUT, "out", weight, np.zeros((2, 3), int))],
        Readout("out", "mean"),
        1.0,
        4,
    )
    spikes = Raster.from_dense(np.ones((5, 4, 2)))
    silence = Recording(network.readout, {}, {"out": np.zeros((5, 4, 3))})
    counted = count_operations(network, spikes, silence)
    assert counted == Operations(40, 0, 5 * 4 * 2, 3 * 4 * 5)
