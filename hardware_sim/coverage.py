"""`coverage`: which stored numbers of a network a run exercised."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nmtool.dynamics import HOP_LATENCY
from nmtool.graph import INPUT, LI
from nmtool.hardware_sim.simulator import simulate
from nmtool.hardware_sim.state_bounds import StateBounds, state_bounds
from nmtool.integer_network import IntegerNetwork, IntegerPopulation, IntegerProjection
from nmtool.raster import Raster
from nmtool.recording import Recording, check_input
from nmtool.verification.exercised import Coverage, PopulationCoverage, ProjectionCoverage


def coverage(
    network: IntegerNetwork,
    spikes: Raster,
    recording: Recording | None = None,
    *,
    deep: bool = False,
    bounds: StateBounds | None = None,
) -> Coverage:
    """Tell which stored numbers a run exercised.

    The weight of a synapse that is said not to be exercised may be any other: nothing would
    differ. One that was exercised may still be wrong by so little that nothing shows it, which
    the mutation score tells (`mutants.py`).

    Args:
        network: what was run.
        spikes: its input.
        recording: what the simulator answered, deep or not; by default it is run.
        deep: True where u and v of every neuron are compared.
        bounds: on what any input can do, where that is known already.

    Raises:
        DataError: the raster has other channels than the network.
    """
    check_input(network, spikes)
    if recording is None:
        recording = simulate(network, spikes)
    bounds = bounds or state_bounds(network, spikes.n_steps)
    first = first_spikes(network, spikes, recording)
    arrived = [exercised(projection, first, spikes.n_steps) for projection in network.projections]
    projections = [
        _projection(projection, seen, first[projection.source] == spikes.n_steps, bounds)
        for projection, seen in zip(network.projections, arrived, strict=True)
    ]
    populations = []
    for population in network.populations:
        driven = np.zeros(population.size, np.bool_)
        for projection, seen in zip(network.projections, arrived, strict=True):
            if projection.target == population.name:
                driven |= seen.any(axis=0)
        spiked = first[population.name] < spikes.n_steps
        populations.append(_population(population, driven, spiked, deep, spikes))
    return Coverage(projections, populations)


def first_spikes(
    network: IntegerNetwork, spikes: Raster, recording: Recording
) -> dict[str, NDArray[np.int64]]:
    """By source, [neurons] int64: the earliest step of a spike in any sample, or `n_steps`."""
    found = {p.name: np.full(p.size, spikes.n_steps, np.int64) for p in network.populations}
    for name, raster in {INPUT: spikes, **recording.spikes}.items():
        found[name] = raster.first_step().min(axis=0, initial=spikes.n_steps)
    return found


def exercised(
    projection: IntegerProjection, first: dict[str, NDArray[np.int64]], n_steps: int
) -> NDArray[np.bool_]:
    """[pre, post] bool: synapses of a weight other than 0 over which a spike arrived in time."""
    arrival = first[projection.source][:, None] + HOP_LATENCY + projection.delay.astype(np.int64)
    return (arrival < n_steps) & (projection.weight != 0)


def _projection(
    projection: IntegerProjection,
    seen: NDArray[np.bool_],
    silent: NDArray[np.bool_],
    bounds: StateBounds,
) -> ProjectionCoverage:
    there = projection.weight != 0
    return ProjectionCoverage(
        source=projection.source,
        target=projection.target,
        synapses=int(there.sum()),
        synapses_exercised=int(seen.sum()),
        delays=np.unique(projection.delay[there]).size,
        delays_exercised=np.unique(projection.delay[seen]).size,
        silent=tuple(np.flatnonzero(silent & there.any(axis=1)).tolist()),
        late=int((there & ~seen)[~silent].sum()),
        beyond_reach=int((there & ~bounds.arrives(projection)).sum()),
    )


def _population(
    population: IntegerPopulation,
    driven: NDArray[np.bool_],
    spiked: NDArray[np.bool_],
    deep: bool,
    spikes: Raster,
) -> PopulationCoverage:
    biased = population.bias != 0
    compared = (deep or population.kind == LI) and spikes.n_samples * spikes.n_steps > 0
    return PopulationCoverage(
        name=population.name,
        kind=population.kind,
        neurons=population.size,
        driven=int(driven.sum()),
        spiked=int(spiked.sum()),
        biases=int(biased.sum()),
        biases_exercised=int((biased & (spiked | compared)).sum()),
    )
