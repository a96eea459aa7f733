"""A study in Optuna's storage: its trials, and the loop that runs them until the study is done.

The storage is a database: by default the SQLite file FOLDER/study.db, otherwise the database of a
URL. Several processes may share it. Optuna records a heartbeat of every running trial. A trial
without heartbeats counts as failed, and another trial with its settings is queued; after
`MOST_ATTEMPTS` its settings are not tried again, since they may be the reason why the process dies.
"""

from __future__ import annotations

import json
import logging
import math
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nmtool import storage
from nmtool.errors import (
    BackendError,
    FileFormatError,
    MissingError,
    NmtoolError,
    StorageError,
    UsageError,
    reason,
)
from nmtool.interrupts import CheckStop
from nmtool.progress import Progress, silent
from nmtool.training.studies.plan import StudyPlan
from nmtool.training.studies.series import changes
from nmtool.training.studies.space import Range, Searched
from nmtool.training.studies.trial import PrunedError, TrialRunner, shown_value
from nmtool.version import __version__

if TYPE_CHECKING:
    import optuna
    from optuna.pruners import BasePruner
    from optuna.storages import RDBStorage
    from optuna.trial import FrozenTrial

log = logging.getLogger(__name__)

MISSED_HEARTBEATS = 6
"""Heartbeats that a trial may miss before its process counts as dead."""

MOST_ATTEMPTS = 3

_RANDOM_TRIALS = 10
"""Number of random trials before results guide the sampler, if there are no `[[first]]`."""

LOOK_AGAIN_S = 1.0
"""Seconds between checks of a study whose last trials are run by other processes."""

OUTCOMES = ("finished", "pruned", "failed", "cut_off", "running", "waiting")
"""Outcomes and states of a trial."""

_ENDED = ("finished", "pruned", "failed")
_BEGUN = (*_ENDED, "running")
"""Outcomes that count towards the number of trials of a study."""

_NAME = "nmtool"
_PLAN = "plan"
SCORES, REASON, FAILURE = "scores", "failed", "failure"
"""Names of a trial's attributes: accuracy of each seed; reason of a failure; texts of its error."""

_STOPPED, _SEAL = "stopped", "content"
_SEALED = ("COMPLETE", "PRUNED")
"""States of trials that ended normally, and were sealed by the process that ran them."""

_BUSY_S = 120
_WARMUP_SHARE = 4
"""Trials run a quarter of their epochs, and at least one epoch, before they can be pruned."""


@contextmanager
def open_study(plan: StudyPlan, url: str | None = None) -> Iterator[Study]:
    """Open a new or an existing study; its storage is open while the block runs.

    Args:
        plan: the study.
        url: URL of the database, as for Optuna and SQLAlchemy, in which the study is stored under
            the name of its folder; None: a file in that folder.

    Raises:
        ImportError: Optuna is not installed.
        UsageError: the storage has another study, or the plan differs from the stored plan.
        MissingError: the database is not reachable, or its driver is not installed.
        StorageError, FileFormatError: the folder or the storage cannot be written or read.
    """
    import optuna
    from optuna.exceptions import StorageInternalError
    from sqlalchemy.exc import SQLAlchemyError

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    storage.make_folder(plan.folder)
    file = plan.folder / "study.db"
    where = f"the database of {plan.folder}" if url else file
    database = _open_database(plan, file, url)
    try:
        with _optuna_errors_converted(where):
            optuna_study = optuna.create_study(
                study_name=plan.folder.name if url else _NAME,
                storage=database,
                direction="maximize",
                pruner=_pruner(plan),
                load_if_exists=True,
            )
        _check_same(plan, optuna_study, where)
        yield Study(plan, database, optuna_study, where)
    except (StorageInternalError, SQLAlchemyError) as error:
        raise StorageError(
            f"the storage of the study in {plan.folder} failed",
            code="study-store-failed",
            why=_first_cause(error),
            fix="check the folder or the database, its permissions and the free space",
        ) from error
    finally:
        database.remove_session()
        database.engine.dispose()


