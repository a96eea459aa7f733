"""Several processes of one call: copies of it, some of which die."""

from __future__ import annotations

import logging
import pickle
import signal
import subprocess
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


CALLS = """
import logging, sys
from nmtool.errors import DataError
from nmtool.training.studies.copies import call_as_sent
def call(size, name):
    logging.getLogger("nmtool.test").info(f"{name} {size}")
    if size < 0:
        raise DataError("too small", code="value-range", fix="use 0")
sys.exit(call_as_sent(call))
"""


def run_copies(command: list[str], number: int, **arguments: object) -> None:
    """Run copies until they end by themselves."""
    with copies_running(command, number, arguments):
        pass


def test_copies_call_a_function_with_the_arguments(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "nmtool")
    run_copies(python(CALLS), 2, size=3, name="×" * 70_000)
    assert [record.getMessage() for record in caplog.records] == ["×" * 70_000 + " 3"] * 2
    caplog.clear()
    run_copies(python(CALLS), 1, size=-1, name="x")
    logged, warning = (record.getMessage() for record in caplog.records)
    assert logged == "x -1"
    assert warning.endswith("with exit code 2, error[value-range] too small, fix: use 0")


def test_copies_stop_when_their_input_ends() -> None:
    """A process that is killed cannot stop its copies."""
    waiting = CALLS.replace("    if size < 0:", "    signal.pause()").replace(
        "import logging, sys", "import logging, signal, sys"
    )
    code = "\n".join(line for line in waiting.splitlines() if "raise" not in line)
    sent = pickle.dumps({"size": 1, "name": "x"})
    done = subprocess.run(python(code), input=sent, capture_output=True, timeout=60, check=False)
    assert done.returncode in (128 + signal.SIGTERM, -signal.SIGTERM)


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
        with copies_running(python(WAITS), 1, {}):
            while not caplog.records:
                time.sleep(0.01)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert [record.getMessage() for record in caplog.records] == ["trial 0: fine"]
