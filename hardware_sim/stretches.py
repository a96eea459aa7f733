"""Short excerpts of samples with high activity, for checks that can only run few steps.

The candidate of a sample is its excerpt with most input spikes; of several with equally many, the
one that begins last, since its spikes come soonest and have time to take effect. The `CANDIDATES`
with most input spikes are run. The result is the excerpts in which most populations spike and,
among excerpts with equally many populations, those with most spikes.
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
    """Excerpts of samples, and the network's recording of them.

    Attributes:
        sample: [stretches] int64, index of the sample of each excerpt, ascending.
        first: [stretches] int64, step of the sample at which each excerpt begins.
        spikes: the input of the excerpts, a sample each.
        recording: recording of the network on the excerpts, each from rest.
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
    recording_of_tried = run(network, spikes.take(tried).steps_from(first[tried], n_steps))
    sample = np.sort(tried[_by_activity(recording_of_tried)[:n_stretches]])
    cut = spikes.take(sample).steps_from(first[sample], n_steps)
    return Stretches(sample, first[sample], cut, run(network, cut))


def _most_input(spikes: Raster, n_steps: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First step and number of input spikes of each sample's densest excerpt, [samples] each."""
    rows = spikes.sample_index() * spikes.n_steps + spikes.step
    counts = np.bincount(rows, spikes.count, minlength=spikes.n_samples * spikes.n_steps)
    cumulative = np.zeros((spikes.n_samples, spikes.n_steps + 1), np.int64)
    counts = counts.astype(np.int64).reshape(spikes.n_samples, spikes.n_steps)
    np.cumsum(counts, axis=1, out=cumulative[:, 1:])
    window_counts = cumulative[:, n_steps:] - cumulative[:, : spikes.n_steps + 1 - n_steps]
    last = window_counts.shape[1] - 1 - np.argmax(window_counts[:, ::-1], axis=1)
    return last, window_counts.max(axis=1)


def _by_activity(recording: Recording) -> NDArray[np.int64]:
    """Indices of samples, most active first: by number of spiking populations, then of spikes."""
    counts = [raster.counts().sum(axis=1) for raster in recording.spikes.values()]
    counts = counts or [np.zeros(recording.n_samples, np.int64)]
    n_populations = np.sum([count > 0 for count in counts], axis=0)
    return np.lexsort((-np.sum(counts, axis=0), -n_populations))
