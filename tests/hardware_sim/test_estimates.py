"""Energy and time from costs per event, compared with sums by hand."""

from __future__ import annotations

import numpy as np
import pytest

from nmtool.hardware_sim.estimates import energy, step_time
from nmtool.hardware_sim.operations import Counter
from nmtool.network.float_network import Network
from nmtool.network.float_parts import Population, Projection
from nmtool.network.graph import INPUT, LI, LIF, InputChannels
from nmtool.network.readout import Readout
from nmtool.raster import Raster
from nmtool.recording import Recording
from nmtool.targets.target import EventCosts

FIGURES = EventCosts(
    synaptic_event=2.0,
    neuron_access=0.25,
    neuron_update=0.5,
    spike_out=10.0,
    axon_out=100.0,
    axon_in=1000.0,
    hop=1e9,
)
CORES = [[("hidden", 0, 2)], [("hidden", 2, 3)], [("out", 0, 2)]]


def counter(*, dense: bool = False, cores: list = CORES) -> Counter:
    """Two channels, three neurons on two cores, two outputs on a third; two steps of one sample.

    Channel 0 projects to neurons 0 and 2, channel 1 to neuron 1. Neuron 0 projects to both outputs,
    neuron 2 to the second. In step 0, channel 0 spikes; in step 1, both channels, and neurons 0
    and 2.
    """
    into = np.array([[1.0, 0, 1], [0, 1, 0]])
    onto = np.array([[1.0, 1], [0, 0], [0, 1]])
    network = Network(
        InputChannels(2),
        [Population("hidden", 3, LIF), Population("out", 2, LI)],
        [
            Projection(INPUT, "hidden", into, np.zeros((2, 3), int)),
            Projection("hidden", "out", onto, np.zeros((3, 2), int)),
        ],
        Readout("out", "mean"),
        1.0,
        2,
    )
    inputs = Raster.from_dense([[[1, 0], [1, 1]]])
    emitted = Raster.from_dense([[[0, 0, 0], [1, 0, 1]]])
    recording = Recording(network.readout, {"hidden": emitted}, {"out": np.zeros((1, 2, 2))})
    return Counter(network, inputs, recording, cores, dense=dense)


def test_energy_by_hand() -> None:
    energies = energy(counter().operations(), FIGURES, dense=False)
    # Channel 0 has two synapses, which lie on two cores. Channel 1 has one synapse. Neuron 0 has
    # two synapses, which lie on one core, and neuron 2 has one synapse.
    first = 2 * 2.0 + 5 * 0.75 + 2 * 1000
    second = (3 + 3) * 2.0 + 5 * 0.75 + 2 * 10 + 2 * 100 + (3 + 2) * 1000
    assert energies.tolist() == [[first, second]]


def test_energy_where_zeros_are_stored() -> None:
    energies = energy(counter(dense=True).operations(), FIGURES, dense=True)
    first = 3 * 2.0 + 5 * 0.75 + 2 * 1000
    second = (6 + 4) * 2.0 + 5 * 0.75 + 2 * 10 + 2 * 100 + (4 + 2) * 1000
    assert energies.tolist() == [[first, second]]


def test_time_is_that_of_the_slowest_core_and_the_barrier() -> None:
    times = step_time(counter(), FIGURES, barrier_us=0.5)
    # In step 0, the slowest core is the core of neurons 0 and 1, since it updates two neurons.
    first = 1000 + 2.0 + 2 * 0.75 + 500
    # In step 1, the core of neurons 0 and 1 receives two messages, and neuron 0 spikes. The core of
    # the outputs also receives two messages, and has an additional synaptic event.
    hidden = 2 * 1000 + 2 * 2.0 + 2 * 0.75 + 10 + 100
    out = 2 * 1000 + 3 * 2.0 + 2 * 0.75
    assert hidden > out
    assert times.tolist() == [[first, hidden + 500]]


def test_a_core_with_several_populations_receives_a_spike_once() -> None:
    shared = [[("hidden", 0, 3), ("out", 0, 2)]]
    times = step_time(counter(cores=shared), FIGURES, barrier_us=0.0)
    first = 1000 + 2 * 2.0 + 5 * 0.75
    second = 4 * 1000 + 6 * 2.0 + 5 * 0.75 + 2 * 10 + 2 * 100
    assert times.tolist() == [[first, second]]


@pytest.mark.parametrize("unknown", ["neuron_access", "spike_out", "axon_out", "axon_in"])
def test_unknown_figures_are_left_out(unknown: str) -> None:
    costs = {name: getattr(FIGURES, name) for name in vars(FIGURES) if name != unknown}
    figures, all_but = EventCosts(**costs), EventCosts(**{**costs, unknown: 0.0})
    operations = counter().operations()
    less = energy(operations, figures, dense=False)
    assert np.array_equal(less, energy(operations, all_but, dense=False))
    assert (less < energy(operations, FIGURES, dense=False)).any()
