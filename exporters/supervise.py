"""Run an external program with time limits, and end all its processes.

The command runs in its own session and process group. After every run (success, failure, timeout,
no output, user interrupt) all processes of this group are ended; on Linux also if this process is
killed.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from nmtool.errors import BackendError

GRACE_S = 3.0
"""Seconds between SIGTERM and SIGKILL."""

SILENCE_S = 600.0
"""Idle timeout: seconds without output after which a run is ended."""

POLL_S = 0.1
TAIL_LINES = 30

_END_WITH_PARENT = Path(__file__).with_name("end_with_parent.py")
_PROC = Path("/proc")
_OWN_SESSION = hasattr(os, "killpg")


def supervise(
    command: Sequence[str | Path],
    *,
    what: str,
    fix: str = "",
    timeout_s: float | None = None,
    idle_timeout_s: float | None = None,
    on_line: Callable[[str], None] | None = None,
    env: Mapping[str, str] | None = None,
    cwd: str | Path | None = None,
) -> None:
    """Run a command to its end.

    Args:
        command: program and arguments.
        what: the activity, named in errors, e.g. "running Lava".
        fix: the part `fix` of errors.
        timeout_s: time limit of the whole run in s; None for no limit.
        idle_timeout_s: time limit without a line of output in s; None for no limit.
        on_line: called with every line of standard output.
        env: environment variables of the command; None for those of this process.
        cwd: working folder.

    Raises:
        BackendError: the command did not start or failed (`runtime-failed`), took too long
            (`runtime-timeout`) or wrote nothing for too long (`runtime-silent`); `why` contains
            the last lines of its output.
    """
    run = _SupervisedRun([str(part) for part in command], what, fix, timeout_s, idle_timeout_s)
    with run.started(env, cwd) as process:
        run.follow(process, on_line)


def output_of(
    command: Sequence[str], env: Mapping[str, str] | None = None, timeout_s: float = 30
) -> str:
    """Stripped output of a short command; '' if it fails or takes longer than `timeout_s`."""
    try:
        finished = subprocess.run(
            command, capture_output=True, text=True, env=env, timeout=timeout_s, check=True
        )
    except (OSError, subprocess.SubprocessError, UnicodeError):
        return ""
    return finished.stdout.strip()


@dataclass
class _SupervisedRun:
    """A command with its limits, its lines of output, and the texts of its errors."""

    command: list[str]
    what: str
    fix: str
    timeout_s: float | None
    idle_timeout_s: float | None
    lines: queue.Queue[tuple[str, str]] = field(default_factory=queue.Queue)
    output: deque[str] = field(default_factory=lambda: deque(maxlen=TAIL_LINES))
    errors: deque[str] = field(default_factory=lambda: deque(maxlen=TAIL_LINES))

    @contextlib.contextmanager
    def started(
        self, env: Mapping[str, str] | None, cwd: str | Path | None
    ) -> Iterator[subprocess.Popen[str]]:
        """Start the command; after the block, end all its processes."""
        try:
            process = subprocess.Popen(
                _ending_with_parent(self.command),
                env=None if env is None else dict(env),
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                encoding="utf-8",
                errors="replace",
                start_new_session=_OWN_SESSION,
            )
        except OSError as error:
            raise self._failure(f"{self.command[0]} did not start: {error}") from error
        assert process.stdout is not None
        assert process.stderr is not None
        readers = [self._reader(process.stdout, "output"), self._reader(process.stderr, "errors")]
        try:
            yield process
        finally:
            _end_group(process)
            _close(process, readers)

    def _reader(self, stream: IO[str], name: str) -> threading.Thread:
        """Start a thread that puts the lines of a stream into the queue."""

        def read() -> None:
            with contextlib.suppress(ValueError, OSError):
                for line in stream:
                    self.lines.put((name, line.rstrip("\n")))

        thread = threading.Thread(target=read, daemon=True)
        thread.start()
        return thread

    def follow(self, process: subprocess.Popen[str], on_line: Callable[[str], None] | None) -> None:
        """Pass on the output until the command ends; raises `BackendError`."""
        begin = last_output = time.monotonic()
        while process.poll() is None:
            if self._take_lines(on_line, POLL_S):
                last_output = time.monotonic()
            self._check_limits(begin, last_output)
        self._drain(on_line)
        if process.returncode != 0:
            raise self._failure(_exit_reason(process.returncode))

    def _drain(self, on_line: Callable[[str], None] | None) -> None:
        """Pass on the remaining output, for `GRACE_S` at most: child processes may still write."""
        deadline = time.monotonic() + GRACE_S
        while self._take_lines(on_line, POLL_S) and time.monotonic() < deadline:
            pass

    def _take_lines(self, on_line: Callable[[str], None] | None, wait_s: float) -> bool:
        """Pass on one new line of output, and return True; return False if there is none."""
        try:
            name, line = self.lines.get(timeout=wait_s)
        except queue.Empty:
            return False
        getattr(self, name).append(line)
        if name == "output" and on_line is not None:
            on_line(line)
        return True

    def _check_limits(self, begin: float, last_output: float) -> None:
        """Raise `BackendError` if a time limit is exceeded."""
        now = time.monotonic()
        if self.timeout_s is not None and now - begin > self.timeout_s:
            raise BackendError(
                f"{self.what}: time limit exceeded",
                code="runtime-timeout",
                why=self._why(f"it took longer than {self.timeout_s:g} s and was stopped"),
                fix=self.fix,
            )
        if self.idle_timeout_s is not None and now - last_output > self.idle_timeout_s:
            raise BackendError(
                f"{self.what}: no more output",
                code="runtime-silent",
                why=self._why(f"it wrote nothing for {self.idle_timeout_s:g} s and was stopped"),
                fix=self.fix,
            )

    def _failure(self, reason: str) -> BackendError:
        return BackendError(
            f"{self.what} failed", code="runtime-failed", why=self._why(reason), fix=self.fix
        )

    def _why(self, reason: str) -> str:
        """The reason, and the last lines of the command's output."""
        return "\n".join([reason, *(f"  {line}" for line in self.errors or self.output)])


