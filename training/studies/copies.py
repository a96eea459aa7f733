"""Several processes of one call: copies of it, which share nothing but the storage of their work.

This process sends the arguments of the call to its copies, logs their output, and stops them when
it is stopped. If it is killed, they stop, too.
"""

from __future__ import annotations

import io
import logging
import os
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from nmtool.errors import NmtoolError
from nmtool.interrupts import STOPS, exit_code, interrupts_remembered, signals_ignored

log = logging.getLogger(__name__)


@contextmanager
def copies_running(
    command: Sequence[str], number: int, arguments: Mapping[str, Any]
) -> Iterator[None]:
    """Run copies of a call beside the block; after the block, wait until they have ended.

    Copies that fail are logged as warnings, since the others do their work. If the block raises an
    error or is interrupted, the copies end after their current batch.

    Args:
        command: program that calls `call_as_sent`, and its arguments.
        number: number of copies.
        arguments: arguments of the call, by name.
    """
    copies: list[_Copy] = []
    try:
        # A terminal sends Ctrl-C to the copies, too. Since this process also stops them, they
        # ignore Ctrl-C and get only one signal.
        with signals_ignored(signal.SIGINT):
            copies.extend(_Copy(command, pickle.dumps(arguments)) for _ in range(number))
        yield
        for copy in copies:
            copy.wait()
            copy.reader.join()
    finally:
        _stop(copies)
    for copy in copies:
        if failure := copy.failure():
            log.warning("a process of the search ended early, %s", failure)


def call_as_sent(function: Callable[..., object]) -> int:
    """In a copy, call the function with the arguments that are sent; return the exit code.

    Lines of nmtool's log and an error go to standard error. The standard input stays open as long
    as the process that sends.
    """
    logger = logging.getLogger("nmtool")
    logger.addHandler(logging.StreamHandler())
    logger.setLevel(logging.INFO)
    try:
        with interrupts_remembered(*STOPS):
            arguments = pickle.load(sys.stdin.buffer)
            threading.Thread(target=_stop_at_end_of_input, daemon=True).start()
            function(**arguments)
    except KeyboardInterrupt as stop:
        return exit_code(stop)
    except NmtoolError as error:
        print(f"error{error}", file=sys.stderr)
        return error.exit_code
    return 0


def _stop_at_end_of_input() -> None:
    """Stop this process once the process that holds the other end of its input has ended."""
    # Unlike the buffer of `sys.stdin`, this has no lock that Python could wait for at its end.
    os.read(sys.stdin.fileno(), 1)
    os.kill(os.getpid(), signal.SIGTERM)


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
            assert copy.stdin is not None
            with suppress(BrokenPipeError):
                copy.stdin.close()


class _Copy(subprocess.Popen[bytes]):
    """A process that runs the command, and reads `sent`.

    Attributes:
        is_quiet: True if its further output is not logged.
        reader: thread that logs its output.
    """

    def __init__(self, command: Sequence[str], sent: bytes) -> None:
        super().__init__(
            command,
            # Without this variable, `-m` would import modules of the working folder instead of
            # installed modules.
            env={**os.environ, "PYTHONSAFEPATH": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        self._error: list[str] = []
        self.is_quiet = False
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        assert self.stdin is not None
        with suppress(BrokenPipeError):
            self.stdin.write(sent)
            self.stdin.flush()

    def _read(self) -> None:
        """Log the output of the copy line by line; store the lines of its error, if it fails."""
        assert self.stderr is not None
        with io.TextIOWrapper(self.stderr, "utf-8", "replace") as lines:
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
