"""One study, several processes: copies of the command, some of which die."""

from __future__ import annotations

import logging
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from nmtool.errors import MissingError, UsageError
from nmtool.training.studies.copies import run_copies
from nmtool.training.studies.plan import read_plan
from nmtool.training.studies.sweep import sweep
from tests.nmtool.cli.studies import one_epoch, states, write_study
from tests.refusals import refused

pytestmark = [pytest.mark.torch, pytest.mark.usefixtures("data")]
pytest.importorskip("optuna")

SAYS = "import sys; print('trial 0: fine', file=sys.stderr)"
FAILS = """
import sys
print("error[card-missing]: no card\\n  fix: plug it in", file=sys.stderr)
sys.exit(3)
"""
DIES = "import os; os.kill(os.getpid(), 9)"
WAITS = """
import signal, sys
def stop(*_):
    print("finished trials are kept", file=sys.stderr)
    sys.exit()
signal.signal(signal.SIGTERM, stop)
print("trial 0: fine", file=sys.stderr, flush=True)
while True:
    signal.pause()
"""


def python(code: str) -> list[str]:
    """A command that runs Python code."""
    return [sys.executable, "-c", code]


def test_logs_of_copies_are_passed_on(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "nmtool")
    assert run_copies(python(SAYS), 2) == []
    assert [record.getMessage() for record in caplog.records] == ["trial 0: fine"] * 2


@pytest.mark.parametrize(
    ("code", "end"),
    [
        (FAILS, "with exit code 3, error[card-missing]: no card, fix: plug it in"),
        (DIES, "by signal 9"),
    ],
)
def test_failures_of_copies_are_described(
    code: str, end: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "nmtool")
    assert run_copies(python(code), 2) == [end] * 2
    assert caplog.records == []


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Python 3.10 has no such switch")
def test_copies_import_nothing_from_the_working_folder() -> None:
    Path("nmtool.py").write_text("raise SystemExit('of the user')")
    assert run_copies([sys.executable, "-m", "nmtool", "--version"], 1) == []


def test_no_copy_finishes_the_study(monkeypatch: pytest.MonkeyPatch) -> None:
    commands: list[list[str]] = []

    def run_copies(command: list[str], number: int) -> list[str]:
        commands.append(command)
        return ["by signal 9"] * number

    monkeypatch.setattr("nmtool.training.studies.sweep.run_copies", run_copies)
    write_study("trials = 1\n")
    with refused(MissingError, "study-processes-ended") as caught:
        sweep("study.toml", processes=2, threads=1, device="cpu", storage="sqlite:///shared.db")
    words = "-m nmtool sweep study.toml --threads 1 --device cpu --storage sqlite:///shared.db"
    assert commands == [[sys.executable, *words.split()]]
    assert caught.value.what.startswith("2 of 2 ")
    assert caught.value.why == "by signal 9"
    assert "nmtool sweep study.toml --processes 2 --storage URL" in caught.value.fix


def test_the_others_finish_the_study(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("nmtool.training.loop.run.run_training", one_epoch)
    write_study("trials = 1\n")

    def run_copies(command: list[str], number: int) -> list[str]:
        sweep(command[4])
        return ["by signal 9"]

    monkeypatch.setattr("nmtool.training.studies.sweep.run_copies", run_copies)
    assert sweep("study.toml", processes=2).counts["finished"] == 1
    assert caplog.records[-1].getMessage().startswith("1 of 2 ")


def test_a_plan_that_differs_from_its_file_is_refused() -> None:
    write_study("trials = 1\n")
    plan = replace(read_plan("study.toml"), trials=2)
    with refused(UsageError, "study-file-differs"):
        sweep(plan, processes=2)
    assert states() == []


@pytest.mark.usefixtures("_heeds_interrupts")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_process_stops_its_copies(number: int, caplog: pytest.LogCaptureFixture) -> None:
    """This process is stopped when a copy prints its first line, and stops all copies."""

    class Stop(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            os.kill(os.getpid(), number)

    caplog.set_level(logging.INFO, "nmtool")
    log, handler = logging.getLogger("nmtool.training.studies.copies"), Stop()
    log.addHandler(handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            run_copies(python(WAITS), 1)
    finally:
        log.removeHandler(handler)
    assert [record.getMessage() for record in caplog.records] == ["trial 0: fine"]
