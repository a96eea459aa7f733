"""`sensitivity` agrees with runs of faulty networks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from nmtool.arithmetic import Arithmetic
from nmtool.hardware_sim.sensitivity import ReachableSynapses, visible_changes
from nmtool.hardware_sim.simulator import simulate
from nmtool.hardware_sim.state_bounds import state_bounds
from nmtool.network.integer_network import IntegerNetwork
from nmtool.raster import Raster
from nmtool.recording import Recording
from nmtool.testing.networks import random_network, random_raster, with_resets
from nmtool.verification.comparison import compare_recordings
from nmtool.verification.faults import Fault, draw_faults, mutant
from tests.networks.drawn import arithmetics, seeds
from tests.thorough import examples

pytestmark = pytest.mark.usefixtures("tiny8")


N_STEPS = 90


def shown(network: IntegerNetwork, spikes: Raster) -> tuple[Recording, np.ndarray]:
    """A deep recording of one sample, and which faults of constants change it, in order."""
    deep = simulate(network, spikes, deep=True)
    return deep, visible_changes(network, deep)[0]


def is_seen(network: IntegerNetwork, fault: Fault, spikes: Raster, deep: Recording) -> bool:
    wrong = simulate(mutant(network, fault), spikes, deep=True)
    return not compare_recordings(deep, wrong).identical


@settings(max_examples=examples(0.8))
@given(seed=seeds, runs_in=arithmetics, most_spikes=st.sampled_from([0, 1, 9]))
def test_changed_constants_are_detected(seed: int, runs_in: Arithmetic, most_spikes: int) -> None:
    """Predictions agree with runs of networks whose constants are wrong by one step."""
    network = random_network(seed % 1000, seed % 3, bool(seed % 2), runs_in)
    network = with_resets(network, seed, most_spikes) if most_spikes else network
    spikes = random_raster(seed, 1, N_STEPS, 5, network.channels.most_spikes)
    deep, visible = shown(network, spikes)
    constants = [
        fault
        for fault in draw_faults(network, 300, seed)
        if fault.group == "populations" and fault.number != "bias_exponent"
    ]
    seen = [is_seen(network, fault, spikes, deep) for fault in constants]
    if all(visible):
        assert all(seen)
    if not any(visible):
        assert not any(seen)
    assert (~visible).sum() >= len(seen) - sum(seen)


@settings(max_examples=examples(0.8))
@given(seed=seeds, runs_in=arithmetics)
def test_changed_synapses_are_detected(seed: int, runs_in: Arithmetic) -> None:
    """For a synapse over which a spike arrives, faults of weight and delay are detected."""
    network = random_network(seed % 1000, seed % 3, bool(seed % 2), runs_in)
    spikes = random_raster(seed, 1, N_STEPS, 5)
    deep, _ = shown(network, spikes)
    synapses = ReachableSynapses.of(network, N_STEPS)
    first = {name: steps[0] for name, steps in synapses.first_spikes(spikes, deep).items()}
    arrived = 0
    for projection in network.projections:
        step = first[projection.source][:, None] + 1 + projection.delay.astype(int)
        reached = (step < N_STEPS) & (first[projection.source][:, None] < N_STEPS)
        arrived += int((reached & (projection.weight != 0)).sum())
    assert synapses.count_tested(first) == arrived
    assert arrived <= synapses.count_tested(state_bounds(network, N_STEPS).earliest)
    # Where u clips, states with and without a fault may both be at the limit.
    hides = runs_in.neuron.u_overflow == "clips" and deep.counts["u_wraps"]
    if arrived == sum((p.weight != 0).sum() for p in network.projections) and not hides:
        faults = [f for f in draw_faults(network, 40, seed) if f.number in ("weight", "delay")]
        assert all(is_seen(network, fault, spikes, deep) for fault in faults)
