"""Sums over samples: added, summed over ranks, and divided."""

from __future__ import annotations

import numpy as np
import pytest

from nmtool.network.float_network import Network
from nmtool.network.float_parts import Population, Projection
from nmtool.network.graph import INPUT, LI, InputChannels
from nmtool.network.readout import Readout
from nmtool.training.loop.trainer import Totals
from nmtool.training.processes.ranks import ALONE

pytestmark = pytest.mark.torch


def _network() -> Network:
    sizes = {"second": 2, "output": 3, "first": 1}
    populations = [
        Population(name, size, LI) if name == "output" else Population(name, size)
        for name, size in sizes.items()
    ]
    wires = [(INPUT, "first", 4, 1), ("first", "second", 1, 2), ("second", "output", 2, 3)]
    projections = [
        Projection(source, target, np.ones((n, m)), np.zeros((n, m)))
        for source, target, n, m in wires
    ]
    return Network(InputChannels(4), populations, projections, Readout("output", "mean"), 1.0, 10)


ONE = Totals(1.5, 1, 3, 4, 5, {"second": np.array([3, 1]), "first": np.array([7])})
OTHER = Totals(0.25, 2, 5, 0, 1, {"first": np.array([1]), "second": np.array([0, 2])})


def _plain(totals: Totals) -> tuple:
    counts = {name: count.tolist() for name, count in totals.counts.items()}
    return (
        totals.loss, totals.correct, totals.samples, totals.surplus, totals.dropped, counts
    )  # fmt: skip


def test_sums_are_added() -> None:
    expected = (1.75, 3, 8, 4, 6, {"first": [8], "second": [3, 3]})
    assert _plain(ONE + OTHER) == _plain(OTHER + ONE) == expected


def test_zero_changes_no_sum() -> None:
    zero = Totals.zero(_network())
    assert _plain(zero) == (0.0, 0, 0, 0, 0, {"second": [0, 0], "first": [0]})
    assert _plain(zero + ONE) == _plain(ONE)


def test_without_spiking_populations() -> None:
    none = Totals(0.5, 1, 2, 0, 0, {})
    assert _plain(none + none) == (1.0, 2, 4, 0, 0, {})
    assert none.spikes_per_neuron == {}


def test_sums_over_one_rank() -> None:
    assert _plain(ONE.over(ALONE)) == _plain(ONE)


def test_means_per_sample() -> None:
    assert ONE.mean_loss == 0.5
    assert ONE.accuracy == 1 / 3
    assert ONE.spikes_per_neuron == {"second": 2 / 3, "first": 7 / 3}


def test_counts_stay_whole_numbers_however_large() -> None:
    many = Totals(0.0, 2**52, 2**52, 0, 0, {"first": np.array([2**52 + 1])})
    assert _plain(many + many.over(ALONE))[-1] == {"first": [2**53 + 2]}
