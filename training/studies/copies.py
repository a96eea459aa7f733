"""Several processes of one search: copies of a command that share nothing but Optuna's storage.

A copy that is started by hand, here or on another machine, works the same way. This process logs
the output of its copies, and stops them when it is stopped. If it is killed, a copy ends at the
next line that it logs, like every command whose output is no longer read.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from nmtool.interrupts import signals_ignored

log = logging.getLogger(__name__)


@contextmanager
def copies_running(command: Sequence[str], number: int) -> Iterator[None]:
    """Run copies of a command beside the block; after the block, wait until they have ended.

    Copies that fail are logged as warnings, since the others do their work. If the block raises an
    error or is interrupted, the copies end after their current batch.

    Args:
        command: program and arguments.
        number: number of copies.
    """
    copies: list[_Copy] = []
    try:
        # A terminal sends Ctrl-C to the copies, too. Since this process also stops them, they
        # ignore Ctrl-C and get only one signal.
        with signals_ignored(signal.SIGINT):
            copies.extend(_Copy(command) for _ in range(number))
        yield
        for copy in copies:
            copy.wait()
            copy.reader.join()
    finally:
        _stop(copies)
    for copy in copies:
        if failure := copy.failure():
            log.warning("a process of the search ended early, %s", failure)


def _stop(copies: Sequence[_Copy]) -> None:
    """Let copies end after their current batch; a signal to this process kills them."""
    try:
        for copy in copies:
            copy.is_quiet = copy.poll() is None
            copy.terminate()
        for copy in copies:
            copy.wait()
            copy.reader.join()
    finally:
        for copy in copies:
            copy.kill()
            copy.wait()


class _Copy(subprocess.Popen[str]):
    """A process that runs the command.

    Attributes:
        is_quiet: True if its further output is not logged.
        reader: thread that logs its output.
    """

    def __init__(self, command: Sequence[str]) -> None:
        super().__init__(
            command,
            # Without this variable, `-m` would import modules of the working folder instead of
            # installed modules.
            env={**os.environ, "PYTHONSAFEPATH": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
        )
        self._error: list[str] = []
        self.is_quiet = False
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self) -> None:
        """Log the output of the copy line by line; store the lines of its error, if it fails."""
        assert self.stderr is not None
        with self.stderr as lines:
            for line in lines:
                if self._error or line.startswith("error["):
                    self._error.append(line.strip())
                elif not self.is_quiet:
                    log.info("%s", line.rstrip())

    def failure(self) -> str:
        """Description of the process's failure; '' if it succeeded."""
        if self.returncode == 0:
            return ""
        by = f"by signal {-self.returncode}" if self.returncode < 0 else ""
        return ", ".join([by or f"with exit code {self.returncode}", *self._error])
