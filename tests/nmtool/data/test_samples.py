"""Samples for a network: remarks on contradicting class names."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest

from nmtool.data.samples import bin_for
from tests.nmtool.cli import cases

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
