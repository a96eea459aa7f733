"""One study, several processes: copies of the command, some of which die."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from nmtool.errors import MissingError, UsageError
from nmtool.training.studies import copies
from nmtool.training.studies.plan import read_plan
from nmtool.training.studies.sweep import sweep
from tests.nmtool.cli.studies import one_epoch, states, write_study
from tests.refusals import refused

pytestmark = [pytest.mark.torch, pytest.mark.usefixtures("data")]
pytest.importorskip("optuna")

Ends = Callable[..., None]


@pytest.fixture
def copies_run(monkeypatch: pytest.MonkeyPatch) -> Ends:
    """`copies_run(code, …)` lets the first copy run the first code in Python, and so on."""

    def choose(*codes: str) -> None:
        left = iter(codes)

        class Popen(subprocess.Popen):
            def __init__(self, words: list[str], **settings: object) -> None:
                super().__init__([sys.executable, "-c", next(left), *words[3:]], **settings)

        monkeypatch.setattr(copies.subprocess, "Popen", Popen)

    return choose


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


def test_what_copies_log_and_how_they_end(
    copies_run: Ends, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "nmtool")
    copies_run(SAYS, FAILS, DIES)
    assert copies.run_copies([], 3) == [
        "with exit code 3, error[card-missing]: no card, fix: plug it in",
        "by signal 9",
    ]
    assert [record.getMessage() for record in caplog.records] == ["trial 0: fine"]


def test_words_of_the_copies(copies_run: Ends, tmp_path: Path) -> None:
    write_study("trials = 1\n")
    copies_run(*2 * ["import sys; sys.exit(' '.join(['error[x]:', *sys.argv[1:]]))"])
    with refused(MissingError, "study-processes-ended") as caught:
        sweep("study.toml", processes=2, device="cpu", storage="sqlite:///shared.db")
    words = "sweep study.toml --threads 1 --device cpu --storage sqlite:///shared.db"
    assert caught.value.why == f"with exit code 1, error[x]: {words}"
    assert "nmtool sweep study.toml --processes 2 --storage URL" in caught.value.fix
    assert caught.value.what.startswith("2 of 2 ")


def test_the_others_finish_the_study(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("nmtool.training.loop.run.run_training", one_epoch)
    write_study("trials = 1\n")

    def run_copies(words: list[str], number: int) -> list[str]:
        sweep(words[0])
        return ["by signal 9"]

    monkeypatch.setattr("nmtool.training.studies.sweep.run_copies", run_copies)
    assert sweep("study.toml", processes=2).counts["finished"] == 1
    assert caplog.records[-1].getMessage().startswith("1 of 2 ")


def test_a_plan_that_its_file_does_not_say() -> None:
    write_study("trials = 1\n")
    plan = replace(read_plan("study.toml"), trials=2)
    with refused(UsageError, "study-file-differs"):
        sweep(plan, processes=2)
    assert states() == []


@pytest.mark.usefixtures("_heeds_interrupts")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped(number: int, copies_run: Ends, caplog: pytest.LogCaptureFixture) -> None:
    """The first line of a copy stops this process, which asks all copies to stop."""

    class Stop(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            os.kill(os.getpid(), number)

    caplog.set_level(logging.INFO, "nmtool")
    copies_run(WAITS)
    handler = Stop()
    copies.log.addHandler(handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            copies.run_copies([], 1)
    finally:
        copies.log.removeHandler(handler)
    assert [record.getMessage() for record in caplog.records] == ["trial 0: fine"]
