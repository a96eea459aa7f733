"""Several processes that run trials of one study, all of which end with the command.

Ctrl-C reaches every process of a terminal: workers ignore it and are told by the parent. Where
the parent is killed, they find out at the next batch.
"""

from __future__ import annotations

import multiprocessing
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from typing import TYPE_CHECKING

from nmtool.cli import console, failures
from nmtool.cli.sweep_plan import StudyPlan
from nmtool.cli.threads import use_threads

if TYPE_CHECKING:
    from nmtool.data import Dataset

GRACE_S = 20.0
"""Seconds workers have to end: they look up after every batch, and compiling takes a while."""


def run_workers(plan: StudyPlan, processes: int, threads: int, device: str) -> list[int]:
    """Run a study's trials in several processes.

    Args:
        plan: the study.
        processes: how many.
        threads: of each.
        device: by name, where each trains.

    Returns:
        The exit codes of those that failed; negative ones are signals.
    """
    context = multiprocessing.get_context("spawn")
    workers = [
        context.Process(target=_work, args=(plan, threads, device), name=f"worker {number}")
        for number in range(processes)
    ]
    with _ended(workers):
        with _deaf():
            for worker in workers:
                worker.start()
        for worker in workers:
            worker.join()
    return [worker.exitcode for worker in workers if worker.exitcode]


@contextmanager
def _deaf() -> Iterator[None]:
    """Let processes begin that ignore Ctrl-C; one that is pressed meanwhile is lost."""
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)


@contextmanager
def _ended(workers: Sequence[BaseProcess]) -> Iterator[None]:
    """See to it that no worker outlives the block."""
    try:
        yield
    finally:
        alive = [worker for worker in workers if worker.pid is not None and worker.is_alive()]
        for worker in alive:
            worker.terminate()
        deadline = time.monotonic() + GRACE_S
        for worker in alive:
            worker.join(max(0.0, deadline - time.monotonic()))
            worker.kill()
            worker.join()


def _work(plan: StudyPlan, threads: int, device: str) -> None:
    """What a worker does; its exit code is that of a command."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        use_threads(threads, with_torch=True)
        _run(plan, device)
    except KeyboardInterrupt:
        sys.exit(failures.INTERRUPTED)
    except Exception as error:
        told = failures.for_people(error)
        if told is None:
            raise
        console.print_error(told)
        sys.exit(told.exit_code)


def _run(plan: StudyPlan, device: str) -> None:
    from nmtool.cli.sweep_store import Store
    from nmtool.cli.sweep_trial import run_trials
    from training.devices import find_device

    with Store(plan) as store:
        run_trials(plan, store, study_data(plan), find_device(device), bar=False)


def study_data(plan: StudyPlan) -> Dataset:
    """The data of a study, with samples to validate on.

    Raises:
        UsageError: there are none.
    """
    from argparse import Namespace

    from nmtool.cli.train import training_data
    from nmtool.errors import UsageError

    first = {name: one.ends[0] for name, one in plan.space.searched.items()}
    found = Namespace(data_dir=plan.data_dir, units=plan.units)
    dataset = training_data(found, plan.data, plan.space.options(first).validation)
    if dataset.validation is None:
        raise UsageError(
            f"{plan.file}: there are no samples to validate on, which decides between settings",
            fix="[settings] validation = N takes the last N training samples",
        )
    return dataset