class Study:
    """The trials of an open study, from `open_study`.

    Attributes:
        plan: the study.
        optuna_study: Optuna's object for the stored study.
    """

    def __init__(
        self, plan: StudyPlan, database: RDBStorage, optuna_study: optuna.Study, where: object
    ) -> None:
        self.plan = plan
        self.optuna_study = optuna_study
        self._database = database
        self._where = where
        self._trial_began: float | None = None

    def trials(self) -> list[FrozenTrial]:
        """All trials as they are now, by number; raises `FileFormatError` for damaged trials."""
        with _optuna_errors_converted(self._where), warnings.catch_warnings():
            # Optuna replaces some damaged distributions, and only warns.
            warnings.simplefilter("error", UserWarning)
            trials = self.optuna_study.get_trials(deepcopy=False)
            for trial in trials:
                # This call raises an error if the attributes of a trial are damaged, even if the
                # trial has no seal.
                outcome(trial)
                if trial.state.name in _SEALED and _SEAL in trial.user_attrs:
                    _check_seal(trial)
            return trials

    def is_done(self) -> bool:
        """True if no further trial may begin, and all trials that began have ended."""
        ended = self._count(_ENDED)
        return ended >= self._most_trials or (self._is_time_over() and ended == self._count(_BEGUN))

    @property
    def _most_trials(self) -> float:
        """Largest number of trials; infinite if only the time is limited."""
        return math.inf if self.plan.trials is None else self.plan.trials

    def _is_time_over(self) -> bool:
        """True if all trials, including the trial that runs here, have used up the plan's minutes.

        A trial that was cut off does not count, since it runs again.
        """
        if self.plan.minutes is None:
            return False
        running_s = 0.0 if self._trial_began is None else time.monotonic() - self._trial_began
        ended = [trial.duration for trial in self.trials() if outcome(trial) in _ENDED]
        taken_s = sum((duration.total_seconds() for duration in ended if duration), running_s)
        return taken_s >= 60 * self.plan.minutes

    def _count(self, outcomes: tuple[str, ...], before: int | None = None) -> int:
        """Number of trials with these outcomes; `before`: only of trials with smaller numbers."""
        return sum(outcome(trial) in outcomes for trial in self.trials()[:before])

    def run(self, train: TrialRunner, check_stop: CheckStop, progress: Progress = silent) -> None:
        """Run trials, one after the other, until the study is done.

        While the last trials run in other processes, this process waits, to take over trials whose
        process dies.

        Args:
            train: function that trains with the settings of a trial.
            check_stop: called after every batch and before every trial.
            progress: shows progress in samples within a trial.

        Raises:
            StorageError: a trial's folder cannot be written.
            KeyboardInterrupt: raised by `check_stop`; the current trial is cut off.
        """
        from optuna.storages import fail_stale_trials

        awaited: set[int] = set()
        while not self.is_done():
            check_stop()
            if self._count(_BEGUN) < self._most_trials and not self._is_time_over():
                self._run_next(train, check_stop, progress)
                continue
            self._wait_for_others(awaited)
            with _without_warnings():
                fail_stale_trials(self.optuna_study)

    def _run_next(self, train: TrialRunner, check_stop: CheckStop, progress: Progress) -> None:
        """Run Optuna's next trial: one that was cut off before, or a new one."""
        from optuna.exceptions import TrialPruned, UpdateFinishedTrialError

        for first in self.plan.first[self._count(_BEGUN) :][:1]:
            values = self.plan.space.stored_values(first)
            self.optuna_study.enqueue_trial(values, skip_if_exists=True)
        has_result, raised = False, None

        def objective(trial: optuna.Trial) -> float:
            nonlocal has_result, raised
            try:
                score = self._score(trial, train, check_stop, progress)
            except (TrialPruned, UpdateFinishedTrialError):
                has_result = True
                raise
            except BaseException as error:
                raised = error
                self._queue_again(trial, error)
                raise
            has_result = True
            return score

        try:
            self.optuna_study.optimize(
                objective, n_trials=1, catch=(_SurplusError,), callbacks=[_log_end]
            )
        except ValueError as error:
            # If the heartbeats of a trial stop, another process ends the trial. Optuna then refuses
            # to end the trial again.
            if not has_result:
                raise raised or error from None
            log.warning("the heartbeats of a trial had stopped, and another process took it over")

    def _score(
        self, trial: optuna.Trial, train: TrialRunner, check_stop: CheckStop, progress: Progress
    ) -> float:
        """Run a trial, and return its mean validation accuracy, 0 … 1.

        Raises Optuna's `TrialPruned` if the trial was pruned or failed.
        """
        from optuna import TrialPruned

        values = self._settings(trial)

        def is_bad(epoch: int, accuracy: float) -> bool:
            trial.report(accuracy, epoch)
            is_over_time = self._is_time_over() and self._count(("finished",)) > 0
            return is_over_time or trial.should_prune()

        scores: list[float] = []
        reason, failure = "", {}
        self._trial_began = time.monotonic()
        try:
            scores = train(trial.number, values, is_bad, check_stop, progress)
        except (StorageError, BackendError):  # The settings of the trial do not cause these errors.
            raise
        except PrunedError:
            pass
        except NmtoolError as error:
            texts = {"code": error.code, "why": error.why, "fix": error.fix}
            reason, failure = error.what, {name: text for name, text in texts.items() if text}
        except MemoryError:
            reason = "there was not enough memory"
        finally:
            self._trial_began = None
        score = float(np.mean(scores)) if scores else None
        for name, content in ((SCORES, scores), (REASON, reason), (FAILURE, failure)):
            trial.set_user_attr(name, content)
        trial.set_user_attr(_SEAL, _seal(trial.number, trial.params, score, trial.user_attrs))
        # For Optuna, the trial counts as pruned, so that the sampler avoids similar settings.
        if score is None:
            raise TrialPruned
        return score

    def _settings(self, trial: optuna.Trial) -> dict[str, Any]:
        """Draw the searched options; raises `_SurplusError` if enough trials have already begun.

        The seed depends on the number of trials that were not cut off, so that a stopped study
        draws the same settings as an uninterrupted one. Options that were not yet drawn when a
        process died are drawn with the seed of its trial.
        """
        from optuna.samplers import TPESampler

        if self._count(_BEGUN, before=trial.number) >= self._most_trials:
            raise _SurplusError
        first_attempt = self.trials()[trial.number].system_attrs.get("failed_trial", trial.number)
        seeds = [self.plan.sampler_seed, self._count(_BEGUN, before=first_attempt)]
        seed = np.random.SeedSequence(seeds).generate_state(1)[0]
        n_startup = len(self.plan.first) or _RANDOM_TRIALS
        self.optuna_study.sampler = TPESampler(n_startup_trials=n_startup, seed=int(seed))
        searched = self.plan.space.searched
        return {name: _draw_value(trial, name, option) for name, option in searched.items()}

    def _queue_again(self, trial: optuna.Trial, error: BaseException) -> None:
        """Queue a trial's settings again; count an attempt if the settings may be the cause."""
        from optuna.exceptions import UpdateFinishedTrialError

        if not isinstance(error, KeyboardInterrupt | OSError | StorageError | _SurplusError):
            _retry_callback()(self.optuna_study, self.trials()[trial.number])
            return
        with suppress(UpdateFinishedTrialError):  # Another process has already queued the trial.
            trial.set_user_attr(_STOPPED, True)
            self.optuna_study.enqueue_trial(trial.params)

    def _wait_for_others(self, awaited: set[int]) -> None:
        """Wait a while for trials of other processes, and log their numbers."""
        for trial in self.trials():
            if trial.state.name == "RUNNING" and trial.number not in awaited:
                # Optuna counts the trial of a dead process as failed only if the trial has at least
                # one heartbeat.
                self._database.record_heartbeat(trial._trial_id)
                awaited.add(trial.number)
                log.info("waiting for trial %d, which another process runs", trial.number)
        time.sleep(LOOK_AGAIN_S)


