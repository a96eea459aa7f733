"""`cross_validate`: every sample is classified by a network that was not trained on it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nmtool import storage
from nmtool.arguments import Count, checked
from nmtool.data import Dataset, SpikeEvents
from nmtool.data.catalogue import as_dataset
from nmtool.data.dataset import joined, without_fold
from nmtool.data.dividing import Folds, Grouping
from nmtool.errors import UsageError, check_type
from nmtool.evaluation.answers import Answers, answers_file
from nmtool.network.float_network import Network
from nmtool.network.integer_network import IntegerNetwork
from nmtool.paths import ANSWERS, RUN_MANIFEST
from nmtool.progress import Progress, silent
from nmtool.running import record_portions
from nmtool.tables import counted
from nmtool.training.learning import train
from nmtool.training.loop.run_folder import RunFolder
from nmtool.training.options import TrainOptions
from nmtool.training.processes.launch import launched
from nmtool.training.processes.threads import check_threads, threads_used
from nmtool.training.studies.series import changes

if TYPE_CHECKING:
    from nmtool.training.engines.devices import Device

_log = logging.getLogger(__name__)

Learn = Callable[[int, int, Dataset, SpikeEvents], NDArray[np.integer]]
"""A function that trains a model outside a fold, and returns the classes that it predicts in it.

