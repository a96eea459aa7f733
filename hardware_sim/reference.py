"""The reference simulator in short, readable numpy; tests compare the fast simulator with it."""

from __future__ import annotations

from functools import cache
from importlib import import_module

import numpy as np
from numpy.typing import NDArray

from nmtool.arithmetic import Arithmetic, place_in_sum
from nmtool.dynamics import HOP_LATENCY
from nmtool.hardware_sim.resets import owed_after, spikes_in, v_after
from nmtool.network.graph import INPUT, MOST_SPIKES, RESET, RESET_BY
from nmtool.network.integer_network import IntegerNetwork, IntegerPopulation, IntegerProjection
from nmtool.network.properties import check_expressed
from nmtool.raster import Raster
from nmtool.recording import Recording, check_input


@cache
def _step(arithmetic: Arithmetic) -> np.ufunc:
    return np.frompyfunc(import_module(arithmetic.module).neuron_step, 7, 1)


def run_reference(network: IntegerNetwork, spikes: Raster) -> Recording:
    """Run every sample from rest and record u, v and spikes of all neurons.

    Args:
        network: network to run.
        spikes: input raster, one neuron per channel.

    Returns:
        A deep recording: u and v of every population at every step.

    Raises:
        DataError: the raster's channels or counts differ from the network's.
        DoesNotFitError: the network has a property that the simulator lacks.
    """
    check_expressed(network, (RESET, RESET_BY, MOST_SPIKES), "the readable simulator")
    check_input(network, spikes)
    samples = [_run_sample(network, sample) for sample in spikes.dense_counts()]
    shapes = {p.name: (spikes.n_samples, spikes.n_steps, p.size) for p in network.populations}
    stacked = {
        name: tuple(np.reshape([sample[name][i] for sample in samples], shape) for i in range(3))
        for name, shape in shapes.items()
    }
    return Recording(
        network.readout,
        spikes={p.name: Raster.from_dense(stacked[p.name][2]) for p in network.spiking},
        membrane={p.name: stacked[p.name][1].astype(np.int32) for p in network.integrating},
        current={p.name: stacked[p.name][0] for p in network.populations},
        potential={p.name: stacked[p.name][1] for p in network.spiking},
    )


def _run_sample(network: IntegerNetwork, dense: NDArray) -> dict[str, tuple[NDArray, ...]]:
    n_steps = len(dense)
    horizon = n_steps + HOP_LATENCY + network.max_delay
    arriving = {p.name: np.zeros((horizon, p.size), np.int64) for p in network.populations}
    # The arrays contain u, v and spikes. Their last row stays zero: with index −1, it is the state
    # before step 0.
    trace = {
        p.name: tuple(np.zeros((n_steps + 1, p.size), np.int64) for _ in range(3))
        for p in network.populations
    }
    for n in range(n_steps):
        emitted = {INPUT: dense[n]}
        for population in network.populations:
            emitted[population.name] = _advance(
                population, arriving[population.name][n], trace[population.name], n
            )
        for projection in network.projections:
            _send(projection, emitted[projection.source], arriving[projection.target], n)
    return {name: tuple(array[:-1] for array in arrays) for name, arrays in trace.items()}


def _advance(population: IntegerPopulation, a: NDArray, trace: tuple, n: int) -> NDArray:
    u, v, spikes = trace
    owed = [owed_after(spiked, population.drop) for spiked in spikes[n - 1]]
    outcome = _step(population.runs_in)(
        a.astype(object),
        u[n - 1].astype(object),
        v[n - 1].astype(object),
        (population.bias + owed).astype(object),
        population.keep_u,
        population.keep_v,
        population.vth,
    )
    silent = population.runs_in.firing_level(population.vth) - 1
    for index, after in enumerate(outcome):
        u[n, index] = after.u
        spikes[n, index] = spikes_in(
            after.peak, after.spiked, silent, population.drop, population.most_spikes
        )
        v[n, index] = v_after(after.peak, spikes[n, index], population.drop)
    return spikes[n]


def _send(projection: IntegerProjection, emitted: NDArray, arriving: NDArray, n: int) -> None:
    word = projection.runs_in.word
    sources = np.flatnonzero(emitted).tolist()
    for pre in sorted(sources, key=lambda source: place_in_sum(source, word)):
        arrival = n + HOP_LATENCY + projection.delay[pre].astype(np.int64)
        posts = np.arange(arriving.shape[1])
        weight = projection.shifted_weight[pre].astype(np.int64) * int(emitted[pre])
        _add(arriving, (arrival, posts), weight, projection.runs_in)


def _add(
    arriving: NDArray,
    place: tuple[NDArray, NDArray],
    weight: NDArray[np.int64],
    arithmetic: Arithmetic,
) -> None:
    """Add weights to the sums of arriving weights; clip each sum if the arithmetic clips sums."""
    total = arriving[place] + weight
    if limit := arithmetic.sum_limit:
        total = np.clip(total, -limit, limit - 1)
    arriving[place] = total
