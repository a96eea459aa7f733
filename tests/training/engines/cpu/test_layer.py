"""Gradients in float32 on the reference's spikes, threads without effect, and long delays."""

from __future__ import annotations

import numba
import numpy as np
import pytest
import torch

from nmtool.network.float_parts import Projection
from nmtool.training.engines.cell import Neurons
from nmtool.training.engines.cpu.portions import LARGEST_TILE
from nmtool.training.engines.devices import CPU
from nmtool.training.engines.spike_trains import SpikeTrains
from nmtool.training.mathematics import reference
from tests.networks.resets import with_several_resets
from tests.networks.trainable import random_input, random_network
from tests.training.engines.passes import (
    assert_delays_of_a_slow_adjoint,
    assert_gradients,
    gradients_on_reference_spikes,
    layers,
)

pytestmark = pytest.mark.torch

N_SAMPLES = LARGEST_TILE + 3


@pytest.mark.parametrize("most", [1, 20])
def test_float32_gradients_on_the_spikes_of_the_reference(most: int) -> None:
    network = with_several_resets(random_network("recurrent", seed=3), 0, most)
    spikes = random_input(network, N_SAMPLES, seed=4)
    actual, expected = gradients_on_reference_spikes(network, spikes, CPU, seed=4)
    assert actual[0].afferent.weight.dtype == torch.float32
    assert_gradients(network, actual, expected, tolerance=1e-5)


def test_delay_gradients_where_the_adjoint_hardly_changes_in_a_step() -> None:
    network = random_network("recurrent", seed=3, n_steps=400)
    assert_delays_of_a_slow_adjoint(network, random_input(network, 8, seed=4), CPU)


@pytest.mark.skipif(numba.config.NUMBA_NUM_THREADS < 2, reason="one core cannot run two threads")
@pytest.mark.parametrize("most", [1, 3])
def test_results_do_not_depend_on_threads(most: int) -> None:
    network = with_several_resets(random_network("recurrent", seed=5), 0, most)
    spikes = random_input(network, N_SAMPLES, seed=6)
    results = []
    threads = numba.get_num_threads()
    try:
        for count in (1, 2):
            numba.set_num_threads(count)
            hidden, output = gradients_on_reference_spikes(network, spikes, CPU, seed=6)[0]
            assert hidden.recurrent is not None
            results.append((hidden.afferent, output.afferent, hidden.recurrent))
    finally:
        numba.set_num_threads(threads)
    for first, second in zip(*results, strict=True):
        np.testing.assert_array_equal(first.weight, second.weight)
        np.testing.assert_array_equal(first.delay, second.delay)


def test_one_population_and_several_run_in_the_same_kernels() -> None:
    neurons = layers(random_network("recurrent", seed=3), CPU)[0].neurons
    alone, joined = neurons.constants, Neurons.joined([neurons, neurons]).constants
    assert numba.typeof(alone) == numba.typeof(joined)


def test_long_delays_use_wider_integers() -> None:
    network = random_network("recurrent", seed=7, max_delay=9, n_steps=30)
    stretched = network.with_projections(
        [
            Projection(p.source, p.target, p.weight, np.where(p.delay == 9, 300, p.delay))
            for p in network.projections
        ]
    )
    spikes = random_input(network, 2, seed=8)
    hidden, _ = layers(stretched, CPU, delays=np.int16)
    run = hidden.run_lif(SpikeTrains.from_raster(spikes))
    expected = reference.forward(stretched, spikes).spikes["hidden"]
    np.testing.assert_array_equal(run.spikes.raster().flat_index(), expected.flat_index())
    assert run.spikes.n_spikes > 50
