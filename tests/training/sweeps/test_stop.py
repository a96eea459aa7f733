"""`nmtool sweep`: signals end a study between two batches."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from nmtool.cli import console
from nmtool.cli.sweep_stop import signals_noted
from tests.nmtool.cli.conftest import Nmtool
from tests.nmtool.cli.studies import fake_training, states, stop_in, trials, write_study

pytestmark = [pytest.mark.torch, pytest.mark.usefixtures("data")]
pytest.importorskip("optuna")


@pytest.mark.usefixtures("_heeds_interrupts")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_noted_the_next_one_is_not(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with signals_noted() as stop:
        stop.heed()
        signal.raise_signal(number)
        with pytest.raises(KeyboardInterrupt):
            stop.heed()
        assert signal.getsignal(number) is before


def test_what_is_ignored_stays_ignored() -> None:
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with signals_noted() as stop:
            signal.raise_signal(signal.SIGINT)
            stop.heed()
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, previous)


def test_ctrl_c(nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_training([0.5] * 4, monkeypatch)
    write_study("trials = 3\n")
    with monkeypatch.context() as patch:
        stop_in(1, KeyboardInterrupt(), patch)
        said = nmtool("sweep", "study.toml")
    assert (said.code, said.out) == (130, "")
    kept = "finished trials are kept; go on with: nmtool sweep study.toml\ninterrupted\n"
    assert said.err.endswith(kept)
    assert Path("study/best.toml").exists()
    assert nmtool("sweep", "study.toml").code == 0
    found = trials()
    assert [trial[0] for trial in found] == ["COMPLETE", "FAIL", "COMPLETE", "COMPLETE"]
    assert found[1][2] == found[2][2]
    assert found[2][3]["attempt"] == 1
    Path("study").rename("before")
    fake_training([0.5] * 3, monkeypatch)
    assert nmtool("sweep", "study.toml").code == 0
    tried = [trial[2] for trial in trials()]
    assert tried == [trial[2] for trial in found if trial[0] == "COMPLETE"]


@pytest.mark.usefixtures("_heeds_interrupts")
def test_ctrl_c_in_the_middle_of_a_batch(nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch) -> None:
    updates: list[int] = []

    def interrupt(loss: float, update: int) -> None:
        signal.raise_signal(signal.SIGINT)
        updates.append(update)

    write_study("trials = 1\n")
    with monkeypatch.context() as patch:
        patch.setattr("nmtool.training.trainer.check_loss", interrupt)
        assert nmtool("sweep", "study.toml").code == 130
    assert updates == [0]
    assert [(trial[0], trial[3]) for trial in trials()] == [("RUNNING", {"stopped": True})]


@pytest.mark.usefixtures("_heeds_interrupts")
def test_ctrl_c_when_a_trial_has_just_ended(
    nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_training([0.5] * 2, monkeypatch)
    write_study("trials = 2\n")
    say = console.say

    def interrupt(text: str) -> None:
        if text.startswith("trial "):
            signal.raise_signal(signal.SIGINT)
        say(text)

    with monkeypatch.context() as patch:
        patch.setattr(console, "say", interrupt)
        assert nmtool("sweep", "study.toml").code == 130
    assert states() == ["COMPLETE"]
    assert nmtool("sweep", "study.toml").code == 0
    assert states() == ["COMPLETE", "COMPLETE"]
