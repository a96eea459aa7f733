"""The real numbers of a network, run by their own recursion: what a written file must equal.

`exporters.nir.real` states the step. No graph, no form of delay and no NIR is involved.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from exporters.nir.real import Array, RealNetwork, RealPopulation, RealProjection
from nmtool.dynamics import HOP_LATENCY
from nmtool.graph import INPUT, LI, LIF
from nmtool.raster import Raster
from nmtool.recording import Recording

Spikes = NDArray[np.bool_]


def run(
    network: RealNetwork, spikes: Raster, on_progress: Callable[[int], None] | None = None
) -> Recording:
    """Run every sample from rest.

    Args:
        network: what to run.
        spikes: one neuron per channel.
        on_progress: called with the number of samples finished since the last call.
    """
    v: dict[str, list[Array]] = {p.name: [] for p in network.populations if p.kind == LI}
    emitted: dict[str, list[Spikes]] = {p.name: [] for p in network.populations if p.kind == LIF}
    for sample in range(spikes.n_samples):
        done = _run_sample(network, spikes.take([sample]).dense()[0])
        for name in v:
            v[name].append(done[name].v)
        for name in emitted:
            emitted[name].append(done[name].emitted)
        if on_progress is not None:
            on_progress(1)
    return Recording(
        network.readout,
        {name: Raster.from_dense(np.array(rows)) for name, rows in emitted.items()},
        {name: np.array(rows) for name, rows in v.items()},
    )


def membrane(population: RealPopulation, arriving: Array) -> Array:
    """[steps, size]: v of one population, from what arrives at its u in each step."""
    activity = _Activity(population, len(arriving))
    activity.u[:] = arriving
    for n in range(len(arriving)):
        activity.advance(n)
    return activity.v


def arriving(projections: Iterable[RealProjection], emitted: Mapping[str, Spikes]) -> Array:
    """[steps, post]: what spikes, per source [steps, pre], are worth where projections join."""
    sums = [_all_sent(projection, emitted[projection.source]) for projection in projections]
    return np.sum(sums, axis=0)


def _all_sent(projection: RealProjection, emitted: Spikes) -> Array:
    u = np.zeros((len(emitted), projection.jump.shape[1]))
    for n in range(len(emitted)):
        _send(projection, np.flatnonzero(emitted[n]), n, u)
    return u


def _send(projection: RealProjection, pre: NDArray[np.intp], n: int, u: Array) -> None:
    """Add what spikes of step n are worth to u at the steps where they arrive."""
    step = n + HOP_LATENCY + projection.delay[pre]
    spike, post = np.nonzero(step < len(u))
    np.add.at(u, (step[spike, post], post), projection.jump[pre[spike], post])


def _run_sample(network: RealNetwork, spikes: Spikes) -> dict[str, _Activity]:
    running = {p.name: _Activity(p, len(spikes)) for p in network.populations}
    for n in range(len(spikes)):
        for activity in running.values():
            activity.advance(n)
        for projection in network.projections:
            source = projection.source
            emitted = spikes if source == INPUT else running[source].emitted
            _send(projection, np.flatnonzero(emitted[n]), n, running[projection.target].u)
    return running


class _Activity:
    """u, v and spikes of a population, [steps, size], filled step by step."""

    def __init__(self, population: RealPopulation, n_steps: int) -> None:
        shape = n_steps, population.size
        self.population = population
        self.u, self.v = np.zeros(shape), np.zeros(shape)
        self.emitted = np.zeros(shape, np.bool_)

    def advance(self, n: int) -> None:
        """Complete step n; what arrives in it is in u already."""
        held, u, v = self.population, self.u, self.v
        if n:
            u[n] += (1 - held.lose_u) * u[n - 1]
            v[n] = (1 - held.lose_v) * v[n - 1]
        v[n] += u[n] + held.drive
        if held.kind == LIF:
            self.emitted[n] = v[n] > held.threshold
            v[n][self.emitted[n]] = 0
