"""A trial of a study: a training run per seed with its settings, in this process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from nmtool import storage
from nmtool.data import Dataset, load_dataset
from nmtool.errors import NmtoolError, UsageError
from nmtool.interrupts import CheckStop
from nmtool.progress import Progress, silent
from nmtool.training.options import TrainOptions
from nmtool.training.studies.plan import StudyPlan
from nmtool.training.studies.series import run_folder

if TYPE_CHECKING:
    from nmtool.training.engines.devices import Device
    from nmtool.training.loop.trainer import BatchReport


RUNS = "trials"
"""Name of the folder with a study's runs."""


class PrunedError(Exception):
    """Raised to end a trial that is worse than other trials at the same epoch."""


IsBad = Callable[[int, float], bool]
"""A function of an epoch, from 1, and its validation accuracy; it returns True to end the trial."""


class TrialRunner:
    """Trains with the settings of trials.

    Args:
        plan: the study.
        data: data with a validation split.
        device: where to train: `cpu`, `cuda` or `auto`.

    Raises:
        UsageError: the device is unknown.
        MissingError: the device is not available.
    """

    def __init__(self, plan: StudyPlan, data: Dataset, device: str | Device) -> None:
        from nmtool.training.engines.devices import find_device

        self._plan = plan
        self._dataset = data
        self._device = find_device(device) if isinstance(device, str) else device

    def __call__(
        self,
        number: int,
        values: dict[str, Any],
        is_bad: IsBad,
        check_stop: CheckStop,
        progress: Progress = silent,
    ) -> list[float]:
        """Train with each of the seeds; end the trial if `is_bad` returns True for the first seed.

        Args:
            number: number of the trial, from 0.
            values: values of the searched options, by name; pairs of numbers are JSON text.
            is_bad: called after every epoch of the first seed.
            check_stop: called after every batch.
            progress: shows progress in samples.

        Returns:
            Validation accuracy of every seed, 0 … 1.

        Raises:
            PrunedError: `is_bad` returned True.
            StorageError, BackendError: the trial's folder cannot be written, or the GPU has failed,
                independent of the settings.
            NmtoolError, MemoryError: the settings do not work.
            KeyboardInterrupt: raised by `check_stop`.
        """
        options = self._plan.space.options(values)
        total = self._plan.seeds * options.epochs * self._dataset.train.n_samples
        scores: list[float] = []
        with progress(f"trial {number}", total) as advance:

            def on_batch(batch: BatchReport) -> None:
                check_stop()
                advance(batch.samples, f"epoch {batch.epoch}")

            for seed in range(options.seed, options.seed + self._plan.seeds):
                judge = is_bad if seed == options.seed else None
                scores.append(self._score(number, replace(options, seed=seed), judge, on_batch))
        return scores

    def _score(
        self,
        number: int,
        options: TrainOptions,
        is_bad: IsBad | None,
        on_batch: Callable[[BatchReport], None],
    ) -> float:
        """Train with one seed, and return the validation accuracy of the best epoch, 0 … 1."""
        from nmtool.training.loop.remarks import check_events_in_time
        from nmtool.training.loop.run import run_training
        from nmtool.training.loop.run_folder import RunFolder
        from nmtool.training.loop.selection import final_score

        folder = RunFolder(run_folder(self._plan.folder / RUNS, number, options.seed))
        entries: list[dict[str, Any]] = []

        def on_epoch(entry: dict[str, Any]) -> None:
            entries.append(entry)
            if not self._plan.keep:
                storage.make_folder(folder.path)
                folder.write_log(entries)
            accuracy, epoch = float(entry["validation_accuracy"]), entry["epoch"]
            if is_bad and is_bad(epoch, accuracy) and epoch < options.epochs:
                raise PrunedError

        options = options.fitted_to(self._dataset.undivided)
        check_events_in_time(self._dataset, options)
        run_training(
            options,
            self._dataset,
            folder=folder if self._plan.keep else None,
            on_batch=on_batch,
            on_epoch=on_epoch,
            device=self._device,
        )
        return final_score(entries, options.judge_epochs)


def study_data(plan: StudyPlan) -> Dataset:
    """The data of a study, with a validation split.

    Raises:
        UsageError: there are no validation samples; the data do not exist.
        DataError: the data are damaged.
        NmtoolError: any error that would end every trial before its first update.
    """
    dataset = load_dataset(plan.data, data_dir=plan.data_dir, n_units=plan.units)
    return checked_data(plan, dataset)


def checked_data(plan: StudyPlan, data: Dataset) -> Dataset:
    """Check the data of a study, and return them with a validation split.

    Raises the same errors as `study_data`.
    """
    dataset = data.with_validation(plan.space.first_options().validation_rule)
    if dataset.validation is None:
        raise UsageError(
            f"{plan.file}: there are no validation samples to compare settings by",
            code="study-unvalidated",
            fix="write validation = 0.2 under [settings] to use a fifth of the training samples",
        )
    first, last = (_early_error(plan, dataset, end) for end in (0, -1))
    if first is not None and last is not None and first.code == last.code:
        # If both ends of the ranges give the same error, every trial would probably fail with this
        # error.
        raise first
    return dataset


def _early_error(plan: StudyPlan, dataset: Dataset, end: int) -> NmtoolError | None:
    """The error that a trial raises before its first update; None without an error.

    The trial has the first or the last value of every searched option.

    Args:
        plan: the study.
        dataset: the data on which trials train.
        end: as for `SearchSpace.end_options`.
    """
    from nmtool.training.front.model import SpikingNetwork
    from nmtool.training.loop.initial import initial_network
    from nmtool.training.loop.remarks import check_events_in_time

    train = dataset.train
    try:
        options = plan.space.end_options(end).fitted_to(train)
        check_events_in_time(dataset, options)
        network = initial_network(options, train.n_units, train.class_names)
        SpikingNetwork(network, max_delay=options.max_delay, axonal=options.axonal)
    except NmtoolError as error:
        return error
    return None


def shown_value(value: Any) -> str:
    """A setting's value, formatted for display."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
