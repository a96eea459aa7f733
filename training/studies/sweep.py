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
from nmtool.interrupts import STOPS, signals_noted
from nmtool.progress import Progress, silent
from nmtool.training.processes.threads import check_threads, most_threads, threads_used
from nmtool.training.studies.copies import run_copies
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
from nmtool.training.studies.trial import TrialRunner, study_data

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
    """Run the trials of a study (hyperparameter search), and return the best settings.

    An existing study is continued. Several calls may run trials of one study at the same time, on
    several machines if they share a `storage`; each returns when all trials have ended, and takes
    over trials whose process died. The settings of the best trial are written into the study's
    folder as `best.toml`, even if the search is interrupted. Progress is logged under the logger
    `nmtool`.

        >>> from nmtool.training.options import TrainOptions
        >>> study = sweep("study.toml")  # doctest: +SKIP
        >>> study.best  # doctest: +SKIP
        {'hidden': 64, 'epochs': 12, 'lr': 0.0213, …}
        >>> TrainOptions(**study.best)  # doctest: +SKIP

    While trials run, Ctrl-C and SIGTERM stop them after the current batch; a second signal stops
    them at once.

    Args:
        study: path of STUDY.toml, or the plan that `read_plan` returned for it.
        processes: number of trials at a time. With more than 1, each runs in its own copy of the
            command `nmtool sweep`, which reads STUDY.toml again.
        threads: cores to use, shared by the processes; by default all.
        device: where to train: `cpu`, `cuda` or `auto`.
        storage: URL of the database that stores the trials, as for Optuna, such as
            `postgresql://USER:PASSWORD@HOST/DATABASE`. In the database, the study is named after
            its folder. By default, trials are stored in a SQLite file in this folder.
        progress: shows progress in samples, by trial; not used with several processes.

    Returns:
        The result of the study with all its trials, including those of earlier calls.

    Raises:
        UsageError: the study is invalid (the findings list every problem), contradicts the study in
            its folder, has no validation samples, or none of its trials finished; or there are
            several processes and the plan differs from its file.
        DataError: the data are damaged.
        MissingError: Optuna, the database or a requirement of the device is missing, or processes
            died.
        StorageError, FileFormatError: the study's folder cannot be written or read.
        KeyboardInterrupt: the search was stopped; finished trials are kept.
    """
    if processes < 1:
        raise UsageError(
            f"there must be at least one process, not {processes}",
            code="processes-range",
            fix="leave `processes` at 1 to train in this process",
        )
    if not isinstance(study, StudyPlan):
        check_path(study, "a study")
    plan = study if isinstance(study, StudyPlan) else read_plan(study)
    command = _command(plan, processes, storage)

    def run_in_copies(search: Study) -> None:
        _check_before_copies(plan, threads, device)
        copy_command = [sys.executable, "-m", "nmtool", "sweep", str(plan.file)]
        threads_per_process = max(1, (threads or most_threads()) // processes)
        copy_command += ["--threads", str(threads_per_process), "--device", device]
        copy_command += ["--storage", storage] if storage else []
        _check_ends(run_copies(copy_command, processes), processes, search, command)

    def run_here(search: Study) -> None:
        with threads_used(threads):
            run_trials(search, study_data(plan), device, progress)

    with _resume_hint(plan, command):
        return run_study(plan, run_here if processes == 1 else run_in_copies, storage)


def run_study(
    plan: StudyPlan, run: Callable[[Study], None], storage: str | None = None
) -> SweepResult:
    """Run the remaining trials of a study, and write the best settings, even if interrupted.

    Args:
        plan: the study.
        run: function that runs trials until none is left.
        storage: as for `sweep`, which raises the same errors.
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
            raise _no_result_error(plan, trials)
        shares, why_unknown = importance(search)
    return SweepResult(plan, trials, shares, why_unknown)


def run_trials(study: Study, data: Dataset, device: str | Device, progress: Progress) -> None:
    """Run trials in this process until none is left; a signal stops them after a batch.

    Args:
        study: the study.
        data: data with a validation split.
        device, progress: as for `sweep`.
    """
    train = TrialRunner(study.plan, data, device)
    with signals_noted(*STOPS) as check_stop:
        study.run(train, check_stop, progress)


@contextmanager
def _resume_hint(plan: StudyPlan, command: str) -> Iterator[None]:
    """If the study is interrupted inside the block, log the command that continues it."""
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
    # The URL itself is not shown, because it may contain a password.
    words += ["--storage", "URL"] if storage else []
    return shlex.join(words)


def _check_before_copies(plan: StudyPlan, threads: int | None, device: str) -> None:
    """Check the study before copies start, so that an error is raised once and not by each copy."""
    if read_plan(plan.file) != plan:
        raise UsageError(
            f"the plan differs from its file {plan.file}",
            code="study-file-differs",
            why="each process reads the file",
            fix="write the plan to that file, or leave `processes` at 1",
        )
    if threads is not None:
        check_threads(threads)
    study_data(plan)
    if device != "auto":
        from nmtool.training.engines.devices import find_device

        find_device(device)


def _check_ends(ends: Sequence[str], processes: int, study: Study, command: str) -> None:
    """Raise `MissingError` if copies ended early and the study is not finished.

    Args:
        ends: a description of each copy that failed.
        processes: number of copies.
        study: the study.
        command: the command that continues the study.
    """
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


def _no_result_error(plan: StudyPlan, trials: Sequence[TrialResult]) -> UsageError:
    """The error if no trial was finished, with a finding for each reason of failure."""
    by_reason = {trial.reason: trial for trial in reversed(trials) if trial.reason}
    failed = sorted(by_reason.values(), key=lambda trial: trial.number)
    return UsageError(
        f"{plan.file}: no trial was finished",
        code="study-without-result",
        why="" if failed else "all trials were ended early",
        fix="search other ranges, in another folder",
        findings=[trial.finding for trial in failed],
    )
