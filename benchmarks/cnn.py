"""A small temporal CNN, the baseline of the spiking networks: `python -m benchmarks.cnn DATA`.

Spikes are counted per channel in bins of 10 ms. Three convolutions over time (64, 96 and 128
channels, 5, 5 and 3 bins wide), each with batch norm, ReLU and dropout; mean and maximum over time;
one linear layer. It counts with floats and has no limit of memory or time that a chip has.

It gets what a spiking network gets from the same settings: epochs and batches, the same events
augmented by the same draws, the samples that validate, the rule by which the epoch is chosen, the
running mean of its weights. What it answers is kept as `nmtool train --folds` keeps answers, so
that `nmtool compare` pairs the two, sample by sample.

    python -m benchmarks.cnn DATA --config RECIPE                     validation accuracy
    python -m benchmarks.cnn DATA --config RECIPE --test -o FILE      the test split, once
    python -m benchmarks.cnn DATA --config RECIPE --by 300 -o FOLDER  cross-validation
    python -m benchmarks.cnn DATA --config RECIPE --teacher FILE      class probabilities, to teach
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

from benchmarks.machine import header
from benchmarks.report import exit_code, origin, write_json
from nmtool.cli.arguments import count
from nmtool.data import SPLITS, Dataset, SpikeEvents, load_dataset
from nmtool.data.binning import BOUNDARY
from nmtool.data.dataset import joined
from nmtool.data.dividing import Folds, grouping
from nmtool.data.events import AT_ONCE
from nmtool.data.teacher import Teacher
from nmtool.errors import UsageError
from nmtool.evaluation.answers import Answers
from nmtool.network.graph import count_inputs
from nmtool.training.loop.augment import Augmentation
from nmtool.training.loop.optimise import rate_factor
from nmtool.training.loop.selection import is_best, out_of_patience, scores
from nmtool.training.options import TrainOptions
from nmtool.training.studies.folds import answer_folds

CHANNELS, WIDTHS = (64, 96, 128), (5, 5, 3)
"""Of the convolutions: channels, and bins that each sees."""

MODEL = "cnn"

HEEDED = (
    *("dt_ms", "steps", "tau_mem_ms", "group", "epochs", "batch_size", "warmup", "schedule"),
    *("average", "validation", "validation_by", "judge_epochs", "patience"),
    *("shift", "stretch", "onset_ms", "jitter_ms", "drop", "blend"),
)
"""Settings of `TrainOptions` that the CNN heeds; of dt, steps and tau_mem, how long a sample is."""


@dataclass(frozen=True)
class Settings:
    """Settings of the CNN that a spiking run does not have.

    Attributes:
        bin_ms: length of a bin in ms.
        lr: learning rate (AdamW).
        weight_decay: of AdamW.
        dropout: share of channels and bins that each layer loses in training.
    """

    bin_ms: float = 10.0
    lr: float = 0.002
    weight_decay: float = 0.01
    dropout: float = 0.2

    def as_json(self, options: TrainOptions) -> dict[str, Any]:
        """Everything that decides what is learnt, but for the seed."""
        return {**asdict(self), **{name: getattr(options, name) for name in HEEDED}}


class Cnn(nn.Module):
    """Scores of classes from counts.

    Args:
        n_inputs: channels.
        n_classes: classes.
        dropout: as of `Settings`.
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
        """[samples, classes] float32 scores of [samples, channels, bins] float32 counts."""
        features = self.convolutions(counts)
        return self.classes(torch.cat([features.mean(dim=2), features.amax(dim=2)], dim=1))


