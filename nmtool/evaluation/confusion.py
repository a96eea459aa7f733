"""`Confusion`: the confusion matrix, with accuracy and precision per class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmtool.data.samples import only_classes
from nmtool.tables import Table, Tabular, counted

_MATRIX_CLASSES = 12
"""Largest number of classes for which the matrix is printed as a table."""

_Z = NormalDist().inv_cdf(0.975)
"""Number of standard deviations around the mean that contain 95 % of a normal distribution."""


def accuracy_interval(accuracy: float, samples: int) -> tuple[float, float]:
    """95 % confidence interval of an accuracy, for samples that are drawn independently.

    This is Wilson's score interval, also valid for few samples and for 0 and 100 % (Wilson 1927,
    doi:10.1080/01621459.1927.10502953). Samples of one person or recording are not independent:
    the true interval is then wider.

    >>> low, high = accuracy_interval(0.8, 10)
    >>> print(f"{low:.3f} … {high:.3f}")
    0.490 … 0.943

    Args:
        accuracy: share of samples classified correctly, 0 … 1.
        samples: number of samples, 1 or more.

    Returns:
        Lower and upper end, 0 … 1.
    """
    denominator = 1 + _Z**2 / samples
    centre = (accuracy + _Z**2 / (2 * samples)) / denominator
    variance = accuracy * (1 - accuracy) / samples + (_Z / (2 * samples)) ** 2
    half = _Z * variance**0.5 / denominator
    return max(0.0, centre - half), min(1.0, centre + half)


def interval_text(accuracy: float, samples: int) -> str:
    """The confidence interval of an accuracy as text, in per cent.

    >>> interval_text(0.8, 10)
    '49.0 … 94.3 %'
    """
    low, high = accuracy_interval(accuracy, samples)
    return f"{100 * low:.1f} … {100 * high:.1f} %"


@dataclass(frozen=True, eq=False, repr=False)
class Confusion(Tabular):
    """Confusion matrix: numbers of samples by true and predicted class.

    Attributes:
        counts: [classes, classes] int64; counts[label, prediction].
        class_names: names of the classes, by label.

    >>> confusion = Confusion.of(np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1]), ["cat", "dog"])
    >>> confusion
    <Confusion: 3 of 4 samples right, 2 classes>
    >>> confusion.class_accuracy.tolist()
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
            class_names: names of the classes, by label.
        """
        n = len(class_names)
        pairs = np.asarray(labels, np.int64) * n + np.asarray(predictions, np.int64)
        return cls(np.bincount(pairs, minlength=n * n).reshape(n, n), tuple(class_names))

    @property
    def accuracy(self) -> float:
        """Share of samples that are classified correctly; NaN without samples."""
        return _share(np.trace(self.counts), self.counts.sum()).item()

    @property
    def only_classes(self) -> str:
        """`2 of 27 classes` if only 2 classes have samples; '' if all classes have samples.

        >>> Confusion.of(np.array([0, 0]), np.array([0, 1]), ["cat", "dog"]).only_classes
        '1 of 2 classes'
        """
        return only_classes(self.counts.sum(axis=1))

    @property
    def class_accuracy(self) -> NDArray[np.float64]:
        """[classes] float64: recall of each class; NaN without samples."""
        return _share(np.diagonal(self.counts), self.counts.sum(axis=1))

    @property
    def class_precision(self) -> NDArray[np.float64]:
        """[classes] float64: precision of each class; NaN if the class is never predicted."""
        return _share(np.diagonal(self.counts), self.counts.sum(axis=0))

    def most_confused(self, label: int) -> int | None:
        """The most frequent wrong prediction for a class; None if all predictions are right."""
        wrong = self.counts[label].copy()
        wrong[label] = 0
        return int(wrong.argmax()) if wrong.any() else None

    @property
    def weakest(self) -> int | None:
        """Index of the first class with the lowest accuracy; None without samples."""
        shares = self.class_accuracy
        return None if np.isnan(shares).all() else int(np.nanargmin(shares))

    def sentence(self, label: int) -> str:
        """The accuracy of a class and its most frequent wrong prediction, as text."""
        text = f"{self.class_names[label]}: {_percent(self.class_accuracy[label])}"
        other_class = self.most_confused(label)
        if other_class is None:
            return text
        total = self.counts[label].sum()
        wrong = f"{total - self.counts[label, label]} of {total} wrong"
        return (
            f"{text}, {wrong}, {self.counts[label, other_class]} as {self.class_names[other_class]}"
        )

    def as_json(self) -> dict[str, Any]:
        """Plain values for JSON; NaN becomes None."""
        return {
            "classes": list(self.class_names),
            "counts": self.counts.tolist(),
            "accuracy": _plain(self.accuracy),
            "class_accuracy": [_plain(value) for value in self.class_accuracy.tolist()],
            "class_precision": [_plain(value) for value in self.class_precision.tolist()],
        }

    def tables(self) -> list[Table]:
        """A table with a row per class, and for at most 12 classes the confusion matrix."""
        rows, samples, names = [], self.counts.sum(axis=1), self.class_names
        accuracy, precision = self.class_accuracy, self.class_precision
        for index in range(len(names)):
            other_class = self.most_confused(index)
            confused_with = (
                ""
                if other_class is None
                else f"{names[other_class]} ({self.counts[index, other_class]})"
            )
            shares = _percent(accuracy[index]), _percent(precision[index])
            rows.append((names[index], int(samples[index]), *shares, confused_with))
        header = ("class", "samples", "accuracy", "precision", "most often confused with")
        tables = [Table("accuracy per class", header, rows)]
        if len(names) <= _MATRIX_CLASSES:
            matrix = [(name, *row) for name, row in zip(names, self.counts.tolist(), strict=True)]
            columns = ("class \\ prediction", *names)
            tables.append(Table("confusion matrix, samples", columns, matrix))
        return tables

    def __repr__(self) -> str:
        right, samples = int(np.trace(self.counts)), int(self.counts.sum())
        n_classes = counted(len(self.class_names), "class")
        return f"<Confusion: {right:,} of {counted(samples, 'sample')} right, {n_classes}>"


def _share(part: NDArray, whole: NDArray) -> NDArray[np.float64]:
    """Divide a part by the whole; NaN where the whole is 0."""
    part, whole = np.asarray(part, np.float64), np.asarray(whole, np.float64)
    return np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole != 0)


def _plain(value: float) -> float | None:
    """A number for JSON; None for NaN."""
    return None if np.isnan(value) else value


def _percent(value: float) -> str:
    """A share as a percentage; '' for NaN."""
    return "" if np.isnan(value) else f"{value:.2%}"
