"""`Confusion`: which classes are taken for which, and the accuracy of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmtool.data.samples import only_classes
from nmtool.tables import Table, Tabular

_MATRIX_CLASSES = 12
"""Most classes whose matrix is still a table that can be read."""


@dataclass(frozen=True, eq=False, repr=False)
class Confusion(Tabular):
    """Counts of samples by their class and the class that they were given.

    Attributes:
        counts: [classes, classes] int64; counts[label, prediction].
        class_names: one per class.

    >>> found = Confusion.of(np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1]), ["cat", "dog"])
    >>> found
    <Confusion: 3 of 4 samples right, 2 classes>
    >>> found.class_accuracy.tolist()
    [0.5, 1.0]
    """

    counts: NDArray[np.int64]
    class_names: Sequence[str]

    @classmethod
    def of(
        cls,
        labels: NDArray[np.integer],
        predictions: NDArray[np.integer],
        class_names: Sequence[str],
    ) -> Confusion:
        """Count samples by label and prediction.

        Args:
            labels, predictions: [samples] integers, indices into `class_names`.
            class_names: one per class.
        """
        n = len(class_names)
        pairs = np.asarray(labels, np.int64) * n + np.asarray(predictions, np.int64)
        return cls(np.bincount(pairs, minlength=n * n).reshape(n, n), tuple(class_names))

    @property
    def accuracy(self) -> float:
        """Share of all samples whose prediction is their label; NaN without samples."""
        return _share(np.trace(self.counts), self.counts.sum()).item()

    @property
    def only_classes(self) -> str:
        """`2 of 27 classes` where the others have no sample, so that no number is of them; or ''.

        >>> Confusion.of(np.array([0, 0]), np.array([0, 1]), ["cat", "dog"]).only_classes
        '1 of 2 classes'
        """
        return only_classes(self.counts.sum(axis=1))

    @property
    def class_accuracy(self) -> NDArray[np.float64]:
        """[classes] float64: share of each class that is predicted rightly; NaN without samples."""
        return _share(np.diagonal(self.counts), self.counts.sum(axis=1))

    @property
    def class_precision(self) -> NDArray[np.float64]:
        """[classes] float64: share of each prediction that is right; NaN where it is never made."""
        return _share(np.diagonal(self.counts), self.counts.sum(axis=0))

    def most_confused(self, label: int) -> int | None:
        """The wrong class that samples of a class are given most often; None if there is none."""
        wrong = self.counts[label].copy()
        wrong[label] = 0
        return int(wrong.argmax()) if wrong.any() else None

    @property
    def weakest(self) -> int | None:
        """The class of the lowest accuracy, the first of several; None where none has samples."""
        shares = self.class_accuracy
        return None if np.isnan(shares).all() else int(np.nanargmin(shares))

    def sentence(self, label: int) -> str:
        """The accuracy of a class in a few words, and what it is taken for most often."""
        text = f"{self.class_names[label]}: {_percent(self.class_accuracy[label])}"
        other = self.most_confused(label)
        if other is None:
            return text
        total = self.counts[label].sum()
        wrong = f"{total - self.counts[label, label]} of {total} wrong"
        return f"{text}, {wrong}, {self.counts[label, other]} as {self.class_names[other]}"

    def as_json(self) -> dict[str, Any]:
        """Plain values; shares that do not exist are None."""
        return {
            "classes": list(self.class_names),
            "counts": self.counts.tolist(),
            "accuracy": _plain(self.accuracy),
            "class_accuracy": [_plain(value) for value in self.class_accuracy.tolist()],
            "class_precision": [_plain(value) for value in self.class_precision.tolist()],
        }

    def tables(self) -> list[Table]:
        """A row per class; and the matrix, where it has at most 12 classes."""
        rows = []
        for index, name in enumerate(self.class_names):
            other = self.most_confused(index)
            taken = (
                "" if other is None else f"{self.class_names[other]} ({self.counts[index, other]})"
            )
            samples = int(self.counts[index].sum())
            shares = (self.class_accuracy[index], self.class_precision[index])
            rows.append((name, samples, *map(_percent, shares), taken))
        header = ("class", "samples", "accuracy", "precision", "most often taken for")
        found = [Table("accuracy per class", header, rows)]
        if len(self.class_names) <= _MATRIX_CLASSES:
            matrix = [
                (name, *row)
                for name, row in zip(self.class_names, self.counts.tolist(), strict=True)
            ]
            taken_for = ("class \\ taken for", *self.class_names)
            found.append(Table("confusion matrix, samples", taken_for, matrix))
        return found

    def __repr__(self) -> str:
        right, samples = int(np.trace(self.counts)), int(self.counts.sum())
        return f"<Confusion: {right} of {samples} samples right, {len(self.class_names)} classes>"


def _share(part: NDArray, whole: NDArray) -> NDArray[np.float64]:
    """Divide a part by the whole; NaN where the whole is 0."""
    part, whole = np.asarray(part, np.float64), np.asarray(whole, np.float64)
    return np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole != 0)


def _plain(value: float) -> float | None:
    return None if np.isnan(value) else value


def _percent(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.2%}"
