"""Running the trials of a study, in this process or in several others, and stopping them.

The process that was called chooses all trials and alone uses the study's storage. It has a thread
for each worker, a process that gets trials over a pipe and tells over it how epochs went, how
trials ended, and what it logs. Workers can be killed at any time, and end when their pipe closes.

Signals are noted (`nmtool/interrupts.py`) and heeded after every batch. As an exception out of
their handler, one could tell a trial as cut off that was just told as finished.
"""

from __future__ import annotations

import logging
import multiprocessing
import signal
import sys
import threading
from collections.abc import Callable
from concurrent import futures
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from typing import Any

from nmtool.errors import NmtoolError, StorageError, libraries_needed
from nmtool.interrupts import CheckStop, signals_ignored
from nmtool.progress import Progress, silent
from nmtool.training.sweeps.study import Study
from nmtool.training.sweeps.trial import Outcome, Report, Trainer, Trial

STOPS = (signal.SIGINT, signal.SIGTERM)
"""Signals that ask a study to stop."""

LOOK_AGAIN_S = 1.0
"""Seconds between looks at a study whose last trials other processes run."""

_LOOK_UP_S = 0.1


class DiedError(Exception):
    """A worker ended without a word.

    Args:
        code: exit code; that of a signal is negative.
    """

    def __init__(self, code: int | None) -> None:
        super().__init__(code)
        self.code = code or 0


def run_trials(
    study: Study, train: Callable[..., Outcome], heed: CheckStop, progress: Progress = silent
) -> None:
    """Run trials, one after the other, until the study is done.

    Args:
        study: its trials.
        train: a `Trainer`, or a worker, which does what one does.
        heed: called after every batch and before every trial.
        progress: counts samples within a trial.

    Raises:
        StorageError: a trial's folder cannot be written.
        KeyboardInterrupt: somebody wants it to stop; the trial is cut off.
    """
    while True:
        heed()
        trial = study.claim()
        if trial is None:
            if study.is_done():
                return
            study.wait(LOOK_AGAIN_S)
            continue
        try:
            outcome = train(trial, study.is_bad, heed, progress)
        except BaseException as error:
            blameless = isinstance(error, KeyboardInterrupt | StorageError)
            study.cut_off(trial, is_blameless=blameless)
            raise
        study.end(trial, outcome)


def run_workers(
    study: Study,
    processes: int,
    threads: int,
    device: str,
    heed: CheckStop,
    trainer: Callable[..., Callable[..., Outcome]] = Trainer,
) -> list[int]:
    """Run trials in several processes until the study is done, or none of them is left.

    Args:
        study: its trials.
        processes: how many.
        threads: of each.
        device: by name, where each trains.
        heed: called all the time.
        trainer: made by each process, of the plan, the device and the threads.

    Returns:
        The exit codes of those that died; negative ones are signals. What they ran is queued.

    Raises:
        NmtoolError, MemoryError, OSError: what ended a process that could say so.
        KeyboardInterrupt: somebody wants it to stop.
    """
    workers: list[Worker] = []
    stopped = threading.Event()
    codes = []

    def heed_stopped() -> None:
        if stopped.is_set():
            raise KeyboardInterrupt

    def run(worker: Worker) -> None:
        worker.hear("ready", heed_stopped)
        run_trials(study, worker, heed_stopped)

    pool = ThreadPoolExecutor(processes)
    try:
        with signals_ignored(*STOPS):  # by the workers, too, which Ctrl-C in a terminal reaches
            workers.extend(Worker(trainer, study.plan, device, threads) for _ in range(processes))
        running = {pool.submit(run, worker) for worker in workers}
        while running:
            heed()
            done, running = futures.wait(running, _LOOK_UP_S, futures.FIRST_COMPLETED)
            for error in (one.exception() for one in done):
                if isinstance(error, DiedError):
                    codes.append(error.code)
                elif error is not None:
                    raise error
        return codes
    finally:
        stopped.set()
        for worker in workers:
            worker.kill()
        pool.shutdown()


class Worker:
    """A process that trains, called as a `Trainer` is.

    Args:
        arguments: of `_work`, but for the pipe.
    """

    def __init__(self, *arguments: object) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, its_pipe = context.Pipe()
        self._process = context.Process(target=_work, args=(its_pipe, *arguments))
        self._process.start()
        its_pipe.close()

    def __call__(
        self, trial: Trial, report: Report, heed: CheckStop, progress: Progress
    ) -> Outcome:
        """Let it train with the settings of a trial, as `hear` does; counts nothing."""
        with suppress(OSError):  # it may be gone
            self._pipe.send(trial)
        return self.hear("outcome", heed, lambda epoch: report(trial, *epoch))

    def hear(self, kind: str, heed: CheckStop, report: Callable[[Any], bool] | None = None) -> Any:
        """Wait for what it says of a kind; log what it logs and answer its reports meanwhile.

        Raises:
            DiedError: it is gone.
            NmtoolError, MemoryError, OSError: what it ends of.
            KeyboardInterrupt: `heed` wants it.
        """
        while True:
            is_alive = self._process.is_alive()
            wait([self._process.sentinel, self._pipe], _LOOK_UP_S)
            heed()
            while (said := _heard(self._pipe) if self._pipe.poll() else None) is not None:
                said_kind, about = said
                if said_kind == kind:
                    return about
                if said_kind == "log":
                    name, level, message = about
                    logging.getLogger(name).log(level, "%s", message)
                elif said_kind == "error":
                    raise about
                else:
                    assert report is not None
                    with suppress(OSError):
                        self._pipe.send(report(about))
            if not is_alive:
                raise DiedError(self._process.exitcode)

    def kill(self) -> None:
        """End it at once: the files that it writes stand it."""
        self._process.kill()
        self._process.join()


def _work(
    pipe: Connection, trainer: Callable[..., Callable[..., Outcome]], *arguments: object
) -> None:
    """Train in a process of its own, as long as the pipe says with what."""
    logger = logging.getLogger("nmtool")
    logger.setLevel(logging.INFO)
    logger.handlers, logger.propagate = [_Sent(pipe)], False

    def heed() -> None:
        if pipe.poll():  # nothing comes unasked while a trial runs, but the end of the parent
            raise KeyboardInterrupt

    def report(trial: Trial, epoch: int, accuracy: float) -> bool:
        del trial
        pipe.send(("epoch", (epoch, accuracy)))
        return pipe.recv()

    try:
        with libraries_needed():
            train = trainer(*arguments)
            pipe.send(("ready", None))
            while (trial := _heard(pipe)) is not None:
                pipe.send(("outcome", train(trial, report, heed)))
    except (KeyboardInterrupt, EOFError):
        sys.exit(1)
    except (NmtoolError, MemoryError, OSError) as error:
        with suppress(OSError):  # the parent may be gone
            pipe.send(("error", error))


def _heard(pipe: Connection) -> Any:
    """The next message over a pipe; None where it was closed."""
    try:
        return pipe.recv()
    except (EOFError, OSError):
        return None


class _Sent(logging.Handler):
    """Sends what is logged to the parent."""

    def __init__(self, pipe: Connection) -> None:
        super().__init__()
        self._pipe = pipe

    def emit(self, record: logging.LogRecord) -> None:
        with suppress(OSError):
            self._pipe.send(("log", (record.name, record.levelno, record.getMessage())))
