"""The kernels in float32 on the spikes of the float64 reference, and independent of threads."""

from __future__ import annotations

import numba
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from nmtool.network.float_network import Network, Projection
from nmtool.training.engines.cell import Neurons, neuron_constants
from nmtool.training.engines.cpu.layer import Layer
from nmtool.training.engines.cpu.pool import Scratch
from nmtool.training.engines.cpu.portions import LARGEST_TILE
from nmtool.training.engines.spike_trains import LifRun, SpikeTrains
from nmtool.training.engines.synapses import Gradients, Synapses
from nmtool.training.mathematics import reference
from tests.networks.trainable import random_input, random_network

pytestmark = pytest.mark.torch

N_SAMPLES = LARGEST_TILE + 3


def _layer(network: Network, afferent: Projection, recurrent: Projection | None) -> Layer:
    cell = neuron_constants(network.population(afferent.target), network.dt_ms, np.float32)

    def synapses(projection: Projection) -> Synapses:
        jumps = projection.weight.astype(np.float32) * cell.b
        delay = projection.delay.astype(np.uint8)
        return Synapses(torch.from_numpy(jumps), torch.from_numpy(delay))

    neurons = Neurons(cell, torch.from_numpy(cell.b), network.dt_ms)
    loop = synapses(recurrent) if recurrent else None
    return Layer(neurons, synapses(afferent), loop, Scratch())


def _backward(network: Network, seed: int) -> tuple[Gradients, Gradients, reference.Gradients]:
    """Hidden and output gradients in float32 on the reference's tape, and the reference's own."""
    spikes = random_input(network, N_SAMPLES, seed)
    trace = reference.forward(network, spikes)
    shape = (N_SAMPLES, network.n_steps, network.population("output").size)
    d_membrane = np.random.default_rng(seed).normal(size=shape)
    expected = reference.backward(network, spikes, trace, {"output": d_membrane})
    into_hidden, loop, into_output = network.projections
    hidden, output = _layer(network, into_hidden, loop), _layer(network, into_output, None)
    slope = torch.from_numpy(trace.q["hidden"].astype(np.float32))
    tape = LifRun(SpikeTrains.from_raster(trace.spikes["hidden"]), slope)
    of_output = output.backward_li(
        tape.spikes, torch.from_numpy(d_membrane.astype(np.float32)), want_source_time=True
    )
    assert of_output.source_time is not None
    source = SpikeTrains.from_raster(spikes)
    silence = torch.zeros(hidden.size)
    of_hidden = hidden.backward_lif(
        source, tape, of_output.source_time, silence, want_source_time=False
    )
    return of_hidden, of_output, expected


def _assert_close(mine: NDArray, theirs: NDArray) -> None:
    np.testing.assert_allclose(mine, theirs, rtol=0, atol=1e-5 * np.abs(theirs).max())


def test_float32_on_the_reference_tape() -> None:
    network = random_network("recurrent", seed=3)
    hidden, output, expected = _backward(network, seed=4)
    assert hidden.recurrent is not None
    b = {p.name: neuron_constants(p, network.dt_ms, np.float64).b for p in network.populations}
    groups = [
        (hidden.afferent, "hidden"),
        (hidden.recurrent, "hidden"),
        (output.afferent, "output"),
    ]
    for index, (group, target) in enumerate(groups):
        _assert_close(group.weight.numpy() * b[target], expected.weight[index])
        _assert_close(group.delay.numpy(), expected.delay[index])


def test_delay_gradients_where_the_adjoint_hardly_changes_in_a_step() -> None:
    network = random_network("recurrent", seed=3, n_steps=400)
    spikes = random_input(network, 8, seed=4)
    trace = reference.forward(network, spikes)
    fading = np.exp(-np.arange(400.0) / 400)[:, None]
    d_membrane = fading * np.random.default_rng(1).normal(
        size=(8, 1, network.population("output").size)
    )
    expected = reference.backward(network, spikes, trace, {"output": d_membrane})
    layer = _layer(network, network.projections[2], None)
    source = SpikeTrains.from_raster(trace.spikes["hidden"])
    mine = layer.backward_li(
        source, torch.from_numpy(d_membrane.astype(np.float32)), want_source_time=False
    )
    delay = mine.afferent.delay.numpy()
    assert delay.dtype == np.float32
    np.testing.assert_allclose(
        delay, expected.delay[2], rtol=0, atol=2e-6 * np.abs(expected.delay[2]).max()
    )


@pytest.mark.skipif(numba.config.NUMBA_NUM_THREADS < 2, reason="one core cannot run two threads")
def test_results_do_not_depend_on_threads() -> None:
    network = random_network("recurrent", seed=5)
    results = []
    threads = numba.get_num_threads()
    try:
        for count in (1, 2):
            numba.set_num_threads(count)
            results.append(_backward(network, seed=6))
    finally:
        numba.set_num_threads(threads)
    for first, second in zip(results[0][:2], results[1][:2], strict=True):
        np.testing.assert_array_equal(first.afferent.weight, second.afferent.weight)
        np.testing.assert_array_equal(first.afferent.delay, second.afferent.delay)
    assert results[0][0].recurrent is not None
    assert results[1][0].recurrent is not None
    np.testing.assert_array_equal(results[0][0].recurrent.weight, results[1][0].recurrent.weight)


def test_long_delays_use_wider_integers() -> None:
    network = random_network("recurrent", seed=7, max_delay=9, n_steps=30)
    stretched = network.with_projections(
        [
            Projection(p.source, p.target, p.weight, np.where(p.delay == 9, 300, p.delay))
            for p in network.projections
        ]
    )
    spikes = random_input(network, 2, seed=8)
    into_hidden, loop, _ = stretched.projections
    cell = neuron_constants(network.population("hidden"), network.dt_ms, np.float64)
    wide = [
        Synapses(torch.from_numpy(p.weight * cell.b), torch.from_numpy(p.delay.astype(np.int16)))
        for p in (into_hidden, loop)
    ]
    neurons = Neurons(cell, torch.from_numpy(cell.b), network.dt_ms)
    run = Layer(neurons, *wide, Scratch()).run_lif(SpikeTrains.from_raster(spikes))
    expected = reference.forward(stretched, spikes).spikes["hidden"]
    np.testing.assert_array_equal(run.spikes.raster().flat_index(), expected.flat_index())
    assert run.spikes.n_spikes > 50
