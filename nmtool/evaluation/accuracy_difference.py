"""`AccuracyDifference` of two kinds of networks on the same samples, with a confidence interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmtool.errors import UsageError, visible
from nmtool.tables import Table, Tabular, counted

_RESAMPLES = 10_000
_AT_ONCE = 500
"""Number of bootstrap draws of clusters in memory at once."""
_LEVEL = 0.95
_RULE_OF_THREE = 3
"""Without an event in n draws, its probability is below 3/n at 95 % (Hanley & Lippman-Hand, JAMA
249, 1743-1745, 1983, doi:10.1001/jama.1983.03330370053031)."""


@dataclass(frozen=True, eq=False, repr=False)
class AccuracyDifference(Tabular):
    """Difference in accuracy between two kinds of networks, in pairs on the same samples.

    >>> sample, wrong = np.arange(60), np.zeros((1, 60), np.bool_)
    >>> AccuracyDifference((sample % 7 == 0)[None], wrong, {"day": sample // 10})
    <AccuracyDifference: +15.00 points, pairs 1, samples 60, 95 % interval +11.67 … +18.33, by day>

    Attributes:
        first, second: [pairs, samples] bool, True if correct; the same samples in all rows.
        clusters: by name, [samples] integers: samples with the same value, e.g. of one speaker,
            are drawn together in the bootstrap. Without clusters, samples are drawn one by one.
        names: names of the networks of each pair; empty: pairs are numbered from 1.
        data, split: names of the data set and of the split; '' if unknown.

    Raises:
        UsageError: a column of clusters has another length, or only one value.
    """

    first: NDArray[np.bool_]
    second: NDArray[np.bool_]
    clusters: Mapping[str, NDArray[np.integer]] = field(default_factory=dict)
    names: Sequence[tuple[str, str]] = ()
    data: str = ""
    split: str = ""

    def __post_init__(self) -> None:
        n_samples = self.first.shape[1]
        for name, column in self.clusters.items():
            if np.shape(column) != (n_samples,):
                raise UsageError(
                    f"the clusters '{name}' have the shape {np.shape(column)}, but there are "
                    f"{n_samples} samples",
                    code="clusters-count",
                    fix="give one number per sample",
                )
            if np.unique(column).size < 2:
                raise UsageError(
                    f"all samples have the same {name}",
                    code="clusters-single",
                    why="the variation between clusters cannot be estimated from one cluster",
                    fix="name a column with several values, or leave it out",
                )

    def __repr__(self) -> str:
        low, high = self.interval()
        n_pairs, n_samples = self.first.shape
        clustered = visible(f", by {' and '.join(self.clusters)}") if self.clusters else ""
        return (
            f"<AccuracyDifference: {self.points.mean():+.2f} points, pairs {n_pairs}, "
            f"samples {n_samples}, 95 % interval {low:+.2f} … {high:+.2f}{clustered}>"
        )

    @property
    def cluster_counts(self) -> dict[str, int]:
        """Number of clusters, by name."""
        return {name: int(np.unique(column).size) for name, column in self.clusters.items()}

    def as_json(self) -> dict[str, Any]:
        """Plain values for JSON, under names that scripts can rely on.

        Accuracies are 0 … 1, differences in percentage points.

        `clusters`, the number of clusters by name, only exists for clustered samples.
        """
        return {
            **({"data": self.data, "split": self.split} if self.data else {}),
            "samples": self.first.shape[1],
            "pairs": self._pairs(),
            "first_accuracy": self.first.mean(),
            "second_accuracy": self.second.mean(),
            "points": self.points.mean(),
            "interval": list(self.interval()),
            **({"clusters": self.cluster_counts} if self.clusters else {}),
        }

    def _pairs(self) -> list[dict[str, Any]]:
        """Accuracies and differences of each pair, as plain values for JSON."""
        columns = {
            "first_accuracy": self.first.mean(axis=1),
            "second_accuracy": self.second.mean(axis=1),
            "points": self.points,
            "only_first_right": self.only_first,
            "only_second_right": self.only_second,
        }
        rows = zip(*(column.tolist() for column in columns.values()), strict=True)
        pairs = [dict(zip(columns, row, strict=True)) for row in rows]
        named = [{"first": first, "second": second} for first, second in self.names]
        return [name | pair for name, pair in zip(named or [{}] * len(pairs), pairs, strict=True)]

    def tables(self) -> list[Table]:
        """A table with a row per pair, and a row for the mean of all pairs."""
        columns = ("first", "second") if self.names else ("pair",)
        numbers = ("accuracy of first", "accuracy of second", "points")
        pairs = self._pairs()
        keys: Sequence[tuple[Any, ...]] = self.names or [(i + 1,) for i in range(len(pairs))]
        named = [*zip(keys, pairs, strict=True), (("mean", "")[: len(keys[0])], self.as_json())]
        rows = [
            (
                *key,
                f"{entry['first_accuracy']:.2%}",
                f"{entry['second_accuracy']:.2%}",
                f"{entry['points']:+.2f}",
                entry.get("only_first_right", ""),
                entry.get("only_second_right", ""),
            )
            for key, entry in named
        ]
        title = f"{counted(len(pairs), 'pair')} on {counted(self.first.shape[1], 'sample')}"
        title += f" of {self.data} ({self.split})" if self.data else ""
        header = (*columns, *numbers, "only first right", "only second right")
        return [Table(title, header, rows)]

    def sentences(self) -> list[tuple[str, str]]:
        """The mean difference with its interval, and what the bootstrap draws."""
        low, high = self.interval()
        counts = [f"{name} ({n})" for name, n in self.cluster_counts.items()]
        n_pairs, n_samples = self.first.shape
        drawn = f"clusters: {', '.join(counts)}" if counts else counted(n_samples, "sample")
        if self.all_agree:
            drawn = f"both right on the same samples; rule of three over {drawn}"
        else:
            drawn = f"bootstrap over {drawn if n_pairs == 1 else f'{n_pairs} pairs and {drawn}'}"
        seeds = "; one pair, so variation over seeds is not included" if n_pairs == 1 else ""
        text = (
            f"first minus second: {self.points.mean():+.2f} points, 95 % interval "
            f"{low:+.2f} … {high:+.2f} ({drawn}{seeds})"
        )
        return [(text, "")]

    @property
    def points(self) -> NDArray[np.float64]:
        """[pairs] float64: accuracy of first minus accuracy of second, in percentage points."""
        return 100 * (self.first.mean(axis=1) - self.second.mean(axis=1))

    @property
    def all_agree(self) -> bool:
        """True if both networks of every pair are right on the same samples."""
        return bool(np.array_equal(self.first, self.second))

    @property
    def only_first(self) -> NDArray[np.int64]:
        """[pairs] int64: number of samples that only the first network classifies correctly."""
        return (self.first & ~self.second).sum(axis=1)

    @property
    def only_second(self) -> NDArray[np.int64]:
        """[pairs] int64: number of samples that only the second network classifies correctly."""
        return (self.second & ~self.first).sum(axis=1)

    def interval(self, seed: int = 0) -> tuple[float, float]:
        """95 % bootstrap interval of the mean difference in points, over pairs and samples.

        Pairs and samples are drawn with replacement, independently of each other. All pairs get
        the same draw of samples, because hard samples are hard for all networks (the pigeonhole
        bootstrap; A. B. Owen, Annals of Applied Statistics 1, 386-411, 2007). A single pair
        contains no information on how training varies.

        With clusters, the values of each column are drawn with replacement instead of samples,
        independently for columns and pairs. The weight of a sample is the product over columns of
        the number of times its value was drawn: six if its speaker was drawn twice and its
        recording three times. The difference is the weighted mean over the samples. Draws without
        any sample, which can occur if combinations of values are rare, are left out.

        Intervals tend to be too wide with two columns (the variation of single samples is counted
        for each column), and too narrow with few values: for K values, their spread is
        underestimated by the factor √(1 − 1/K), 9 % for 6 speakers.

        If both networks of every pair are right on the same samples, every draw would be 0. The
        interval is then ±3/n, where n is the number of samples, or the smallest number of clusters
        of a column. With 95 % probability, a larger share of differing samples would have been seen
        (the rule of three).

        Args:
            seed: seed of the draws.
        """
        if self.all_agree:
            n_drawn = min(self.cluster_counts.values(), default=self.first.shape[1])
            bound = 100 * min(1.0, _RULE_OF_THREE / n_drawn)
            return -bound, bound
        rng = np.random.default_rng(seed)
        gain = self.first.astype(np.int64) - self.second
        n_pairs, n_samples = gain.shape
        pairs = _drawn(rng, n_pairs)
        if self.clusters:
            draws = self._clustered(rng, pairs, gain)
        else:
            # Resamples are drawn in portions, because all resamples at once would need 80 kB per
            # sample.
            gained = [
                (portion @ gain * _drawn(rng, n_samples, len(portion))).sum(axis=1)
                for portion in np.array_split(pairs, _RESAMPLES // _AT_ONCE)
            ]
            draws = 100 * np.concatenate(gained) / (n_pairs * n_samples)
        outside = (1 - _LEVEL) / 2
        low, high = np.quantile(draws, [outside, 1 - outside])
        return float(low), float(high)

    def _clustered(
        self, rng: np.random.Generator, pairs: NDArray[np.int64], gain: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """[draws] float64: mean differences in points over draws of pairs and clusters.

        Samples with the same values in all columns always count equally, and form one cell.
        """
        columns = [np.unique(column, return_inverse=True)[1] for column in self.clusters.values()]
        values, cell = np.unique(np.stack(columns), axis=1, return_inverse=True)
        cell = cell.reshape(-1)
        size = np.bincount(cell)
        in_cells = np.zeros((gain.shape[0], size.size), np.int64)
        np.add.at(in_cells.T, cell, gain.T)
        drawn = [_drawn(rng, int(column.max()) + 1) for column in columns]
        differences = []
        for first in range(0, _RESAMPLES, _AT_ONCE):
            portion = slice(first, first + _AT_ONCE)
            weight = np.ones((), np.int64)
            for counts, value in zip(drawn, values, strict=True):
                weight = weight * counts[portion][:, value]
            gained = (pairs[portion] @ in_cells * weight).sum(axis=1)
            total = gain.shape[0] * (weight @ size)
            differences.append(100 * gained[total > 0] / total[total > 0])
        return np.concatenate(differences)


def _drawn(rng: np.random.Generator, count: int, resamples: int = _RESAMPLES) -> NDArray[np.int64]:
    """[resamples, count]: how often each of `count` items is drawn, with replacement."""
    return rng.multinomial(count, np.full(count, 1 / count), resamples)
