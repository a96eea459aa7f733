"""`--config NAME`: recipes on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nmtool.training.recipes import read_settings
from tests.nmtool.cli import cases
from tests.nmtool.cli.conftest import Nmtool

pytestmark = [pytest.mark.torch, pytest.mark.usefixtures("data")]


def options(run: str) -> dict[str, object]:
    return json.loads(Path(run, "run.json").read_text())["options"]


def test_options_override_a_recipe(nmtool: Nmtool) -> None:
    words = ("train", "two", "-o", "run", "--config", "digits", *cases.SETTINGS)
    assert nmtool(*words).error == "settings-contradict"
    anywhere = ("--init-delay-input", "none", "--init-delay-recurrent", "none")
    assert nmtool(*words, *anywhere).code == 0
    assert options("run").items() >= {"hidden": 6, "epochs": 3, "gain": 100.0, "rate": 3.0}.items()


def test_a_recipe_overrides_the_settings_of_a_finetuned_run(nmtool: Nmtool) -> None:
    assert nmtool("train", "two", "-o", "run", *cases.SETTINGS).code == 0
    four = ("--config", "fsdd700_four_bits", "--epochs", "1", "--threads", "1")
    assert nmtool("train", "--start", "run", "-o", "fine", *four).code == 0
    expected = read_settings("fsdd700_four_bits") | {"epochs": 1, "hidden": 6, "steps": 30}
    assert options("fine").items() >= expected.items()


def test_an_unknown_recipe_is_refused(nmtool: Nmtool) -> None:
    result = nmtool("train", "two", "-o", "run", "--config", "digit")
    assert (result.code, result.error) == (2, "recipe-unknown")
    assert "'digits'" in result.err
    assert not Path("run").exists()
