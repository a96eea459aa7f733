"""Running the trials of a study, one after the other, in this process."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from nmtool import storage
from nmtool.data import Dataset, load_dataset
from nmtool.errors import NmtoolError, StorageError, UsageError
from nmtool.progress import Advance, Progress, silent
from nmtool.training.options import TrainOptions
from nmtool.training.sweeps.plan import StudyPlan
from nmtool.training.sweeps.stop import StopRequest
from nmtool.training.sweeps.store import Claim, Store

if TYPE_CHECKING:
    from nmtool.training.devices import Device
    from nmtool.training.trainer import BatchReport

log = logging.getLogger(__name__)


class PrunedError(Exception):
    """The trial is worse than others were at the same epoch."""


def run_trials(
    plan: StudyPlan,
    store: Store,
    dataset: Dataset,
    device: Device,
    stop: StopRequest,
    progress: Progress = silent,
) -> None:
    """Run trials until the study has as many as it is to have.

    Args:
        plan, store, dataset: the study, its trials, its data.
        device: where it trains.
        stop: heeded after every batch and before every trial.
        progress: counts samples within a trial.

    Raises:
        KeyboardInterrupt: somebody wants it to stop; the trial is cut off.
    """
    training = _TrialRun(plan, store, dataset, device, stop)
    stop.heed()
    while (claim := store.claim()) is not None:
        with store.running(claim):
            level, outcome = training.run(claim, progress)
        log.log(level, "trial %d: %s", claim.number, outcome)
        stop.heed()


class _TrialRun:
    """Trains one trial's settings, with each of its seeds."""

    def __init__(
        self, plan: StudyPlan, store: Store, dataset: Dataset, device: Device, stop: StopRequest
    ) -> None:
        self._plan, self._store = plan, store
        self._dataset, self._device = dataset, device
        self._stop = stop

    def run(self, claim: Claim, progress: Progress) -> tuple[int, str]:
        """Run it and tell the store; returns its outcome in a few words, and how grave it is."""
        tried = shown_values(claim.values)
        try:
            scores = self._scores(claim, progress)
        except PrunedError as pruned:
            self._store.prune(claim)
            return logging.INFO, f"pruned, {pruned}  {tried}"
        except (KeyboardInterrupt, StorageError):
            self._store.stop(claim)
            raise
        except (NmtoolError, MemoryError) as error:
            known = error if isinstance(error, NmtoolError) else None
            reason = known.what if known else "there was not enough memory"
            self._store.prune(claim, reason, known)
            return logging.WARNING, f"failed, {reason}  {tried}"
        self._store.finish(claim, scores)
        return logging.INFO, f"validation {sum(scores) / len(scores):.1%}  {tried}"

    def _scores(self, claim: Claim, progress: Progress) -> list[float]:
        """Validation accuracy of every seed's best epoch, 0 … 1."""
        options = self._plan.space.options(claim.values)
        scores = []
        total = self._plan.seeds * options.epochs * self._dataset.train.n_samples
        with progress(f"trial {claim.number}", total) as advance:
            for index in range(self._plan.seeds):
                seeded = replace(options, seed=options.seed + index)
                scores.append(self._score(claim, seeded, index == 0, advance))
        return scores

    def _score(
        self, claim: Claim, options: TrainOptions, is_first: bool, advance: Advance
    ) -> float:
        from nmtool.training.run import run_training
        from nmtool.training.run_folder import RunFolder
        from nmtool.training.selection import final_score

        folder = RunFolder(claim.folder / f"seed{options.seed}")
        entries: list[dict[str, Any]] = []

        def on_batch(report: BatchReport) -> None:
            self._stop.heed()
            advance(report.samples, f"epoch {report.epoch}")

        def on_epoch(entry: dict[str, Any]) -> None:
            entries.append(entry)
            if not self._plan.keep:
                storage.make_folder(folder.path)
                folder.write_log(entries)
            if is_first:
                self._heed(claim, entry, is_last=entry["epoch"] == options.epochs)

        kept = folder if self._plan.keep else None
        run_training(
            options,
            self._dataset,
            folder=kept,
            on_batch=on_batch,
            on_epoch=on_epoch,
            device=self._device,
        )
        return final_score(entries, options.judge_epochs)

    def _heed(self, claim: Claim, entry: dict[str, Any], *, is_last: bool) -> None:
        """Tell the pruner how an epoch went, and end the trial if it says so."""
        accuracy, epoch = float(entry["validation_accuracy"]), entry["epoch"]
        if self._store.is_bad(claim, epoch, accuracy) and not is_last:
            raise PrunedError(f"validation {accuracy:.1%} after epoch {epoch}")


def study_data(plan: StudyPlan) -> Dataset:
    """The data of a study, with samples to validate on.

    Raises:
        UsageError: there are none, or no such data.
        DataError: the data are damaged.
    """
    found = load_dataset(plan.data, data_dir=plan.data_dir, n_units=plan.units)
    dataset = found.with_validation(plan.space.first_options().validation)
    if dataset.validation is None:
        raise UsageError(
            f"{plan.file}: there are no samples to validate on, which decides between settings",
            code="study-unvalidated",
            fix="[settings] validation = N takes the last N training samples",
        )
    return dataset


def shown_values(values: dict[str, Any]) -> str:
    """Settings in a few words."""
    return "  ".join(f"{name} {shown_value(value)}" for name, value in values.items())


def shown_value(value: Any) -> str:
    """A setting's value as people read it."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
