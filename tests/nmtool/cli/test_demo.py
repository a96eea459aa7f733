"""`nmtool demo`: the whole story, for people and for scripts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from nmtool import walkthrough
from nmtool.evaluation.evaluation import evaluate
from nmtool.exporters.lava import Lava
from nmtool.network.integer_network import IntegerNetwork
from tests.nmtool.cli.conftest import Nmtool
from tests.nmtool.cli.fake_lava import FakeLava, flip_spike

pytestmark = pytest.mark.torch

WORDS = ("demo", "--epochs", "1", "--samples", "5", "-o", "kept")


def test_for_people(nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch) -> None:
    FakeLava().install(monkeypatch)
    said = nmtool(*WORDS)
    assert said.code == 0, said
    lines = said.out.splitlines()
    chapters = [line[:11] for line in lines if line[:3] in ("1. ", "2. ", "3. ")]
    assert chapters == ["1. train 10", "2. quantise", "3. run the "]
    assert "5 test samples" in lines
    assert "lava: spikes compared 40000, different 0; spikes emitted " in said.out
    assert "kept in kept: run, integers.npz, lava" in lines
    assert said.err.startswith("trains on ")
    assert "\nepoch   1/1 " in said.err
    kept = IntegerNetwork.load("kept/integers.npz")
    assert Lava("kept/lava").network.content_hash == kept.content_hash
    assert kept.source_hash == nmtool("inspect", "kept/run", "--json").json["hash"]
    again = nmtool(*WORDS)
    assert (again.code, again.error) == (2, "path-taken")
    assert "kept" in again.err


def test_as_json(nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch) -> None:
    FakeLava({"fast": flip_spike(4, 50, 7)}).install(monkeypatch)
    Path("kept").mkdir()
    monkeypatch.setattr(
        walkthrough,
        "evaluate",
        lambda network, data, progress: replace(evaluate(network, data), accuracy=0.0),
    )
    said = nmtool(*WORDS, "--json")
    assert said.code == 1
    assert said.json["samples"] == 5
    assert set(said.json["accuracy"]) == {"float", "hardware_sim", "lava"}
    assert said.json["accuracy"]["float"] == 0.0 < said.json["accuracy"]["lava"]
    assert said.json["backends"]["lava"]["spikes_different"] == 1
    assert said.json["first_divergence"]["sample"] == 4
    assert said.json["hash"] == IntegerNetwork.load("kept/integers.npz").content_hash
    assert said.json["quantisation"]["calibrated"] is True
    assert "1. train 100 recurrent" in said.err


def test_keeps_nothing_unasked(nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeLava().install(monkeypatch)
    said = nmtool(*WORDS[:-2], "--seed", "3")
    assert said.code == 0, said
    assert list(Path.cwd().iterdir()) == []
    assert not fake.calls[0]["folder"].parent.exists()


@pytest.mark.lava
def test_in_lava(nmtool: Nmtool) -> None:
    said = nmtool(*WORDS, "--json")
    assert said.code == 0, said
    entry = said.json["backends"]["lava"]
    assert entry["spikes_different"] == entry["stock_spikes_different"] == 0
    assert entry["spikes_compared"] == 5 * 80 * 100
