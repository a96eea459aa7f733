"""Samples for a network: their choice, and remarks on contradicting class names."""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np
import pytest

from nmtool.data.events import SpikeEvents
from nmtool.data.samples import Samples, bin_for, choose_samples
from nmtool.errors import UsageError
from nmtool.raster import Raster
from tests.nmtool.cli import cases
from tests.refusals import refused

NETWORK = cases.float_network()


@pytest.mark.parametrize(
    ("own", "others", "has_remark"),
    [
        (("a", "b"), ("a", "b"), False),
        (("a", "b"), ("b", "a"), True),
        (("0", "1"), ("a", "b"), False),
        (("a", "b"), ("0", "1"), False),
        (("1", "2"), ("0", "1"), True),
        (("180", "up"), ("180", "down"), True),
        (("180", "up"), ("0", "1"), False),
    ],
)
def test_names_of_classes(
    own: tuple[str, ...],
    others: tuple[str, ...],
    has_remark: bool,
    caplog: pytest.LogCaptureFixture,
) -> None:
    network = replace(NETWORK, class_names=own)
    events = replace(cases.spike_events(4), class_names=others)
    with caplog.at_level(logging.WARNING, "nmtool"):
        bin_for(network, events)
    assert ("remark[class-names-differ]" in caplog.text) == has_remark


@pytest.mark.parametrize(
    ("count", "most", "has_remark"), [(1, 1, False), (5, 5, False), (5, 4, True)]
)
def test_counts_that_a_network_does_not_carry(
    count: int, most: int, has_remark: bool, caplog: pytest.LogCaptureFixture
) -> None:
    network = replace(NETWORK, channels=replace(NETWORK.channels, most_spikes=most))
    events = cases.spike_events(4)
    samples = bin_for(network, replace(events, count=np.full(events.n_events, count)))
    assert samples.raster.most_spikes == min(count, most)
    remarks = [text for text in caplog.messages if text.startswith("remark[counts-lost]")]
    assert len(remarks) == has_remark
    assert all("most_spikes" in remark for remark in remarks)


def test_samples_are_drawn_or_taken_in_order() -> None:
    label = [0, 1] * 6
    events = SpikeEvents.from_lists([[float(n)] for n in range(12)], [[0]] * 12, label)
    raster = Raster.silent(12, 3, 2)
    binned = Samples(raster, np.array(label))
    assert choose_samples(events, None) is events
    assert choose_samples(events, 12) is events
    assert choose_samples(events, 4).content_hash == events.draw(4).content_hash
    assert sorted(choose_samples(binned, 4).label) == [0, 0, 1, 1]
    assert choose_samples(events, 4, in_order=True).time_ms.tolist() == [0, 1, 2, 3]
    assert choose_samples(raster, 4).n_samples == 4
    for data in (events, binned, raster):
        with refused(UsageError, "samples-count"):
            choose_samples(data, 0, in_order=True)
