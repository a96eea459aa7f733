"""`nmtool check --data`: the cost of an inference as JSON and tables."""

from __future__ import annotations

from pathlib import Path

import pytest

import nmtool as nm
from tests.nmtool.cli import cases
from tests.nmtool.cli.conftest import Nmtool

TEST = cases.spike_events(cases.N_TEST, 2)
"""The test split of the fixture `data`."""

pytestmark = pytest.mark.usefixtures("data")


def test_json_equals_the_result_of_the_library(nmtool: Nmtool, integers: Path) -> None:
    network = nm.load(integers)
    words = ("check", integers, "--data", "two", "--target", "loihi1", "--sources", "--json")
    cost = nmtool(*words).json["cost"]
    assert {source["mark"] for source in cost.pop("sources")} == {"published"}
    subject = {"network": str(integers), "hash": network.content_hash}
    where = {"data": "two", "split": "test"}
    assert cost == {**subject, **where, **nm.cost(network, TEST, target="loihi1").as_json()}


def test_cost_in_the_terminal(nmtool: Nmtool, integers: Path) -> None:
    words = ("check", integers, "--data", "two", "--sources")
    result = nmtool(*words, "--target", "loihi1")
    assert f"\n{integers} on two (test): 6 samples of 30 steps, accuracy " in result.out
    [energy] = [line.split() for line in result.out.splitlines() if line.startswith(" energy ")]
    assert energy[1] == "µJ"
    assert result.out.count("\nenergy: dynamic energy, cores, ") == 1
    assert "Davies et al. 2018" in result.out
    assert result.err == ""
    unknown = nmtool(*words, "--target", "loihi2").out
    assert "µJ" not in unknown
    assert "--energy-of loihi1" in unknown
    assert "no figures were used" in unknown


def test_floats_are_counted_as_floats(nmtool: Nmtool, floats: Path) -> None:
    cost = nmtool("check", floats, "--data", "two", "--json").json["cost"]
    assert (cost["hash"], cost["arithmetic"]) == (nm.load(floats).content_hash, "float")


def test_exports_are_counted_as_the_network_in_them(nmtool: Nmtool, integers: Path) -> None:
    nm.export(nm.load(integers), "net.c")
    first, second = (
        nmtool("check", path, "--data", "two", "--json").json["cost"]
        for path in (integers, "net.c")
    )
    assert {**first, "network": ""} == {**second, "network": ""}


def test_several_networks(nmtool: Nmtool) -> None:
    networks = {
        f"bits{bits}.npz": nm.quantise(cases.float_network(), weight_bits=bits).network
        for bits in (8, 4, 3)
    }
    for name, network in networks.items():
        network.save(name)
    expected, words = nm.compare_cost(networks, TEST), ("check", *networks, "--data", "two")
    cost = nmtool(*words, "--json").json["cost"]
    assert cost == {"data": "two", "split": "test", **expected.as_json()}
    assert nmtool(*words).out.count("latency and energy: not given") == 1


def test_remarks_are_printed(nmtool: Nmtool, data: Path, integers: Path) -> None:
    cases.write_raw(data / "two_test.h5", [[], []], [[], []], [0, 1])
    words = ("check", integers, "--data", "two")
    result = nmtool(*words)
    assert result.code == 0
    assert result.err.splitlines() == nmtool(*words, "--json").json["cost"]["remarks"] != []


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["check", "integers.npz", "--data", "nonsense"], "dataset-unknown"),
        (["check", "integers.npz", "--data", "two", "--energy-of", "loihi9"], "target-unknown"),
    ],
)
@pytest.mark.usefixtures("integers")
def test_invalid_arguments_are_refused(words: list[str], code: str, nmtool: Nmtool) -> None:
    result = nmtool(*words)
    assert (result.code, result.out, result.error) == (2, "", code)