class _SurplusError(Exception):
    """Raised in a trial if other processes have already begun the last trial of the study."""


def _log_end(study: optuna.Study, trial: FrozenTrial) -> None:
    """Log the outcome of a trial that this process has run."""
    del study
    level, end = logging.INFO, ""
    if outcome(trial) == "finished":
        end = f"validation {trial.value:.1%}"
    elif outcome(trial) == "pruned":
        epoch = trial.last_step or 0
        end = f"pruned, validation {trial.intermediate_values[epoch]:.1%} after epoch {epoch}"
    elif outcome(trial) == "failed":
        level, end = logging.WARNING, f"failed, {trial.user_attrs[REASON]}"
    if end:
        values = (f"{name} {shown_value(value)}" for name, value in trial.params.items())
        log.log(level, "trial %d: %s  %s", trial.number, end, "  ".join(values))


def _retry_callback() -> Any:
    """Optuna's function that queues the settings of a failed trial again."""
    from optuna.storages import RetryHeartbeatStaleTrialCallback

    with _without_warnings():
        return RetryHeartbeatStaleTrialCallback(max_retry=MOST_ATTEMPTS - 1)


@contextmanager
def _without_warnings() -> Iterator[None]:
    """Hide Optuna's warnings that heartbeats are experimental."""
    from optuna.exceptions import ExperimentalWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        yield


