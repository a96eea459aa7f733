"""Several processes that run trials of one study, all of which end with their parent.

Ctrl-C reaches every process of a terminal: workers ignore it, and stop when the pipe from their
parent is closed, which it is as well where the parent was killed. What they log is logged again
by their parent, whose handlers decide where it goes.
"""

from __future__ import annotations

import logging
import multiprocessing
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnContext

from nmtool.errors import NmtoolError, libraries_needed
from nmtool.training.sweeps.plan import StudyPlan
from nmtool.training.sweeps.stop import StopRequest, signals_ignored
from nmtool.training.threads import threads_used

log = logging.getLogger(__name__)

GRACE_S = 20.0
"""Seconds workers have to end: they look up after every batch, and compiling takes a while."""

_LOOK_UP_S = 0.1
_INTERRUPTED = 128 + signal.SIGINT
"""The exit code of a worker that was told to stop."""


def run_workers(
    plan: StudyPlan, processes: int, threads: int, device: str, stop: StopRequest
) -> list[int]:
    """Run a study's trials in several processes.

    Args:
        plan: the study.
        processes: how many.
        threads: of each.
        device: by name, where each trains.
        stop: heeded all the time.

    Returns:
        The exit codes of those that failed; negative ones are signals.

    Raises:
        KeyboardInterrupt: somebody wants it to stop; all workers have ended.
    """
    context = multiprocessing.get_context("spawn")
    told, parent = context.Pipe(duplex=False)
    workers = [_Worker(context, number, plan, threads, device, told) for number in range(processes)]
    with told, _ended(workers, parent):
        with signals_ignored():
            for worker in workers:
                worker.start()
        while running := [worker for worker in workers if worker.is_alive]:
            stop.heed()
            _relay(running, _LOOK_UP_S)
    return [worker.exit_code for worker in workers if worker.exit_code]


@contextmanager
def _ended(workers: Sequence[_Worker], parent: Connection) -> Iterator[None]:
    """See to it that no worker outlives the block, by the parent's end of their pipe."""
    try:
        yield
    finally:
        parent.close()
        alive = [worker for worker in workers if worker.is_alive]
        if alive:
            log.info("stopping after the batches that are running")
        try:
            deadline = time.monotonic() + GRACE_S
            while alive and (left := deadline - time.monotonic()) > 0:
                _relay(alive, min(left, _LOOK_UP_S))
                alive = [worker for worker in alive if worker.is_alive]
        finally:
            for worker in workers:
                worker.end()


def _relay(workers: Sequence[_Worker], within_s: float) -> None:
    """Wait until a worker logs something or ends, and log what they have logged."""
    wait([end for worker in workers for end in worker.ends], within_s)
    for worker in workers:
        worker.relay()


class _Worker:
    """A process that runs trials, and the pipe over which it logs."""

    def __init__(
        self,
        context: SpawnContext,
        number: int,
        plan: StudyPlan,
        threads: int,
        device: str,
        told: Connection,
    ) -> None:
        self._heard, self._said = context.Pipe(duplex=False)
        self._process = context.Process(
            target=_work, args=(plan, threads, device, told, self._said), name=f"worker {number}"
        )

    def start(self) -> None:
        self._process.start()
        self._said.close()

    @property
    def is_alive(self) -> bool:
        return self._process.pid is not None and self._process.is_alive()

    @property
    def exit_code(self) -> int | None:
        return self._process.exitcode

    @property
    def ends(self) -> list[int | Connection]:
        """The process and the pipe, to wait for."""
        return [self._process.sentinel, *([] if self._heard.closed else [self._heard])]

    def relay(self) -> None:
        """Log what it has logged since."""
        try:
            while not self._heard.closed and self._heard.poll():
                name, level, message = self._heard.recv()
                logging.getLogger(name).log(level, "%s", message)
        except (EOFError, OSError):
            self._heard.close()

    def end(self) -> None:
        """Kill it, unless it has ended, and log what it has logged."""
        if self._process.pid is not None:
            self._process.kill()
            self._process.join()
            self.relay()
        self._said.close()
        self._heard.close()


def _work(plan: StudyPlan, threads: int, device: str, told: Connection, said: Connection) -> None:
    """Run trials in a process of its own, whose exit code is that of a command."""
    logger = logging.getLogger("nmtool")
    logger.setLevel(logging.INFO)
    logger.handlers, logger.propagate = [_Sent(said)], False
    try:
        with libraries_needed(), threads_used(threads):
            _run(plan, device, StopRequest(told.poll))
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
    except NmtoolError as error:
        log.warning("a process ended early: %s", error)
        sys.exit(error.exit_code)
    except (MemoryError, OSError) as error:
        log.warning("a process ended early: %s: %s", type(error).__name__, error)
        sys.exit(NmtoolError.exit_code)


class _Sent(logging.Handler):
    """Sends what is logged to the parent."""

    def __init__(self, said: Connection) -> None:
        super().__init__()
        self._said = said

    def emit(self, record: logging.LogRecord) -> None:
        with suppress(OSError):  # the parent may be gone
            self._said.send((record.name, record.levelno, record.getMessage()))


def _run(plan: StudyPlan, device: str, stop: StopRequest) -> None:
    from nmtool.training.devices import find_device
    from nmtool.training.sweeps.store import Store
    from nmtool.training.sweeps.trial import run_trials, study_data

    with Store(plan) as store:
        run_trials(plan, store, study_data(plan), find_device(device), stop)
