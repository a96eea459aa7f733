"""Signals end a study between two batches."""

from __future__ import annotations

import logging
import signal
from pathlib import Path

import pytest

from nmtool.training.studies.sweep import sweep
from tests.nmtool.cli.studies import fake_training, states, trials, write_study

pytestmark = [pytest.mark.torch, pytest.mark.usefixtures("data")]
pytest.importorskip("optuna")


def test_ctrl_c(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    fake_training([0.5, KeyboardInterrupt(), 0.5, 0.5], monkeypatch)
    write_study("trials = 3\n")
    with pytest.raises(KeyboardInterrupt):
        sweep("study.toml")
    assert caplog.records[-1].getMessage().endswith("nmtool sweep study.toml")
    assert Path("study/best.toml").exists()
    sweep("study.toml")
    records = trials()
    assert [trial[0] for trial in records] == ["COMPLETE", "FAIL", "COMPLETE", "COMPLETE"]
    assert records[1][2] == records[2][2]
    assert records[1][3]["stopped"] is True
    Path("study").rename("before")
    fake_training([0.5] * 3, monkeypatch)
    sweep("study.toml")
    tried = [trial[2] for trial in trials()]
    assert tried == [trial[2] for trial in records if trial[0] == "COMPLETE"]


@pytest.mark.usefixtures("_heeds_interrupts")
def test_ctrl_c_in_the_middle_of_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    updates: list[int] = []

    def interrupt(loss: float, update: int, *_: object) -> None:
        signal.raise_signal(signal.SIGINT)
        updates.append(update)

    write_study("trials = 1\n")
    monkeypatch.setattr("nmtool.training.loop.trainer.check_loss", interrupt)
    with pytest.raises(KeyboardInterrupt):
        sweep("study.toml")
    assert updates == [0]
    failed, waiting = trials()
    assert (failed[0], failed[3]["stopped"]) == ("FAIL", True)
    assert (waiting[0], waiting[3]) == ("WAITING", {})


@pytest.mark.usefixtures("_heeds_interrupts")
def test_ctrl_c_when_a_trial_has_just_ended(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Interrupt(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.getMessage().startswith("trial "):
                signal.raise_signal(signal.SIGINT)

    caplog.set_level(logging.INFO, "nmtool")
    fake_training([0.5] * 2, monkeypatch)
    write_study("trials = 2\n")
    log, handler = logging.getLogger("nmtool.training.studies"), Interrupt()
    log.addHandler(handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            sweep("study.toml")
    finally:
        log.removeHandler(handler)
    assert states() == ["COMPLETE"]
    sweep("study.toml")
    assert states() == ["COMPLETE", "COMPLETE"]
