"""`nmtool train --start`: a new run from the state of another, e.g. in the chip's integers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nmtool.network.integer_network import IntegerNetwork
from nmtool.training.loop.run_folder import RunFolder
from tests.nmtool.cli import cases
from tests.nmtool.cli.conftest import Nmtool

pytestmark = pytest.mark.torch


@pytest.fixture(autouse=True)
def _run(data: Path, nmtool: Nmtool) -> None:
    del data
    assert nmtool("train", "two", "-o", "run", *cases.SETTINGS).code == 0


def test_options_override_the_file_and_the_file_overrides_the_run(nmtool: Nmtool) -> None:
    Path("s.toml").write_text("lr = 0.004\nweight_bits = 4\nepochs = 5\nhidden = 6\n")
    result = nmtool("train", "--start", "run", "-o", "fine", "--config", "s.toml", "--epochs", 1)
    assert result.code == 0, result.err
    before, after = RunFolder(Path("run")).options(), RunFolder(Path("fine")).options()
    assert (after.lr, after.weight_bits, after.epochs) == (0.004, 4, 1)
    assert after.delay_lr == before.delay_lr / 5
    assert after.steps == before.steps


def test_finetuning_with_another_reset_says_what_that_cost(nmtool: Nmtool) -> None:
    words = ("train", "--start", "run", "-o", "late", "--reset", "late", "--epochs", 1)
    result = nmtool(*words, "--json")
    assert "\nthe reset is late instead of zero (hidden): " in result.err
    compared = nmtool(
        *("compare", "late", "--with", "run", "--data", "two:validation", "--json")
    ).json
    cost = result.json["reset_cost"]
    assert cost == {key: compared[key] for key in cost} | {"pairs": cost["pairs"]}


def test_finetuning_starts_from_the_last_checkpoint(nmtool: Nmtool) -> None:
    result = nmtool(
        "train", "--start", "run", "-o", "fine", "--epochs", 1, "--lr", 0, "--delay-lr", 0
    )
    assert result.code == 0, result.err
    shadows = [dict(np.load(f"{folder}/checkpoint.npz")) for folder in ("run", "fine")]
    weights = [name for name in shadows[0] if name.startswith("parameter.")]
    assert weights
    for name in weights:
        # The learning rates are 0. Therefore only `rescue` changes the weights, by 0.002.
        np.testing.assert_allclose(shadows[1][name], shadows[0][name], atol=0.0021)
    steps = [float(shadow["step.projections.0.weight"]) for shadow in shadows]
    assert steps[1] > steps[0] > 0  # The number of Adam's updates continues.


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
    assert "clipped" not in result.err


def test_a_stopped_run_is_resumed_without_naming_its_data(
    nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*arguments: object, **more: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("nmtool.training.learning.finetune", stop)
    result = nmtool("train", "--start", "run", "-o", "run")
    assert result.code == 130
    assert result.err.endswith("resume with: nmtool train -o run --resume\ninterrupted\n")


def test_a_run_is_not_resumed_without_its_start(nmtool: Nmtool) -> None:
    assert nmtool("train", "--start", "run", "-o", "fine", "--epochs", 1).code == 0
    Path("fine/checkpoint.npz").unlink()
    result = nmtool("train", "two", "-o", "fine", "--resume")
    assert (result.code, result.error) == (2, "checkpoint-missing")
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


@pytest.mark.parametrize(
    ("words", "error", "phrase"),
    [
        (("run", "-o", "fine", "--config", "typo.toml"), "setting-unknown", "typo.toml: "),
        (("run", "-o", "run"), "path-taken", "run "),
        (("two", "-o", "fine"), "run-missing", "two "),
        (("run", "-o", "fine", "--weight-bits", 9), "weight-bits-range", "--weight-bits 8"),
    ],
)
def test_invalid_options_are_refused(
    words: tuple[object, ...], error: str, phrase: str, nmtool: Nmtool
) -> None:
    Path("typo.toml").write_text("learning = 0.1\n")
    result = nmtool("train", "--start", *words)
    assert (result.code, result.out, result.error) == (2, "", error)
    assert phrase in result.err
