"""`nmtool verify`: Lava's own model beside the one that stands in for it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nmtool.network.integer_network import IntegerNetwork
from tests.nmtool.cli import cases
from tests.nmtool.cli.conftest import Nmtool
from tests.nmtool.cli.fake_lava import FakeLava, flip_spike
from tests.nmtool.cli.lava_case import (
    BINS,
    BUSIEST,
    FIRST,
    KEYS,
    STRETCH,
    WORDS,
    write_case,
)


@pytest.fixture(autouse=True)
def _files(data: Path, integers: Path) -> None:
    write_case(data, integers)


def test_only_the_stock_model_differs(nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch) -> None:
    FakeLava({"stock": flip_spike(0, 7, 1)}).install(monkeypatch)
    result = nmtool(*WORDS, "--json")
    assert result.code == 1
    entry = result.json["backends"]["lava"]
    assert (entry["spikes_compared"], entry["spikes_different"]) == (BINS, 0)
    assert entry["stock_spikes_different"] == 1
    first = result.json["first_divergence"]
    assert (first["backend"], first["sample"]) == ("lava", BUSIEST)
    assert (first["step"], first["neuron"], first["quantity"]) == (FIRST + 7, 1, "spike")


def test_only_the_stock_model_differs_in_words(
    nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch
) -> None:
    FakeLava({"stock": flip_spike(0, 7, 1)}).install(monkeypatch)
    result = nmtool(*WORDS)
    assert result.code == 1
    lines = result.out.splitlines()
    at = next(n for n, line in enumerate(lines) if line.startswith("lava: spikes compared 540"))
    assert lines[at + 1].startswith(
        f"lava, stock model, {STRETCH}: spikes compared 72, different 1; "
    )
    assert lines[at + 2].startswith(
        f"  first divergence: sample {BUSIEST}, step {FIRST + 7}, hidden[1], spik"
    )
    assert lines[at + 3].endswith("proves nothing")
    assert lines[at + 4].startswith(
        f"  first divergence: sample {BUSIEST}, step {FIRST + 7}, hidden[1], spik"
    )


def test_both_models_of_a_wrong_export_differ(
    nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lowered threshold in both: the comparison counts, and says that something differs."""
    fake = FakeLava({"stock": flip_spike(0, 7, 1), "fast": flip_spike(0, 7, 1)})
    fake.install(monkeypatch)
    result = nmtool(*WORDS, "--json")
    assert result.code == 1
    entry = result.json["backends"]["lava"]
    assert (entry["spikes_different"], entry["stock_spikes_different"]) == (1, 1)
    assert entry["stock_equals_fast"] is True
    assert [call["model"] for call in fake.calls] == ["fast", "stock", "fast", "fast"]
    assert fake.calls[1]["spikes"] is fake.calls[2]["spikes"]
    assert fake.calls[2]["deep"]
    assert "proves nothing" not in nmtool(*WORDS).out


def test_the_fast_model_alone_differs(nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch) -> None:
    FakeLava({"fast": flip_spike(0, 7, 1)}).install(monkeypatch)
    result = nmtool(*WORDS, "--json")
    entry = result.json["backends"]["lava"]
    assert (result.code, entry["stock_equals_fast"]) == (1, False)
    assert (entry["spikes_different"], entry["stock_spikes_different"]) == (1, 0)
    assert "proves nothing" in nmtool(*WORDS).out


def test_models_that_agree_run_once_each(nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeLava().install(monkeypatch)
    assert nmtool(*WORDS, "--json").json["backends"]["lava"]["stock_equals_fast"] is True
    assert [call["model"] for call in fake.calls] == ["fast", "stock"]


def test_a_late_burst_is_what_the_stock_model_runs(
    nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch, data: Path
) -> None:
    """Nothing happens in the first steps, which are as many as delays reach and 20 more."""
    fake = FakeLava().install(monkeypatch)
    late = [0.026 + 1e-3 * (index // 4) for index in range(12)]
    cases.write_raw(data / "two_test.h5", [[], late], [[], 3 * [0, 1, 2, 3]], [0, 1])
    network = IntegerNetwork.load("integers.npz")
    prompt = [replace(p, delay=np.zeros_like(p.delay)) for p in network.projections]
    replace(network, projections=prompt, n_steps=60).save("integers.npz")
    entry = nmtool(*WORDS, "--json").json["backends"]["lava"]
    assert (entry["stock_sample"], entry["stock_first_step"], entry["stock_steps"]) == (1, 26, 20)
    assert entry["stock_spikes_emitted"] > 0
    assert fake.calls[-1]["spikes"].n_spikes == 12


def test_the_fast_model_comes_first(nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch) -> None:
    faults = {"stock": flip_spike(0, 7, 1), "fast": flip_spike(5, 29, 0)}
    FakeLava(faults).install(monkeypatch)
    first = nmtool(*WORDS, "--json").json["first_divergence"]
    assert (first["sample"], first["step"]) == (5, 29)


def test_the_stock_model_alone(nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeLava({"stock": flip_spike(0, 7, 1)}).install(monkeypatch)
    result = nmtool(*WORDS, "--model", "stock", "--json")
    assert result.code == 1
    entry = result.json["backends"]["lava"]
    assert set(entry) == KEYS | {"model", "explanation"}
    assert (entry["model"], entry["spikes_different"]) == ("stock", 1)
    assert [call["deep"] for call in fake.calls] == [False, True]
    assert "(fast)" not in nmtool(*WORDS, "--model", "stock").out
