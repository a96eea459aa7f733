"""One command run by several processes (torchrun): which of them speaks, how all of them end.

Every process may fail, most often all of them for the same reason. The first one to fail leaves
its exit code in the job's key-value store and tells what is wrong; the others end with that
code and are silent.
"""

from __future__ import annotations

import logging
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from types import FrameType
from typing import TYPE_CHECKING

from nmtool.cli import failures
from nmtool.errors import RankError

if TYPE_CHECKING:
    from nmtool.training.processes.launch import Launch

STORE_TIMEOUT = timedelta(seconds=5)
"""Time that a failed process waits for the job's key-value store."""


class _EndedError(BaseException):
    """SIGTERM: not to be caught by whoever handles errors."""


@contextmanager
def one_process_speaks() -> Iterator[None]:
    """Let through the error of one process of a job; the others leave by `SystemExit`."""
    from nmtool.training.processes.launch import launched

    launch = launched()
    if launch is not None and launch.rank > 0:
        logging.getLogger("nmtool").setLevel(logging.CRITICAL)  # the first one tells
    try:
        yield
    except KeyboardInterrupt:
        if launch is not None and launch.rank > 0:
            raise SystemExit(failures.INTERRUPTED) from None
        raise
    except Exception as error:
        told = failures.for_people(error)
        if told is None or launch is None:
            raise
        first, exit_code = _first_to_fail(launch, told.exit_code)
        if first:
            raise
        raise SystemExit(exit_code) from None


def _first_to_fail(launch: Launch, exit_code: int) -> tuple[bool, int]:
    """True where no other process of the job failed before, and the first one's exit code."""
    mine = f"{launch.rank} {exit_code}"
    try:
        from torch.distributed import TCPStore

        store = TCPStore(launch.address, launch.port, timeout=STORE_TIMEOUT)
        first = store.compare_set(f"nmtool/{launch.attempt}/failed", "", mine).decode()
    except (ImportError, RuntimeError):  # nobody answers; better said twice than not at all
        first = mine
    return first == mine, int(first.split()[1])


@contextmanager
def sigterm_raises() -> Iterator[None]:
    """In a job, turn SIGTERM into `RankError`: torchrun sends it to all when one has failed."""
    from nmtool.training.processes.launch import launched

    if launched() is None:
        yield
        return
    previous = signal.signal(signal.SIGTERM, _end)
    try:
        try:
            yield
        finally:
            # Whatever comes next is the end, which SIGTERM must not cut short.
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
    except _EndedError:
        raise RankError(
            f"{RankError.LOST}, or the job was told to stop",
            code="rank-lost",
            fix="look at what the other processes said",
        ) from None
    signal.signal(signal.SIGTERM, previous)


def _end(number: int, frame: FrameType | None) -> None:
    del number, frame
    raise _EndedError


def is_first() -> bool:
    """True in a process alone, and in the one of a job that prints."""
    from nmtool.training.processes.launch import launched

    launch = launched()
    return launch is None or launch.rank == 0
