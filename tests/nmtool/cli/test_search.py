"""`nmtool search`: its output and exit codes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.nmtool.cli.conftest import Nmtool
from tests.training.studies.searches import fake_training

pytestmark = [pytest.mark.torch, pytest.mark.usefixtures("data")]

SETTINGS = (
    *("--hidden", "6", "--steps", "30", "--max-delay", "9", "--batch-size", "4"),
    *("--validation", "4", "--epochs", "3"),
)
WORDS = ("search", "two", "-o", "study", *SETTINGS)


def test_a_search_in_the_terminal(nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_training([0.5, 0.6, 0.7, 0.9, 0.8], monkeypatch)
    result = nmtool(*WORDS, "--budget", "2")
    assert result.code == 0
    lines = result.out.splitlines()
    assert lines[0].startswith("full trials; trial 1 is chosen")
    assert lines[-2:] == [
        "study/full/trial-1: trial 1  validation 90.0%",
        "settings: study/best.toml",
    ]
    assert [line.split(":")[0] for line in result.err.splitlines()][:-1] == [
        *("the defaults in full", "trial 0", "trial 1", "trial 1 in full", "trial 0 in full"),
    ]


def test_the_chosen_settings_give_the_chosen_run(nmtool: Nmtool) -> None:
    result = nmtool(*WORDS, "--budget", "1", "--json")
    assert result.code == 0, result.err
    answer = result.json
    assert answer["run"] == "study/full/defaults"
    assert {trial["trial"] for trial in answer["full"]} == {"the defaults", "trial 0"}
    assert nmtool("train", "two", "-o", "run", "--config", answer["config"]).code == 0
    for name in ("network.npz", "run.json"):
        assert Path("run", name).read_bytes() == Path(answer["run"], name).read_bytes()


def test_a_stopped_search(nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_training([0.5, KeyboardInterrupt()], monkeypatch)
    result = nmtool(*WORDS)
    assert (result.code, result.out) == (130, "")
    assert result.err.endswith("the same command continues the search\ninterrupted\n")