Its arguments are a seed, the number of the fold, the samples outside the fold, and the fold's
samples. Its result is the predicted class of each of the fold's samples.
"""


@checked
def cross_validate(
    data: Dataset | SpikeEvents | str | Path,
    options: TrainOptions | str | Path | None = None,
    *,
    by: Grouping,
    folds: Count | None = None,
    fold_seed: int = 0,
    seeds: Count = 1,
    splits: Sequence[str] = ("train",),
    folder: str | Path | None = None,
    device: str | Device = "auto",
    threads: Count | None = None,
    progress: Progress = silent,
) -> Answers:
    """Train a network per fold on the samples of all other folds, and test it on its own fold.

    >>> options = TrainOptions(hidden=20, steps=60, epochs=1)
    >>> cross_validate(data, options, by=20)  # doctest: +SKIP
    <Answers of nmtool, float: accuracy 71.25% of 40 samples, 2 folds, 1 seed>

    The samples of a fold are in neither the training nor the validation samples of its network: the
    validation split, which decides the best epoch, is drawn from the other folds by
    `options.validation` and `options.validation_by`. If a run trains in integers, its integer
    network is tested, as the chip would run it. If settings were chosen on these samples before,
    the accuracy is biased; folds do not correct this bias.

    With a folder, the same call continues a cross-validation that was stopped, even within a fold.
    Its arguments must not change, except that `seeds` may increase. `auto` settings are derived
    from all samples outside a fold, so that they are equal for all seeds of the fold. The run of
    fold 3 is in `folds/0003/seed0`, saved as by `train`. `answers.npz` has all predictions, with
    label, fold and columns of each sample, for `compare_accuracy` and `Answers.load`.

    Args:
        data: a data set, its name, or samples.
        options: the settings, a recipe or a file of them; by default `TrainOptions()`.
        by: groups of samples that stay in one fold: a column of the files such as `speaker`, or a
            number N for blocks of N neighbouring samples.
        folds: number of folds of about equal size, made of whole groups; by default each group is a
            fold.
        fold_seed: seed of the assignment of groups to folds.
        seeds: number of networks per fold, trained with consecutive seeds from `options.seed` on.
        splits: splits whose samples are joined in this order and divided into folds, by default
            `train`. The test split is used only if it is named. The data's own validation split is
            never used for validation.
        folder: folder in which runs and answers are saved; None: nothing is saved.
        device, threads: as for `train`.
        progress: shows progress in samples, fold by fold, e.g. `nmtool.progress_bar`.

    Raises:
        UsageError: the samples cannot be divided in this way; the folder contains another
            cross-validation; all other errors are those of `train`.
        DataError, MissingError, StorageError, FileFormatError: as for `train`.
    """
    if launched() is not None:
        raise UsageError(
            "a cross-validation cannot be started by torchrun",
            code="crossvalidation-launched",
            why="its folds are trained one after the other, each on all cores",
            fix="start it without torchrun; `threads=` sets the number of cores",
        )
    if seeds < 1:
        raise UsageError(
            f"a cross-validation needs at least one seed, not {seeds}",
            code="seeds-range",
            fix="choose 1 or more seeds",
        )
    if threads is not None:
        check_threads(threads)
    chosen = _options(options)
    # The last seed is checked here, so that a seed beyond the range does not end the command after
    # hours.
    replace(chosen, seed=chosen.seed + seeds - 1)
    rule = Folds(int(by) if not isinstance(by, str) else by, folds, fold_seed)
    dataset = as_dataset(data)
    events = joined(dataset, tuple(splits))
    answers = Answers.empty(
        events,
        data=dataset.name,
        splits=splits,
        rule=rule,
        seeds=range(chosen.seed, chosen.seed + seeds),
        model=f"nmtool, {chosen.arithmetic}",
        settings=chosen.as_json(),
    )
    # Folds that are too small are detected here, and not after hours of training.
    for fold in range(answers.n_folds):
        other_folds = without_fold(events, answers.fold, fold, dataset.name)
        other_folds.with_validation(chosen.validation_rule)
        chosen.fitted_to(other_folds.train)
    series_folder = None if folder is None else Path(folder)

    def learn(
        seed: int, fold: int, other_folds: Dataset, fold_events: SpikeEvents
    ) -> NDArray[np.integer]:
        path = (
            None
            if series_folder is None
            else series_folder / "folds" / f"{fold:04d}" / f"seed{seed}"
        )
        has_begun = path is not None and RunFolder(path).manifest_file.exists()
        run = train(
            other_folds,
            replace(chosen, seed=seed),
            folder=path,
            resume=has_begun,
            device=device,
            threads=threads,
            progress=progress,
        )
        with threads_used(threads, with_torch=threads is not None):
            return classes_of(run.network if run.integers is None else run.integers, fold_events)

    return answer_folds(answers, events, learn, series_folder)


def answer_folds(
    answers: Answers, events: SpikeEvents, learn: Learn, folder: str | Path | None = None
) -> Answers:
    """Train and test a model for every fold and seed that has no answers yet.

    Args:
        answers: answers to complete; those that the folder already has are used.
        events: the samples.
        learn: trains on the samples outside a fold, and predicts the classes of its samples.
        folder: folder to which answers are written after every fold; None: they are not written.

    Raises:
        UsageError: the folder contains other answers.
        StorageError: the answers cannot be written.
    """
    path = None if folder is None else Path(folder)
    if path is not None:
        answers = _with_stored_answers(answers, path)
        storage.make_folder(path)
        answers.save(path / ANSWERS)
    total = answers.n_folds * len(answers.seeds)
    for row, seed in enumerate(answers.seeds):
        for fold in range(answers.n_folds):
            if answers.has(row, fold):
                continue
            fold_events = events[answers.fold == fold]
            done = row * answers.n_folds + fold + 1
            _log.info(
                f"fold {fold}, seed {seed} ({done} of {total}): "
                f"{counted(fold_events.n_samples, 'sample')}"
            )
            other_folds = without_fold(events, answers.fold, fold, answers.data)
            answers = answers.with_fold(row, fold, learn(seed, fold, other_folds, fold_events))
            if path is not None:
                answers.save(path / ANSWERS)
    return answers


def _options(options: TrainOptions | str | Path | None) -> TrainOptions:
    """Settings from options, from a recipe or from a file; `TrainOptions()` for None."""
    if isinstance(options, str | Path):
        return TrainOptions.from_file(options)
    chosen = TrainOptions() if options is None else options
    check_type(chosen, TrainOptions, "settings", "pass nmtool.TrainOptions(…), or name a recipe")
    return chosen


def classes_of(network: Network | IntegerNetwork, events: SpikeEvents) -> NDArray[np.int64]:
    """The class that a network predicts for each sample in its own arithmetic, [samples] int64."""
    recordings = (recording for _, recording in record_portions(network, events))
    return np.concatenate([recording.predictions for recording in recordings])


def _with_stored_answers(answers: Answers, folder: Path) -> Answers:
    """Complete answers with the predictions that the same cross-validation stored earlier.

    Raises:
        UsageError: the folder contains another cross-validation, or a run.
        FileFormatError: the stored answers are damaged.
    """
    if (folder / RUN_MANIFEST).exists():
        raise UsageError(
            f"{folder} contains a run",
            code="path-taken",
            fix="choose another folder for the cross-validation",
        )
    if folder.is_file():
        raise UsageError(
            f"{folder} is a file",
            code="path-taken",
            fix="name a folder for the runs and answers",
        )
    answers = replace(answers, path=folder)
    if not answers_file(folder).is_file():
        return answers
    old_answers = Answers.load(folder)
    # Equal data may have another name.
    if answers.data_hash == old_answers.data_hash:
        answers = replace(answers, data=old_answers.data)
    n_seeds = len(old_answers.seeds)
    findings = changes(_conditions(old_answers, n_seeds), _conditions(answers, n_seeds))
    if findings:
        raise UsageError(
            f"{folder} contains another cross-validation",
            code="crossvalidation-differs",
            fix="continue with the original settings and data, or choose another folder",
            findings=findings,
        )
    predictions = answers.predictions.copy()
    predictions[:n_seeds] = old_answers.predictions
    return replace(answers, predictions=predictions)


def _conditions(answers: Answers, n_seeds: int) -> dict[str, Any]:
    """All settings and data that determine the answers of the first `n_seeds` seeds, by name."""
    return {
        "data": f"{answers.data} {answers.data_hash[:12]}",
        "splits": " ".join(answers.splits),
        "folds": str(answers.rule),
        "samples in folds": storage.content_hash({}, {"fold": answers.fold})[:12],
        "seeds": list(answers.seeds[:n_seeds]),
        "model": answers.model,
        **answers.settings,
    }
