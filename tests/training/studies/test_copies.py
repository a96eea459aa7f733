"""Several processes of one search: copies of the command, some of which die."""

from __future__ import annotations

import logging
import sys
import time
from pathlib import Path

import pytest

from nmtool.training.studies.copies import copies_running

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


def run_copies(command: list[str], number: int) -> None:
    """Run copies until they end by themselves."""
    with copies_running(command, number):
        pass


def test_logs_of_copies_are_passed_on(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "nmtool")
    run_copies(python(SAYS), 2)
    assert [record.getMessage() for record in caplog.records] == ["trial 0: fine"] * 2


@pytest.mark.parametrize(
    ("code", "end"),
    [
        (FAILS, "with exit code 3, error[card-missing]: no card, fix: plug it in"),
        (DIES, "by signal 9"),
    ],
)
def test_failures_of_copies_are_warnings(
    code: str, end: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "nmtool")
    run_copies(python(code), 2)
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 2
    assert all(record.getMessage().endswith(end) for record in caplog.records)


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Python 3.10 has no such switch")
def test_copies_import_nothing_from_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("nmtool.py").write_text("raise SystemExit('of the user')")
    run_copies([sys.executable, "-m", "nmtool", "--version"], 1)
    assert caplog.records == []


def test_copies_end_with_a_block_that_is_interrupted(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "nmtool")

    def interrupted() -> None:
        with copies_running(python(WAITS), 1):
            while not caplog.records:
                time.sleep(0.01)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert [record.getMessage() for record in caplog.records] == ["trial 0: fine"]
