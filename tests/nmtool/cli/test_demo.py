"""`nmtool demo`: from training to verification, as text and as JSON."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from nmtool import walkthrough
from nmtool.evaluation.evaluation import evaluate
from nmtool.exporters.lava.format import Lava
from nmtool.network.integer_network import IntegerNetwork
from tests.nmtool.cli.conftest import Nmtool
from tests.nmtool.cli.fake_lava import FakeLava, flip_spike

pytestmark = pytest.mark.torch

WORDS = ("demo", "--epochs", "1", "--samples", "5", "-o", "kept")


def test_the_demo_in_the_terminal(nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch) -> None:
    FakeLava().install(monkeypatch)
    result = nmtool(*WORDS)
    assert result.code == 0, result
    lines = result.out.splitlines()
    chapters = [line[:11] for line in lines if line[:3] in ("1. ", "2. ", "3. ")]
    assert chapters == ["1. train 10", "2. quantise", "3. run the "]
    assert re.search(
        r"^5 test samples: accuracy \S+ in floats, \S+ in integers, \S+ in Lava$", result.out, re.M
    )
    assert "lava: spikes compared 40000, different 0; spikes emitted " in result.out
    assert "kept in kept: run, integers.npz, lava" in lines
    assert result.err.startswith("trains on ")
    assert "\nepoch   1/1 " in result.err
    network = IntegerNetwork.load("kept/integers.npz")
    assert Lava("kept/lava").network.content_hash == network.content_hash
    assert network.source_hash == nmtool("inspect", "kept/run", "--json").json["hash"]
    again = nmtool(*WORDS)
    assert (again.code, again.error) == (2, "path-taken")
    assert "kept" in again.err


def test_the_demo_as_json(nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch) -> None:
    FakeLava({"fast": flip_spike(4, 50, 7)}).install(monkeypatch)
    Path("kept").mkdir()
    monkeypatch.setattr(
        walkthrough,
        "evaluate",
        lambda network, data, progress: replace(evaluate(network, data), accuracy=0.0),
    )
    result = nmtool(*WORDS, "--json")
    assert result.code == 1
    assert result.json["samples"] == 5
    assert set(result.json["accuracy"]) == {"float", "hardware_sim", "lava"}
    assert result.json["accuracy"]["float"] == 0.0 < result.json["accuracy"]["lava"]
    assert result.json["backends"]["lava"]["spikes_different"] == 1
    assert result.json["first_divergence"]["sample"] == 4
    assert result.json["hash"] == IntegerNetwork.load("kept/integers.npz").content_hash
    assert result.json["quantisation"]["calibrated"] is True
    assert "1. train 100 recurrent" in result.err


def test_the_demo_keeps_files_only_on_request(
    nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = FakeLava().install(monkeypatch)
    result = nmtool(*WORDS[:-2], "--seed", "3")
    assert result.code == 0, result
    assert list(Path.cwd().iterdir()) == []
    assert not fake.calls[0]["folder"].parent.exists()


@pytest.mark.lava
def test_the_demo_runs_in_lava(nmtool: Nmtool) -> None:
    result = nmtool(*WORDS, "--json")
    assert result.code == 0, result
    entry = result.json["backends"]["lava"]
    assert entry["spikes_different"] == entry["stock_spikes_different"] == 0
    assert entry["spikes_compared"] == 5 * 80 * 100
