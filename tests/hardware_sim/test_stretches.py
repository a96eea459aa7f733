"""Excerpts of samples with most input and activity."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st

from nmtool.errors import DataError
from nmtool.hardware_sim.simulator import simulate
from nmtool.hardware_sim.stretches import CANDIDATES, busiest_stretches
from nmtool.raster import Raster
from nmtool.testing.networks import random_network, random_raster
from nmtool.verification.comparison import compare_recordings
from tests.networks.drawn import seeds
from tests.refusals import refused

NETWORK = random_network(3, n_hidden=1, spiking_output=False)
"""A network with five channels."""


@given(seeds, st.integers(1, 6), st.integers(1, 40), st.integers(1, 60), st.integers(1, 8))
def test_stretches_are_cut_from_their_samples(
    seed: int, n_samples: int, n_steps: int, length: int, wanted: int
) -> None:
    spikes = random_raster(seed, n_samples, n_steps, 5)
    stretches = busiest_stretches(NETWORK, spikes, length, wanted)
    length = min(length, n_steps)
    assert len(stretches.sample) == len(stretches.first) == min(wanted, n_samples)
    assert (np.diff(stretches.sample) > 0).all()
    dense, cut = spikes.dense(), stretches.spikes.dense()
    assert cut.shape == (len(stretches.sample), length, 5)
    for row, sample, first in zip(cut, stretches.sample, stretches.first, strict=True):
        assert np.array_equal(row, dense[sample, first : first + length])
        within = [
            dense[sample, begin : begin + length].sum() for begin in range(n_steps - length + 1)
        ]
        assert row.sum() == max(within)
        assert first == max(begin for begin, count in enumerate(within) if count == max(within))
    assert compare_recordings(stretches.recording, simulate(NETWORK, stretches.spikes)).identical


@given(seeds)
def test_no_other_stretch_makes_more_populations_spike(seed: int) -> None:
    spikes = random_raster(seed, 6, 30, 5)
    best = busiest_stretches(NETWORK, spikes, 20, 1).recording
    everything = busiest_stretches(NETWORK, spikes, 20, 6).recording
    counts = [raster.counts().sum(axis=1) for raster in everything.spikes.values()]
    ranks = list(zip(np.sum([c > 0 for c in counts], axis=0), np.sum(counts, axis=0), strict=True))
    own = [raster.n_spikes for raster in best.spikes.values()]
    assert (sum(count > 0 for count in own), sum(own)) == max(ranks)


def test_an_excerpt_begins_with_its_burst() -> None:
    dense = np.zeros((2, 60, 5), np.bool_)
    dense[1, 20:23] = True
    stretches = busiest_stretches(NETWORK, Raster.from_dense(dense), 30, 1)
    assert (stretches.sample.tolist(), stretches.first.tolist()) == ([1], [20])


def test_many_samples_are_not_all_run() -> None:
    sizes = []

    def run(network: object, spikes: Raster) -> object:
        sizes.append(spikes.n_samples)
        return simulate(NETWORK, spikes)

    busiest_stretches(NETWORK, random_raster(0, 3 * CANDIDATES, 20, 5), 10, 2, run)
    assert sizes == [CANDIDATES, 2]


@pytest.mark.parametrize("n_samples", [0, 3])
def test_excerpts_of_silence(n_samples: int) -> None:
    stretches = busiest_stretches(NETWORK, Raster.silent(n_samples, 30, 5), 20, 2)
    assert stretches.spikes.n_samples == min(2, n_samples)
    assert (stretches.spikes.n_steps, stretches.spikes.n_spikes) == (20, 0)


def test_data_must_fit() -> None:
    with refused(DataError, "input-channels-differ"):
        busiest_stretches(NETWORK, random_raster(0, 1, 30, 3), 10, 1)
