"""Validation: every rank answers its own share of the samples."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray

import nmtool as nm
from nmtool.training.loop.validation import Validation
from nmtool.training.processes.ranks import ALONE, Ranks
from tests.training.small_data import small_dataset, small_options

pytestmark = pytest.mark.torch


class _Unsummed(Ranks):
    """A rank that gets its own part of every sum."""

    def sum(self, numbers: ArrayLike) -> NDArray[np.float64]:
        return np.array(numbers, np.float64)


@pytest.mark.parametrize("n_samples", [1, 20])
def test_ranks_answer_their_share(n_samples: int) -> None:
    run = nm.train(small_dataset(), small_options(epochs=1, arithmetic="integer"))
    events = small_dataset().validation.take(np.arange(n_samples))
    for network in (run.network, run.integers):
        whole = Validation(events, run.network, ALONE).right(network)
        expected = nm.evaluate(network, events).predictions == events.label
        assert np.array_equal(whole, expected)
        for rank in range(3):
            ranks = _Unsummed(rank, 3)
            share = np.zeros(n_samples, np.bool_)
            share[ranks.share(n_samples)] = whole[ranks.share(n_samples)]
            assert np.array_equal(Validation(events, run.network, ranks).right(network), share)


def test_samples_are_binned_for_the_counts_of_each_network() -> None:
    data = small_dataset(most_spikes=9)
    run = nm.train(data, small_options(epochs=1, arithmetic="integer", input_counts=1))
    channels = replace(run.network.channels, most_spikes=9)
    validation = Validation(data.validation, replace(run.network, channels=channels), ALONE)
    for network in (run.network, run.integers):
        expected = nm.evaluate(network, data.validation).predictions == data.validation.label
        assert np.array_equal(validation.right(network), expected)
