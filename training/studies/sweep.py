"""`sweep`: search training settings by validation accuracy."""

from __future__ import annotations

import logging
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from nmtool.arguments import Count, checked
from nmtool.data import Dataset
from nmtool.errors import MissingError, UsageError, check_path, libraries_needed
from nmtool.interrupts import signals_noted
from nmtool.progress import Progress, silent
from nmtool.training.processes.threads import check_threads, most_threads, threads_used
from nmtool.training.studies.copies import STOPS, run_copies
from nmtool.training.studies.plan import StudyPlan, read_plan
from nmtool.training.studies.results import (
    SweepResult,
    TrialResult,
    importance,
    ranked,
    read_trials,
    write_best,
)
from nmtool.training.studies.study import Study, open_study
from nmtool.training.studies.trial import Trainer, study_data

if TYPE_CHECKING:
    from nmtool.training.engines.devices import Device

log = logging.getLogger(__name__)


@checked
def sweep(
    study: str | Path | StudyPlan,
    *,
    processes: Count = 1,
    threads: Count | None = None,
    device: str = "auto",
    storage: str | None = None,
    progress: Progress = silent,
) -> SweepResult:
    """Try training settings until a study has all its trials, and say which are best.

    A study that was begun, or finished, goes on where it stands. Several calls may work on it
    at once, on several machines with a `storage` that they share; each returns when all trials have
    ended, and takes over those whose process died. The settings of the best trial are written into
    the study's folder as `best.toml`, even where the search is interrupted. How trials go is
    logged below the logger `nmtool`.

        >>> from nmtool.training.options import TrainOptions
        >>> study = sweep("study.toml")  # doctest: +SKIP
        >>> study.best  # doctest: +SKIP
        {'hidden': 64, 'epochs': 12, 'lr': 0.0213, …}
        >>> TrainOptions(**study.best)  # doctest: +SKIP

    While trials run, Ctrl-C and SIGTERM stop them after the current batch, the second one at once.

    Args:
        study: path of STUDY.toml, or what `read_plan` made of it.
        processes: trials at a time. With more than 1, each process is a copy of the command
            `nmtool sweep`, which reads STUDY.toml for itself.
        threads: cores to use, shared by the processes; None for all.
        device: where to train: `cpu`, `cuda` or `auto`.
        storage: URL of the database that keeps the trials, as Optuna writes it, such as
            `postgresql://USER:PASSWORD@HOST/DATABASE`; there the study goes by the name of its
            folder. None for a SQLite file in that folder.
        progress: counts the samples of each trial, where there is one process.

    Returns:
        The study with all its trials, those of earlier calls too.

    Raises:
        UsageError: the study is wrong (its findings say all of what is), contradicts the one in
            its folder, has no data to validate on, or none of its trials finished; several
            processes for a plan that is not that of its file.
        DataError: the data are damaged.
        MissingError: Optuna, the database or what the device needs is not there, or processes
            died.
        StorageError, FileFormatError: the study's folder cannot be written or read.
        KeyboardInterrupt: somebody stopped it; finished trials are kept.
    """
    if processes < 1:
        raise UsageError(
            f"there must be at least one process, not {processes}",
            code="processes-range",
            fix="leave `processes` at 1 to train in this one",
        )
    if not isinstance(study, StudyPlan):
        check_path(study, "a study")
    plan = study if isinstance(study, StudyPlan) else read_plan(study)
    command = _command(plan, processes, storage)

    def run_copied(search: Study) -> None:
        _check_copied(plan, threads, device)
        copied = [sys.executable, "-m", "nmtool", "sweep", str(plan.file)]
        share = max(1, (threads or most_threads()) // processes)
        copied += ["--threads", str(share), "--device", device]
        copied += ["--storage", storage] if storage else []
        _check_ends(run_copies(copied, processes), processes, search, command)

    def run_here(search: Study) -> None:
        with threads_used(threads):
            run_trials(search, study_data(plan), device, progress)

    with _resume_hint(plan, command):
        return searched(plan, run_here if processes == 1 else run_copied, storage)


def searched(
    plan: StudyPlan, run: Callable[[Study], None], storage: str | None = None
) -> SweepResult:
    """Run what is left of a study; its best settings are written even where that is interrupted.

    Args:
        plan: the study.
        run: runs trials until there is none to begin.
        storage: as of `sweep`, which says what is raised, too.
    """
    with libraries_needed(), open_study(plan, storage) as search:
        try:
            if not search.is_done():
                run(search)
        finally:
            trials = read_trials(search)
            if best := ranked(trials):
                write_best(plan, best[0])
        if not best:
            raise _nothing_found(plan, trials)
        shares, unknown = importance(search)
    return SweepResult(plan, trials, shares, unknown)


def run_trials(study: Study, data: Dataset, device: str | Device, progress: Progress) -> None:
    """Run trials in this process until there is none to begin; a signal stops after a batch.

    Args:
        study: whose trials they are.
        data: with samples to validate on.
        device, progress: as of `sweep`.
    """
    train = Trainer(study.plan, data, device)
    with signals_noted(*STOPS) as check_stop:
        study.run(train, check_stop, progress)


@contextmanager
def _resume_hint(plan: StudyPlan, command: str) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        if plan.folder.exists():
            log.warning("finished trials are kept; continue with: %s", command)
        raise


def _command(plan: StudyPlan, processes: int, storage: str | None) -> str:
    """The command that continues a study."""
    words = ["nmtool", "sweep", str(plan.file)]
    words += ["--processes", str(processes)] if processes > 1 else []
    words += ["--storage", "URL"] if storage else []  # which may hold a password
    return shlex.join(words)


def _check_copied(plan: StudyPlan, threads: int | None, device: str) -> None:
    """Raise here, and once, what every copy of the command would end with."""
    if read_plan(plan.file) != plan:
        raise UsageError(
            f"{plan.file} is not the plan that was passed",
            code="study-file-differs",
            why="each process reads the file",
            fix="write the plan into its file, or leave `processes` at 1",
        )
    if threads is not None:
        check_threads(threads)
    study_data(plan)
    if device != "auto":
        from nmtool.training.engines.devices import find_device

        find_device(device)


def _check_ends(ends: Sequence[str], processes: int, study: Study, command: str) -> None:
    """Raise `MissingError` where copies ended early and the others did not do their work."""
    what, why = f"{len(ends)} of {processes} processes ended early", "; ".join(sorted({*ends}))
    if study.is_done():
        if 0 < len(ends) < processes:
            log.warning("%s, %s; the others finished the study", what, why)
        return
    raise MissingError(
        what,
        code="study-processes-ended",
        why=why,
        fix=f"continue with: {command}",
    )


def _nothing_found(plan: StudyPlan, trials: Sequence[TrialResult]) -> UsageError:
    firsts = {trial.reason: trial for trial in reversed(trials) if trial.reason}
    failed = sorted(firsts.values(), key=lambda trial: trial.number)
    return UsageError(
        f"{plan.file}: no trial was finished",
        code="study-without-result",
        why="" if failed else "all were ended early",
        fix="search other ranges, in another folder",
        findings=[trial.finding for trial in failed],
    )
