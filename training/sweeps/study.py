"""A study in Optuna's storage: which trial comes next, and what became of each.

The storage is a database: by default the SQLite file FOLDER/study.db, else that of a URL, which
several machines may share. A process that runs trials records a heartbeat of each. A trial whose
heartbeat has stopped counts as failed, and another with its settings is queued; after
`MOST_ATTEMPTS` they are given up, since settings may be such that the process dies of them.
"""

from __future__ import annotations

import json
import logging
import threading
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nmtool import storage
from nmtool.errors import (
    FileFormatError,
    MissingError,
    NmtoolError,
    StorageError,
    UsageError,
    reason,
)
from nmtool.training.sweeps.plan import StudyPlan
from nmtool.training.sweeps.space import Range, Searched, difference, differences
from nmtool.training.sweeps.trial import Outcome, PrunedError, Trial
from nmtool.version import __version__

if TYPE_CHECKING:
    import optuna
    from optuna.pruners import BasePruner
    from optuna.storages import RDBStorage
    from optuna.trial import FrozenTrial

log = logging.getLogger(__name__)

HEARTBEAT_S = 10
SILENT_S = 60
"""Seconds without a heartbeat after which the process of a trial counts as dead."""

MOST_ATTEMPTS = 3

FATES = ("finished", "pruned", "failed", "cut_off", "running", "waiting")
"""Outcomes and states of a trial."""

_ENDED = ("finished", "pruned", "failed")
_BEGUN = (*_ENDED, "running")
"""Fates of the trials that a study is to have."""

_NAME = "nmtool"
_PLAN = "plan"
REASON, FAILURE = "failed", "failure"
"""Attributes of a trial that tell why it failed: in a sentence; code, why and fix of the error."""

_ATTEMPT, _STOPPED, _SEAL = "attempt", "stopped", "content"
_TOLD = ("COMPLETE", "PRUNED")
"""States of trials that the process which ran them ended, and therefore sealed."""

_BUSY_S = 120
_UNHEEDED_SHARE = 4
"""Trials run a quarter of their epochs, at least one, before any is pruned."""


@contextmanager
def open_study(plan: StudyPlan, url: str | None = None) -> Iterator[Study]:
    """Open a study, a new one or one that has begun; the block uses its storage.

    Args:
        plan: the study.
        url: of the database, as Optuna and SQLAlchemy write it, in which the study goes by the
            name of its folder; None for a file in that folder.

    Raises:
        ImportError: Optuna is not installed.
        UsageError: another study is stored there, or the plan contradicts what it began with.
        MissingError: the database or its driver is not there.
        StorageError, FileFormatError: the folder or the storage cannot be written or read.
    """
    import optuna
    from optuna.exceptions import StorageInternalError
    from sqlalchemy.exc import SQLAlchemyError

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    storage.make_folder(plan.folder)
    file = plan.folder / "study.db"
    where = f"the database of {plan.folder}" if url else file
    database = _open_database(file, url)
    closed = threading.Event()
    try:
        with _checked(where):
            begun = optuna.create_study(
                study_name=plan.folder.name if url else _NAME,
                storage=database,
                direction="maximize",
                pruner=_pruner(plan),
                load_if_exists=True,
            )
        _check_same(plan, begun, where)
        study = Study(plan, database, begun, where)
        heart = threading.Thread(target=study.record_heartbeats, args=(closed,))
        heart.start()
        try:
            yield study
        finally:
            closed.set()
            heart.join()
    except (StorageInternalError, SQLAlchemyError) as error:
        raise StorageError(
            f"the store of the study in {plan.folder} could not be used",
            code="study-store-failed",
            why=str(error.__cause__ or error).partition("\n")[0],
            fix="check the folder or the database, permissions and free space",
        ) from error
    finally:
        database.remove_session()
        database.engine.dispose()


