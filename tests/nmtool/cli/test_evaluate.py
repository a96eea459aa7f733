"""`nmtool evaluate`: the result of the library as tables, JSON and CSV; samples, threads."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

import nmtool as nm
from nmtool.data.dividing import drawn_samples
from tests.nmtool.cli import cases
from tests.nmtool.cli.conftest import Nmtool

TEST = cases.spike_events(cases.N_TEST, 2)
"""The test split of the fixture `data`."""


@pytest.mark.usefixtures("data")
def test_json_equals_the_result_of_the_library(nmtool: Nmtool, integers: Path) -> None:
    network = nm.load(integers)
    result = nmtool("evaluate", integers, "two", "--json")
    assert result.code == 0
    subject = {"network": str(integers), "hash": network.content_hash}
    where = {"data": "two", "split": "test"}
    assert result.json == {**subject, **where, **nm.evaluate(network, TEST).as_json()}


@pytest.mark.usefixtures("data")
def test_classes_and_predictions(nmtool: Nmtool, integers: Path) -> None:
    words = ("evaluate", integers, "two", "--samples", 4, "--classes", "--predictions", "p.csv")
    result = nmtool(*words)
    assert result.code == 0
    for title in ("wrong samples: ", "accuracy per class", "confusion matrix"):
        assert title in result.out
    assert result.out.endswith("p.csv written\n")
    samples = [int(row.split(",")[0]) for row in Path("p.csv").read_text().splitlines()[1:]]
    assert samples == drawn_samples(TEST.label, 4).tolist()
    assert nmtool(*words).error == "path-taken"
    assert nmtool("evaluate", integers, "two", "--predictions", "p.txt").error == "extension-wrong"
    content = nmtool(*words, "--force", "--json").json
    assert content["drawn_from"] == 6
    assert np.trace(content["confusion"]["counts"]) == 4 - len(content["wrong_samples"])


@pytest.mark.usefixtures("data")
def test_integers_in_the_terminal(nmtool: Nmtool, integers: Path) -> None:
    result = nmtool("evaluate", integers, "two:train", "--samples", "4")
    assert result.code == 0
    lines = [line.split("  ") for line in result.out.splitlines()[3:]]
    shown = {words[0].strip(): words[-1].strip() for words in lines if len(words) > 1}
    assert result.out.startswith(f"{integers} on two (train)\n")
    assert shown["samples"] == "4 of 12, drawn per class"
    assert shown["accuracy"] == "100.00%"
    assert shown["arithmetic"] == "loihi2"
    assert "loss" not in shown
    assert result.err == ""


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


@pytest.mark.usefixtures("data")
def test_an_export_runs_in_its_own_runtime(nmtool: Nmtool, integers: Path) -> None:
    if shutil.which("cc") is None:
        pytest.skip("there is no C compiler")
    assert nmtool("export", integers, "-o", "net.c").code == 0
    result = nmtool("evaluate", "net.c", "two:test", "--json")
    assert (result.code, result.err) == (0, "")
    assert (result.json["network"], result.json["format"]) == ("net.c", "c")
    assert result.json["hash"] == nm.load(integers).content_hash
    assert result.json["accuracy"] == nm.evaluate(integers, TEST).accuracy
    assert "\n format " in nmtool("evaluate", "net.c", "two").out


@pytest.mark.usefixtures("data")
def test_a_split_is_named_with_the_data(nmtool: Nmtool, integers: Path) -> None:
    content = nmtool("evaluate", integers, "two:train", "--json").json
    assert (content["data"], content["split"], content["samples"]) == ("two", "train", 12)
    assert nm.evaluate(integers, "two:train").accuracy == content["accuracy"]
    assert nm.evaluate(integers, "two").samples == 6
