"""Several processes that run trials of one study, all of which end with the command.

Ctrl-C reaches every process of a terminal: workers ignore it, and stop when the pipe from their
parent is closed, which it is as well where the parent was killed.
"""

from __future__ import annotations

import multiprocessing
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from nmtool.cli import console, failures
from nmtool.cli.sweep_plan import StudyPlan
from nmtool.cli.sweep_stop import STOPPING, StopRequest
from nmtool.cli.threads import use_threads

GRACE_S = 20.0
"""Seconds workers have to end: they look up after every batch, and compiling takes a while."""

_LOOK_UP_S = 0.1


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
    workers = [
        context.Process(target=_work, args=(plan, threads, device, told), name=f"worker {number}")
        for number in range(processes)
    ]
    with told, _ended(workers, parent):
        with _ignoring_signals():
            for worker in workers:
                worker.start()
        while running := [worker.sentinel for worker in workers if worker.is_alive()]:
            stop.heed()
            wait(running, _LOOK_UP_S)
    return [worker.exitcode for worker in workers if worker.exitcode]


@contextmanager
def _ignoring_signals() -> Iterator[None]:
    """Let processes begin that ignore what asks a study to stop; what comes meanwhile is lost."""
    previous = {number: signal.signal(number, signal.SIG_IGN) for number in STOPPING}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


@contextmanager
def _ended(workers: Sequence[BaseProcess], parent: Connection) -> Iterator[None]:
    """See to it that no worker outlives the block, by the parent's end of their pipe."""
    try:
        yield
    finally:
        parent.close()
        alive = [worker for worker in workers if worker.pid is not None and worker.is_alive()]
        if alive:
            console.say("stopping after the batches that are running")
        try:
            deadline = time.monotonic() + GRACE_S
            for worker in alive:
                worker.join(max(0.0, deadline - time.monotonic()))
        finally:
            for worker in alive:
                worker.kill()
                worker.join()


def _work(plan: StudyPlan, threads: int, device: str, told: Connection) -> None:
    """What a worker does; its exit code is that of a command."""
    try:
        use_threads(threads, with_torch=True)
        _run(plan, device, StopRequest(told.poll))
    except KeyboardInterrupt:
        sys.exit(failures.INTERRUPTED)
    except Exception as error:
        told_error = failures.for_people(error)
        if told_error is None:
            raise
        console.print_error(told_error)
        sys.exit(told_error.exit_code)


def _run(plan: StudyPlan, device: str, stop: StopRequest) -> None:
    from nmtool.cli.sweep_store import Store
    from nmtool.cli.sweep_trial import run_trials, study_data
    from nmtool.training.devices import find_device

    with Store(plan) as store:
        run_trials(plan, store, study_data(plan), find_device(device), stop, bar=False)
