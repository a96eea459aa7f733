"""A small temporal CNN, the baseline of the spiking networks: `python -m benchmarks.cnn DATA`.

Spikes are counted per channel in bins of 10 ms. Three convolutions over time (64, 96 and 128
channels, 5, 5 and 3 bins wide), each with batch norm, ReLU and dropout, are followed by mean and
maximum over time and one linear layer. The CNN computes in floats, without a chip's limits on
memory and time.

A CNN and a spiking network with the same settings are trained alike: with the same epochs, batches,
events and random augmentation, validation split, rule that chooses the epoch, and running mean of
weights. Predictions are saved in the format of `nmtool train --folds`, so that `nmtool compare`
pairs them with the predictions of a spiking network, sample by sample.

    python -m benchmarks.cnn DATA --config RECIPE                     validation accuracy
    python -m benchmarks.cnn DATA --config RECIPE --test -o FILE      the test split, once
    python -m benchmarks.cnn DATA --config RECIPE --by 300 -o FOLDER  cross-validation
"""

from __future__ import annotations

import argparse
import copy
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from benchmarks.report import exit_code, machine_text, print_progress
from nmtool.arguments import count
from nmtool.data import SPLITS, Dataset, SpikeEvents, load_dataset
from nmtool.data.binning import BOUNDARY
from nmtool.data.dataset import joined
from nmtool.data.dividing import Folds, grouping
from nmtool.data.events import AT_ONCE
from nmtool.errors import UsageError
from nmtool.evaluation.answers import Answers
from nmtool.network.graph import count_inputs
from nmtool.training.loop.augment import augmented
from nmtool.training.loop.selection import is_best, out_of_patience, scores
from nmtool.training.options import TrainOptions
from nmtool.training.studies.folds import answer_folds

CHANNELS, WIDTHS = (64, 96, 128), (5, 5, 3)
"""Output channels of the convolutions, and their width in bins."""

MODEL = "cnn"

SHARED_SETTINGS = (
    *("dt_ms", "steps", "tau_mem_ms", "group", "epochs", "batch_size", "warmup", "schedule"),
    *("average", "validation", "validation_by", "judge_epochs", "patience"),
    *("shift", "stretch", "onset_ms", "jitter_ms", "drop", "blend"),
)
"""Options of `TrainOptions` that apply to the CNN. dt, steps and tau_mem only set the duration of a
sample."""


@dataclass(frozen=True)
class Settings:
    """Settings that only the CNN has.

    Attributes:
        bin_ms: length of a bin in ms.
        lr: learning rate (AdamW).
        weight_decay: weight decay of AdamW.
        dropout: share of the outputs of each layer that are set to 0 in training.
    """

    bin_ms: float = 10.0
    lr: float = 0.002
    weight_decay: float = 0.01
    dropout: float = 0.2

    def as_json(self, options: TrainOptions) -> dict[str, Any]:
        """The settings that training depends on, as plain values, without the seed."""
        return {**asdict(self), **{name: getattr(options, name) for name in SHARED_SETTINGS}}


