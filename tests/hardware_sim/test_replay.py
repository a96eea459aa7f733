"""Teacher-forced replay predicts correct recordings, and applies faults as `mutant` does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from nmtool.hardware_sim.replay import altered, cells_of, streams
from nmtool.hardware_sim.simulator import simulate
from nmtool.network.graph import INPUT
from nmtool.verification.causes import Case, find_causes
from nmtool.verification.faults import (
    affects_one_neuron,
    draw_faults,
    faulty_value,
    mutant,
    target_index,
)
from nmtool.verification.mutation import FaultDetector
from tests import faults
from tests.networks.drawn import runs, seeds
from tests.thorough import examples

pytestmark = pytest.mark.usefixtures("tiny8")


@settings(max_examples=examples(1.5))
@given(st.data(), st.booleans())
def test_a_network_predicts_its_own_recording(data: st.DataObject, deep: bool) -> None:
    network, spikes = data.draw(runs())
    recording = simulate(network, spikes, deep=deep)
    case = Case(network, spikes, recording, range(spikes.n_samples))
    assert case.deep == deep
    assert (case.deviating, case.updates) == ([], 0)


@settings(max_examples=examples(0.8))
@given(st.data(), st.booleans())
def test_mutation_score_and_causes_agree_on_visible_faults(data: st.DataObject, deep: bool) -> None:
    """A fault is visible if a correct recording deviates from the faulty network."""
    network, spikes = data.draw(runs())
    recording = simulate(network, spikes, deep=deep)
    witness = FaultDetector(network, streams(network, {INPUT: spikes, **recording.spikes}), deep)
    for fault in draw_faults(network, 12, data.draw(seeds)):
        case = Case(mutant(network, fault), spikes, recording, range(spikes.n_samples))
        assert witness.shows(fault) == bool(case.deviating), str(fault)


@settings(max_examples=examples(0.8))
@given(st.data())
def test_altered_cells_equal_those_of_the_mutant(data: st.DataObject) -> None:
    network, _ = data.draw(runs())
    for fault in draw_faults(network, 24, data.draw(seeds)):
        index = target_index(network, fault)
        right, expected = (
            cells_of(variant, index) for variant in (network, mutant(network, fault))
        )
        if affects_one_neuron(fault):
            right = right.pick(np.array([fault.place[-1]]))
        wrong = altered(network, right, fault.kind, fault.place, faulty_value(network, fault))
        weight, delay = wrong.weight.copy(), wrong.delay.copy()
        others = wrong.synapse, wrong.other_weight, wrong.other_delay
        for neuron, synapse, *cell in zip(wrong.neuron, *others, strict=True):
            if synapse >= 0:
                weight[neuron, synapse], delay[neuron, synapse] = cell
        assert np.array_equal(weight, expected.weight), str(fault)
        assert np.array_equal(delay, expected.delay), str(fault)
        constants = expected.pick(wrong.neuron)
        for name in ("bias", "keep_u", "keep_v", "vth", "drop", "most"):
            assert np.array_equal(getattr(wrong, name), getattr(constants, name)), str(fault)


@pytest.mark.parametrize("lag", [1, -1])
def test_a_projection_that_delivers_late_or_early(lag: int) -> None:
    network, spikes = faults.live_network(0, recurrent=True), faults.live_input(0)
    first = network.projections[0]
    base = replace(first, delay=np.maximum(first.delay, 1))
    network = faults.with_projection(network, 0, base)
    shifted = replace(base, delay=base.delay.astype(int) + lag)
    lagged = faults.with_projection(network, 0, shifted)
    causes = find_causes(Case(network, spikes, simulate(lagged, spikes, deep=True), [0, 1]))
    assert [(c.kind, c.source, c.population, c.actual) for c in causes] == [
        ("latency", first.source, first.target, lag)
    ]
