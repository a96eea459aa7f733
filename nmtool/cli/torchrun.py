"""One command run by several processes (torchrun): the choice of the process that reports an error.

Any process may fail; usually all processes fail for the same reason. The first process that fails
stores its exit code in the job's key-value store and prints the error. The other processes exit
silently with that code.
"""

from __future__ import annotations

import logging
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from types import FrameType
from typing import TYPE_CHECKING

from nmtool.cli import failures
from nmtool.errors import RankError
from nmtool.interrupts import STOPS, exit_code

if TYPE_CHECKING:
    from nmtool.training.processes.launch import Launch

STORE_TIMEOUT = timedelta(seconds=5)
"""Longest wait of a failed process for the job's key-value store."""


class _EndedError(BaseException):
    """SIGTERM, as an exception that error handlers do not catch."""


@contextmanager
def one_process_reports() -> Iterator[None]:
    """Let one process of a job report its error; the other processes raise `SystemExit`."""
    from nmtool.training.processes.launch import launched

    launch = launched()
    if launch is not None and launch.rank > 0:
        # Rank 0 logs for all ranks.
        logging.getLogger("nmtool").setLevel(logging.CRITICAL)
    try:
        yield
    except KeyboardInterrupt as stop:
        if launch is not None and launch.rank > 0:
            raise SystemExit(exit_code(stop)) from None
        raise
    except Exception as error:
        shown = failures.for_people(error)
        if shown is None or launch is None:
            raise
        first, code = _first_to_fail(launch, shown.exit_code)
        if first:
            raise
        raise SystemExit(code) from None


def _first_to_fail(launch: Launch, exit_code: int) -> tuple[bool, int]:
    """Find out if this process failed first in its job, and the exit code of the first failure."""
    mine = f"{launch.rank} {exit_code}"
    try:
        from torch.distributed import TCPStore

        store = TCPStore(launch.address, launch.port, timeout=STORE_TIMEOUT)
        first = store.compare_set(f"nmtool/{launch.attempt}/failed", "", mine).decode()
    except (ImportError, RuntimeError):
        # Without torch or a connection to the store, every process prints the error. A repeated
        # error is better than no error.
        first = mine
    return first == mine, int(first.split()[1])


def stop_signals() -> Sequence[int]:
    """The signals that interrupt a command.

    In a job, torchrun sends SIGTERM to all processes if one fails. Until `sigterm_raises` handles
    it, SIGTERM then ends a process without a message.
    """
    from nmtool.training.processes.launch import launched

    return STOPS if launched() is None else (signal.SIGINT,)


@contextmanager
def sigterm_raises() -> Iterator[None]:
    """In a job, turn SIGTERM into `RankError`; torchrun sends it to all processes if one fails."""
    from nmtool.training.processes.launch import launched

    if launched() is None:
        yield
        return
    previous = signal.signal(signal.SIGTERM, _end)
    try:
        try:
            yield
        finally:
            # The process is ending: another SIGTERM must not interrupt its end.
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
    except _EndedError:
        raise RankError(
            f"{RankError.LOST}, or the job was stopped",
            code="rank-lost",
            fix="look for an error in the output of the other processes",
        ) from None
    signal.signal(signal.SIGTERM, previous)


def _end(number: int, frame: FrameType | None) -> None:
    """Handle a signal by raising `_EndedError`."""
    del number, frame
    raise _EndedError


def is_first() -> bool:
    """True in a single process, and in rank 0 of a job, which prints for all."""
    from nmtool.training.processes.launch import launched

    launch = launched()
    return launch is None or launch.rank == 0
