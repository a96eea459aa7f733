"""Trials of a search in Optuna's storage: by default a SQLite file, otherwise a database.

Short and full trials are two studies of Optuna in the same storage. Several processes may share it.
Optuna records a heartbeat of every running trial, fails trials without heartbeats, and queues their
settings again.
"""

from __future__ import annotations

import json
import logging
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.exceptions import StorageInternalError
from optuna.pruners import MedianPruner, NopPruner
from optuna.samplers import TPESampler
from optuna.storages import RDBStorage, RetryHeartbeatStaleTrialCallback, fail_stale_trials
from optuna.trial import FrozenTrial
from sqlalchemy import event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import (
    ArgumentError,
    IntegrityError,
    OperationalError,
    ProgrammingError,
    SQLAlchemyError,
)

from nmtool import storage
from nmtool.errors import FileFormatError, MissingError, StorageError, UsageError, reason
from nmtool.training.studies.results import NAME, TrialResult

log = logging.getLogger(__name__)

STORE = "study.db"
"""SQLite file in the folder of a search."""

HEARTBEAT_S = 10
MISSED_HEARTBEATS = 6
"""Heartbeats that a trial may miss before its process counts as dead."""

LOOK_AGAIN_S = 1.0
"""Seconds between checks of trials that other processes run."""

FEWEST_COMPARED = 5
"""Smallest number of other trials whose median decides whether a trial is pruned."""

_BUSY_S = 120
_STUDIES = ("short", "full")
_USED, _CONDITIONS = "used_s", "conditions"
"""Attributes of the study of short trials: the time of earlier calls, and the conditions of the
search."""

Score = Callable[[optuna.Trial], tuple[float | None, dict[str, Any]]]
"""Runs a trial; returns its score, None if it has none, and attributes to store."""


class Trials:
    """The trials of a search in an open storage, from `open_trials`.

    Attributes:
        short, full: Optuna's studies.
    """

    def __init__(self, studies: Mapping[str, optuna.Study]) -> None:
        self.short, self.full = (studies[name] for name in _STUDIES)
        self._before_s = float(self.short.user_attrs.get(_USED, 0.0))
        self._began = time.monotonic()

    def used_s(self) -> float:
        """Seconds that the search has taken, including earlier calls."""
        return self._before_s + time.monotonic() - self._began

    def begun(self, study: optuna.Study) -> list[FrozenTrial]:
        """Trials of a study that have ended or run now, but not those that were cut off."""
        return [
            t for t in study.get_trials(deepcopy=False) if t.state.name not in ("FAIL", "WAITING")
        ]

    def is_waiting(self, study: optuna.Study) -> bool:
        """True if a trial that was cut off waits for another attempt."""
        return any(trial.state.name == "WAITING" for trial in study.get_trials(deepcopy=False))

    def is_running(self, study: optuna.Study) -> bool:
        """True if another process runs a trial of the study."""
        return any(trial.state.name == "RUNNING" for trial in study.get_trials(deepcopy=False))

    def results(self) -> tuple[TrialResult, ...]:
        """All trials that have ended: the full ones, then the short ones."""
        return tuple(
            TrialResult.of(trial, is_full=study is self.full)
            for study in (self.full, self.short)
            for trial in study.get_trials(deepcopy=False)
            if trial.state.name in ("COMPLETE", "PRUNED")
            and (study is self.short or NAME in trial.user_attrs)
        )

    def run_next(
        self, study: optuna.Study, ranges: Mapping[str, BaseDistribution], seed: int, score: Score
    ) -> None:
        """Run a trial: the first one that waits, or one with settings that the sampler draws.

        The sampler's seed depends on the number of trials that were not cut off, so that a stopped
        search draws the same settings as an uninterrupted one.

        Args:
            study: `short` or `full`.
            ranges: distribution of each setting to draw.
            seed: seed of the search.
            score: runs the trial.
        """
        seeds = np.random.SeedSequence([seed, len(self.begun(study))]).generate_state(1)
        study.sampler = TPESampler(n_startup_trials=FEWEST_COMPARED, seed=int(seeds[0]))
        is_scored, raised = False, None

        def objective(trial: optuna.Trial) -> float:
            nonlocal is_scored, raised
            for name, distribution in ranges.items():
                _draw(trial, name, distribution)
            try:
                value, attributes = score(trial)
            except BaseException as error:
                raised = error
                study.enqueue_trial(trial.params, user_attrs=trial.user_attrs)
                raise
            for name, attribute in attributes.items():
                trial.set_user_attr(name, attribute)
            is_scored = True
            if value is None:
                raise optuna.TrialPruned
            return value

        try:
            study.optimize(objective, n_trials=1)
        except Exception as error:
            # Optuna cannot end a trial if the storage fails, or if another process has ended the
            # trial because the heartbeats of this process had stopped.
            if not is_scored or not isinstance(error, ValueError | AssertionError):
                raise raised or error from None
            log.warning("the heartbeats of a trial had stopped, and another process took it over")
        self.short.set_user_attr(_USED, self.used_s())

    def wait_for_others(self) -> bool:
        """Wait a while for trials of other processes; False if no other process ran one."""
        studies = (self.short, self.full)
        if not any(map(self.is_running, studies)):
            return False
        for study in studies:
            with _without_warnings():
                fail_stale_trials(study)
        time.sleep(LOOK_AGAIN_S)
        return True

    def check_conditions(self, conditions: Mapping[str, Any]) -> dict[str, Any]:
        """Store the conditions of a new search; return those of the stored search."""
        if _CONDITIONS not in self.short.user_attrs:
            self.short.set_user_attr(_CONDITIONS, json.dumps(conditions))
        return json.loads(self.short.user_attrs[_CONDITIONS])


