"""Generated samples detect all detectable faults, and are reproducible."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from nmtool.errors import DataError
from nmtool.hardware_sim.replay import streams
from nmtool.hardware_sim.simulator import simulate
from nmtool.network.graph import INPUT
from nmtool.network.integer_network import IntegerNetwork
from nmtool.raster import Raster
from nmtool.testing.networks import random_network, random_raster, with_resets
from nmtool.verification.exercise import SAMPLES, exercise
from nmtool.verification.faults import draw_faults
from nmtool.verification.mutation import FaultDetector, mutation_score
from tests.refusals import refused

NETWORKS = [random_network(seed, 1 + seed % 3, seed % 2 == 1) for seed in range(3)]
NETWORKS.append(with_resets(random_network(9, 2, False), 9, 4))


def silence(network: IntegerNetwork) -> Raster:
    return Raster.silent(1, network.n_steps, network.channels.size)


@cache
def generated_for(number: int) -> Raster:
    """The samples that are generated for a network if there are no data."""
    return exercise(NETWORKS[number], silence(NETWORKS[number]))


def witness(network: IntegerNetwork, spikes: Raster) -> FaultDetector:
    sent = {INPUT: spikes, **simulate(network, spikes).spikes}
    return FaultDetector(network, streams(network, sent), True)


def test_generated_samples_show_nearly_all_faults_that_noise_shows() -> None:
    """The noise has a hundred samples of all rates; the faults were not targets of the search."""
    seen = visible = 0
    for seed, network in enumerate(NETWORKS):
        generated = generated_for(seed)
        assert generated.n_samples <= SAMPLES
        random = np.random.default_rng(seed)
        rate = random.choice([0.001, 0.01, 0.05, 0.2, 0.6, 1.0], (100, 1, 1))
        shape = (100, network.n_steps, network.channels.size)
        filled, most = random.random(shape) < rate, network.channels.most_spikes
        noise = Raster.from_dense(filled * random.integers(1, most + 1, shape))
        both = Raster.concatenate([generated, noise])
        few, many = witness(network, generated), witness(network, both)
        for fault in draw_faults(network, 200, 0):
            if many.shows(fault):
                visible += 1
                seen += few.shows(fault)
    assert visible > 300
    assert seen >= 0.99 * visible


def test_faults_that_the_data_show_need_no_generated_samples() -> None:
    network = NETWORKS[0]
    generated = generated_for(0)
    assert generated.n_samples > 0
    more = exercise(network, generated, deep=True)
    assert more.n_samples < generated.n_samples
    assert more.n_steps == network.n_steps


@pytest.mark.parametrize("network", NETWORKS[:3])
def test_the_score_does_not_fall(network: IntegerNetwork) -> None:
    spikes = random_raster(0, 2, network.n_steps, network.channels.size)
    generated = exercise(network, spikes)
    score = mutation_score(network, spikes, generated=generated)
    assert score.n_seen >= mutation_score(network, spikes).n_seen


def test_the_same_arguments_give_the_same_samples() -> None:
    network = NETWORKS[1]
    first, second = generated_for(1), exercise(network, silence(network))
    assert np.array_equal(first.flat_index(), second.flat_index())
    assert first.offset.tolist() == second.offset.tolist()


def test_no_more_samples_than_allowed() -> None:
    network = NETWORKS[0]
    assert generated_for(0).n_samples > 1
    assert exercise(network, silence(network), n_samples=1).n_samples == 1
    assert exercise(network, silence(network), n_samples=0).n_samples == 0


@pytest.mark.parametrize("n_steps", [0, 1, 2])
def test_samples_of_zero_to_two_steps(n_steps: int) -> None:
    network = NETWORKS[0]
    nothing = Raster.silent(1, n_steps, network.channels.size)
    assert exercise(network, nothing).n_steps == n_steps


def test_data_must_fit() -> None:
    network = NETWORKS[0]
    with refused(DataError, "input-channels-differ"):
        exercise(network, Raster.silent(1, 9, network.channels.size + 1))
