"""Resets of populations: their constants, files and refusals."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nmtool as nm
from nmtool.errors import NetworkError
from nmtool.float_simulator import step_network
from nmtool.network.graph import LATE, RESETS, SUBTRACT, TO_ZERO
from nmtool.network.integer_network import IntegerPopulation
from nmtool.storage import pack
from nmtool.testing.networks import random_network, with_resets
from tests.nmtool.cli.cases import float_network
from tests.refusals import refused

NUMBERS: dict[str, Any] = {"du": 400, "dv": 200, "vth": 80, "scale": 1.0}


def integers(**changes: Any) -> IntegerPopulation:
    return IntegerPopulation("hidden", 2, **{"kind": "lif", **NUMBERS, **changes})


def test_the_threshold_is_subtracted_by_default() -> None:
    floats = nm.Population("hidden", 2, threshold=[1.0, 2.0], reset="late")
    assert np.array_equal(floats.reset_by, [1.0, 2.0])
    assert np.array_equal(floats.drop, [-1.0, -2.0])
    assert integers(reset="subtract").reset_by == 80
    drops = [integers(reset=reset).drop for reset in RESETS]
    assert drops == [0, 80 << 6, -(80 << 6)]


def test_hidden_neurons_of_layers_spike_several_times() -> None:
    hidden, output = nm.Network.layers([5, 8, 3], reset="subtract", most_spikes=7).populations
    assert (hidden.most_spikes, output.most_spikes) == (7, 1)
    with refused(NetworkError, "property-conflict"):
        nm.Network.layers([5, 8, 3], most_spikes=2)


@pytest.mark.parametrize("reset", RESETS)
def test_files_with_other_resets_have_a_version_of_their_own(reset: str, tmp_path: Path) -> None:
    floats = float_network()
    hidden = replace(floats.populations[0], reset=reset)
    network = replace(floats, populations=[hidden, *floats.populations[1:]])
    for properties in (network.properties, step_network(network).properties):
        assert [*properties] == ([] if reset == "zero" else ["reset", "reset_by"])
    network.save(tmp_path / "network.npz")
    assert nm.load(tmp_path / "network.npz") == network
    with np.load(tmp_path / "network.npz") as archive:
        header = str(archive["header"])
    assert ('"version": 2' in header) == (reset != "zero") == (reset in header)
    assert (network.content_hash == floats.content_hash) == (reset == "zero")


@pytest.mark.parametrize("seed", range(3))
def test_integer_networks_with_resets_are_read_back(seed: int) -> None:
    network = with_resets(random_network(seed, 3, True), seed)
    assert type(network).from_bytes(network.to_bytes(), "network.npz") == network
    header, _ = pack(network)
    for entry, population in zip(header["populations"], network.populations, strict=True):
        assert entry.get("reset", "zero") == population.reset
        assert entry.get("reset_by") == population.reset_by


@pytest.mark.parametrize("population", [nm.Population("hidden", 2), integers()])
def test_only_resets_by_subtraction_allow_several_spikes(population: Any) -> None:
    counting = replace(population, reset=SUBTRACT, most_spikes=255)
    assert counting != replace(counting, most_spikes=254)
    assert [*counting.properties] == ["reset", "reset_by", "most_spikes"]
    for reset in (TO_ZERO, LATE):
        with refused(NetworkError, "property-conflict"):
            replace(population, reset=reset, most_spikes=2)
    for most in (0, 256, 1.5, True, None):
        with refused(NetworkError, "property-range"):
            replace(counting, most_spikes=most)


@pytest.mark.parametrize("most_spikes", [0, 256, 1.5])
def test_the_limit_of_channels(most_spikes: float) -> None:
    with refused(NetworkError, "property-range"):
        nm.InputChannels(3, most_spikes=most_spikes)


@pytest.mark.parametrize("reset_by", [0, -1, 80 + 131072, 1.5, np.nan, True, "80"])
def test_constants_are_those_with_which_no_membrane_overflows(reset_by: float) -> None:
    assert integers(reset=SUBTRACT, reset_by=80 + 131071).drop == (80 + 131071) << 6
    with refused(NetworkError, "property-range"):
        integers(reset=SUBTRACT, reset_by=reset_by)


def test_a_threshold_of_0_cannot_be_subtracted() -> None:
    """The error names the threshold, since no constant was given."""
    with refused(NetworkError, "property-range") as caught:
        integers(vth=0, reset=SUBTRACT)
    assert caught.value.what.endswith("vth must be a whole number in 1 … 131071, not 0")
    assert caught.value.fix == "give reset_by"
    assert integers(vth=0, reset=SUBTRACT, reset_by=1).drop == 1 << 6


def test_resets_that_do_not_exist_are_refused() -> None:
    with refused(NetworkError, "property-range"):
        integers(reset="soft")
    with refused(NetworkError, "property-conflict"):
        integers(reset_by=80)
    with refused(NetworkError, "property-conflict"):
        integers(kind="li", vth=131072, reset=LATE)
    for reset_by in (0.0, np.inf, np.nan, [1.0, -1.0]):
        with refused(NetworkError, "property-range"):
            nm.Population("hidden", 2, reset=SUBTRACT, reset_by=reset_by)


def test_descriptions_have_resets_where_some_population_subtracts() -> None:
    network = float_network()
    assert "reset" not in network.as_json()["populations"][0]
    hidden = replace(network.populations[0], reset=LATE)
    described = replace(network, populations=[hidden, *network.populations[1:]]).as_json()
    assert [entry["reset"] for entry in described["populations"]] == ["late", "zero"]
