"""`Answers`: predictions of networks of one kind for each sample, stored for comparisons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmtool.data.dividing import Folds
from nmtool.data.events import SpikeEvents
from nmtool.errors import UsageError, visible
from nmtool.paths import ANSWERS
from nmtool.storage import Archive, Saved, archive_kind
from nmtool.tables import Result, Table, counted, plain
from nmtool.values import Value, read_only, read_only_by_name

_GROUP = "group."

NONE_YET = -1
"""Placeholder for a missing prediction."""


@dataclass(frozen=True, eq=False, repr=False)
class Answers(Value, Result, Saved):
    """Predicted classes of samples that the networks did not train on, for one or more seeds.

    >>> samples = SpikeEvents.from_lists([[1.0]] * 4, [[0]] * 4, [0, 1, 1, 1])
    >>> about = {"data": "mine", "splits": ["test"], "rule": None, "seeds": [0], "settings": {}}
    >>> answers = Answers.empty(samples, model="a guess", **about)
    >>> answers.with_fold(row=0, fold=0, predictions=np.array([0, 1, 1, 0])).accuracy
    0.75

    Attributes:
        predictions: [seeds, samples] int64, predicted class; -1 if still missing.
        label: [samples] int64, true class.
        fold: [samples] int64, from 0: samples of one fold are predicted by one network per seed.
            A test split is one fold.
        class_names: names of the classes, by label.
        groups: by name, [samples] int64: the columns of the files, such as the speaker.
        data: name of the data.
        data_hash: content hash of the samples in their order.
        splits: splits of the data that the samples come from, one after the other.
        rule: the rule of the folds; None without folds.
        seeds: seeds of the networks, one per row of `predictions`.
        model: kind of network, such as `nmtool, integer`.
        settings: training settings of the networks.
        path: path that the answers were read from; None if not from a file. Ignored by `==`.
    """

    file_kind = "nmtool answers"

    predictions: NDArray[np.int64]
    label: NDArray[np.integer]
    fold: NDArray[np.integer]
    class_names: tuple[str, ...]
    groups: Mapping[str, NDArray[np.integer]]
    data: str
    data_hash: str
    splits: tuple[str, ...]
    rule: Folds | None
    seeds: tuple[int, ...]
    model: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    path: Path | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        for name in ("predictions", "label", "fold"):
            object.__setattr__(self, name, read_only(getattr(self, name)))
        object.__setattr__(self, "groups", read_only_by_name(self.groups))

    @classmethod
    def empty(
        cls,
        events: SpikeEvents,
        *,
        data: str,
        splits: Sequence[str],
        rule: Folds | None,
        seeds: Sequence[int],
        model: str,
        settings: Mapping[str, Any],
    ) -> Answers:
        """Answers with all predictions missing.

        >>> two = SpikeEvents.from_lists([[1.0], [2.0]], [[0], [1]], [0, 1])
        >>> how = {"data": "two", "splits": ["test"], "seeds": [0], "model": "a guess"}
        >>> Answers.empty(two, rule=None, settings={}, **how)
        <Answers of a guess: 0 of 2 samples, 1 fold, 1 seed>

        Args:
            events: all samples, in their order.
            data, splits, rule, seeds, model, settings: as for the class.

        Raises:
            UsageError: the samples cannot be divided by the rule.
        """
        n_samples = events.n_samples
        return cls(
            predictions=np.full((len(seeds), n_samples), NONE_YET, np.int64),
            label=events.label,
            fold=np.zeros(n_samples, np.int64) if rule is None else rule.assign(events),
            class_names=tuple(events.class_names),
            groups=dict(events.groups),
            data=data,
            data_hash=events.content_hash,
            splits=tuple(splits),
            rule=rule,
            seeds=tuple(int(seed) for seed in seeds),
            model=model,
            settings=settings,
        )

    @property
    def n_folds(self) -> int:
        """Number of folds."""
        return int(self.fold.max()) + 1

    @property
    def right(self) -> NDArray[np.bool_]:
        """[seeds, samples] bool: True if the prediction is correct."""
        return self.predictions == self.label

    @property
    def is_finished(self) -> bool:
        """True if no prediction is missing."""
        return bool((self.predictions != NONE_YET).all())

    @property
    def accuracy(self) -> float:
        """Share of correct predictions, 0 … 1, mean over seeds."""
        return float(self.right.mean())

    @property
    def seed_accuracy(self) -> NDArray[np.float64]:
        """[seeds] float64: share of correct predictions of each seed, 0 … 1."""
        return self.right.mean(axis=1)

    @property
    def fold_accuracy(self) -> NDArray[np.float64]:
        """[seeds, folds] float64: share of correct predictions in each fold, 0 … 1."""
        sizes = np.bincount(self.fold)
        return np.stack([np.bincount(self.fold, row) / sizes for row in self.right])

    def has(self, row: int, fold: int) -> bool:
        """True if `row`, the row of one seed, has predictions for all samples of a fold."""
        return bool((self.predictions[row, self.fold == fold] != NONE_YET).all())

    def with_fold(self, row: int, fold: int, predictions: NDArray[np.integer]) -> Answers:
        """A copy of the answers with the predictions for one fold added.

        Args:
            row: row of the network's seed.
            fold: the fold.
            predictions: [samples of the fold] integers, in order.
        """
        matrix = self.predictions.copy()
        matrix[row, self.fold == fold] = predictions
        return replace(self, predictions=matrix)

    def each_seed(self) -> list[Answers]:
        """Separate answers for each seed."""
        return [
            replace(self, predictions=self.predictions[row : row + 1], seeds=(seed,))
            for row, seed in enumerate(self.seeds)
        ]

    def check_finished(self) -> None:
        """Raise `UsageError` if a prediction is missing."""
        if not self.is_finished:
            missing = int((self.predictions == NONE_YET).sum())
            seeds = ", ".join(map(str, self.seeds))
            raise UsageError(
                f"{self._where} lacks {missing:,} of {self.predictions.size:,} answers of seed "
                f"{seeds}",
                code="answers-unfinished",
                why="the command that writes it was stopped",
                fix="run that command again; it continues where it stopped",
            )

    def check_same_samples(self, other: Answers) -> None:
        """Raise `UsageError` unless other answers have the same samples in the same folds."""
        if (self.data_hash, self.label.size) != (other.data_hash, other.label.size):
            raise UsageError(
                f"{self._where} and {other._where} are for different samples",
                code="answers-samples-differ",
                why=f"the first are answers for {self._samples}, the second for {other._samples}",
                fix="compare answers for the same samples, in the same order",
            )
        if not np.array_equal(self.fold, other.fold):
            raise UsageError(
                f"{self._where} and {other._where} divide the samples into different folds",
                code="answers-folds-differ",
                why=f"the first by {self.rule}, the second by {other.rule}; the two networks "
                "that predict the same sample therefore had different training samples",
                fix="cross-validate both with the same grouping, number of folds and fold seed",
            )

    def check_answer_to(self, events: SpikeEvents, name: str) -> None:
        """Raise `UsageError` unless the predictions are for the given samples, in this order."""
        if self.label.size != events.n_samples or self.data_hash != events.content_hash:
            raise UsageError(
                f"the {events.n_samples:,} samples of {name} are not the samples of {self._where}",
                code="answers-samples-differ",
                why=f"{self._where} has predictions for {self._samples}",
                fix="name the data and the split that the predictions are for",
            )

    @property
    def _where(self) -> str:
        """Origin of the answers for messages: their path, or the kind of network."""
        return f"the answers of {self.model}" if self.path is None else str(self.path)

    @property
    def _samples(self) -> str:
        """Number, data and splits of the samples, as text for messages."""
        return f"{counted(self.label.size, 'sample')} of {self.data} ({', '.join(self.splits)})"

    def __repr__(self) -> str:
        answered = int((self.predictions != NONE_YET).all(axis=0).sum())
        head = visible(f"<Answers of {self.model}")
        samples = counted(self.label.size, "sample")
        shape = f"{counted(self.n_folds, 'fold')}, {counted(len(self.seeds), 'seed')}>"
        if not self.is_finished:
            return f"{head}: {answered:,} of {samples}, {shape}"
        return f"{head}: accuracy {self.accuracy:.2%} of {samples}, {shape}"

    def as_json(self) -> dict[str, Any]:
        """Plain values for JSON, under names that scripts can rely on; accuracies are 0 … 1.

        Raises:
            UsageError: predictions are missing.
        """
        self.check_finished()
        return {
            "data": self.data,
            "data_hash": self.data_hash,
            "splits": [*self.splits],
            "model": self.model,
            "samples": self.label.size,
            "rule": plain(self.rule),
            "accuracy": plain(self.accuracy),
            "seeds": [
                {"seed": seed, "accuracy": float(whole), "folds": folds.tolist()}
                for seed, whole, folds in zip(
                    self.seeds, self.seed_accuracy, self.fold_accuracy, strict=True
                )
            ],
            "fold_samples": np.bincount(self.fold).tolist(),
        }

    def tables(self) -> list[Table]:
        """A table with a row per fold, a row for all samples, and a column per seed.

        If each fold has a single value of a column, such as one speaker, its row names the value.

        Raises:
            UsageError: predictions are missing.
        """
        self.check_finished()
        single = len(self.seeds) == 1
        names = ["accuracy"] if single else [f"seed {seed}" for seed in self.seeds]
        header = ("fold", "samples", *names)
        shares = zip(np.bincount(self.fold).tolist(), self.fold_accuracy.T.tolist(), strict=True)
        folds = [f"{fold}{self._fold_value_text(fold)}" for fold in range(self.n_folds)]
        rows = [(name, n, *_percent(row)) for name, (n, row) in zip(folds, shares, strict=True)]
        rows.append(("all", self.label.size, *_percent(self.seed_accuracy.tolist())))
        by = "" if self.rule is None else f", {self.rule}"
        return [Table(f"{self.model} on {self.data} ({', '.join(self.splits)}){by}", header, rows)]

    def _fold_value_text(self, fold: int) -> str:
        """Name the only group in a fold as text, e.g. ` (speaker 3)`.

        '' if a fold may have samples of several groups.
        """
        rule = self.rule
        if rule is None or rule.n is not None or not isinstance(rule.by, str):
            return ""
        return f" ({rule.by} {self.groups[rule.by][self.fold == fold][0]})"

    @classmethod
    def load(cls, path: str | Path) -> Answers:
        """Read a file of answers, or the file in the folder of a cross-validation.

        Raises:
            FileFormatError: the file is missing, damaged or of another kind.
        """
        return replace(super().load(answers_file(path)), path=Path(path))

    def _pack(self) -> tuple[dict[str, Any], dict[str, NDArray]]:
        header = {
            "class_names": list(self.class_names),
            "data": self.data,
            "data_hash": self.data_hash,
            "splits": list(self.splits),
            "rule": None if self.rule is None else self.rule.as_json(),
            "seeds": list(self.seeds),
            "model": self.model,
            "settings": dict(self.settings),
        }
        arrays: dict[str, NDArray] = {
            "predictions": self.predictions,
            "label": self.label,
            "fold": self.fold,
        }
        arrays |= {f"{_GROUP}{name}": group for name, group in self.groups.items()}
        return header, arrays

    @classmethod
    def _unpack(cls, archive: Archive) -> Answers:
        header, label = archive.header, archive.array("label").astype(np.int64)
        seeds, names = tuple(map(int, header["seeds"])), tuple(map(str, header["class_names"]))
        predictions = archive.array("predictions").astype(np.int64)
        fold = archive.vector("fold", label.size).astype(np.int64)
        if not predictions.size or predictions.shape != (len(seeds), label.size):
            raise ValueError(f"{len(seeds)} seeds with predictions {predictions.shape}")
        folds = np.unique(fold)
        if (folds != np.arange(folds.size)).any():
            raise ValueError("folds are not numbered from 0")
        rule = None if header["rule"] is None else Folds.from_json(header["rule"])
        if rule is not None and isinstance(rule.by, str):
            archive.vector(f"{_GROUP}{rule.by}", label.size)
        for classes, low in ((predictions, NONE_YET), (label, 0)):
            if classes.min(initial=0) < low or classes.max(initial=0) >= len(names):
                raise ValueError(f"classes beyond {len(names)}")
        return cls(
            predictions=predictions,
            label=label,
            fold=fold,
            class_names=names,
            groups={
                name.removeprefix(_GROUP): archive.vector(name, label.size).astype(np.int64)
                for name in archive.arrays
                if name.startswith(_GROUP)
            },
            data=str(header["data"]),
            data_hash=str(header["data_hash"]),
            splits=tuple(map(str, header["splits"])),
            rule=rule,
            seeds=seeds,
            model=str(header["model"]),
            settings=dict(header["settings"]),
        )


def answers_file(path: str | Path) -> Path:
    """The file of answers at a path: the path itself, or the file in that folder."""
    return Path(path) / ANSWERS if Path(path).is_dir() else Path(path)


def holds_answers(path: str | Path) -> bool:
    """True for a file of answers and for the folder of a cross-validation."""
    return archive_kind(answers_file(path)) == Answers.file_kind


def _percent(shares: Sequence[float]) -> list[str]:
    """Shares as percentages."""
    return [f"{share:.2%}" for share in shares]