def _draw(trial: optuna.Trial, name: str, distribution: BaseDistribution) -> None:
    """Let Optuna draw a trial's value of a setting."""
    if isinstance(distribution, CategoricalDistribution):
        trial.suggest_categorical(name, distribution.choices)
    elif isinstance(distribution, IntDistribution):
        trial.suggest_int(
            name,
            distribution.low,
            distribution.high,
            step=distribution.step,
            log=distribution.log,
        )
    elif isinstance(distribution, FloatDistribution):
        low, high = distribution.low, distribution.high
        trial.suggest_float(name, low, high, step=distribution.step, log=distribution.log)


@contextmanager
def open_trials(folder: Path, url: str | None, short_epochs: int) -> Iterator[Trials]:
    """Open the trials of a new or an existing search while the block runs.

    Args:
        folder: folder of the search.
        url: URL of the database, as for Optuna and SQLAlchemy, in which the studies are named after
            the folder; None: a file in that folder.
        short_epochs: epochs of a short trial. It is pruned in their second half only, if it is
            worse than the median of at least `FEWEST_COMPARED` other trials.

    Raises:
        UsageError, MissingError: the URL is invalid; the database is not reachable, or its driver
            is not installed.
        StorageError, FileFormatError: the folder or the storage cannot be written or read.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    storage.make_folder(folder)
    file = folder / STORE
    database = _open_database(file, url)
    pruner = MedianPruner(
        n_startup_trials=FEWEST_COMPARED,
        n_warmup_steps=-(-short_epochs // 2),
        n_min_trials=FEWEST_COMPARED,
    )
    try:
        try:
            studies = {
                name: optuna.create_study(
                    study_name=f"{folder.name} {name}" if url else name,
                    storage=database,
                    direction="maximize",
                    pruner=pruner if name == "short" else NopPruner(),
                    load_if_exists=True,
                )
                for name in _STUDIES
            }
            trials = Trials(studies)
            trials.results()
            json.loads(trials.short.user_attrs.get(_CONDITIONS, "{}"))
        except (ValueError, LookupError, TypeError, AttributeError, AssertionError) as error:
            raise _damage_error(
                f"the database of {folder}" if url else file, reason(error)
            ) from error
        yield trials
    except (StorageInternalError, SQLAlchemyError) as error:
        raise StorageError(
            f"the storage of the search in {folder} failed",
            code="search-store-failed",
            why=_first_cause(error),
            fix="check the folder or the database, its permissions and the free space",
        ) from error
    finally:
        database.remove_session()
        database.engine.dispose()


class _Database(RDBStorage):
    def record_heartbeat(self, trial_id: int) -> None:
        # A brief outage of the database must not end the thread that records heartbeats. After a
        # long outage, the next access to the database fails.
        with suppress(StorageInternalError, SQLAlchemyError):
            super().record_heartbeat(trial_id)


def _open_database(file: Path, url: str | None) -> RDBStorage:
    """Open the database; its tables are created if they do not exist."""
    where: object = url
    try:
        where = make_url(url or f"sqlite:///{file.absolute()}")
        is_sqlite = where.get_backend_name() == "sqlite"
        database = _connected(
            where.render_as_string(hide_password=False),
            {"timeout": _BUSY_S, "isolation_level": None} if is_sqlite else {},
        )
        if is_sqlite and not url:
            with database.engine.connect() as connection:
                verdict = str(connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar())
            if verdict != "ok":
                raise _damage_error(file, verdict)
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
    except (
        *(SQLAlchemyError, StorageInternalError, RuntimeError, ValueError, LookupError),
        *(TypeError, AttributeError, AssertionError),
    ) as error:
        if not url:
            raise _damage_error(file, _first_cause(error)) from error
        raise MissingError(
            f"the database {where!r} cannot be used",
            code="storage-unreachable",
            why=_first_cause(error),
            fix="check that the database runs and can be reached from here, and check its name and "
            "password",
        ) from error
    if is_sqlite:
        # Before a change of a trial's state, Optuna locks the state with SELECT FOR UPDATE, which
        # SQLite does not support. BEGIN IMMEDIATE locks the file equally early.
        event.listen(
            database.engine,
            "begin",
            lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"),
        )
    return database


def _connected(url: str, settings: Mapping[str, Any], attempts: int = 4) -> RDBStorage:
    """Connect to a database; try again while another process creates the tables."""
    try:
        with _without_warnings():
            return _Database(
                url,
                engine_kwargs={"connect_args": settings},
                heartbeat_interval=HEARTBEAT_S,
                grace_period=HEARTBEAT_S * MISSED_HEARTBEATS,
                heartbeat_stale_trial_callback=RetryHeartbeatStaleTrialCallback(),
            )
    except (IntegrityError, OperationalError, ProgrammingError):
        if attempts == 1:
            raise
        time.sleep(0.5)
        return _connected(url, settings, attempts - 1)


@contextmanager
def _without_warnings() -> Iterator[None]:
    """Hide Optuna's warnings that heartbeats are experimental."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        yield


def _first_cause(error: BaseException) -> str:
    """First line of the message of the database's error, from which another error arose."""
    return str(error.__cause__ or error).partition("\n")[0]


def _damage_error(where: object, why: str) -> FileFormatError:
    """The error for a storage that is damaged or has foreign entries."""
    return FileFormatError(
        f"{where} is not the storage of a search, or is damaged",
        code="file-damaged",
        why=why,
        fix="restore it from a backup, or search in another folder",
    )
