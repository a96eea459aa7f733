"""`Activity`: silent and saturated neurons, and overflows."""

from __future__ import annotations

import numpy as np

import nmtool as nm
from nmtool.evaluation.activity import Activity
from tests.nmtool.cli import cases

INPUT = np.zeros(3)


def test_rates_silent_and_saturated_neurons() -> None:
    activity = Activity({"input": INPUT, "hidden": np.array([0.0, 5.0, 4.5, 0.5])}, n_steps=10)
    populations = activity.as_json()["populations"]
    assert populations["hidden"] == {
        "neurons": 4,
        "spikes_per_neuron": 2.5,
        "median": 2.5,
        "max": 5.0,
        "silent": [0],
        "saturated": [1],
    }
    assert populations["input"]["silent"] == [0, 1, 2]
    assert [weight for _, weight in activity.sentences()] == ["", "warning", ""]
    assert activity.tables()[0].rows[1] == ("hidden", 4, 2.5, 2.5, 5.0, 1, 1)


def test_a_neuron_with_several_spikes_in_few_steps_is_not_saturated() -> None:
    steps = {"hidden": np.array([5.0, 2.0])}
    activity = Activity({"hidden": np.array([9.0, 8.0])}, 10, spiking_steps=steps)
    assert activity.saturated("hidden") == [0]


def test_a_population_that_never_spikes_is_a_warning() -> None:
    activity = Activity({"input": INPUT, "hidden": np.zeros(4)}, n_steps=10)
    assert activity.sentences()[0][1] == "warning"


def test_overflows_are_a_warning() -> None:
    for counts, overflows, n_warnings in (
        ({"u_wraps": 0, "v_clips": 3, "synaptic_events": 9}, {"u_wraps": 0, "v_clips": 3}, 1),
        ({"u_wraps": 0, "v_clips": 0}, {"u_wraps": 0, "v_clips": 0}, 0),
        ({}, {}, 0),
    ):
        activity = Activity({"input": INPUT, "hidden": np.ones(4)}, 10, counts)
        assert activity.as_json()["overflows"] == overflows
        assert [weight for _, weight in activity.sentences()].count("warning") == n_warnings


def test_networks_without_spiking_populations() -> None:
    activity = Activity({"input": INPUT}, n_steps=10)
    assert not activity.spikes
    assert len(activity.sentences()) == 2
    empty = Activity({"input": np.zeros(0)}, n_steps=10)
    assert empty.tables()[0].rows == [("input", 0, 0.0, 0.0, 0.0, 0, 0)]


def test_an_evaluation_counts_the_spikes_of_each_neuron() -> None:
    network, events = cases.integer_network(), cases.spike_events(6, 2)
    evaluation = nm.evaluate(network, events)
    assert evaluation.activity is not None
    assert evaluation.recording is not None
    rates = {"input": network.bin(events).raster, **evaluation.recording.spikes}
    assert list(evaluation.activity.rates) == list(rates)
    for name, raster in rates.items():
        mean = raster.counts().mean(axis=0)
        assert evaluation.activity.rates[name].tolist() == mean.tolist()
    assert evaluation.activity.n_steps == network.n_steps
