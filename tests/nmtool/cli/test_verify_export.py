"""`nmtool verify EXPORT`: with its own runtime, and without data, by the answers it carries."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from nmtool.hardware_sim.known_answers import known_answers
from nmtool.network.integer_network import IntegerNetwork
from tests.nmtool.cli.conftest import Nmtool
from tests.nmtool.cli.fake_lava import FakeLava, flip_spike
from tests.nmtool.cli.lava_case import (
    KEYS,
    STOCK_KEYS,
    write_case,
)


@pytest.fixture(autouse=True)
def _files(data: Path, integers: Path) -> None:
    write_case(data, integers)


def test_an_exported_folder_is_run_as_it_is(
    nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = FakeLava().install(monkeypatch)
    assert nmtool("export", "integers.npz", "--to", "lava", "-o", "folder").code == 0
    assert nmtool("verify", "folder", "two", "--against", "lava").code == 0
    assert {call["folder"] for call in fake.calls} == {Path("folder")}
    assert Path("folder/run.py").exists()


def test_an_export_is_verified_by_its_known_answers(
    nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = FakeLava().install(monkeypatch)
    assert nmtool("export", "integers.npz", "--to", "lava", "-o", "folder").code == 0
    result = nmtool("verify", "folder", "--json")
    assert result.code == 0, result
    network = IntegerNetwork.load("integers.npz")
    entry = result.json["backends"]["lava"]
    assert set(entry) == KEYS | STOCK_KEYS | {"model"}
    expected = known_answers(network)
    samples, steps = expected.spikes.n_samples, expected.spikes.n_steps
    assert (result.json["samples"], result.json["hash"]) == (samples, network.content_hash)
    assert (entry["spikes_compared"], entry["spikes_different"]) == (samples * steps * 3, 0)
    states = samples * steps * 2 * (3 + 2)
    assert (entry["membrane_compared"], entry["membrane_different"]) == (states, 0)
    assert {call["folder"] for call in fake.calls} == {Path("folder")}
    assert [call["model"] for call in fake.calls] == ["fast", "stock"]
    lines = nmtool("verify", "folder").out.splitlines()
    assert lines[0] == f"{samples} known answers"
    assert [line.split()[:2] for line in lines[3:5]] == [["lava", "(fast)"], ["lava", "(stock)"]]
    emitted = expected.recording.spikes["hidden"].n_spikes
    compared = samples * steps * 3
    at = lines.index(f"lava: spikes compared {compared}, different 0; spikes emitted {emitted}")
    assert lines[at + 1].startswith("lava, stock model, 24 steps of sample ")


def test_an_export_runs_in_the_requested_model(
    nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = FakeLava({"stock": flip_spike(1, 7, 2)}).install(monkeypatch)
    assert nmtool("export", "integers.npz", "--to", "lava", "-o", "folder").code == 0
    result = nmtool("verify", "folder", "--model", "stock", "--json")
    assert result.code == 1
    assert result.json["backends"]["lava"]["model"] == "stock"
    assert [call["model"] for call in fake.calls] == ["stock"]
    expected = known_answers(IntegerNetwork.load("integers.npz"))
    assert fake.calls[0]["spikes"].n_samples == expected.spikes.n_samples
    assert [call["deep"] for call in fake.calls] == [True]


def test_a_wrong_stock_model_gives_exit_code_1(
    nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch
) -> None:
    FakeLava({"stock": flip_spike(0, 7, 1)}).install(monkeypatch)
    assert nmtool("export", "integers.npz", "--to", "lava", "-o", "folder").code == 0
    assert nmtool("verify", "folder").code == 1


def test_a_wrong_answer_is_detected(nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch) -> None:
    FakeLava({"fast": flip_spike(1, 7, 2)}).install(monkeypatch)
    assert nmtool("export", "integers.npz", "--to", "lava", "-o", "folder").code == 0
    result = nmtool("verify", "folder", "--json")
    assert result.code == 1
    assert result.json["backends"]["lava"]["spikes_different"] == 1
    first = result.json["first_divergence"]
    assert (first["sample"], first["step"], first["neuron"]) == (1, 7, 2)


def test_known_answers_of_another_network_are_refused(
    nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch
) -> None:
    FakeLava().install(monkeypatch)
    assert nmtool("export", "integers.npz", "--to", "lava", "-o", "folder").code == 0
    network = IntegerNetwork.load("integers.npz")
    known_answers(replace(network, dt_ms=2.0)).save("folder/known_answers.npz")
    result = nmtool("verify", "folder")
    assert (result.code, result.out, result.error) == (2, "", "answers-other-network")
    assert "folder" in result.err
    Path("folder/known_answers.npz").unlink()
    assert nmtool("verify", "folder").error == "answers-missing"


@pytest.mark.parametrize(
    ("words", "error", "phrase"),
    [
        (["integers.npz"], "answers-not-carried", "integers.npz"),
        (["integers.npz", "two"], "backend-missing", "--against"),
        (["folder", "--against", "lava"], "data-missing", "--against"),
        (["folder", "--samples", "3"], "data-missing", "--samples"),
        (["folder", "--deep"], "data-missing", "--deep"),
        (["folder", "--split", "test"], "data-missing", "--split"),
        (["folder", "--validation", "3"], "data-missing", "--validation"),
        (["folder", "--data-dir", "here"], "data-missing", "--data-dir"),
        (["folder", "--units", "4"], "data-missing", "--units"),
        (["folder", "--weight-bits", "4"], "data-missing", "--weight-bits"),
        (["folder", "--scale", "data"], "data-missing", "--scale"),
        (["network.c", "--model", "stock"], "lava-model-unused", " c\n"),
        (["network.c", "two", "--model", "fast"], "lava-model-unused", " c\n"),
        (["integers.npz", "--model", "fast"], "answers-not-carried", "integers.npz"),
        (["integers.npz", "nowhere", "--model", "fast"], "backend-missing", "--against"),
        (["nowhere"], "file-missing", "nowhere"),
        (["nowhere", "two"], "file-missing", "nowhere"),
        (["nowhere.onnx"], "file-missing", "nowhere.onnx"),
    ],
)
def test_incomplete_comparisons_are_refused(
    words: list[str], error: str, phrase: str, nmtool: Nmtool
) -> None:
    assert nmtool("export", "integers.npz", "--to", "lava", "-o", "folder").code == 0
    assert nmtool("export", "integers.npz", "-o", "network.c").code == 0
    result = nmtool("verify", *words)
    assert (result.code, result.out, result.error) == (2, "", error)
    assert phrase in result.err


def test_an_export_is_compared_with_its_own_runtime(
    nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch
) -> None:
    FakeLava().install(monkeypatch)
    assert nmtool("export", "integers.npz", "--to", "lava", "-o", "folder").code == 0
    result = nmtool("verify", "folder", "two", "--json")
    assert (result.code, list(result.json["backends"])) == (0, ["lava"])