class Study:
    """The trials of a study, for one thread or several; `open_study` makes it.

    Attributes:
        plan: the study.
        optuna_study: the same, in the storage.
    """

    def __init__(
        self, plan: StudyPlan, database: RDBStorage, optuna_study: optuna.Study, where: object
    ) -> None:
        self.plan = plan
        self._where = where
        self.optuna_study = optuna_study
        self._storage = database
        self._running: dict[int, optuna.Trial] = {}
        self._others: set[int] = set()
        self._changed = threading.Condition()

    def trials(self) -> list[FrozenTrial]:
        """All trials, by number, as they stand; raises `FileFormatError` where one is damaged."""
        with _checked(self._where):
            trials = self.optuna_study.get_trials(deepcopy=False)
            for trial in trials:
                if trial.state.name in _TOLD and _SEAL in trial.user_attrs:
                    _check_seal(trial)
            return trials

    def is_done(self) -> bool:
        """True where every trial has come to an end."""
        return sum(fate(trial) in _ENDED for trial in self.trials()) >= self.plan.trials

    def claim(self) -> Trial | None:
        """The next trial to run; None while there is nothing to begin.

        While trials of other processes run there may be later: these processes may die.
        """
        with self._changed, warnings.catch_warnings():
            # Optuna calls heartbeats experimental, and records them itself in `optimize` alone.
            warnings.simplefilter("ignore")
            return self._claim()

    def _claim(self) -> Trial | None:
        from optuna.samplers import TPESampler
        from optuna.storages import fail_stale_trials
        from optuna.trial import TrialState

        fail_stale_trials(self.optuna_study)
        trials = self.trials()
        if sum(fate(trial) in _BEGUN for trial in trials) >= self.plan.trials:
            self._watch([trial for trial in trials if fate(trial) == "running"])
            return None
        asked = self.optuna_study.ask()
        ahead = sum(fate(trial) in _BEGUN for trial in self.trials()[: asked.number])
        if ahead >= self.plan.trials:  # another process began the last one at the same time
            self._storage.set_trial_state_values(asked._trial_id, TrialState.WAITING)
            return None
        self._storage.record_heartbeat(asked._trial_id)
        self._running[asked.number] = asked
        # Those cut off do not count, so that a study that was stopped draws what it would have.
        seed = np.random.SeedSequence([self.plan.sampler_seed, ahead]).generate_state(1)[0]
        self.optuna_study.sampler = TPESampler(seed=int(seed))
        searched = self.plan.space.searched.items()
        return Trial(asked.number, {name: _suggested(asked, name, one) for name, one in searched})

    def wait(self, within_s: float) -> None:
        """Wait until one of this process's trials has ended."""
        with self._changed:
            self._changed.wait(within_s)

    def is_bad(self, trial: Trial, epoch: int, accuracy: float) -> bool:
        """Note how an epoch of a trial went; True where the trial should end, being much worse.

        Args:
            trial: one that this process runs.
            epoch: from 1.
            accuracy: on validation samples after it, 0 … 1.
        """
        from optuna.exceptions import UpdateFinishedTrialError

        asked = self._running[trial.number]
        with self._changed:
            try:
                asked.report(accuracy, epoch)
            except UpdateFinishedTrialError:  # its heartbeat had stopped, and others took it over
                return True
            return asked.should_prune()

    def end(self, trial: Trial, outcome: Outcome) -> None:
        """Note and log what became of a trial."""
        attributes: dict[str, Any] = {}
        score = None
        level, state = logging.INFO, "PRUNED"
        if isinstance(outcome, list):
            score, state = float(np.mean(outcome)), "COMPLETE"
            attributes, told = {"scores": outcome}, f"validation {score:.1%}"
        elif isinstance(outcome, PrunedError):
            told = f"pruned, {outcome}"
        else:  # told as pruned, so that the sampler keeps away from settings like its
            known = outcome if isinstance(outcome, NmtoolError) else None
            failed = known.what if known else "there was not enough memory"
            about = {"code": known.code, "why": known.why, "fix": known.fix} if known else {}
            failure = {name: text for name, text in about.items() if text}
            attributes = {REASON: failed, FAILURE: failure}
            level, told = logging.WARNING, f"failed, {failed}"
        if self._tell(trial, state, score, **attributes):
            log.log(level, "trial %d: %s  %s", trial.number, told, trial)

    def cut_off(self, trial: Trial, *, is_blameless: bool) -> None:
        """Note that a trial was stopped or its process died, and queue another like it.

        Args:
            trial: one that this process runs.
            is_blameless: its settings have nothing to do with it.
        """
        with self._changed:
            if ended := self._tell(trial, "FAIL", **{_STOPPED: is_blameless}):
                _try_again(self.optuna_study, ended)

    def record_heartbeats(self, closed: threading.Event) -> None:
        """Say now and then that this process runs its trials, until it is closed."""
        from optuna.exceptions import StorageInternalError
        from sqlalchemy.exc import SQLAlchemyError

        while not closed.wait(HEARTBEAT_S):
            for asked in list(self._running.values()):
                # What is wrong with the database is told where it is used next.
                with suppress(StorageInternalError, SQLAlchemyError):
                    self._storage.record_heartbeat(asked._trial_id)

    def _tell(
        self, trial: Trial, state: str, value: float | None = None, **attributes: Any
    ) -> FrozenTrial | None:
        """End a trial; None where others have, which found its heartbeat stopped."""
        from optuna.exceptions import UpdateFinishedTrialError
        from optuna.trial import TrialState

        with self._changed, suppress(UpdateFinishedTrialError):
            self._changed.notify_all()
            asked = self._running.pop(trial.number)
            for name, about in attributes.items():
                asked.set_user_attr(name, about)
            seal = _seal(trial.number, asked.params, value, asked.user_attrs)
            asked.set_user_attr(_SEAL, seal)
            ended = self.optuna_study.tell(asked, value, TrialState[state], skip_if_finished=True)
            if ended.state.name == state:
                return ended
        log.warning("trial %d: its heartbeat had stopped, and it was given away", trial.number)
        return None

    def _watch(self, running: list[FrozenTrial]) -> None:
        """See to it that trials of others have a heartbeat, and say whose end is waited for.

        Optuna never fails a trial whose process died before it recorded the first.
        """
        others = [one for one in running if one.number not in {*self._running, *self._others}]
        for trial in others:
            self._storage.record_heartbeat(trial._trial_id)
            self._others.add(trial.number)
            log.info("waiting for trial %d, which another process runs", trial.number)