@dataclass(frozen=True)
class Counting:
    """Bins and channels in which events are counted, the input of the CNN.

    Attributes:
        bin_ms: length of a bin in ms.
        n_bins: bins of a sample; later events are dropped.
        group: neighbouring units that share a channel.
    """

    bin_ms: float
    n_bins: int
    group: int

    @classmethod
    def of(cls, settings: Settings, options: TrainOptions) -> Counting:
        """Bins that cover what a spiking network hears."""
        n_bins = math.ceil(options.n_steps * options.dt_ms / settings.bin_ms - BOUNDARY)
        return cls(settings.bin_ms, max(1, n_bins), options.group)

    def channels(self, events: SpikeEvents) -> int:
        """Channels of these data."""
        return count_inputs(events.n_units, self.group)

    def __call__(self, events: SpikeEvents) -> Tensor:
        """[samples, channels, bins] float32: square roots of the numbers of events.

        Roots, because the spread of a count grows as the root of its mean.
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
class Learnt:
    """The CNN of the epoch that was chosen.

    Attributes:
        seed: that it was trained from.
        model: the network, in evaluation mode.
        counting: how it hears events.
        log: an entry per epoch, as of a spiking run.
        best: the entry of the epoch that was chosen.
    """

    seed: int
    model: nn.Module
    counting: Counting
    log: list[dict[str, Any]]
    best: dict[str, Any]

    def probabilities(self, events: SpikeEvents) -> NDArray[np.float32]:
        """[samples, classes] float32: softmax of the scores."""
        with torch.inference_mode():
            portions = [
                torch.softmax(self.model(self.counting(part)), dim=1).numpy()
                for part in events.batches(AT_ONCE)
            ]
        return np.concatenate(portions)

    def predictions(self, events: SpikeEvents) -> NDArray[np.int64]:
        """[samples] int64: the class of the largest score."""
        return self.probabilities(events).argmax(axis=1)


def learn(
    data: Dataset,
    options: TrainOptions,
    settings: Settings,
    tell: Callable[[str], None] = lambda line: None,
) -> Learnt:
    """Train the CNN on the training split, and keep the epoch that validation chooses.

    Where the data have no validation split, training samples validate, as of `nmtool.train`.

    Args:
        data: its test split is not looked at.
        options: of which `HEEDED` and the seed are heeded.
        settings: those of the CNN.
        tell: gets a line per epoch.
    """
    data = data.with_validation(options.validation_rule)
    train, validation = data.train, data.validation
    options = options.fitted_to(data.undivided)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(options.seed)
        return _learn(train, validation, options, settings, tell)


def _learn(
    train: SpikeEvents,
    validation: SpikeEvents | None,
    options: TrainOptions,
    settings: Settings,
    tell: Callable[[str], None],
) -> Learnt:
    counting, augment = Counting.of(settings, options), Augmentation.of(options)
    model = Cnn(counting.channels(train), len(train.class_names), settings.dropout)
    judged = _averaged(model, options.average)
    optimiser = torch.optim.AdamW(
        model.parameters(), lr=settings.lr, weight_decay=settings.weight_decay
    )
    n_batches = -(-train.n_samples // options.batch_size)
    factor = rate_factor(options.schedule, n_batches * options.epochs, options.warmup)
    log: list[dict[str, Any]] = []
    best, update = Learnt(options.seed, model, counting, log, {}), 0
    for epoch in range(1, options.epochs + 1):
        model.train()
        # Batch order and random numbers equal those of a spiking run with this seed.
        order = np.random.default_rng([options.seed, epoch]).permutation(train.n_samples)
        loss_sum, correct = 0.0, 0
        for index in range(n_batches):
            chosen = order[index * options.batch_size :][: options.batch_size]
            rng = np.random.default_rng([options.seed, epoch, index])
            batch = augment(train.take(chosen).in_memory(), rng)
            logits, label = model(counting(batch)), torch.from_numpy(batch.label)
            loss = nn.functional.cross_entropy(logits, label)
            optimiser.zero_grad()
            loss.backward()
            for group in optimiser.param_groups:
                group["lr"] = settings.lr * factor(update)
            optimiser.step()
            judged.update_parameters(model)
            update += 1
            loss_sum += loss.item() * label.numel()
            correct += int((logits.argmax(dim=1) == label).sum())
        now = Learnt(options.seed, judged.module.eval(), counting, log, {})
        accuracy = None
        if validation is not None:
            accuracy = float((now.predictions(validation) == validation.label).mean())
        entry = {
            "epoch": epoch,
            "loss": loss_sum / train.n_samples,
            "train_accuracy": correct / train.n_samples,
            "validation_accuracy": accuracy,
        }
        log.append(entry)
        if is_best(log, options.judge_epochs):
            best = replace(now, model=copy.deepcopy(now.model), best=entry)
        validated = "" if accuracy is None else f"  validation {accuracy:.1%}"
        tell(
            f"seed {options.seed}  epoch {epoch:3d}/{options.epochs}  loss {entry['loss']:.3f}  "
            f"train {entry['train_accuracy']:.1%}{validated}"
        )
        patience = options.patience
        if patience is not None and out_of_patience(scores(log, options.judge_epochs), patience):
            break
    return best


def _averaged(model: Cnn, decay: float | None) -> AveragedModel:
    """The model that is validated and kept: the mean of its weights, or without a decay itself.

    The mean forgets its random beginning as fast as there are updates to replace it.
    """

    def mean(before: Tensor, now: Tensor, updates: Tensor | int) -> Tensor:
        if decay is None:
            return now
        return before + (now - before) * max(1 - decay, 1 / (int(updates) + 1))

    return AveragedModel(model, avg_fn=mean, use_buffers=True)


def tell(line: str) -> None:
    """Progress, apart from results."""
    print(line, file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    options = _parser().parse_args(arguments)
    return exit_code(lambda: _run(options), options.json)


def _run(arguments: argparse.Namespace) -> int:
    _check(arguments)
    machine = header()
    print(origin(machine))
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
    if arguments.by is not None:
        rows = _cross_validated(data, options, settings, arguments)
    else:
        rows = _trained(data, options, settings, arguments)
    if arguments.json:
        about = {"data": data.name, "settings": settings.as_json(options)}
        write_json(arguments.json, machine, rows, **about)
    return 0


def _check(arguments: argparse.Namespace) -> None:
    """Raise `UsageError` or `StorageError` for what would fail only after training."""
    if arguments.by is not None and (arguments.test or arguments.teacher):
        raise UsageError(
            "cross-validation has no test split and no teacher",
            code="cnn-options",
            why="it asks about the samples it divides, and its networks learnt from parts of them",
            fix="leave out --by, or --test and --teacher; --splits train test divides the test "
            "split with the rest",
        )
    if arguments.output and arguments.by is None and not arguments.test:
        raise UsageError(
            "there are no answers to write",
            code="cnn-options",
            why="answers are to the test split (--test) or to folds (--by)",
            fix="leave out -o, or say which",
        )
    if arguments.output and arguments.by is None and Path(arguments.output).exists():
        raise UsageError(
            f"{arguments.output} is there already",
            code="path-taken",
            why="the test split has been looked at",
            fix="compare with that file, or name another one",
        )


def _cross_validated(
    data: Dataset, options: TrainOptions, settings: Settings, arguments: argparse.Namespace
) -> list[dict[str, Any]]:
    """Answer to every sample by a network that has not learnt from it; the row of each seed."""
    events = joined(data, tuple(arguments.splits))
    answers = _none_yet(
        events,
        data,
        options,
        settings,
        splits=arguments.splits,
        rule=Folds(arguments.by, arguments.folds, arguments.fold_seed),
        seeds=arguments.seeds,
    )

    def answer(seed: int, fold: int, rest: Dataset, fold_events: SpikeEvents) -> NDArray[np.int64]:
        tell(f"seed {seed}, fold {fold} of {answers.n_folds}: {fold_events.n_samples} samples")
        return learn(rest, replace(options, seed=seed), settings, tell).predictions(fold_events)

    filled = answer_folds(answers, events, answer, arguments.output)
    print(filled.summary())
    rows: list[dict[str, Any]] = filled.as_json()["seeds"]
    return rows


def _trained(
    data: Dataset, options: TrainOptions, settings: Settings, arguments: argparse.Namespace
) -> list[dict[str, Any]]:
    """Train once per seed; answer to the test split, and teach, where that was asked for."""
    seeds = range(options.seed, options.seed + arguments.seeds)
    learnt = [learn(data, replace(options, seed=seed), settings, tell) for seed in seeds]
    rows = [{"seed": network.seed, **network.best} for network in learnt]
    for row in rows:
        accuracy = row["validation_accuracy"]
        validated = "nothing validated it" if accuracy is None else f"validation {accuracy:.2%}"
        print(f"seed {row['seed']}: epoch {row['epoch']}, {validated}")
    if arguments.teacher:
        teacher = teacher_of(data, learnt)
        teacher.save(arguments.teacher)
        print(f"{arguments.teacher}: {teacher}")
    if arguments.test:
        test = data.filled_split("test")
        answers = _none_yet(
            test, data, options, settings, splits=("test",), rule=None, seeds=arguments.seeds
        )
        for number, network in enumerate(learnt):
            answers = answers.with_fold(number, 0, network.predictions(test))
            rows[number]["test_accuracy"] = float(answers.right[number].mean())
        if arguments.output:
            answers.save(arguments.output)
        print(answers.summary())
    return rows


def _none_yet(
    events: SpikeEvents,
    data: Dataset,
    options: TrainOptions,
    settings: Settings,
    *,
    splits: Sequence[str],
    rule: Folds | None,
    seeds: int,
) -> Answers:
    return Answers.empty(
        events,
        data=data.name,
        splits=splits,
        rule=rule,
        seeds=range(options.seed, options.seed + seeds),
        model=MODEL,
        settings={**settings.as_json(options), "seed": options.seed},
    )


def teacher_of(data: Dataset, learnt: Sequence[Learnt]) -> Teacher:
    """Mean class probabilities of all training samples, those that validated too.

    Args:
        data: whose training split the networks learnt from.
        learnt: the networks.
    """
    train = data.undivided
    total = sum(network.probabilities(train).astype(np.float64) for network in learnt)
    return Teacher(np.asarray(total / len(learnt)), data.content_hash)


def _parser() -> argparse.ArgumentParser:
    default = Settings()
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.cnn",
        description="Train a small temporal CNN with the budget and augmentation of a spiking run.",
    )
    parser.add_argument("data", metavar="DATA", help="data, as for nmtool train")
    parser.add_argument("--units", type=count, metavar="N", help="channels, as for nmtool train")
    parser.add_argument(
        "--config",
        metavar="NAME|FILE.toml",
        help=f"settings of a run, of which these are used: {', '.join(HEEDED)}",
    )
    parser.add_argument(
        "--epochs", type=count, metavar="N", help="epochs, instead of those of --config"
    )
    parser.add_argument(
        "--seed", type=int, metavar="N", help="first seed, instead of that of --config"
    )
    parser.add_argument("--validation", metavar="SHARE|N", help="validation samples; 0 for none")
    parser.add_argument(
        "--seeds", type=count, default=1, metavar="N", help="number of seeds (default 1)"
    )
    parser.add_argument("--bin", dest="bin_ms", type=float, default=default.bin_ms, metavar="MS")
    parser.add_argument("--lr", type=float, default=default.lr, metavar="X")
    parser.add_argument("--weight-decay", type=float, default=default.weight_decay, metavar="X")
    parser.add_argument("--dropout", type=float, default=default.dropout, metavar="X")
    parser.add_argument("--test", action="store_true", help="classify the test split, too")
    parser.add_argument("--by", type=grouping, metavar="NAME|N", help="cross-validate by groups")
    parser.add_argument("--folds", type=count, metavar="N", help="number of folds")
    parser.add_argument("--fold-seed", type=int, default=0, metavar="N", help="seed of the folds")
    parser.add_argument("--splits", nargs="+", choices=SPLITS, default=["train"], help="to divide")
    parser.add_argument(
        "-o", "--output", metavar="PATH", help="answers: a file with --test, a folder with --by"
    )
    parser.add_argument(
        "--teacher", metavar="FILE.npz", help="write class probabilities for nmtool train --teacher"
    )
    parser.add_argument(
        "--threads", type=count, metavar="N", help="number of threads; default: all cores"
    )
    parser.add_argument("--json", metavar="FILE", help="write all numbers there")
    return parser


if __name__ == "__main__":
    sys.exit(main())
