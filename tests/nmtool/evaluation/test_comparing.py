"""`compare_accuracy`: pairs of networks on the same samples."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import nmtool as nm
from nmtool.errors import UsageError
from tests.nmtool.cli import cases
from tests.refusals import refused

EVENTS = cases.spike_events(10, 5)
RIGHT = cases.integer_network()


def wrong_network() -> nm.IntegerNetwork:
    """`RIGHT` with swapped outputs, which is wrong on samples that `RIGHT` classifies correctly."""
    *others, last = RIGHT.projections
    return replace(RIGHT, projections=[*others, replace(last, weight=last.weight[:, ::-1])])


WRONG = wrong_network()


def right(network: nm.IntegerNetwork) -> list[bool]:
    return (nm.evaluate(network, EVENTS).recording.predictions == EVENTS.label).tolist()


def test_correctly_classified_samples_are_compared() -> None:
    difference = nm.compare_accuracy([RIGHT, RIGHT], [WRONG, RIGHT], EVENTS)
    assert difference.first.tolist() == [right(RIGHT), right(RIGHT)]
    assert difference.second.tolist() == [right(WRONG), right(RIGHT)]
    assert difference.points[1] == 0
    expected = 100 * (np.mean(right(RIGHT)) - np.mean(right(WRONG)))
    assert difference.points[0] == pytest.approx(expected)
    assert difference.points[0] > 0
    low, high = difference.interval()
    assert low <= difference.points.mean() <= high
    content = difference.as_json()
    assert content["samples"] == 10
    assert [pair["points"] for pair in content["pairs"]] == difference.points.tolist()
    assert content["interval"] == [low, high]
    assert "\n" not in repr(difference)


def test_networks_with_the_same_steps_share_binned_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    binned: list[int] = []

    bin = nm.IntegerNetwork.bin

    def count(network: nm.IntegerNetwork, events: nm.SpikeEvents) -> object:
        binned.append(network.n_steps)
        return bin(network, events)

    monkeypatch.setattr(nm.IntegerNetwork, "bin", count)
    short = replace(RIGHT, n_steps=26)
    nm.compare_accuracy([RIGHT, short], [WRONG, short], EVENTS)
    assert binned == [30, 26]


@pytest.mark.torch
def test_integers_beside_their_floats() -> None:
    floats = cases.float_network()
    difference = nm.compare_accuracy([RIGHT], [floats], EVENTS)
    assert difference.first[0].tolist() == right(RIGHT)
    assert difference.second[0].mean() == nm.evaluate(floats, EVENTS).accuracy


@pytest.mark.parametrize(("n_first", "n_second"), [(1, 2), (2, 1), (0, 0), (0, 1)])
def test_lists_of_different_lengths_are_refused(n_first: int, n_second: int) -> None:
    with refused(UsageError, "pairs-uneven") as caught:
        nm.compare_accuracy([RIGHT] * n_first, [RIGHT] * n_second, EVENTS)
    assert str(n_first) in caught.value.what


def test_data_must_fit_every_network() -> None:
    other = replace(RIGHT, channels=nm.InputChannels(4, 3))
    with refused(UsageError, "data-channels-differ"):
        nm.compare_accuracy([RIGHT], [other], EVENTS)


@pytest.mark.parametrize(("cluster", "code"), [(1.5, "argument-type"), (0, "grouping-range")])
def test_clusters_are_columns_or_numbers_of_samples(cluster: Any, code: str) -> None:
    with refused(UsageError, code):
        nm.compare_accuracy([RIGHT], [WRONG], EVENTS, clusters=[cluster])
