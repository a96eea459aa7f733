"""Trainers that train nothing, for workers that start without torch."""

from __future__ import annotations

import logging
import os
import signal
import time

from nmtool.errors import MissingError, StorageError
from nmtool.interrupts import CheckStop
from nmtool.training.sweeps.plan import StudyPlan
from nmtool.training.sweeps.trial import Outcome, PrunedError, Report, Trial


class Fake:
    """Gives every trial the score 0.5, and prunes those of which it is told so."""

    def __init__(self, plan: StudyPlan, device: str, threads: int) -> None:
        self.plan = plan

    def __call__(self, trial: Trial, report: Report, heed: CheckStop) -> Outcome:
        logging.getLogger("nmtool.fake").info("trial %d runs", trial.number)
        heed()
        if report(trial, 1, 0.5):
            return PrunedError("too bad")
        return [0.5]


class Missing(Fake):
    """Cannot be made."""

    def __init__(self, *arguments: object) -> None:
        raise MissingError("there is no such card", code="card-missing", fix="plug it in")


class NotWritten(Fake):
    """Cannot write what it should."""

    def __call__(self, *arguments: object) -> Outcome:
        raise StorageError("it is full", code="disk-full", fix="empty it")


class Dies(Fake):
    """Kills its process in the first trial of the study."""

    def __call__(self, trial: Trial, report: Report, heed: CheckStop) -> Outcome:
        if trial.number == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__call__(trial, report, heed)


class AlwaysDies(Fake):
    """Ends its process, whatever it shall train."""

    def __call__(self, *arguments: object) -> Outcome:
        os._exit(7)


class Waits(Fake):
    """Is never done with any trial but the first."""

    def __call__(self, trial: Trial, report: Report, heed: CheckStop) -> Outcome:
        while trial.number > 0:
            heed()
            time.sleep(0.02)
        return super().__call__(trial, report, heed)