@contextmanager
def _checked(where: object) -> Iterator[None]:
    """Turn whatever Optuna raises on entries that it did not write into `FileFormatError`."""
    try:
        yield
    except (ValueError, LookupError, TypeError, AttributeError, AssertionError) as error:
        raise _damaged(where, reason(error)) from error


def _damaged(where: object, why: str) -> FileFormatError:
    return FileFormatError(
        f"{where} cannot be read as the store of a study",
        code="file-damaged",
        why=why,
        fix="bring back a copy of it, or name another folder in the study's file",
    )


def _check_seal(trial: FrozenTrial) -> None:
    """Raise `ValueError` where a trial is not what it was when it ended."""
    value = trial.value if trial.state.name == "COMPLETE" else None
    seal = _seal(trial.number, trial.params, value, trial.user_attrs)
    if trial.user_attrs[_SEAL] != seal:
        raise ValueError(f"trial {trial.number} is not what it was when it ended")


def _seal(
    number: int, params: Mapping[str, Any], value: float | None, user_attrs: Mapping[str, Any]
) -> str:
    """Hash of what a trial ended with: databases do not notice that a number has changed."""
    told = {name: about for name, about in user_attrs.items() if name != _SEAL}
    header = {"number": number, "params": params, "value": value, "told": told}
    return storage.content_hash(header, {})


def fate(trial: FrozenTrial) -> str:
    """Outcome or state of a trial, one of `FATES`."""
    if REASON in trial.user_attrs or is_given_up(trial):
        return "failed"
    states = {"COMPLETE": "finished", "FAIL": "cut_off"}
    return states.get(trial.state.name, trial.state.name.lower())


def is_given_up(trial: FrozenTrial) -> bool:
    """True where the process died whenever it ran these settings."""
    return trial.state.name == "FAIL" and _attempts(trial) >= MOST_ATTEMPTS


def _attempts(trial: FrozenTrial) -> int:
    """Attempts at the settings of a trial up to it, but for those that were stopped."""
    return trial.user_attrs.get(_ATTEMPT, 1) - trial.user_attrs.get(_STOPPED, False)


def _try_again(study: optuna.Study, trial: FrozenTrial) -> None:
    """Queue another trial with the settings of one that was cut off."""
    if not is_given_up(trial):
        study.enqueue_trial(trial.params, user_attrs={_ATTEMPT: _attempts(trial) + 1})


