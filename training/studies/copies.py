"""Several processes of one study: copies of a command that share nothing but the study's storage.

A copy that is started by hand, here or on another machine, works the same way. The parent logs the
output of its copies, and stops them when it is stopped. If the parent is killed, a copy ends at the
next line that it logs, like every command whose output is no longer read.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import threading
import time
from collections.abc import Sequence

from nmtool.interrupts import STOPS, signals_ignored, signals_noted

_POLL_S = 0.1

log = logging.getLogger(__name__)


def run_copies(command: Sequence[str], number: int) -> list[str]:
    """Start copies of a command of nmtool, and wait until all of them have ended.

    Args:
        command: program and arguments.
        number: number of copies.

    Returns:
        One description per failed copy.

    Raises:
        KeyboardInterrupt: this process was stopped, and has stopped the copies.
    """
    copies: list[_Copy] = []
    with signals_noted(*STOPS) as check_stop:
        try:
            # A terminal sends Ctrl-C to the copies, too. Since this process also stops them, they
            # ignore Ctrl-C and get only one signal.
            with signals_ignored(signal.SIGINT):
                copies.extend(_Copy(command) for _ in range(number))
            while any(copy.poll() is None for copy in copies):
                check_stop()
                time.sleep(_POLL_S)
        finally:
            _stop(copies)
    return [failure for copy in copies if (failure := copy.failure())]


def _stop(copies: Sequence[_Copy]) -> None:
    """Let copies end after their current batch; another signal to this process kills them."""
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
