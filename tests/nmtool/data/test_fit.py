"""Data that do or do not fit a network."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nmtool.data import SpikeEvents, check_fit, check_same_classes
from nmtool.errors import UsageError
from nmtool.network.graph import InputChannels
from tests.nmtool.cli import cases
from tests.refusals import refused


def _events(n_units: int = cases.N_UNITS, names: tuple[str, ...] = cases.CLASSES) -> SpikeEvents:
    return replace(cases.spike_events(4), n_units=n_units, class_names=names)


@pytest.mark.parametrize("network", [cases.float_network(), cases.integer_network()])
def test_data_of_the_network_fit(network) -> None:
    check_same_classes(network, _events())


@pytest.mark.parametrize("n_units", [7, 8])
def test_grouped_channels(n_units: int) -> None:
    network = cases.float_network(channels=InputChannels(cases.N_UNITS, group=2))
    check_fit(network, _events(n_units))
    with refused(UsageError, "data-channels-differ"):
        check_fit(network, _events())


def test_data_with_other_channels_are_refused() -> None:
    with refused(UsageError, "data-channels-differ"):
        check_fit(cases.float_network(), _events(5))


def test_data_with_more_classes_are_refused() -> None:
    with refused(UsageError, "data-classes-differ"):
        check_fit(cases.float_network(), _events(names=(*cases.CLASSES, "none")))


def test_classes_of_other_names() -> None:
    events = _events(names=("left", "up"))
    check_fit(cases.float_network(), events)
    with refused(UsageError, "class-names-differ") as caught:
        check_same_classes(cases.float_network(), events)
    assert all(name in caught.value.what for name in ("'up'", "'right'"))
