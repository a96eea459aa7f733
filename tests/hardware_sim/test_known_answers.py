"""Known answers: the simulator's results for inputs that make a network spike."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from nmtool.arithmetic import SILENT_THRESHOLD
from nmtool.errors import DataError
from nmtool.hardware_sim import known_answers as module
from nmtool.hardware_sim.known_answers import known_answers
from nmtool.hardware_sim.reference import run_reference
from nmtool.hardware_sim.simulator import simulate
from nmtool.hardware_sim.stimuli import driving_input
from nmtool.network.graph import INPUT, LI, LIF, InputChannels
from nmtool.network.integer_network import IntegerNetwork, IntegerPopulation, IntegerProjection
from nmtool.network.readout import Readout
from nmtool.raster import Raster
from nmtool.recording import Recording
from nmtool.testing.networks import random_network, random_raster, with_resets
from nmtool.verification.comparison import compare_recordings
from nmtool.verification.faults import draw_faults, mutant
from tests.faults import counting
from tests.refusals import refused


def driven_network(weight: int, vth: int = 2000) -> IntegerNetwork:
    """A network of eight channels that drive one neuron."""
    return IntegerNetwork(
        InputChannels(8),
        [
            IntegerPopulation("hidden", 1, LIF, du=400, dv=200, vth=vth, scale=1.0),
            IntegerPopulation("out", 2, LI, du=400, dv=200, vth=SILENT_THRESHOLD, scale=1.0),
        ],
        [
            IntegerProjection(INPUT, "hidden", np.full((8, 1), weight), np.zeros((8, 1))),
            IntegerProjection("hidden", "out", np.full((1, 2), 2), np.full((1, 2), 61)),
        ],
        Readout("out", "mean"),
        dt_ms=1.0,
        n_steps=300,
    )


@pytest.mark.parametrize("most_spikes", [0, 1, 9])
@pytest.mark.parametrize("seed", range(3))
def test_answers_are_those_of_the_reference(seed: int, most_spikes: int) -> None:
    network = random_network(seed, n_hidden=1, spiking_output=seed % 2 == 1)
    network = with_resets(network, seed, most_spikes) if most_spikes else network
    answers = known_answers(network)
    assert answers.network_hash == network.content_hash
    assert compare_recordings(answers.recording, run_reference(network, answers.spikes)).identical


def test_answers_of_integer_networks_include_u_and_v_of_every_neuron() -> None:
    network = driven_network(60)
    answers = known_answers(network)
    deep = simulate(network, answers.spikes, deep=True)
    assert answers.is_deep
    comparison = compare_recordings(answers.recording, deep)
    assert comparison.identical
    assert comparison.membrane_compared == 2 * 3 * answers.spikes.n_samples * answers.spikes.n_steps


def test_samples_are_few_and_as_long_as_delays_need() -> None:
    """There are at least two samples, to detect a state that is not reset between them."""
    network = driven_network(255)
    spikes = known_answers(network).spikes
    assert 2 <= spikes.n_samples <= module.ANSWERED_SAMPLES
    assert spikes.n_steps == module.ANSWERED_STEPS
    short = replace(network, n_steps=5)
    assert known_answers(short).spikes.n_steps == 2 * 62 + module.DRIVEN_STEPS
    quick = replace(short, projections=[replace(p, delay=p.delay * 0) for p in short.projections])
    assert known_answers(quick).spikes.n_steps == 2 + module.DRIVEN_STEPS


def test_neurons_without_excitation_need_no_longer_samples() -> None:
    """All channels inhibit the second neuron, whose synapses no input can exercise."""
    network = driven_network(254)
    hidden, out = network.populations
    weight = np.repeat([[254, -254]], 8, axis=0)
    inhibited = replace(
        network,
        populations=[replace(hidden, size=2, bias_mantissa=0), out],
        projections=[
            IntegerProjection(INPUT, "hidden", weight, np.zeros((8, 2))),
            IntegerProjection("hidden", "out", np.full((2, 2), 2), np.full((2, 2), 61)),
        ],
    )
    assert driving_input(inhibited, 2, module.ANSWERED_STEPS)[1] == 1.0
    assert known_answers(inhibited).spikes.n_steps == module.ANSWERED_STEPS


def test_the_first_known_answer_is_to_an_excerpt_of_the_data() -> None:
    """One sample is silent, one is only active at its end, and one has a single spike."""
    dense = np.zeros((3, 300, 8), np.bool_)
    dense[1, 250:] = True
    dense[2, 40] = [True, *[False] * 7]
    network = driven_network(60)
    answers = known_answers(network, Raster.from_dense(dense))
    assert answers.spikes.n_samples in (2, 3)
    first = answers.spikes.take([0])
    assert first.counts().sum() == 400
    assert answers.recording.spikes["hidden"].counts()[0].min() > 0
    assert compare_recordings(
        answers.recording, simulate(network, answers.spikes, deep=True)
    ).identical


def test_data_are_followed_by_silence_where_delays_are_longer() -> None:
    network = replace(driven_network(60), n_steps=20)
    answers = known_answers(network, Raster.from_dense(np.ones((1, 20, 8))))
    assert answers.spikes.n_steps == 2 * 62 + module.DRIVEN_STEPS
    assert answers.spikes.take([0]).step.max() == 19


@pytest.mark.parametrize("dense", [np.zeros((2, 300, 8)), np.eye(300)[None, :, :8]])
def test_data_that_cause_no_spikes_are_replaced_by_generated_input(
    dense: np.ndarray,
) -> None:
    network = driven_network(15, vth=20000)
    assert known_answers(network, Raster.from_dense(dense)).to_bytes() == (
        known_answers(network).to_bytes()
    )


def test_networks_that_cannot_spike_get_generated_input() -> None:
    base = driven_network(255)
    out = base.population("out")
    direct = replace(
        base.projections[1], source=INPUT, weight=np.full((8, 2), 2), delay=np.zeros((8, 2))
    )
    network = replace(base, populations=[out], projections=[direct])
    spikes = random_raster(1, 2, 30, 8)
    answers = known_answers(network, spikes)
    assert answers.recording.spikes == {}
    assert answers.spikes.n_spikes > 0


def test_known_answers_are_reproducible() -> None:
    first, second = (known_answers(random_network(5, 2, False)) for _ in range(2))
    assert first.to_bytes() == second.to_bytes()


def test_data_must_fit_the_network() -> None:
    with refused(DataError, "input-channels-differ"):
        known_answers(driven_network(255), random_raster(0, 1, 30, 3))


def test_known_answers_can_be_computed_by_any_simulator() -> None:
    rasters = []

    def answer(network: IntegerNetwork, spikes: Raster) -> Recording:
        rasters.append(spikes)
        return simulate(network, spikes)

    network = driven_network(60)
    answers = known_answers(network, run=answer)
    assert rasters[-1] is answers.spikes
    assert not answers.is_deep
    assert np.array_equal(answers.spikes.dense(), known_answers(network).spikes.dense())


# Tests that a network with a single wrong number gives other answers


def trained_like(seed: int) -> IntegerNetwork:
    """A network of the size of trained ones, with weights of both signs and all delays."""
    random = np.random.default_rng(seed)

    def projection(source: str, target: str, shape: tuple[int, int], size: int) -> Any:
        weight = np.clip(np.rint(random.normal(0.4, 1, shape) * size), -127, 127) * 2
        return IntegerProjection(source, target, weight, random.integers(0, 62, shape))

    return IntegerNetwork(
        InputChannels(40),
        [
            IntegerPopulation("hidden", 50, LIF, du=389, dv=200, vth=3000, scale=1.0),
            IntegerPopulation("out", 6, LI, du=389, dv=200, vth=SILENT_THRESHOLD, scale=1.0),
        ],
        [
            projection(INPUT, "hidden", (40, 50), 30),
            projection("hidden", "hidden", (50, 50), 8),
            projection("hidden", "out", (50, 6), 20),
        ],
        Readout("out", "mean"),
        dt_ms=1.0,
        n_steps=100,
    )


@pytest.mark.parametrize("most_spikes", [1, 6])
@pytest.mark.parametrize("with_data", [False, True])
def test_faults_of_one_unit_are_seen(with_data: bool, most_spikes: int) -> None:
    network = trained_like(5)
    if most_spikes > 1:
        network = counting(network, most_spikes)
    spikes = random_raster(3, 4, 100, 40, most_spikes) if with_data else None
    answers = known_answers(network, spikes)
    assert answers.spikes.n_samples <= module.ANSWERED_SAMPLES
    faults = draw_faults(network, 200, seed=1)
    seen = [
        not compare_recordings(
            answers.recording, simulate(mutant(network, fault), answers.spikes, deep=True)
        ).identical
        for fault in faults
    ]
    assert sum(seen) >= 198, [f for f, is_seen in zip(faults, seen, strict=True) if not is_seen]
    assert most_spikes == 1 or "most_spikes" in {fault.number for fault in faults}
    assert answers.spikes.most_spikes == most_spikes
    assert len(answers.to_bytes()) < 40_000 * (1 + (most_spikes > 1))
