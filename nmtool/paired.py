"""Two kinds of networks on the same samples: how far apart they are, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmtool.tables import Table, Tabular

_RESAMPLES = 10_000
_LEVEL = 0.95


@dataclass(frozen=True, eq=False, repr=False)
class Paired(Tabular):
    """Samples that the networks of each pair classify correctly.

    Attributes:
        first, second: [pairs, samples] bool, true where right; the same samples in all rows.
    """

    first: NDArray[np.bool_]
    second: NDArray[np.bool_]

    def __repr__(self) -> str:
        low, high = self.interval()
        n_pairs, n_samples = self.first.shape
        return (
            f"<Paired: {n_pairs} pairs on {n_samples} samples, {self.points.mean():+.2f} points, "
            f"95 % interval {low:+.2f} … {high:+.2f}>"
        )

    def as_json(self) -> dict[str, Any]:
        """Plain values, by the names scripts rely on; accuracies 0 … 1, differences in points."""
        return {
            "samples": self.first.shape[1],
            "pairs": self._pairs(),
            "first_accuracy": self.first.mean(),
            "second_accuracy": self.second.mean(),
            "points": self.points.mean(),
            "interval": list(self.interval()),
        }

    def _pairs(self) -> list[dict[str, Any]]:
        columns = {
            "first_accuracy": self.first.mean(axis=1),
            "second_accuracy": self.second.mean(axis=1),
            "points": self.points,
            "only_first_right": self.only_first,
            "only_second_right": self.only_second,
        }
        rows = zip(*(column.tolist() for column in columns.values()), strict=True)
        return [dict(zip(columns, row, strict=True)) for row in rows]

    def tables(self) -> list[Table]:
        """One row per pair."""
        header = ("pair", "accuracy of first", "of second", "points")
        rows = [
            (
                number,
                f"{pair['first_accuracy']:.2%}",
                f"{pair['second_accuracy']:.2%}",
                f"{pair['points']:+.2f}",
                pair["only_first_right"],
                pair["only_second_right"],
            )
            for number, pair in enumerate(self._pairs(), 1)
        ]
        title = f"{len(rows)} pairs on {self.first.shape[1]} samples"
        return [Table(title, (*header, "only first right", "only second right"), rows)]

    @property
    def points(self) -> NDArray[np.float64]:
        """[pairs] float64: accuracy of the first minus that of the second, in percentage points."""
        return 100 * (self.first.mean(axis=1) - self.second.mean(axis=1))

    @property
    def only_first(self) -> NDArray[np.int64]:
        """[pairs] int64: samples that the first classifies rightly and the second does not."""
        return (self.first & ~self.second).sum(axis=1)

    @property
    def only_second(self) -> NDArray[np.int64]:
        """[pairs] int64: the other way round."""
        return (self.second & ~self.first).sum(axis=1)

    def interval(self, seed: int = 0) -> tuple[float, float]:
        """Bounds that hold 95 % of the mean differences in points over resampled pairs and samples.

        Pairs and samples are drawn with replacement, independently of each other: every pair
        sees the same draw of samples, because samples that are hard are hard for all networks
        (the crossed bootstrap; Owen 2007). A single pair tells nothing of how training varies.

        Args:
            seed: decides the draws.
        """
        rng = np.random.default_rng(seed)
        gain = self.first.astype(np.int64) - self.second
        n_pairs, n_samples = gain.shape
        gained = (_drawn(rng, n_pairs) @ gain * _drawn(rng, n_samples)).sum(axis=1)
        draws = 100 * gained / (n_pairs * n_samples)
        outside = (1 - _LEVEL) / 2
        low, high = np.quantile(draws, [outside, 1 - outside])
        return float(low), float(high)


def _drawn(rng: np.random.Generator, count: int) -> NDArray[np.int64]:
    """[resamples, count]: how often each of so many things is in as many draws."""
    return rng.multinomial(count, np.full(count, 1 / count), _RESAMPLES)
