"""Studies: searching training settings by validation accuracy.

sweep           run what is left of a study, and say what it found
SweepResult     what it returns: the best settings, all trials, what mattered
TrialResult     one of its trials
read_plan       read and check STUDY.toml
StudyPlan       what it returns, which `sweep` takes as well
"""

from __future__ import annotations

import logging
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from nmtool.arguments import Count, checked
from nmtool.errors import MissingError, UsageError, check_path, libraries_needed
from nmtool.interrupts import signals_noted
from nmtool.progress import Progress, silent
from nmtool.training.processes.threads import most_threads, threads_used
from nmtool.training.sweeps.plan import StudyPlan, read_plan
from nmtool.training.sweeps.results import (
    SweepResult,
    TrialResult,
    importance,
    ranked,
    read_trials,
    write_best,
)
from nmtool.training.sweeps.study import Study, open_study
from nmtool.training.sweeps.trial import Trainer, study_data
from nmtool.training.sweeps.workers import STOPS, run_trials, run_workers

__all__ = ["StudyPlan", "SweepResult", "TrialResult", "read_plan", "sweep"]

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
        >>> found = sweep("study.toml")  # doctest: +SKIP
        >>> found.best  # doctest: +SKIP
        {'hidden': 64, 'epochs': 12, 'lr': 0.0213, …}
        >>> TrainOptions(**found.best)  # doctest: +SKIP

    While trials run, Ctrl-C and SIGTERM stop them after the current batch, in several processes at
    once, as the second one does. A script that asks for several processes does so below
    `if __name__ == "__main__":`, since each of them imports it.

    Args:
        study: path of STUDY.toml, or what `read_plan` made of it.
        processes: trials at a time, each in a process of its own unless it is 1.
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
            its folder, has no data to validate on, or none of its trials finished.
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
    with libraries_needed(), _resume_hint(plan, command), open_study(plan, storage) as kept:
        try:
            if not kept.is_done():
                failed = _run(kept, processes, threads, device, progress)
                _heed_failed(failed, processes, kept, command)
        finally:
            trials = read_trials(kept)
            if best := ranked(trials):
                write_best(plan, best[0])
        if not best:
            raise _nothing_found(plan, trials)
        shares, unknown = importance(kept)
    return SweepResult(plan, trials, shares, unknown)


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


def _run(
    study: Study, processes: int, threads: int | None, device: str, progress: Progress
) -> list[int]:
    """Run what is left; returns the exit codes of processes that died."""
    with threads_used(threads, with_torch=processes == 1):
        if processes == 1:
            train = Trainer(study.plan, device)
            with signals_noted(*STOPS) as heed:
                run_trials(study, train, heed, progress)
            return []
        study_data(study.plan)  # which may be wrong, as the device may
    if device != "auto":
        from nmtool.training.engines.devices import find_device

        find_device(device)
    each = max(1, (threads or most_threads()) // processes)
    with signals_noted(*STOPS) as heed:
        return run_workers(study, processes, each, device, heed)


def _heed_failed(codes: list[int], processes: int, study: Study, command: str) -> None:
    """Processes died, which does not matter where the others did all there was to do."""
    if not codes:
        return
    what = f"{len(codes)} of {processes} processes ended early"
    if study.is_done():
        log.warning("%s; the others finished the study", what)
        return
    reasons = {f"by signal {-code}" if code < 0 else f"with exit code {code}" for code in codes}
    raise MissingError(
        what,
        code="study-processes-ended",
        why=", ".join(sorted(reasons)),
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
        findings=[one.finding for one in failed],
    )
