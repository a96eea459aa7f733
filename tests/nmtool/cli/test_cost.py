"""`nmtool cost`: numbers that agree with the library, for one network and for several."""

from __future__ import annotations

import csv
import io
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import nmtool as nm
from nmtool.network.integer_network import IntegerNetwork
from tests.nmtool.cli import cases
from tests.nmtool.cli.conftest import Nmtool

TEST = cases.spike_events(cases.N_TEST, 2)
"""The test split of the fixture `data`."""

SPELT_NOW = "nmtool cost is now: nmtool check NETWORK … --data DATA\n"


@pytest.mark.usefixtures("data")
def test_one_network_as_json(nmtool: Nmtool, integers: Path) -> None:
    network = IntegerNetwork.load(integers)
    result = nmtool("cost", integers, "two", "--target", "loihi1", "--json")
    assert result.code == 0
    assert result.json == {
        "network": str(integers),
        "hash": network.content_hash,
        "data": "two",
        "split": "test",
        **nm.cost(network, TEST, target="loihi1").as_json(),
    }
    assert result.json["energy"]["mean"] > 0
    assert "dynamic energy, cores" in result.json["energy"]["boundary"]
    sources = nmtool("cost", integers, "two", "--energy-of", "loihi1", "--sources", "--json")
    assert {source["mark"] for source in sources.json["sources"]} == {"published"}
    assert sources.json["energy"] == result.json["energy"]


@pytest.mark.usefixtures("data")
def test_one_network_in_the_terminal(nmtool: Nmtool, integers: Path) -> None:
    result = nmtool("cost", integers, "two", "--target", "loihi1", "--sources")
    assert result.out.startswith(f"{integers} on two (test): 6 samples of 30 steps, accuracy ")
    shown = [line.split("  ") for line in result.out.splitlines()]
    (energy,) = [words for words in shown if words[0] == " energy"]
    assert energy[1].strip() == "µJ"
    assert result.out.count("\nenergy: dynamic energy, cores, ") == 1
    assert "Davies et al. 2018" in result.out
    assert result.err == SPELT_NOW
    without = nmtool("cost", integers, "two", "--sources")
    assert "Davies" not in without.out
    assert "no figures were used" in without.out
    assert "energy" in without.out


@pytest.mark.usefixtures("data")
def test_loihi_2_needs_the_name_of_the_chip_whose_figures_are_used(
    nmtool: Nmtool, integers: Path
) -> None:
    result = nmtool("cost", integers, "two", "--target", "loihi2")
    assert result.code == 0
    assert "µJ" not in result.out
    assert "--energy-of loihi1" in result.out
    estimate = nmtool("cost", integers, "two", "--target", "loihi2", "--energy-of", "loihi1")
    (row,) = [line for line in estimate.out.splitlines() if "µJ" in line]
    assert row.split()[:2] == ["energy", "µJ"]
    (boundary,) = [line for line in estimate.out.splitlines() if line.startswith("energy: dynamic")]
    assert boundary.endswith("not of Intel Loihi 2")


@pytest.mark.usefixtures("data")
def test_csv(nmtool: Nmtool, integers: Path) -> None:
    result = nmtool("cost", integers, "two", "--csv")
    assert result.out == nm.cost(IntegerNetwork.load(integers), TEST).as_csv()
    rows = list(csv.DictReader(io.StringIO(result.out)))
    assert [row["where"] for row in rows if row["quantity"] == "spikes"] == ["hidden", "all"]
    with_sources = nmtool("cost", integers, "two", "--csv", "--sources", "--target", "loihi1").out
    (figure,) = (
        row
        for row in csv.DictReader(io.StringIO(with_sources))
        if (row["quantity"], row["unit"]) == ("figure_synaptic_event", "pJ")
    )
    assert (figure["value"], figure["where"]) == ("35.5", "loihi1")
    assert figure["note"].startswith("published: Davies")
    both = nmtool("cost", integers, "two", "--csv", "--json")
    assert (both.code, both.error) == (2, "command-line")


@pytest.mark.usefixtures("data")
def test_floats_are_quantised_as_verify_does(nmtool: Nmtool, floats: Path) -> None:
    result = nmtool("cost", floats, "two", "--weight-bits", "4", "--delay-bits", "2", "--json")
    train = cases.spike_events(cases.N_TRAIN, 1)
    data = nm.Dataset("two", ("train", "test"), {"train": train, "test": TEST}.__getitem__)
    network = nm.quantise(
        nm.load(floats),
        calibrate_on=data,
        weight_bits=4,
        delay_bits=2,  # type: ignore[arg-type]
    ).network
    assert result.json["hash"] == network.content_hash
    assert result.json["bits"] == "4/2"


@pytest.mark.usefixtures("data")
def test_exports_are_counted_as_the_network_in_them(nmtool: Nmtool, integers: Path) -> None:
    nm.export(IntegerNetwork.load(integers), "net.c")
    first, second = (nmtool("cost", path, "two", "--json").json for path in (integers, "net.c"))
    assert {**first, "network": ""} == {**second, "network": ""}


