"""After every run of a supervised command, all its child processes have ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nmtool.errors import BackendError
from nmtool.exporters.supervise import supervise
from tests.refusals import refused

LONGEST_S = 20.0
"""Longest time in s in which a process must end after a signal, on a busy machine."""

HANG_WITH_CHILD = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(os.getpid(), child.pid, flush=True)
time.sleep(600)
"""

STUBBORN = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
    time.sleep(600)
print(os.getpid(), flush=True)
time.sleep(600)
"""

LEAVE_CHILD = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(child.pid, flush=True)
sys.exit(int(sys.argv[1]))
"""


def python(code: str, *arguments: str) -> list[str]:
    return [sys.executable, "-c", code, *arguments]


def has_ended(pid: int) -> bool:
    """True if a process ends within `LONGEST_S`."""
    deadline = time.monotonic() + LONGEST_S
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except (ProcessLookupError, FileNotFoundError):
            return True
        time.sleep(0.05)
    return False


def pids(lines: list[str]) -> list[int]:
    return [int(word) for line in lines for word in line.split()]


def test_lines_are_passed_on_in_order() -> None:
    lines: list[str] = []
    supervise(python("for i in range(50): print('line', i)"), what="it", on_line=lines.append)
    assert lines == [f"line {i}" for i in range(50)]


def test_a_command_gets_its_environment_and_folder(tmp_path: Path) -> None:
    lines: list[str] = []
    supervise(
        python("import os; print(os.environ['NMTOOL_TEST'], os.getcwd())"),
        what="it",
        env={**os.environ, "NMTOOL_TEST": "here"},
        cwd=tmp_path,
        on_line=lines.append,
    )
    assert lines == [f"here {tmp_path.resolve()}"]


def test_a_crash_reports_the_last_error_lines() -> None:
    code = (
        "import sys; print('fine'); sys.stderr.write('old\\n' * 50 + 'the reason\\n'); sys.exit(7)"
    )
    with refused(BackendError, "runtime-failed") as caught:
        supervise(python(code), what="the thing", fix="do this")
    assert "the thing" in caught.value.what
    assert "exit code 7" in caught.value.why
    assert caught.value.why.endswith("the reason")
    assert "fine" not in caught.value.why
    assert caught.value.why.count("old") < 50
    assert caught.value.fix == "do this"


def test_without_error_lines_the_output_is_the_reason() -> None:
    with refused(BackendError, "runtime-failed") as caught:
        supervise(python("print('said before'); raise SystemExit(1)"), what="it")
    assert caught.value.why.endswith("said before")


def test_a_signal_that_ends_a_command_is_named() -> None:
    with refused(BackendError, "runtime-failed") as caught:
        supervise(python("import os, signal; os.kill(os.getpid(), signal.SIGKILL)"), what="it")
    assert "SIGKILL" in caught.value.why


def test_a_missing_program_is_an_error() -> None:
    with refused(BackendError, "runtime-failed") as caught:
        supervise(["/nowhere/program"], what="it")
    assert "/nowhere/program" in caught.value.why


@pytest.mark.parametrize(
    ("limit", "code"), [("timeout_s", "runtime-timeout"), ("idle_timeout_s", "runtime-silent")]
)
def test_a_hanging_command_ends_with_its_children(limit: str, code: str) -> None:
    lines: list[str] = []
    with refused(BackendError, code) as caught:
        supervise(
            python(HANG_WITH_CHILD), what="it", fix="do this", on_line=lines.append, **{limit: 2.0}
        )
    assert "2 s" in caught.value.why
    assert caught.value.fix == "do this"
    assert len(pids(lines)) == 2
    assert all(has_ended(pid) for pid in pids(lines))


def test_a_command_that_prints_is_not_idle() -> None:
    code = "import time\nfor i in range(6): print(i, flush=True); time.sleep(0.5)"
    lines: list[str] = []
    supervise(python(code), what="it", idle_timeout_s=2.0, on_line=lines.append)
    assert len(lines) == 6


def test_a_command_that_ignores_sigterm_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nmtool.exporters.supervise.GRACE_S", 0.2)
    lines: list[str] = []
    with refused(BackendError, "runtime-silent"):
        supervise(python(STUBBORN), what="it", idle_timeout_s=1.0, on_line=lines.append)
    assert all(has_ended(pid) for pid in pids(lines))


@pytest.mark.parametrize("code", [0, 3])
def test_children_of_a_finished_command_are_ended(code: int) -> None:
    lines: list[str] = []
    if code:
        with refused(BackendError, "runtime-failed"):
            supervise(python(LEAVE_CHILD, str(code)), what="it", on_line=lines.append)
    else:
        supervise(python(LEAVE_CHILD, str(code)), what="it", on_line=lines.append)
    assert len(pids(lines)) == 1
    assert all(has_ended(pid) for pid in pids(lines))


@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError])
def test_an_interruption_ends_everything(error: type[BaseException]) -> None:
    lines: list[str] = []

    def interrupt(line: str) -> None:
        lines.append(line)
        raise error

    with pytest.raises(error):
        supervise(python(HANG_WITH_CHILD), what="it", on_line=interrupt)
    assert len(pids(lines)) == 2
    assert all(has_ended(pid) for pid in pids(lines))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a service of Linux")
def test_the_command_ends_when_the_supervisor_is_killed() -> None:
    code = (
        "import sys; from nmtool.exporters.supervise import supervise;"
        "supervise([sys.executable, '-c', sys.argv[1]], what='it', on_line=print)"
    )
    body = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-u", "-c", code, body], stdout=subprocess.PIPE, text=True, cwd=root
    ) as supervisor:
        assert supervisor.stdout is not None
        pid = int(supervisor.stdout.readline())
        supervisor.send_signal(signal.SIGKILL)
    assert has_ended(pid)
