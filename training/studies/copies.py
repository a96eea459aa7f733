"""Copies of the command `nmtool sweep`: processes that run trials of one study.

They share its storage and nothing else. So a copy started by hand, here or on another machine, is
one more of them. The parent logs what they log, and stops them when it is stopped. Should it be
killed, a copy ends with the next line that it logs, as every command does whose reader is gone.
"""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence

from nmtool.interrupts import signals_ignored, signals_noted

STOPS = (signal.SIGINT, signal.SIGTERM)
"""Signals that ask a study to stop."""

_POLL_S = 0.1

log = logging.getLogger(__name__)


def run_copies(words: Sequence[str], number: int) -> list[str]:
    """Start copies of the command and wait until all of them have ended.

    Args:
        words: of the command, behind `nmtool sweep`.
        number: how many.

    Returns:
        How each of those ended that did not end well.

    Raises:
        KeyboardInterrupt: somebody stopped this process, which has stopped the copies.
    """
    copies: list[_Copy] = []
    with signals_noted(*STOPS) as check_stop:
        try:
            # A terminal sends Ctrl-C to the copies, too, which are to be asked once.
            with signals_ignored(signal.SIGINT):
                copies += [_Copy(words) for _ in range(number)]
            while any(copy.is_running() for copy in copies):
                check_stop()
                time.sleep(_POLL_S)
        finally:
            _stop(copies)
    return [end for copy in copies if (end := copy.bad_end())]


def _stop(copies: Sequence[_Copy]) -> None:
    """Have copies end after their batch; a signal to this process in the meantime kills them."""
    try:
        for copy in copies:
            copy.ask_to_stop()
        for copy in copies:
            copy.wait()
    finally:
        for copy in copies:
            copy.kill()


class _Copy:
    """A process that runs the command.

    Args:
        words: of the command, behind `nmtool sweep`.
    """

    def __init__(self, words: Sequence[str]) -> None:
        self._error: list[str] = []
        self._is_stopping = False
        self._process = subprocess.Popen(
            [sys.executable, "-m", "nmtool", "sweep", *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        """Log what the copy logs, and keep the error that it ends with."""
        assert self._process.stderr is not None
        with self._process.stderr as lines:
            for line in lines:
                if self._error or line.startswith("error["):
                    self._error.append(line.strip())
                elif not self._is_stopping:
                    log.info("%s", line.rstrip())

    def is_running(self) -> bool:
        return self._process.poll() is None

    def ask_to_stop(self) -> None:
        self._is_stopping = self.is_running()
        self._process.terminate()

    def wait(self) -> None:
        """Wait for its end and its last line."""
        self._process.wait()
        self._reader.join()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def bad_end(self) -> str:
        """How it ended, '' if well."""
        code = self._process.returncode
        if code == 0:
            return ""
        end = f"by signal {-code}" if code < 0 else f"with exit code {code}"
        return ", ".join([end, *self._error])