@pytest.fixture
def several(tmp_path: Path) -> list[Path]:
    """Integers of 8, 4 and 3 bits."""
    paths = []
    for bits in (8, 4, 3):
        paths.append(tmp_path / f"bits{bits}.npz")
        nm.quantise(cases.float_network(), weight_bits=bits).network.save(paths[-1])
    return paths


@pytest.mark.usefixtures("data")
def test_several_networks(nmtool: Nmtool, several: list[Path]) -> None:
    result = nmtool("cost", *several, "--data", "two", "--json")
    networks = {str(path): IntegerNetwork.load(path) for path in several}
    expected = nm.compare_cost(networks, TEST)
    assert result.json == {"data": "two", "split": "test", **expected.as_json()}
    assert [network["bits"][0] for network in result.json["networks"]] == ["8", "4", "3"]
    assert nmtool("cost", *several, "two", "--csv").out == expected.as_csv()
    people = nmtool("cost", *several, "two").out
    assert all(path.name in people for path in several)
    assert people.count("latency and energy: not given") == 1


@pytest.mark.usefixtures("data")
def test_a_picture(nmtool: Nmtool, several: list[Path]) -> None:
    pytest.importorskip("matplotlib")
    result = nmtool("cost", *several, "--data", "two", "--plot", "cost.svg", "--by", "footprint")
    assert result.code == 0
    assert result.err == f"{SPELT_NOW}cost.svg written\n"
    assert "bits4.npz (4/" in Path("cost.svg").read_text("utf-8")
    again = nmtool("cost", *several, "--data", "two", "--plot", "cost.svg")
    assert (again.code, again.out, again.error) == (2, "", "path-taken")
    forced = nmtool("cost", *several, "--data", "two", "--plot", "cost.svg", "--force")
    assert forced.code == 0


@pytest.mark.usefixtures("data")
def test_a_picture_without_the_library(
    nmtool: Nmtool, integers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    result = nmtool("cost", integers, "two", "--plot", "cost.svg")
    assert (result.code, result.out, result.error) == (3, "", "library-missing")
    assert "'matplotlib<" in result.err


@pytest.mark.usefixtures("data")
def test_invalid_arguments_are_refused(nmtool: Nmtool, integers: Path, tmp_path: Path) -> None:
    for words, code in (
        ([integers], "data-missing"),
        ([integers, "nonsense"], "dataset-unknown"),
        ([integers, "two", "--target", "loihi9"], "target-unknown"),
        ([integers, "two", "--energy-of", "loihi9"], "target-unknown"),
        ([integers, "two", "--plot", "cost.txt"], "plot-format"),
        ([integers, "two", "--weight-bits", "4"], "quantised-already"),
        ([tmp_path / "none.npz", "two"], "file-missing"),
    ):
        result = nmtool("cost", *words)
        assert (result.code, result.out, result.error) == (2, "", code), result


def test_data_of_other_channels_and_no_data(nmtool: Nmtool, data: Path, integers: Path) -> None:
    for split in ("train", "test"):
        cases.write_raw(data / f"two_{split}.h5", [[0.001]], [[0]], [0], n_units=5)
    result = nmtool("cost", integers, "two")
    assert (result.code, result.out, result.error) == (2, "", "data-channels-differ")
    for split in ("train", "test"):
        cases.write_raw(data / f"two_{split}.h5", [], [], [])
    result = nmtool("cost", integers, "two")
    assert (result.code, result.out, result.error) == (2, "", "split-empty")


def test_data_without_spikes_are_remarked(nmtool: Nmtool, data: Path, integers: Path) -> None:
    cases.write_raw(data / "two_test.h5", [[], []], [[], []], [0, 1])
    result = nmtool("cost", integers, "two", "--json")
    assert result.code == 0
    assert "neither input spikes" in result.err
    assert [SPELT_NOW.strip(), *result.json["remarks"]] == result.err.splitlines()
    assert result.json["synaptic_events"]["total"]["total"] == 0


@pytest.mark.usefixtures("data")
def test_a_network_that_cannot_spike(nmtool: Nmtool, tmp_path: Path) -> None:
    network = cases.integer_network()
    direct = replace(
        network.projections[2],
        source="input",
        weight=np.full((4, 2), 2, np.int16),
        delay=np.zeros((4, 2), np.uint8),
    )
    path = tmp_path / "deaf.npz"
    replace(network, populations=[network.population("out")], projections=[direct]).save(path)
    result = nmtool("cost", path, "two", "--json")
    assert result.code == 0
    assert "activation_sparsity" not in result.json
    assert "activation_sparsity" in result.json["absent"]
    assert result.json["spikes"]["parts"] == {}
    n_spikes = network.bin(TEST).raster.n_spikes
    assert result.json["synaptic_events"]["total"]["total"] == 2 * n_spikes > 0