@contextmanager
def _optuna_errors_converted(where: object) -> Iterator[None]:
    """Convert Optuna's exceptions on foreign or damaged entries to `FileFormatError`."""
    try:
        yield
    except (
        ValueError, LookupError, TypeError, AttributeError, AssertionError, UserWarning
    ) as error:  # fmt: skip
        raise _damage_error(where, reason(error)) from error


def _first_cause(error: BaseException) -> str:
    """First line of the message of the database's error, from which another error arose."""
    return str(error.__cause__ or error).partition("\n")[0]


def _damage_error(where: object, why: str) -> FileFormatError:
    """The error for a storage that is damaged or has foreign entries."""
    return FileFormatError(
        f"{where} is not the storage of a study, or is damaged",
        code="file-damaged",
        why=why,
        fix="restore it from a backup, or name another folder in the study's file",
    )


def _check_seal(trial: FrozenTrial) -> None:
    """Raise `ValueError` if a trial was changed after it ended."""
    value = trial.value if trial.state.name == "COMPLETE" else None
    seal = _seal(trial.number, trial.params, value, trial.user_attrs)
    if trial.user_attrs[_SEAL] != seal:
        raise ValueError(f"trial {trial.number} was changed after it ended")


def _seal(
    number: int, params: Mapping[str, Any], value: float | None, user_attrs: Mapping[str, Any]
) -> str:
    """Hash of a trial's results, since databases do not detect changed numbers."""
    attributes = {name: attribute for name, attribute in user_attrs.items() if name != _SEAL}
    header = {"number": number, "params": params, "value": value, "told": attributes}
    return storage.content_hash(header, {})


def outcome(trial: FrozenTrial) -> str:
    """Outcome or state of a trial, one of `OUTCOMES`."""
    state = trial.state.name
    if is_given_up(trial) or (state == "PRUNED" and trial.user_attrs.get(REASON)):
        return "failed"
    return {"COMPLETE": "finished", "FAIL": "cut_off"}.get(state, state.lower())


def is_given_up(trial: FrozenTrial) -> bool:
    """True if processes died in every attempt at these settings."""
    died = trial.state.name == "FAIL" and not trial.user_attrs.get(_STOPPED)
    return died and len(trial.system_attrs.get("retry_history", ())) >= MOST_ATTEMPTS - 1


def _check_same(plan: StudyPlan, optuna_study: optuna.Study, where: object) -> None:
    """Compare the plan with the stored plan; in a new study, store it."""
    now = {"conditions": plan.conditions(), **plan.space.as_json()}
    with _optuna_errors_converted(where):
        attributes = optuna_study.user_attrs
    if _PLAN not in attributes:
        optuna_study.set_user_attr(_NAME, __version__)
        optuna_study.set_user_attr(_PLAN, json.dumps(now))
        return
    with _optuna_errors_converted(where):
        before = json.loads(attributes[_PLAN])
        findings = changes(_conditions(before), _conditions(now))
    if findings:
        raise UsageError(
            f"{plan.file} contradicts the study in {plan.folder}",
            code="study-differs",
            findings=findings,
            fix="undo the changes, or name another folder; only trials, minutes, keep and "
            "heartbeat_s may change",
        )


