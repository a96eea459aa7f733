"""Generated samples test the numbers that the data do not test."""

from __future__ import annotations

import numpy as np
import pytest

import nmtool as nm
from nmtool.hardware_sim.simulator import simulate
from nmtool.network.integer_network import IntegerNetwork
from nmtool.raster import Raster
from nmtool.testing.networks import random_network, with_resets
from nmtool.verification.faults import draw_faults, mutant, shows
from nmtool.verification.verify import GENERATED

NETWORKS = [random_network(seed, 1 + seed % 3, seed % 2 == 1) for seed in range(3)]
NETWORKS.append(with_resets(random_network(9, 2, False), 9, 4))


@pytest.mark.parametrize("network", NETWORKS)
def test_generated_samples_show_most_faults_that_noise_shows(network: IntegerNetwork) -> None:
    """The noise has fifty samples of all rates; beside it, the data are silent."""
    silence = Raster.silent(1, network.n_steps, network.channels.size)
    certificate = nm.verify(network, silence, against=["json"], exercise=True, faults=True)
    score = certificate.mutation
    assert score is not None
    assert 1 < score.samples <= 1 + GENERATED
    random = np.random.default_rng(0)
    rate = random.choice([0.001, 0.01, 0.05, 0.2, 0.6, 1.0], (50, 1, 1))
    shape = (50, network.n_steps, network.channels.size)
    filled, most = random.random(shape) < rate, network.channels.most_spikes
    noise = Raster.from_dense(filled * random.integers(1, most + 1, shape))
    expected = simulate(network, noise, deep=True)
    visible = {
        f for f in draw_faults(network, 100, 0) if shows(mutant(network, f), noise, expected)
    }
    assert len(visible - {*score.unseen}) >= 0.9 * len(visible) > 40
