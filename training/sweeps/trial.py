"""Running the trials of a study, one after the other, in this process."""

from __future__ import annotations

from argparse import Namespace
from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from nmtool.cli import console
from nmtool.cli.progress import Advance, progress
from nmtool.cli.sweep_plan import StudyPlan
from nmtool.cli.sweep_stop import StopRequest
from nmtool.cli.sweep_store import Claim, Store
from nmtool.errors import NmtoolError, StorageError, UsageError

if TYPE_CHECKING:
    from nmtool.data import Dataset
    from nmtool.training.devices import Device
    from nmtool.training.options import TrainOptions
    from nmtool.training.trainer import BatchReport


class PrunedError(Exception):
    """The trial is worse than others were at the same epoch."""


def run_trials(
    plan: StudyPlan,
    store: Store,
    dataset: Dataset,
    device: Device,
    stop: StopRequest,
    *,
    bar: bool,
) -> None:
    """Run trials until the study has as many as it is to have.

    Args:
        plan, store, dataset: the study, its trials, its data.
        device: where it trains.
        stop: heeded after every batch and before every trial.
        bar: show progress within a trial.

    Raises:
        KeyboardInterrupt: somebody wants it to stop; the trial is cut off.
    """
    training = _TrialRun(plan, store, dataset, device, stop)
    stop.heed()
    while (claim := store.claim()) is not None:
        with store.running(claim):
            outcome = training.run(claim, bar)
        console.say(f"trial {claim.number}: {outcome}")
        stop.heed()


class _TrialRun:
    """Trains one trial's settings, with each of its seeds."""

    def __init__(
        self, plan: StudyPlan, store: Store, dataset: Dataset, device: Device, stop: StopRequest
    ) -> None:
        self._plan, self._store = plan, store
        self._dataset, self._device = dataset, device
        self._stop = stop

    def run(self, claim: Claim, bar: bool) -> str:
        """Run it and tell the store; returns what became of it, in a few words."""
        tried = shown_values(claim.values)
        try:
            scores = self._scores(claim, bar)
        except PrunedError as pruned:
            self._store.prune(claim)
            return f"pruned, {pruned}  {tried}"
        except (KeyboardInterrupt, StorageError):
            self._store.stop(claim)
            raise
        except (NmtoolError, MemoryError) as error:
            reason = _reason(error)
            self._store.prune(claim, reason)
            return f"failed, {reason}  {tried}"
        self._store.finish(claim, scores)
        return f"validation {sum(scores) / len(scores):.1%}  {tried}"

    def _scores(self, claim: Claim, bar: bool) -> list[float]:
        """Validation accuracy of every seed's best epoch, 0 … 1."""
        options = self._plan.space.options(claim.values)
        scores = []
        total = self._plan.seeds * options.epochs * self._dataset.train.n_samples
        shown = progress(f"trial {claim.number}", total) if bar else nullcontext(None)
        with shown as advance:
            for index in range(self._plan.seeds):
                seeded = replace(options, seed=options.seed + index)
                scores.append(self._score(claim, seeded, index == 0, advance))
        return scores

    def _score(
        self, claim: Claim, options: TrainOptions, is_first: bool, advance: Advance | None
    ) -> float:
        from nmtool.training.run import train
        from nmtool.training.run_folder import RunFolder
        from nmtool.training.selection import final_score

        folder = RunFolder(claim.folder / f"seed{options.seed}")
        log: list[dict[str, Any]] = []

        def on_batch(report: BatchReport) -> None:
            self._stop.heed()
            if advance is not None:
                advance(report.samples, f"epoch {report.epoch}")

        def on_epoch(entry: dict[str, Any]) -> None:
            log.append(entry)
            if not self._plan.keep:
                _write_log(folder, log)
            if is_first:
                self._heed(claim, entry, is_last=entry["epoch"] == options.epochs)

        kept = folder if self._plan.keep else None
        train(
            options,
            self._dataset,
            folder=kept,
            on_batch=on_batch,
            on_epoch=on_epoch,
            device=self._device,
        )
        return final_score(log, options.judge_epochs)

    def _heed(self, claim: Claim, entry: dict[str, Any], *, is_last: bool) -> None:
        """Tell the pruner how an epoch went, and end the trial if it says so."""
        accuracy, epoch = float(entry["validation_accuracy"]), entry["epoch"]
        if self._store.is_bad(claim, epoch, accuracy) and not is_last:
            raise PrunedError(f"validation {accuracy:.1%} after epoch {epoch}")


def study_data(plan: StudyPlan) -> Dataset:
    """The data of a study, with samples to validate on.

    Raises:
        UsageError: there are none.
    """
    from nmtool.cli.train import training_data

    found = Namespace(data_dir=plan.data_dir, units=plan.units)
    dataset = training_data(found, plan.data, plan.space.first_options().validation)
    if dataset.validation is None:
        raise UsageError(
            f"{plan.file}: there are no samples to validate on, which decides between settings",
            fix="[settings] validation = N takes the last N training samples",
        )
    return dataset


def _write_log(folder: Any, log: list[dict[str, Any]]) -> None:
    try:
        folder.path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"{folder.path} cannot be made", why=str(error)) from error
    folder.write_log(log)


def _reason(error: Exception) -> str:
    if isinstance(error, NmtoolError):
        return error.what
    return "there was not enough memory"


def shown_values(values: dict[str, Any]) -> str:
    """Settings in a few words."""
    return "  ".join(f"{name} {shown_value(value)}" for name, value in values.items())


def shown_value(value: Any) -> str:
    """A setting's value as people read it."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