class Cnn(nn.Module):
    """The CNN, which computes the scores of the classes from event counts.

    Args:
        n_inputs: number of channels.
        n_classes: number of classes.
        dropout: as in `Settings`.
    """

    def __init__(self, n_inputs: int, n_classes: int, dropout: float) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, after, width in zip((n_inputs, *CHANNELS), CHANNELS, WIDTHS, strict=False):
            layers += [
                nn.Conv1d(before, after, width, padding=width // 2, bias=False),
                nn.BatchNorm1d(after),
                nn.ReLU(),
                nn.Dropout(dropout),
            ]
        self.convolutions = nn.Sequential(*layers)
        self.classes = nn.Linear(2 * CHANNELS[-1], n_classes)

    def forward(self, counts: Tensor) -> Tensor:
        """Scores, [samples, classes] float32, from counts, [samples, channels, bins] float32."""
        features = self.convolutions(counts)
        return self.classes(torch.cat([features.mean(dim=2), features.amax(dim=2)], dim=1))


@dataclass(frozen=True)
class Counting:
    """Bins and channels in which events are counted, the input of the CNN.

    Attributes:
        bin_ms: length of a bin in ms.
        n_bins: bins of a sample; later events are dropped.
        group: number of neighbouring units that share a channel.
    """

    bin_ms: float
    n_bins: int
    group: int

    @classmethod
    def of(cls, settings: Settings, options: TrainOptions) -> Counting:
        """Choose the bins so that they cover all time steps of a sample in a spiking network."""
        n_bins = math.ceil(options.n_steps * options.dt_ms / settings.bin_ms - BOUNDARY)
        return cls(settings.bin_ms, max(1, n_bins), options.group)

    def channels(self, events: SpikeEvents) -> int:
        """Number of input channels of the CNN for these events."""
        return count_inputs(events.n_units, self.group)

    def __call__(self, events: SpikeEvents) -> Tensor:
        """Square roots of the numbers of events, [samples, channels, bins] float32.

        The standard deviation of a count grows as the square root of its mean, so that the square
        roots of small and large counts have about the same standard deviation.
        """
        n_samples, n_channels = events.n_samples, self.channels(events)
        bin = np.floor(events.time_ms / self.bin_ms + BOUNDARY).astype(np.int64)
        in_time = bin < self.n_bins
        channel = events.sample_index()[in_time] * n_channels + events.unit[in_time] // self.group
        place = channel * self.n_bins + bin[in_time]
        counts = np.bincount(place, minlength=n_samples * n_channels * self.n_bins)
        shape = n_samples, n_channels, self.n_bins
        return torch.from_numpy(np.sqrt(counts).astype(np.float32).reshape(shape))


@dataclass(frozen=True)
class TrainedCnn:
    """A trained CNN, with the weights of the best epoch.

    Attributes:
        seed: seed of the training.
        model: the network, in evaluation mode.
        counting: bins and channels of its input.
        log: an entry per epoch, as in a spiking run.
        best: entry of the best epoch.
    """

    seed: int
    model: nn.Module
    counting: Counting
    log: list[dict[str, Any]]
    best: dict[str, Any]

    def probabilities(self, events: SpikeEvents) -> NDArray[np.float32]:
        """Class probabilities, [samples, classes] float32: softmax of the scores."""
        with torch.inference_mode():
            portions = [
                torch.softmax(self.model(self.counting(part)), dim=1).numpy()
                for part in events.batches(AT_ONCE)
            ]
        return np.concatenate(portions)

    def predictions(self, events: SpikeEvents) -> NDArray[np.int64]:
        """Class with the largest score of each sample, [samples] int64."""
        return self.probabilities(events).argmax(axis=1)


def learn(
    data: Dataset,
    options: TrainOptions,
    settings: Settings,
    progress: Callable[[str], None] = lambda line: None,
) -> TrainedCnn:
    """Train the CNN on the training split, and return the CNN of the best epoch.

    Without a validation split in the data, one is drawn from the training samples, as in
    `nmtool.train`.

    Args:
        data: data set; its test split is not used.
        options: options of a spiking run; only `SHARED_SETTINGS` and the seed are used.
        settings: settings of the CNN.
        progress: called with a line per epoch.
    """
    data = data.with_validation(options.validation_rule)
    train, validation = data.train, data.validation
    options = options.fitted_to(data.undivided)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(options.seed)
        return _learn(train, validation, options, settings, progress)


def _learn(
    train: SpikeEvents,
    validation: SpikeEvents | None,
    options: TrainOptions,
    settings: Settings,
    progress: Callable[[str], None],
) -> TrainedCnn:
    """Train the CNN; torch's random generator is already seeded."""
    counting = Counting.of(settings, options)
    model = Cnn(counting.channels(train), len(train.class_names), settings.dropout)
    averaged = _averaged(model, options.average)
    optimiser = torch.optim.AdamW(
        model.parameters(), lr=settings.lr, weight_decay=settings.weight_decay
    )
    n_batches = -(-train.n_samples // options.batch_size)
    factor = options.rate_factor(n_batches * options.epochs)
    log: list[dict[str, Any]] = []
    best, update = TrainedCnn(options.seed, model, counting, log, {}), 0
    for epoch in range(1, options.epochs + 1):
        model.train()
        # A spiking run with this seed uses the same order of batches and the same random numbers.
        order = np.random.default_rng([options.seed, epoch]).permutation(train.n_samples)
        loss_sum, correct = 0.0, 0
        for index in range(n_batches):
            chosen = order[index * options.batch_size :][: options.batch_size]
            rng = np.random.default_rng([options.seed, epoch, index])
            batch = augmented(train.take(chosen).in_memory(), options, rng)
            logits, label = model(counting(batch)), torch.from_numpy(batch.label)
            loss = nn.functional.cross_entropy(logits, label)
            optimiser.zero_grad()
            loss.backward()
            for group in optimiser.param_groups:
                group["lr"] = settings.lr * factor(update)
            optimiser.step()
            averaged.update_parameters(model)
            update += 1
            loss_sum += loss.item() * label.numel()
            correct += int((logits.argmax(dim=1) == label).sum())
        current = TrainedCnn(options.seed, averaged.module.eval(), counting, log, {})
        accuracy = None
        if validation is not None:
            accuracy = float((current.predictions(validation) == validation.label).mean())
        entry = {
            "epoch": epoch,
            "loss": loss_sum / train.n_samples,
            "train_accuracy": correct / train.n_samples,
            "validation_accuracy": accuracy,
        }
        log.append(entry)
        if is_best(log, options.judge_epochs):
            best = replace(current, model=copy.deepcopy(current.model), best=entry)
        validated = "" if accuracy is None else f"  validation {accuracy:.1%}"
        progress(
            f"seed {options.seed}  epoch {epoch:3d}/{options.epochs}  loss {entry['loss']:.3f}  "
            f"train {entry['train_accuracy']:.1%}{validated}"
        )
        patience = options.patience
        if patience is not None and out_of_patience(scores(log, options.judge_epochs), patience):
            break
    return best


def _averaged(model: Cnn, decay: float | None) -> AveragedModel:
    """Make a model whose weights are running means; this model is validated and saved.

    If `decay` is None, the model has the latest weights.

    In the first updates, the mean weights all updates equally, so that the random initial weights
    do not dominate.
    """

    def mean(average: Tensor, latest: Tensor, n_updates: Tensor | int) -> Tensor:
        """Running mean of a weight after an update."""
        if decay is None:
            return latest
        return average + (latest - average) * max(1 - decay, 1 / (int(n_updates) + 1))

    return AveragedModel(model, avg_fn=mean, use_buffers=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line, and return the exit code."""
    options = _parser().parse_args(arguments)
    return exit_code(lambda: _run(options))


def _run(arguments: argparse.Namespace) -> int:
    """Train or cross-validate CNNs, and print the results; return the exit code."""
    _check_arguments(arguments)
    print(machine_text())
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    chosen = (
        TrainOptions() if arguments.config is None else TrainOptions.from_file(arguments.config)
    )
    given = {name: getattr(arguments, name) for name in ("epochs", "seed", "validation")}
    options = replace(chosen, **{name: value for name, value in given.items() if value is not None})
    names = ("bin_ms", "lr", "weight_decay", "dropout")
    settings = Settings(**{name: getattr(arguments, name) for name in names})
    data = load_dataset(arguments.data, n_units=arguments.units)
    run = _train_seeds if arguments.by is None else _cross_validate
    run(data, options, settings, arguments)
    return 0


def _check_arguments(arguments: argparse.Namespace) -> None:
    """Raise `UsageError` for arguments that would otherwise only fail after training."""
    if arguments.by is not None and arguments.test:
        raise UsageError(
            "--test cannot be combined with cross-validation",
            code="cnn-options",
            why="every network of a cross-validation is trained on a part of the samples only",
            fix="leave out --by or --test; to classify the test split in a cross-validation, add "
            "--splits train test",
        )
    if arguments.output and arguments.by is None and not arguments.test:
        raise UsageError(
            "there are no predictions to write",
            code="cnn-options",
            why="only --test and --by make predictions: of the test split, or of the folds",
            fix="leave out -o, or add --test or --by",
        )
    if arguments.output and arguments.by is None and Path(arguments.output).exists():
        raise UsageError(
            f"{arguments.output} exists already",
            code="path-taken",
            why="it contains predictions for the test split, which may be used only once",
            fix="compare with this file, or name another file",
        )


def _cross_validate(
    data: Dataset, options: TrainOptions, settings: Settings, arguments: argparse.Namespace
) -> None:
    """Cross-validate the CNN with every seed, and print the accuracies.

    Every sample is classified by a network that was not trained on it.
    """
    events = joined(data, tuple(arguments.splits))
    answers = _empty_answers(
        events,
        data,
        options,
        settings,
        splits=arguments.splits,
        rule=Folds(arguments.by, arguments.folds, arguments.fold_seed),
        seeds=arguments.seeds,
    )

    def predict_fold(
        seed: int, fold: int, other_folds: Dataset, fold_events: SpikeEvents
    ) -> NDArray[np.int64]:
        """Train on all other folds, and predict the classes of a fold."""
        print_progress(
            f"seed {seed}, fold {fold} of {answers.n_folds}: {fold_events.n_samples} samples"
        )
        return learn(
            other_folds, replace(options, seed=seed), settings, print_progress
        ).predictions(fold_events)

    filled = answer_folds(answers, events, predict_fold, arguments.output)
    print(filled.summary())


def _train_seeds(
    data: Dataset, options: TrainOptions, settings: Settings, arguments: argparse.Namespace
) -> None:
    """Train a CNN per seed, and print the accuracies.

    If requested, the networks classify the test split.
    """
    seeds = range(options.seed, options.seed + arguments.seeds)
    networks = [
        learn(data, replace(options, seed=seed), settings, print_progress) for seed in seeds
    ]
    for network in networks:
        accuracy = network.best["validation_accuracy"]
        validated = "no validation split" if accuracy is None else f"validation {accuracy:.2%}"
        print(f"seed {network.seed}: epoch {network.best['epoch']}, {validated}")
    if arguments.test:
        test = data.filled_split("test")
        answers = _empty_answers(
            test, data, options, settings, splits=("test",), rule=None, seeds=arguments.seeds
        )
        for number, network in enumerate(networks):
            answers = answers.with_fold(number, 0, network.predictions(test))
        if arguments.output:
            answers.save(arguments.output)
        print(answers.summary())


def _empty_answers(
    events: SpikeEvents,
    data: Dataset,
    options: TrainOptions,
    settings: Settings,
    *,
    splits: Sequence[str],
    rule: Folds | None,
    seeds: int,
) -> Answers:
    """Make the answers for `nmtool compare`, which are empty until seeds are trained."""
    return Answers.empty(
        events,
        data=data.name,
        splits=splits,
        rule=rule,
        seeds=range(options.seed, options.seed + seeds),
        model=MODEL,
        settings={**settings.as_json(options), "seed": options.seed},
    )


def _parser() -> argparse.ArgumentParser:
    """Parser of the command line."""
    default = Settings()
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.cnn",
        description="Train a small temporal CNN with the budget and augmentation of a spiking run.",
    )
    parser.add_argument("data", metavar="DATA", help="data, as for nmtool train")
    parser.add_argument(
        "--units",
        type=count,
        metavar="N",
        help="number of channels of the data, as for nmtool train",
    )
    parser.add_argument(
        "--config",
        metavar="NAME|FILE.toml",
        help="settings of a spiking run, of which only these are used: "
        f"{', '.join(SHARED_SETTINGS)}",
    )
    parser.add_argument(
        "--epochs", type=count, metavar="N", help="number of epochs, instead of that of --config"
    )
    parser.add_argument(
        "--seed", type=int, metavar="N", help="first seed, instead of that of --config"
    )
    parser.add_argument(
        "--validation",
        metavar="SHARE|N",
        help="share or number of validation samples, as for nmtool train; 0: none",
    )
    parser.add_argument(
        "--seeds", type=count, default=1, metavar="N", help="number of seeds (default 1)"
    )
    parser.add_argument(
        "--bin",
        dest="bin_ms",
        type=float,
        default=default.bin_ms,
        metavar="MS",
        help=f"length of a bin in ms (default {default.bin_ms:g})",
    )
    for option, value, text in (
        ("--lr", default.lr, "learning rate"),
        ("--weight-decay", default.weight_decay, "weight decay"),
        ("--dropout", default.dropout, "share of the outputs of a layer set to 0 in training"),
    ):
        text += f" (default {value:g})"
        parser.add_argument(option, type=float, default=value, metavar="X", help=text)
    parser.add_argument("--test", action="store_true", help="classify the test split, too")
    parser.add_argument(
        "--by",
        type=grouping,
        metavar="NAME|N",
        help="cross-validate by a column of the files, or in blocks of N samples",
    )
    parser.add_argument("--folds", type=count, metavar="N", help="number of folds")
    parser.add_argument("--fold-seed", type=int, default=0, metavar="N", help="seed of the folds")
    parser.add_argument(
        "--splits", nargs="+", choices=SPLITS, default=["train"], help="splits to divide into folds"
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="PATH",
        help="write predictions: to a file with --test, to a folder with --by",
    )
    parser.add_argument(
        "--threads", type=count, metavar="N", help="number of threads; default: all cores"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