def _check_same(plan: StudyPlan, begun: optuna.Study, where: object) -> None:
    """Compare the plan with what the study began with; a new one begins with it."""
    now = {"conditions": plan.conditions(), **plan.space.as_json()}
    with _checked(where):
        attributes = begun.user_attrs
    if _PLAN not in attributes:
        begun.set_user_attr(_NAME, __version__)
        begun.set_user_attr(_PLAN, json.dumps(now))
        return
    with _checked(where):
        before = json.loads(attributes[_PLAN])
        old, new = before["conditions"], now["conditions"]
        found = [
            difference(name, repr(old.get(name)), repr(new[name]))
            for name in new
            if old.get(name) != new[name]
        ]
        found += differences(before, now)
    if found:
        raise UsageError(
            f"{plan.file} contradicts the study in {plan.folder}",
            code="study-differs",
            findings=found,
            fix="put it back, or name another folder; only trials and keep may change",
        )


def _open_database(file: Path, url: str | None) -> RDBStorage:
    """The database, whose tables are made if need be."""
    from optuna.storages import RDBStorage
    from sqlalchemy import event
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import (
        ArgumentError,
        IntegrityError,
        OperationalError,
        ProgrammingError,
        SQLAlchemyError,
    )

    try:
        where = make_url(url or f"sqlite:///{file.absolute()}")
        is_sqlite = where.get_backend_name() == "sqlite"
        settings = {"timeout": _BUSY_S, "isolation_level": None} if is_sqlite else {}
        for is_last in (False, False, False, True):
            try:
                with warnings.catch_warnings():
                    # Heartbeats are called experimental; the callback has another name since 4.9.
                    warnings.simplefilter("ignore")
                    found = RDBStorage(
                        where.render_as_string(hide_password=False),
                        engine_kwargs={"connect_args": settings},
                        heartbeat_interval=HEARTBEAT_S,
                        grace_period=SILENT_S,
                        failed_trial_callback=_try_again,
                    )
                break
            except (IntegrityError, OperationalError, ProgrammingError):
                if is_last:
                    raise
                time.sleep(0.5)  # another process makes the tables
    except ArgumentError as error:
        raise UsageError(
            f"{url} is no URL of a database",
            code="storage-url",
            why=str(error).partition("\n")[0],
            fix="write it like postgresql://USER:PASSWORD@HOST/DATABASE",
        ) from error
    except ImportError as error:
        raise MissingError(
            f"the driver of the database {where!r} is not installed",
            code="library-missing",
            why=str(error.__cause__ or error),
            fix="install the Python package that SQLAlchemy needs for it",
        ) from error
    except (SQLAlchemyError, RuntimeError) as error:
        why = str(error).partition("\n")[0]
        if url:
            raise MissingError(
                f"the database {where!r} cannot be used",
                code="storage-unreachable",
                why=why,
                fix="check that it runs, that it is reached from here, and its name and password",
            ) from error
        raise _damaged(file, why) from error
    if is_sqlite:
        if not url:
            _check_pages(found, file)
        # Optuna reads a trial's state FOR UPDATE before it changes it. SQLite, which does not know
        # that, locks the file as early with this.
        event.listen(
            found.engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE")
        )
    return found


def _check_pages(database: RDBStorage, file: Path) -> None:
    """Raise `FileFormatError` where pages or indices of a SQLite file contradict each other."""
    from sqlalchemy.exc import SQLAlchemyError

    try:
        with database.engine.connect() as connection:
            found = str(connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar())
    except (SQLAlchemyError, ValueError) as error:
        raise _damaged(file, reason(error)) from error
    if found != "ok":
        raise _damaged(file, found)


def _pruner(plan: StudyPlan) -> BasePruner:
    """The pruner that ends trials early: none, or those below the median of the others."""
    from optuna.pruners import MedianPruner, NopPruner

    if not plan.prune:
        return NopPruner()
    unheeded = max(1, plan.space.first_options().epochs // _UNHEEDED_SHARE)
    return MedianPruner(n_warmup_steps=unheeded + 1)


def _suggested(trial: optuna.Trial, name: str, searched: Searched) -> Any:
    """The trial's value of an option."""
    if not isinstance(searched, Range):
        return trial.suggest_categorical(name, searched.words)
    low, high, step = searched.low, searched.high, searched.step
    if searched.is_whole:
        step = 1 if step is None else int(step)
        return trial.suggest_int(name, int(low), int(high), step=step, log=searched.log)
    return trial.suggest_float(name, low, high, step=step, log=searched.log)