def _ending_with_parent(command: list[str]) -> list[str]:
    """Extend a command so that it ends with this process, where the system can do this."""
    if not sys.platform.startswith("linux"):
        return command
    return [sys.executable, "-I", "-S", str(_END_WITH_PARENT), str(os.getpid()), *command]


def _exit_reason(code: int) -> str:
    """Describe the exit code of a command, or the signal that ended it."""
    if code >= 0:
        return f"it ended with exit code {code}"
    with contextlib.suppress(ValueError):
        return f"it was ended by {signal.Signals(-code).name}"
    return f"it was ended by signal {-code}"


def _end_group(process: subprocess.Popen[str]) -> None:
    """End every process of the command's group: SIGTERM, then SIGKILL."""
    if not _OWN_SESSION:
        process.kill()
        process.wait()
        return
    try:
        _signal_group(process, signal.SIGTERM)
        deadline = time.monotonic() + GRACE_S
        while _group_lives(process) and time.monotonic() < deadline:
            time.sleep(0.02)
    finally:
        _signal_group(process, signal.SIGKILL)
        process.wait()


def _signal_group(process: subprocess.Popen[str], number: int) -> None:
    """Send a signal to all processes of the group of a command."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def _group_lives(process: subprocess.Popen[str]) -> bool:
    """True if a process of the group of a command still runs."""
    process.poll()
    if (_PROC / "self/stat").exists():
        return any(_runs_in(folder, process.pid) for folder in _PROC.glob("[0-9]*"))
    try:
        os.killpg(process.pid, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def _runs_in(folder: Path, group: int) -> bool:
    """True if the process with this folder in /proc runs in the group; zombies do not count."""
    try:
        state, _, its_group = (folder / "stat").read_text().rpartition(")")[2].split()[:3]
    except (OSError, ValueError):
        return False
    return int(its_group) == group and state not in ("Z", "X")


def _close(process: subprocess.Popen[str], readers: Sequence[threading.Thread]) -> None:
    """Close the pipes of a command.

    A pipe that a process outside the group still uses is left open, since closing it would block.
    """
    for reader, stream in zip(readers, (process.stdout, process.stderr), strict=True):
        reader.join(GRACE_S)
        if stream is not None and not reader.is_alive():
            stream.close()
