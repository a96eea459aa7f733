"""Stretches of samples in which a network spikes most, for checks that have time for few steps.

Every sample offers the stretch with most input spikes; of several, the last, so that they stand at
its beginning and there is time for what they cause. Those with most input are run, and what makes
most populations spike, and those most often, is taken.
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
"""Stretches that are run."""


@dataclass(frozen=True, eq=False)
class Stretches:
    """Cut out of samples.

    Attributes:
        sample: [stretches] int64, the samples they were cut from, ascending.
        first: [stretches] int64, the step of those samples at which they begin.
        spikes: the stretches as samples of their own.
        recording: what the network answers to them, from a fresh state.
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
    """Find at most `n_stretches` short excerpts with high activity, each of another sample.

    Args:
        network: the network.
        spikes: input raster.
        n_steps: steps of a stretch.
        n_stretches: how many are wanted.
        run: what answers to (network, raster).

    Raises:
        DataError: the raster has other channels than the network.
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
    """[samples] each: where the stretch with most input spikes begins, and how many there are."""
    rows = spikes.sample_index() * spikes.n_steps + spikes.step
    counts = np.bincount(rows, minlength=spikes.n_samples * spikes.n_steps)
    until = np.zeros((spikes.n_samples, spikes.n_steps + 1), np.int64)
    np.cumsum(counts.reshape(spikes.n_samples, spikes.n_steps), axis=1, out=until[:, 1:])
    inside = until[:, n_steps:] - until[:, : spikes.n_steps + 1 - n_steps]
    last = inside.shape[1] - 1 - np.argmax(inside[:, ::-1], axis=1)
    return last, inside.max(axis=1)


def _by_activity(answers: Recording) -> NDArray[np.int64]:
    """Positions of samples: most populations that spike first, then most spikes."""
    counts = [raster.counts().sum(axis=1) for raster in answers.spikes.values()]
    counts = counts or [np.zeros(answers.n_samples, np.int64)]
    awake = np.sum([count > 0 for count in counts], axis=0)
    return np.lexsort((-np.sum(counts, axis=0), -awake))
