"""The real numbers of a network, run by their own recursion: what a written file must equal.

`nmtool.exporters.nir.float_network` states the step. No graph, no delay encoding and no NIR is
involved.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial

import numpy as np
from numpy.typing import NDArray

from nmtool.dynamics import HOP_LATENCY
from nmtool.exporters.batches import in_batches, samples_at_once
from nmtool.exporters.nir.float_network import Array, RealNetwork, RealPopulation, RealProjection
from nmtool.graph import INPUT, LIF
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
    values = 3 * spikes.n_steps * sum(p.size for p in network.populations)
    return in_batches(partial(_record, network), spikes, samples_at_once(values), on_progress)


def membrane(population: RealPopulation, arriving: Array) -> Array:
    """[samples, steps, size]: v of one population, from what arrives at its u in each step."""
    activity = _Activity(population, *arriving.shape[:2])
    activity.u[:] = np.moveaxis(arriving, 0, 1)
    for n in range(len(activity.u)):
        activity.advance(n)
    return np.moveaxis(activity.v, 0, 1)


def arriving(projections: Iterable[RealProjection], emitted: Mapping[str, Spikes]) -> Array:
    """[samples, steps, post]: what spikes are worth where projections join.

    Args:
        projections: with one target.
        emitted: per source [samples, steps, pre].
    """
    sums = [_all_sent(p, np.moveaxis(emitted[p.source], 0, 1)) for p in projections]
    return np.moveaxis(np.sum(sums, axis=0), 0, 1)


def _all_sent(projection: RealProjection, emitted: Spikes) -> Array:
    u = np.zeros((*emitted.shape[:2], projection.jump.shape[1]))
    for n, spikes in enumerate(emitted):
        _send(projection, spikes, n, u)
    return u


def _send(projection: RealProjection, spikes: Spikes, n: int, u: Array) -> None:
    """Add what spikes of step n, [samples, pre], are worth to u, [steps, samples, post]."""
    sample, pre = np.nonzero(spikes)
    step = n + HOP_LATENCY + projection.delay[pre]
    at = (step * u.shape[1] + sample[:, None]) * u.shape[2] + np.arange(u.shape[2])
    is_in_time = step < len(u)
    np.add.at(u.reshape(-1), at[is_in_time], projection.jump[pre][is_in_time])


def _record(network: RealNetwork, spikes: Raster) -> Recording:
    """All at once: arrays are [steps, samples, size], and a step is a block of memory."""
    dense = np.ascontiguousarray(np.moveaxis(spikes.dense(), 1, 0))
    shape = spikes.n_samples, spikes.n_steps
    running = {p.name: _Activity(p, *shape) for p in network.populations}
    for n in range(spikes.n_steps):
        for activity in running.values():
            activity.advance(n)
        for projection in network.projections:
            source = projection.source
            emitted = dense if source == INPUT else running[source].emitted
            _send(projection, emitted[n], n, running[projection.target].u)
    return Recording(
        network.readout,
        {
            n: Raster.from_dense(np.moveaxis(a.emitted, 0, 1))
            for n, a in running.items()
            if a.spikes
        },
        {n: np.moveaxis(a.v, 0, 1) for n, a in running.items() if not a.spikes},
    )


class _Activity:
    """u, v and spikes of a population, [steps, samples, size], filled step by step."""

    def __init__(self, population: RealPopulation, n_samples: int, n_steps: int) -> None:
        shape = n_steps, n_samples, population.size
        self.population, self.spikes = population, population.kind == LIF
        self.u, self.v = np.zeros(shape), np.zeros(shape)
        self.emitted = np.zeros(shape, np.bool_)

    def advance(self, n: int) -> None:
        """Complete step n; what arrives in it is in u already."""
        held, u, v = self.population, self.u, self.v
        if n:
            u[n] += (1 - held.lose_u) * u[n - 1]
            v[n] = (1 - held.lose_v) * v[n - 1]
        v[n] += u[n] + held.drive
        if self.spikes:
            self.emitted[n] = v[n] > held.threshold
            v[n][self.emitted[n]] = 0
