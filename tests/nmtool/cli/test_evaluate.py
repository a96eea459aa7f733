"""`nmtool evaluate`: numbers that agree with the library, for integers, floats and runs."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

import nmtool as nm
from nmtool.data import bin_events
from nmtool.data.dividing import drawn_samples
from nmtool.hardware_sim.operations import count_operations
from nmtool.hardware_sim.simulator import simulate
from nmtool.network.float_network import Network
from nmtool.network.integer_network import IntegerNetwork
from tests.nmtool.cli import cases
from tests.nmtool.cli.conftest import Nmtool

TEST = cases.spike_events(cases.N_TEST, 2)
"""The test split of the fixture `data`."""


@pytest.mark.usefixtures("data")
def test_integers_as_json(nmtool: Nmtool, integers: Path) -> None:
    network = IntegerNetwork.load(integers)
    raster = bin_events(TEST, 1.0, 30).raster
    recording = simulate(network, raster)
    operations = count_operations(network, raster, recording)
    result = nmtool("evaluate", integers, "two", "--json")
    assert result.code == 0
    assert result.json == {
        "network": str(integers),
        "hash": network.content_hash,
        "data": "two",
        "split": "test",
        "arithmetic": "loihi2",
        "samples": 6,
        "accuracy": recording.accuracy(TEST.label),
        "spikes_per_neuron": {"hidden": recording.spikes["hidden"].n_spikes / 18},
        "synaptic_events_per_sample": sum(c.sum() for c in operations.synaptic_events) / 6,
        "neuron_updates_per_sample": 150.0,
        "u_wraps": 0,
        "v_clips": 0,
        "loss": None,
    }
    assert recording.spikes["hidden"].n_spikes > 20
    assert recording.counts["u_wraps"] == recording.counts["v_clips"] == 0


@pytest.mark.usefixtures("data")
def test_results_by_class_and_by_sample(nmtool: Nmtool, integers: Path) -> None:
    words = ("evaluate", integers, "two", "--classes", "--predictions", "p.csv")
    result = nmtool(*words)
    assert result.code == 0
    network = IntegerNetwork.load(integers)
    recording = simulate(network, bin_events(TEST, 1.0, 30).raster)
    wrong = np.flatnonzero(recording.predictions != TEST.label)
    assert f"wrong samples: {wrong.size} of 6" in result.out
    assert "accuracy per class" in result.out
    assert "confusion matrix" in result.out
    assert len(Path("p.csv").read_text().splitlines()) == 7
    assert nmtool(*words).error == "path-taken"
    assert nmtool("evaluate", integers, "two", "--predictions", "p.txt").error == "extension-wrong"
    result = nmtool(*words, "--force", "--json")
    assert result.json["wrong_samples"] == wrong.tolist()
    assert np.trace(result.json["confusion"]["counts"]) == 6 - wrong.size


@pytest.mark.usefixtures("data")
def test_integers_in_the_terminal(nmtool: Nmtool, integers: Path) -> None:
    result = nmtool("evaluate", integers, "two", "--samples", "4", "--split", "train")
    assert result.code == 0
    lines = [line.split("  ") for line in result.out.splitlines()[3:]]
    shown = {words[0].strip(): words[-1].strip() for words in lines if len(words) > 1}
    assert result.out.startswith(f"{integers} on two (train)\n")
    assert shown["samples"] == "4 of 12, drawn per class"
    assert shown["accuracy"] == "100.00%"
    assert shown["arithmetic"] == "loihi2"
    assert "loss" not in shown
    assert result.err == ""


@pytest.mark.usefixtures("data")
def test_drawn_samples_keep_their_numbers(nmtool: Nmtool, integers: Path) -> None:
    words = ("evaluate", integers, "two", "--samples", "4", "--predictions", "p.csv", "--json")
    result = nmtool(*words)
    drawn = drawn_samples(TEST.label, 4)
    assert (result.json["samples"], result.json["drawn_from"]) == (4, 6)
    rows = [line.split(",") for line in Path("p.csv").read_text().splitlines()[1:]]
    assert [int(row[0]) for row in rows] == drawn.tolist() != [0, 1, 2, 3]
    assert [int(row[1]) for row in rows] == TEST.label[drawn].tolist()


def test_dropped_events_are_reported(nmtool: Nmtool, data: Path, integers: Path) -> None:
    cases.write_raw(data / "two_test.h5", [[0.001, 0.0301], [0.02, 0.5]], [[0, 0], [1, 1]], [0, 1])
    result = nmtool("evaluate", integers, "two", "--json")
    assert result.json["samples"] == 2
    (remark,) = result.err.splitlines()
    assert remark.startswith("remark[events-dropped]: 2 of the 4 events ")
    assert "30 steps of 1 ms" in remark
    cases.write_raw(data / "two_test.h5", [[0.001, 0.0301], [0.5]], [[0, 0], [1]], [0, 1])
    result = nmtool("evaluate", integers, "two")
    assert (result.code, result.error) == (2, "events-mostly-dropped")


def test_samples_without_spikes_are_evaluated(nmtool: Nmtool, data: Path, integers: Path) -> None:
    cases.write_raw(data / "two_test.h5", [[], []], [[], []], [0, 1])
    result = nmtool("evaluate", integers, "two", "--json")
    assert result.code == 0
    assert result.json["accuracy"] == 0.5
    assert result.json["synaptic_events_per_sample"] == 0


@pytest.mark.usefixtures("data")
def test_more_threads_than_cores(nmtool: Nmtool, integers: Path) -> None:
    result = nmtool("evaluate", integers, "two", "--threads", "1000000")
    assert (result.code, result.error) == (2, "threads-range")
    assert "1000000" in result.err


@pytest.mark.torch
@pytest.mark.usefixtures("data")
def test_threads_do_not_change_results(
    nmtool: Nmtool, floats: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import numba
    import torch

    used = []
    monkeypatch.setattr(numba, "set_num_threads", lambda number: used.append(("numba", number)))
    monkeypatch.setattr(torch, "set_num_threads", lambda number: used.append(("torch", number)))
    assert nmtool("evaluate", floats, "two").code == 0
    assert used == []
    assert nmtool("evaluate", floats, "two", "--threads", "2").code == 0
    assert used == [("numba", 2), ("torch", 2)]


@pytest.mark.torch
@pytest.mark.usefixtures("data")
def test_float_networks_are_evaluated(nmtool: Nmtool, floats: Path) -> None:
    from nmtool.training.front.model import SpikingNetwork

    network = Network.load(floats)
    recording = SpikingNetwork(network).record(bin_events(TEST, 1.0, 30).raster)
    result = nmtool("evaluate", floats, "two", "--json")
    assert result.json["arithmetic"] == "float"
    assert result.json["hash"] == network.content_hash
    assert result.json["accuracy"] == recording.accuracy(TEST.label)
    assert result.json["spikes_per_neuron"] == {"hidden": recording.spikes["hidden"].n_spikes / 18}
    assert result.json["loss"] is None


@pytest.mark.torch
@pytest.mark.parametrize(
    ("gain", "margin", "more"),
    [
        (30.0, None, []),
        (0.5, None, ["--readout", "first_spike", "--init-output", "20", "9"]),
        (200.0, 4.0, ["--readout", "first_spike", "--init-output", "20", "9"]),
    ],
)
@pytest.mark.usefixtures("data")
def test_the_loss_of_a_run_is_the_one_it_was_trained_with(
    gain: float, margin: float | None, more: list[str], nmtool: Nmtool
) -> None:
    import torch

    from nmtool.training.front.losses import readout_loss
    from nmtool.training.front.model import SpikingNetwork

    settings = ("--gain", gain, "--margin", margin or "none", *cases.SETTINGS, *more)
    assert nmtool("train", "two", "-o", "run", *settings).code == 0
    network = Network.load("run/network.npz")
    loss = readout_loss(network, gain, margin)
    activity = SpikingNetwork(network)(bin_events(TEST, 1.0, 30).raster)
    expected = loss(activity, torch.from_numpy(TEST.label)).item()
    result = nmtool("evaluate", "run", "two", "--json")
    assert not more or result.json["spikes_per_neuron"]["output"] > 0.3
    assert np.isclose(result.json["loss"], expected, rtol=1e-5)


@pytest.mark.usefixtures("data")
def test_an_export_answers_in_its_own_runtime(nmtool: Nmtool, integers: Path) -> None:
    if shutil.which("cc") is None:
        pytest.skip("there is no C compiler")
    expected = nmtool("evaluate", integers, "two", "--json").json
    assert nmtool("export", integers, "-o", "net.c").code == 0
    result = nmtool("evaluate", "net.c", "two:test", "--json")
    assert (result.code, result.err) == (0, "")
    content = result.json
    assert content.pop("seconds") >= 0
    assert (content.pop("format"), content.pop("spikes") > 20) == ("c", True)
    for name in ("loss", "u_wraps", "v_clips"):
        del expected[name]
    assert content == {**expected, "network": "net.c"}
    assert "run by c" in nmtool("evaluate", "net.c", "two").out
    in_python = nm.evaluate("net.c", "two:test", samples=4)
    assert (in_python.runtime, in_python.samples, in_python.drawn_from) == ("c", 4, 6)


@pytest.mark.usefixtures("data")
def test_a_split_is_named_with_the_data(nmtool: Nmtool, integers: Path) -> None:
    content = nmtool("evaluate", integers, "two:train", "--json").json
    assert content == nmtool("evaluate", integers, "two", "--split", "train", "--json").json
    assert (content["data"], content["split"], content["samples"]) == ("two", "train", 12)
    assert nm.evaluate(integers, "two:train").accuracy == content["accuracy"]
    assert nm.evaluate(integers, "two").samples == 6
    twice = nmtool("evaluate", integers, "two:train", "--split", "test")
    assert (twice.code, twice.error) == (2, "split-named-twice")
