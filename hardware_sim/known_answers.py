"""Known answers of a network: short inputs that make it spike, and what it answers to them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nmtool.graph import LIF
from nmtool.hardware_sim.busiest import busiest_stretches
from nmtool.hardware_sim.simulator import simulate
from nmtool.integer_network import IntegerNetwork, IntegerPopulation
from nmtool.known_answers import KnownAnswers
from nmtool.network import Network, Population
from nmtool.raster import Raster
from nmtool.recording import Recording

ANSWERED_SAMPLES = 3
ANSWERED_STEPS = 200
"""Spikes of a sample go through three hops of the longest delay in so many steps."""

RATES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
"""Spikes per channel and step that are tried for generated input."""

_SEED = 20210


def known_answers(
    network: IntegerNetwork | Network,
    spikes: Raster | None = None,
    run: Callable[..., Recording] = simulate,
) -> KnownAnswers:
    """What a network answers to a few short samples.

    Args:
        network: the network.
        spikes: input raster; stretches of its samples that make most populations spike are
            taken. Where none makes any spike, and by default, input is generated, the same for
            the same network.
        run: what answers to (network, raster); by default the simulator of integers.

    Raises:
        DataError: the raster has other channels than the network.
    """
    found = None
    if spikes is not None:
        found = busiest_stretches(network, spikes, ANSWERED_STEPS, ANSWERED_SAMPLES, run)
    if found is None or _is_silent(network, found.recording):
        generated = generated_input(network, run)
        return KnownAnswers(network.content_hash, generated, run(network, generated))
    return KnownAnswers(network.content_hash, found.spikes, found.recording)


def _is_silent(network: IntegerNetwork | Network, recording: Recording) -> bool:
    """Whether populations could spike, but none does."""
    return bool(_spiking(network)) and not _spiking_populations(recording)


def _spiking(network: IntegerNetwork | Network) -> list[IntegerPopulation | Population]:
    return [population for population in network.populations if population.kind == LIF]


def generated_input(
    network: IntegerNetwork | Network, run: Callable[..., Recording] = simulate
) -> Raster:
    """Random input of the lowest rate at which as many populations spike as ever do."""
    best, most = _noise(network, RATES[0]), -1
    spiking = _spiking(network)
    for rate in RATES:
        spikes = _noise(network, rate)
        awake = _spiking_populations(run(network, spikes))
        if awake > most:
            best, most = spikes, awake
        if awake == len(spiking):
            break
    return best


def _spiking_populations(recording: Recording) -> int:
    return sum(raster.n_spikes > 0 for raster in recording.spikes.values())


def _noise(network: IntegerNetwork | Network, rate: float) -> Raster:
    """Independent spikes; the raw bits of a generator are the same in every numpy."""
    shape = (ANSWERED_SAMPLES, min(network.n_steps, ANSWERED_STEPS), network.channels.size)
    bits = np.random.PCG64(_SEED).random_raw(int(np.prod(shape)))
    uniform = (bits >> np.uint64(11)) * 2.0**-53
    return Raster.from_dense(uniform.reshape(shape) < rate)
