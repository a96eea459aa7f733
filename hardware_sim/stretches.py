"""Short excerpts of samples with high activity, for checks that can only run few steps.

The candidate of a sample is its excerpt with most input spikes; of equal excerpts the last, in
which spikes come early and have time to take effect. The `CANDIDATES` with most input are run.
Those in which most populations spike are the result; among equal ones, those with most spikes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nmtool.hardware_sim.simulator import simulate
from nmtool.network.float_network import Network
from nmtool.network.integer_network import IntegerNetwork
from nmtool.raster import Raster
from nmtool.recording import Recording, check_input

CANDIDATES = 32
"""Number of excerpts that are run."""


@dataclass(frozen=True, eq=False)
class Stretches:
    """Excerpts of samples, with the network's recording.

    Attributes:
        sample: [stretches] int64, index of the sample of each excerpt, ascending.
        first: [stretches] int64, step of the sample at which the excerpt begins.
        spikes: the excerpts as samples.
        recording: recording of the network on the excerpts, from rest.
    """

    sample: NDArray[np.int64]
    first: NDArray[np.int64]
    spikes: Raster
    recording: Recording


def busiest_stretches(
    network: IntegerNetwork | Network,
    spikes: Raster,
    n_steps: int,
    n_stretches: int,
    run: Callable[..., Recording] = simulate,
) -> Stretches:
    """Find at most `n_stretches` short excerpts with high activity, each of a different sample.

    Args:
        network: the network.
        spikes: input raster.
        n_steps: steps per excerpt.
        n_stretches: maximum number of excerpts.
        run: function of (network, raster) that returns a recording.

    Raises:
        DataError: the raster's channels differ from the network's.
    """
    check_input(network, spikes)
    n_steps = min(n_steps, spikes.n_steps)
    first, input_spikes = _most_input(spikes, n_steps)
    tried = np.argsort(-input_spikes, kind="stable")[:CANDIDATES]
    answers = run(network, spikes.take(tried).steps_from(first[tried], n_steps))
    sample = np.sort(tried[_by_activity(answers)[:n_stretches]])
    cut = spikes.take(sample).steps_from(first[sample], n_steps)
    return Stretches(sample, first[sample], cut, run(network, cut))


def _most_input(spikes: Raster, n_steps: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First step and number of input spikes of each sample's densest excerpt, [samples] each."""
    rows = spikes.sample_index() * spikes.n_steps + spikes.step
    counts = np.bincount(rows, minlength=spikes.n_samples * spikes.n_steps)
    until = np.zeros((spikes.n_samples, spikes.n_steps + 1), np.int64)
    np.cumsum(counts.reshape(spikes.n_samples, spikes.n_steps), axis=1, out=until[:, 1:])
    inside = until[:, n_steps:] - until[:, : spikes.n_steps + 1 - n_steps]
    last = inside.shape[1] - 1 - np.argmax(inside[:, ::-1], axis=1)
    return last, inside.max(axis=1)


def _by_activity(answers: Recording) -> NDArray[np.int64]:
    """Sample indices by activity: first by number of spiking populations, then by spikes."""
    counts = [raster.counts().sum(axis=1) for raster in answers.spikes.values()]
    counts = counts or [np.zeros(answers.n_samples, np.int64)]
    awake = np.sum([count > 0 for count in counts], axis=0)
    return np.lexsort((-np.sum(counts, axis=0), -awake))
