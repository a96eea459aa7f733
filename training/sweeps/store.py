"""A study's store: an Optuna study in a SQLite file, which many processes may work on at once.

FOLDER/study.db          trials and their scores
FOLDER/choosing.lock     held while a process chooses its next trial
FOLDER/running/N.lock    held while trial N runs
FOLDER/trials/N/…        logs, and run folders where they are kept

Whether a trial that the store calls running still does is seen by its lock, which ends with the
process. A trial that was cut off counts as failed, and another with its settings is queued; after
`MOST_ATTEMPTS` it is given up, since settings may be such that the process dies of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nmtool import storage
from nmtool.errors import NmtoolError, StorageError, UsageError
from nmtool.training.sweeps import optuna_parts
from nmtool.training.sweeps.lock import Lock, wait_for
from nmtool.training.sweeps.plan import StudyPlan
from nmtool.training.sweeps.space import difference, differences
from nmtool.version import __version__

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial, Trial

_NAME = "nmtool"
_PLAN = "plan"
REASON = "failed"
FAILURE = "failure"
"""The attribute that tells why a trial failed."""

MOST_ATTEMPTS = 3

_ATTEMPT, _STOPPED = "attempt", "stopped"
_COUNTED = ("COMPLETE", "PRUNED", "RUNNING")
"""States of the trials that a study is to have: they run or came to an end."""


@dataclass(frozen=True)
class Claim:
    """A trial that this process runs.

    Attributes:
        trial: Optuna's.
        values: of the options searched.
        folder: its own.
        lock: held while it runs.
    """

    trial: Trial
    values: dict[str, Any]
    folder: Path
    lock: Lock

    @property
    def number(self) -> int:
        """Its number in the study, from 0."""
        return self.trial.number


class Store:
    """The trials of a study. Close it, or use it in a `with`.

    Args:
        plan: the study.

    Raises:
        ImportError: Optuna is not installed.
        UsageError: the folder holds another study, or the plan contradicts what it began with.
        StorageError, FileFormatError: the store cannot be made or read.
    """

    def __init__(self, plan: StudyPlan) -> None:
        optuna_parts.quiet()
        self._plan = plan
        self._running = plan.folder / "running"
        storage.make_folder(self._running)
        with self._choosing():
            self._storage = optuna_parts.open_storage(plan.folder / "study.db")
            try:
                self.study = self._begun()
            except BaseException:
                self.close()
                raise

    def __enter__(self) -> Store:
        return self

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        from optuna.exceptions import StorageInternalError
        from sqlalchemy.exc import SQLAlchemyError

        self.close()
        if isinstance(error, StorageInternalError | SQLAlchemyError):
            raise StorageError(
                f"the store in {self._plan.folder} could not be used",
                code="study-store-failed",
                why=str(error.__cause__ or error).partition("\n")[0],
                fix="check the folder, its permissions and the free space",
            ) from error

    def close(self) -> None:
        """Let go of the file."""
        self._storage.remove_session()
        self._storage.engine.dispose()

    def _choosing(self) -> Lock:
        return wait_for(self._plan.folder / "choosing.lock")

    def _begun(self) -> optuna.Study:
        """The study, new or gone on with."""
        import optuna

        study = optuna.create_study(
            study_name=_NAME,
            storage=self._storage,
            direction="maximize",
            pruner=optuna_parts.pruner(self._plan),
            load_if_exists=True,
        )
        plan = {"conditions": self._plan.conditions(), **self._plan.space.as_json()}
        if _PLAN in study.user_attrs:
            self._check_same(json.loads(study.user_attrs[_PLAN]), plan)
        else:
            study.set_user_attr(_NAME, __version__)
            study.set_user_attr(_PLAN, json.dumps(plan))
        return study

    def _check_same(self, before: dict[str, Any], now: dict[str, Any]) -> None:
        old, new = before["conditions"], now["conditions"]
        found = [
            difference(name, repr(old.get(name)), repr(new[name]))
            for name in new
            if old.get(name) != new[name]
        ]
        found += differences(before, now)
        if found:
            raise UsageError(
                f"{self._plan.file} contradicts the study in {self._plan.folder}",
                code="study-differs",
                findings=found,
                fix="put it back, or name another folder; only trials and keep may change",
            )

    def trials(self) -> list[FrozenTrial]:
        """All trials, by number, as they stand."""
        return self.study.get_trials(deepcopy=False)

    def is_done(self) -> bool:
        """Whether every trial has come to an end."""
        ended = [trial for trial in self.trials() if trial.state.name in ("COMPLETE", "PRUNED")]
        return len(ended) >= self._plan.trials

    def claim(self) -> Claim | None:
        """The next trial to run, whose lock is held; None if there is nothing left to begin."""
        with self._choosing():
            self._requeue_cut_off()
            begun = [trial for trial in self.trials() if trial.state.name in _COUNTED]
            if len(begun) >= self._plan.trials:
                return None
            # Those cut off do not count, so that a study that was stopped draws what it would have.
            self.study.sampler = optuna_parts.sampler(self._plan.sampler_seed, len(begun))
            trial = self.study.ask()
            lock = Lock.take(self._lock_file(trial.number))
            assert lock is not None
        searched = self._plan.space.searched
        values = {name: optuna_parts.suggested(trial, name, searched[name]) for name in searched}
        return Claim(trial, values, self._plan.folder / "trials" / f"{trial.number:04d}", lock)

    def _lock_file(self, number: int) -> Path:
        return self._running / f"{number:04d}.lock"

    def _requeue_cut_off(self) -> None:
        """Fail trials that nobody runs any longer, and queue others like them."""
        for trial in self.trials():
            if trial.state.name != "RUNNING":
                continue
            lock = Lock.take(self._lock_file(trial.number))
            if lock is None:
                continue
            with lock:
                # Its process may have finished it since the trials were listed.
                now = self._storage.get_trial(trial._trial_id)
                if now.state.name == "RUNNING":
                    self._requeue(now)
            lock.path.unlink(missing_ok=True)

    def _requeue(self, trial: FrozenTrial) -> None:
        from optuna.trial import TrialState

        attempt = trial.user_attrs.get(_ATTEMPT, 1)
        stopped = trial.user_attrs.get(_STOPPED, False)
        if attempt >= MOST_ATTEMPTS and not stopped:
            reason = f"its process died, {attempt} times"
            self._storage.set_trial_user_attr(trial._trial_id, REASON, reason)
            self.study.tell(trial.number, state=TrialState.PRUNED)
            return
        self.study.tell(trial.number, state=TrialState.FAIL)
        more = {_ATTEMPT: attempt if stopped else attempt + 1}
        self.study.enqueue_trial(trial.params, user_attrs=more)

    @contextmanager
    def running(self, claim: Claim) -> Iterator[None]:
        """Hold the trial's lock while the block runs, in which what became of it is told."""
        with claim.lock:
            yield
        claim.lock.path.unlink(missing_ok=True)

    def stop(self, claim: Claim) -> None:
        """A trial is cut off through no fault of its settings."""
        claim.trial.set_user_attr(_STOPPED, True)

    def finish(self, claim: Claim, scores: list[float]) -> None:
        """A trial went well.

        Args:
            claim: the trial.
            scores: validation accuracy by seed, 0 … 1.
        """
        claim.trial.set_user_attr("scores", scores)
        self.study.tell(claim.trial, float(np.mean(scores)))

    def is_bad(self, claim: Claim, epoch: int, accuracy: float) -> bool:
        """Note how an epoch of a trial went; whether to end the trial, being so much worse.

        Args:
            claim: the trial.
            epoch: from 1.
            accuracy: on validation samples after it, 0 … 1.
        """
        claim.trial.report(accuracy, epoch)
        return claim.trial.should_prune()

    def prune(self, claim: Claim, reason: str = "", error: NmtoolError | None = None) -> None:
        """End a trial early: for being worse than others, or for the reason it failed.

        Args:
            claim: the trial.
            reason: it failed, '' where it did not.
            error: that made it fail, whose code, why and fix are kept.

        A failed one is told as pruned so that the sampler keeps away from settings like its.
        """
        import optuna

        if reason:
            claim.trial.set_user_attr(REASON, reason)
        if error is not None:
            known = {"code": error.code, "why": error.why, "fix": error.fix}
            kept = {name: text for name, text in known.items() if text}
            claim.trial.set_user_attr(FAILURE, kept)
        self.study.tell(claim.trial, state=optuna.trial.TrialState.PRUNED)
