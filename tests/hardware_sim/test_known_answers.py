"""Known answers are the simulator's, to inputs that make a network spike."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nmtool.errors import DataError
from nmtool.graph import INPUT, LI, LIF, InputChannels
from nmtool.hardware_sim import known_answers as module
from nmtool.hardware_sim.known_answers import generated_input, known_answers
from nmtool.hardware_sim.reference import run_reference
from nmtool.hardware_sim.simulator import simulate
from nmtool.integer_network import IntegerNetwork, IntegerPopulation, IntegerProjection
from nmtool.raster import Raster
from nmtool.readout import Readout
from nmtool.recording import Recording
from nmtool.targets import SILENT_THRESHOLD
from nmtool.verification.comparison import compare_recordings
from tests.integer_nets import random_network, random_raster
from tests.refusals import refused


def driven_network(weight: int, vth: int = 2000) -> IntegerNetwork:
    """Eight channels that drive one neuron."""
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


@pytest.mark.parametrize("seed", range(3))
def test_answers_are_those_of_the_reference(seed: int) -> None:
    network = random_network(seed, n_hidden=1, spiking_output=seed % 2 == 1)
    answers = known_answers(network)
    assert answers.network_hash == network.content_hash
    assert compare_recordings(answers.recording, run_reference(network, answers.spikes)).identical


def test_generated_input_makes_a_network_spike_no_more_than_it_must() -> None:
    rates = []
    for weight in (255, 60, 15):
        network = driven_network(weight)
        spikes = generated_input(network)
        assert known_answers(network).recording.spikes["hidden"].n_spikes > 0
        rates.append(spikes.n_spikes / spikes.n_bins)
    assert rates[0] < rates[1] < rates[2] < 0.9


def test_a_network_that_never_spikes_gets_the_sparsest_input() -> None:
    spikes = generated_input(driven_network(-4))
    assert 0 < spikes.n_spikes / spikes.n_bins < 0.02


def test_samples_are_short_and_few() -> None:
    spikes = generated_input(driven_network(255))
    assert (spikes.n_samples, spikes.n_steps) == (module.ANSWERED_SAMPLES, module.ANSWERED_STEPS)
    short = replace(driven_network(255), n_steps=5)
    assert generated_input(short).n_steps == 5
    taken = known_answers(driven_network(255), random_raster(0, 7, 300, 8)).spikes
    assert (taken.n_samples, taken.n_steps) == (module.ANSWERED_SAMPLES, module.ANSWERED_STEPS)


def test_answers_to_data_are_to_what_makes_the_network_spike() -> None:
    """Samples that begin and end in silence, and one that is never loud enough."""
    dense = np.zeros((5, 300, 8), np.bool_)
    dense[[0, 2, 3], 250:] = True
    dense[1, 40] = [True, *[False] * 7]
    network = driven_network(60)
    answers = known_answers(network, Raster.from_dense(dense))
    assert answers.spikes.n_samples == module.ANSWERED_SAMPLES
    assert answers.spikes.counts().sum(axis=1).tolist() == [400, 400, 400]
    assert answers.recording.spikes["hidden"].counts().min() > 0
    assert compare_recordings(answers.recording, simulate(network, answers.spikes)).identical


@pytest.mark.parametrize("dense", [np.zeros((2, 300, 8)), np.eye(300)[None, :, :8]])
def test_answers_to_data_that_never_make_it_spike_are_to_generated_input(
    dense: np.ndarray,
) -> None:
    network = driven_network(15, vth=20000)
    assert known_answers(network, Raster.from_dense(dense)).to_bytes() == (
        known_answers(network).to_bytes()
    )


def test_what_cannot_spike_answers_to_data() -> None:
    base = driven_network(255)
    out = base.population("out")
    direct = replace(
        base.projections[1], source=INPUT, weight=np.full((8, 2), 2), delay=np.zeros((8, 2))
    )
    network = replace(base, populations=[out], projections=[direct])
    spikes = random_raster(1, 2, 30, 8)
    assert np.array_equal(known_answers(network, spikes).spikes.dense(), spikes.dense())


def test_the_same_network_gets_the_same_answers() -> None:
    one, two = (known_answers(random_network(5, 2, False)) for _ in range(2))
    assert one.to_bytes() == two.to_bytes()


def test_data_must_fit() -> None:
    with refused(DataError, "input-channels-differ"):
        known_answers(driven_network(255), random_raster(0, 1, 30, 3))


def test_anything_may_answer() -> None:
    asked = []

    def answer(network: IntegerNetwork, spikes: Raster) -> Recording:
        asked.append(spikes)
        return simulate(network, spikes)

    network = driven_network(60)
    answers = known_answers(network, run=answer)
    assert asked[-1] is answers.spikes
    assert answers.to_bytes() == known_answers(network).to_bytes()