def _conditions(record: dict[str, Any]) -> dict[str, Any]:
    """All conditions, settings and searched values in a plan as it is stored, by name."""
    return {**record["conditions"], **record["settings"], **record["search"]}


def _open_database(plan: StudyPlan, file: Path, url: str | None) -> RDBStorage:
    """Open the database; its tables are created if they do not exist."""
    from optuna.exceptions import StorageInternalError
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

    class Database(RDBStorage):
        def record_heartbeat(self, trial_id: int) -> None:
            # A brief outage of the database must not end the thread that records heartbeats. After
            # a long outage, the next access to the database fails.
            with suppress(StorageInternalError, SQLAlchemyError):
                super().record_heartbeat(trial_id)

    try:
        where = make_url(url or f"sqlite:///{file.absolute()}")
        is_sqlite = where.get_backend_name() == "sqlite"
        settings = {"timeout": _BUSY_S, "isolation_level": None} if is_sqlite else {}
        for is_last in (False, False, False, True):
            try:
                with _without_warnings(), _optuna_errors_converted(url or file):
                    database = Database(
                        where.render_as_string(hide_password=False),
                        engine_kwargs={"connect_args": settings},
                        heartbeat_interval=plan.heartbeat_s,
                        grace_period=plan.heartbeat_s * MISSED_HEARTBEATS,
                        heartbeat_stale_trial_callback=_retry_callback(),
                    )
                break
            except (IntegrityError, OperationalError, ProgrammingError):
                if is_last:
                    raise
                time.sleep(0.5)  # Another process is creating the tables.
    except ArgumentError as error:
        raise UsageError(
            f"{url} is not the URL of a database",
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
    except (SQLAlchemyError, StorageInternalError, RuntimeError) as error:
        why = _first_cause(error)
        if url:
            raise MissingError(
                f"the database {where!r} cannot be used",
                code="storage-unreachable",
                why=why,
                fix="check that the database runs and can be reached from here, and check its "
                "name and password",
            ) from error
        raise _damage_error(file, why) from error
    if is_sqlite:
        if not url:
            _check_pages(database, file)
        # Before a change of a trial's state, Optuna locks the state with SELECT FOR UPDATE, which
        # SQLite does not support. BEGIN IMMEDIATE locks the file equally early.
        event.listen(
            database.engine,
            "begin",
            lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"),
        )
    return database


def _check_pages(database: RDBStorage, file: Path) -> None:
    """Raise `FileFormatError` if pages or indices of a SQLite file contradict each other."""
    from sqlalchemy.exc import SQLAlchemyError

    try:
        with database.engine.connect() as connection:
            verdict = str(connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar())
    except (SQLAlchemyError, ValueError) as error:
        raise _damage_error(file, reason(error)) from error
    if verdict != "ok":
        raise _damage_error(file, verdict)


def _pruner(plan: StudyPlan) -> BasePruner:
    """Make a pruner that ends trials below the median of the others; none without `plan.prune`."""
    from optuna.pruners import MedianPruner, NopPruner

    if not plan.prune:
        return NopPruner()
    warmup = max(1, plan.space.first_options().epochs // _WARMUP_SHARE)
    return MedianPruner(n_warmup_steps=warmup + 1)


def _draw_value(trial: optuna.Trial, name: str, searched: Searched) -> Any:
    """Let Optuna draw a trial's value of an option."""
    if not isinstance(searched, Range):
        return trial.suggest_categorical(name, searched.stored_values)
    low, high, step = searched.low, searched.high, searched.step
    if searched.is_whole:
        step = 1 if step is None else int(step)
        return trial.suggest_int(name, int(low), int(high), step=step, log=searched.log)
    return trial.suggest_float(name, low, high, step=step, log=searched.log)
