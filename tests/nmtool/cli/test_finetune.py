"""`nmtool finetune`: a new run from where another stands, in the chip's integers for instance."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from nmtool.data import load_dataset
from nmtool.hardware_sim.simulator import simulate
from nmtool.network.float_network import Network
from nmtool.network.integer_network import IntegerNetwork
from nmtool.training.loop.run_folder import RunFolder
from tests.nmtool.cli import cases
from tests.nmtool.cli.conftest import Nmtool
from tests.nmtool.cli.runs import assert_same_run, stop_in_epoch

pytestmark = pytest.mark.torch


@pytest.fixture(autouse=True)
def _run(data: Path, nmtool: Nmtool) -> None:
    del data
    assert nmtool("train", "two", "-o", "run", *cases.SETTINGS).code == 0


def _log(folder: str) -> list[dict]:
    return [json.loads(line) for line in Path(folder, "log.jsonl").read_text().splitlines()]


def test_finetuning_continues_in_integers(nmtool: Nmtool) -> None:
    result = nmtool(
        "train", "--start", "run", "-o", "fine", "--arithmetic", "integer", "--epochs", 2
    )
    assert result.code == 0, result.err
    before, after = RunFolder(Path("run")).options(), RunFolder(Path("fine")).options()
    assert (after.arithmetic, after.epochs) == ("integer", 2)
    assert after.lr == before.lr / 5
    assert after.delay_lr == before.delay_lr / 5
    assert after.hidden == before.hidden
    network = IntegerNetwork.load("fine/integers.npz")
    held_out = load_dataset("two", validation=after.validation).validation
    raster = network.bin(held_out).raster
    best = max(entry["validation_accuracy"] for entry in _log("fine"))
    assert simulate(network, raster).accuracy(held_out.label) == best


def test_options_override_the_file_and_the_file_overrides_the_run(nmtool: Nmtool) -> None:
    Path("s.toml").write_text("lr = 0.004\nweight_bits = 4\nepochs = 5\nhidden = 6\n")
    result = nmtool("train", "--start", "run", "-o", "fine", "--config", "s.toml", "--epochs", 1)
    assert result.code == 0, result.err
    before, after = RunFolder(Path("run")).options(), RunFolder(Path("fine")).options()
    assert (after.lr, after.weight_bits, after.epochs) == (0.004, 4, 1)
    assert after.delay_lr == before.delay_lr / 5
    assert after.steps == before.steps


def test_help_names_the_run_as_the_source_of_defaults(nmtool: Nmtool) -> None:
    text = " ".join(nmtool("train", "--help").out.split())
    assert "as a new run with its settings, for 10 epochs at a fifth of its learning rates" in text


def test_finetuning_starts_from_the_last_checkpoint(nmtool: Nmtool) -> None:
    result = nmtool(
        "train", "--start", "run", "-o", "fine", "--epochs", 1, "--lr", 0, "--delay-lr", 0
    )
    assert result.code == 0, result.err
    shadows = [dict(np.load(f"{folder}/checkpoint.npz")) for folder in ("run", "fine")]
    weights = [name for name in shadows[0] if name.startswith("parameter.")]
    assert weights
    for name in weights:
        np.testing.assert_allclose(shadows[1][name], shadows[0][name], atol=0.0021)  # the rescue
    steps = [float(shadow["step.projections.0.weight"]) for shadow in shadows]
    assert steps[1] > steps[0] > 0  # Adam's step count continues


@pytest.mark.parametrize("average", ["none", 0.9])
def test_delays_beyond_a_new_limit_are_cut(average: float | str, nmtool: Nmtool) -> None:
    slow = ("--delay-lr", 0, "--lr", 0, "--epochs", 1, "--average", average)
    assert nmtool("train", "two", "-o", "far", *cases.SETTINGS, *slow).code == 0
    before = _delays("far")
    n_longer = int((before > 4).sum())
    assert n_longer > 3
    result = nmtool("train", "--start", "far", "-o", "near", "--max-delay", 4, *slow)
    assert result.code == 0, result.err
    remark, *others = result.err.splitlines()
    assert " 4 steps (max_delay)" in remark
    assert f" {n_longer} of {before.size} were longer" in remark
    assert [line[:5] for line in others] == ["train", "epoch"]
    np.testing.assert_array_equal(_delays("near"), np.minimum(before, 4))
    shadows = dict(np.load("near/checkpoint.npz"))
    for name in shadows:
        if name.endswith(".delay") and name.split(".")[0] in ("parameter", "average"):
            assert shadows[name].max() <= 4


def _delays(folder: str) -> np.ndarray:
    projections = Network.load(f"{folder}/network.npz").projections
    return np.concatenate([p.delay.ravel() for p in projections])


def test_a_run_with_delays_beyond_the_chip_continues_in_integers(nmtool: Nmtool) -> None:
    words = (*cases.SETTINGS, "--max-delay", 80, "--init-delay-input", 80)
    assert nmtool("train", "two", "-o", "far", *words).code == 0
    integers = ("train", "--start", "far", "-o", "near", "--arithmetic", "integer", "--epochs", 1)
    result = nmtool(*integers)
    assert (result.code, result.error) == (2, "max-delay-beyond-chip")
    for value in ("max_delay is 80 ", "--max-delay 61"):
        assert value in result.err
    result = nmtool(*integers, "--max-delay", 61)
    assert result.code == 0, result.err
    assert " 61 steps (max_delay)" in result.err
    assert IntegerNetwork.load("near/integers.npz").max_delay <= 61


def test_a_run_with_few_delay_bits_can_be_finetuned_again(nmtool: Nmtool) -> None:
    words = ("--arithmetic", "integer", "--delay-bits", 3, "--max-delay", 13, "--epochs", 1)
    assert nmtool("train", "two", "-o", "few", *cases.SETTINGS, *words).code == 0
    assert IntegerNetwork.load("few/integers.npz").max_delay <= 13
    result = nmtool("train", "--start", "few", "-o", "again", "--epochs", 1)
    assert result.code == 0, result.err
    assert "cut" not in result.err


@pytest.mark.parametrize("epoch", [1, 2])
def test_stopped_and_resumed_equals_uninterrupted(
    epoch: int, nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("train", "--start", "run", "--epochs", 2, "--average", 0.9)
    assert nmtool(*words, "-o", "whole").code == 0
    with monkeypatch.context() as patch:
        stop_in_epoch(epoch, patch)
        result = nmtool(*words, "-o", "stopped")
    assert result.code == 130
    assert "nmtool train -o stopped --resume\n" in result.err
    shutil.rmtree("run")
    result = nmtool("train", "-o", "stopped", "--resume")
    assert result.code == 0, result.err
    assert {line[:5] for line in result.err.splitlines()} <= {"epoch"}
    assert_same_run("whole", "stopped")


def test_a_run_is_not_resumed_without_its_start(nmtool: Nmtool) -> None:
    assert nmtool("train", "--start", "run", "-o", "fine", "--epochs", 1).code == 0
    Path("fine/checkpoint.npz").unlink()
    result = nmtool("train", "two", "-o", "fine", "--resume")
    assert (result.code, result.error) == (2, "resume-nothing-kept")
    assert "fine" in result.err
    assert Path("fine/run.json").exists()


def test_an_integer_run_is_loaded_as_its_integers(nmtool: Nmtool) -> None:
    assert (
        nmtool(
            "train", "--start", "run", "-o", "fine", "--arithmetic", "integer", "--epochs", 1
        ).code
        == 0
    )
    in_integers = nmtool("evaluate", "fine", "two", "--json").json
    in_floats = nmtool("evaluate", "fine/network.npz", "two", "--json").json
    assert in_integers["arithmetic"] == "loihi2"
    assert in_floats["arithmetic"] == "float"
    for name in ("fine", "fine/integers.npz"):
        result = nmtool("quantise", name, "-o", "again.npz")
        assert (result.code, result.error) == (2, "quantised-already")
        assert "fine/network.npz" in result.err


def test_other_data_can_be_named(nmtool: Nmtool, tmp_path: Path) -> None:
    (tmp_path / "two").rename(tmp_path / "moved")
    result = nmtool("train", "--start", "run", "-o", "fine", "--epochs", 1)
    assert (result.code, result.error) == (2, "dataset-unknown")
    assert nmtool("train", "moved", "--start", "run", "-o", "fine", "--epochs", 1).code == 0
    assert Network.load("fine/network.npz").n_steps > 0


@pytest.mark.parametrize(
    ("words", "error", "phrase"),
    [
        (("run", "-o", "fine", "--hidden", 9), "network-shape-fixed", "hidden is 6 in run "),
        (("run", "-o", "fine", "--feedforward"), "network-shape-fixed", "recurrent is True "),
        (("run", "-o", "fine", "--config", "wide.toml"), "network-shape-fixed", " 9\n"),
        (("run", "-o", "fine", "--config", "typo.toml"), "setting-unknown", "typo.toml: "),
        (("run", "-o", "run"), "path-taken", "run "),
        (("two", "-o", "fine"), "run-missing", "two "),
        (("run", "-o", "fine", "--weight-bits", 9), "weight-bits-range", "--weight-bits 8"),
    ],
)
def test_invalid_options_are_refused(
    words: tuple[object, ...], error: str, phrase: str, nmtool: Nmtool
) -> None:
    Path("wide.toml").write_text("hidden = 9\n")
    Path("typo.toml").write_text("learning = 0.1\n")
    result = nmtool("finetune", *words)
    assert (result.code, result.out, result.error) == (2, "", error)
    assert phrase in result.err


def test_a_run_without_a_checkpoint_is_refused(nmtool: Nmtool) -> None:
    Path("run/checkpoint.npz").unlink()
    result = nmtool("train", "--start", "run", "-o", "fine")
    assert (result.code, result.error) == (2, "checkpoint-missing")
    assert "run " in result.err
