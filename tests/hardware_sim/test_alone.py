"""Populations alone predict correct recordings, and those of networks with faults."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from nmtool.hardware_sim.alone import Neurons, spikes_to
from nmtool.hardware_sim.rules import Rules, run_with
from nmtool.hardware_sim.simulator import simulate
from nmtool.network.graph import INPUT, LIF
from nmtool.verification.causes import Case, find_causes
from nmtool.verification.faults import draw_faults, mutant, shows
from tests import faults
from tests.networks.drawn import runs, seeds
from tests.thorough import examples

pytestmark = pytest.mark.usefixtures("tiny8")


@settings(max_examples=examples(1.5))
@given(st.data())
def test_a_population_alone_does_what_it_does_in_the_network(data: st.DataObject) -> None:
    network, spikes = data.draw(runs())
    recording = simulate(network, spikes, deep=True)
    for population in network.populations:
        name = population.name
        neurons = Neurons.of(network, name)
        arrived = spikes_to(network, name, {INPUT: spikes, **recording.spikes})
        rules = Rules.of(network.runs_in)
        for traces in (neurons.run(arrived), run_with(rules, neurons, arrived)):
            assert np.array_equal(traces.u, recording.current[name])
            assert np.array_equal(traces.v, recording.v[name])
            if population.kind == LIF:
                assert np.array_equal(traces.spikes, recording.spikes[name].dense_counts())


@settings(max_examples=examples(0.8))
@given(st.data(), st.booleans())
def test_a_recording_deviates_from_exactly_the_faults_that_show(
    data: st.DataObject, deep: bool
) -> None:
    network, spikes = data.draw(runs())
    recording, samples = simulate(network, spikes, deep=deep), range(spikes.n_samples)
    case = Case(network, spikes, recording, samples)
    assert (case.deep, case.deviating) == (deep, {})
    for fault in draw_faults(network, 12, data.draw(seeds)):
        wrong = mutant(network, fault)
        deviates = bool(Case(wrong, spikes, recording, samples).deviating)
        assert shows(wrong, spikes, recording) == deviates, str(fault)


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
