"""`Folds`: divide samples into folds of whole groups, for cross-validation.

A *grouping* says which samples belong together:

    "speaker"    a column of the files, one of `SpikeEvents.groups`
    300          blocks of 300 neighbouring samples, in the order of the files; the last one takes
                 what is left

It divides samples into folds here, and makes the clusters of an interval
(`nmtool.evaluation.accuracy_difference`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmtool.arguments import GROUPING, WORD, check_all
from nmtool.data.dataset import Dataset
from nmtool.data.events import SpikeEvents, check_seed
from nmtool.errors import UsageError, listed
from nmtool.tables import Plain

Grouping = str | int
"""A column of the files, or the length of blocks of neighbouring samples."""


def grouping(text: str) -> Grouping:
    """The grouping that a word of the command line means: a number is the length of blocks.

    >>> grouping("speaker"), grouping("300")
    ('speaker', 300)
    """
    return int(text) if text.isdecimal() else text


def grouping_name(by: Grouping) -> str:
    """A grouping in words.

    >>> grouping_name("speaker"), grouping_name(300)
    ('speaker', 'blocks of 300')
    """
    return by if isinstance(by, str) else f"blocks of {by}"


def group_of(
    by: Grouping, groups: Mapping[str, NDArray[np.integer]], n_samples: int
) -> NDArray[np.int64]:
    """[samples] int64: the group of each sample, a value of the column or the number of its block.

    >>> group_of(2, {}, 5)
    array([0, 0, 1, 1, 2])

    Args:
        by: the grouping.
        groups: columns by name, each [samples], as of `SpikeEvents`.
        n_samples: number of samples.

    Raises:
        UsageError: there is no such column, or the blocks have no length.
    """
    if isinstance(by, str):
        if by not in groups:
            known = listed(groups)
            raise UsageError(
                f"the samples have no column '{by}'",
                code="grouping-unknown",
                why=f"they have {known}" if known else "their files have no column but the labels",
                fix="name such a column (extra/NAME of the files, an integer per sample), or a "
                "number N for blocks of N neighbouring samples",
            )
        return np.asarray(groups[by], np.int64)
    GROUPING.check("a grouping", by)
    if by < 1:
        raise UsageError(
            f"blocks have 1 sample or more, not {by}",
            code="grouping-range",
            fix="give the number of neighbouring samples that belong together",
        )
    return np.arange(n_samples) // by


@dataclass(frozen=True)
class Folds(Plain):
    """A rule that divides samples into folds, of which none divides a group.

    >>> Folds(by=2).assign(SpikeEvents.from_lists([[]] * 5, [[]] * 5, [0] * 5, n_units=1))
    array([0, 0, 1, 1, 2])

    Attributes:
        by: the grouping.
        n: number of folds. Groups are then drawn from the seed, the largest first, each into the
            fold that has the fewest samples so far. None makes every group a fold, in the order
            of their values.
        seed: decides the draw.

    Raises:
        UsageError: the seed is negative.
    """

    by: Grouping
    n: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        check_seed(self.seed)

    def assign(self, events: SpikeEvents) -> NDArray[np.int64]:
        """[samples] int64: the fold of each sample, from 0.

        Raises:
            UsageError: there is no such grouping, or there are fewer groups than folds, or than 2.
        """
        group = group_of(self.by, events.groups, events.n_samples)
        values, member, sizes = np.unique(group, return_inverse=True, return_counts=True)
        wanted = values.size if self.n is None else self.n
        if not 2 <= wanted <= values.size:
            raise UsageError(
                f"{events.n_samples} samples in {values.size} groups ({grouping_name(self.by)}) "
                f"cannot be divided into {wanted} folds",
                code="folds-range",
                why="a group is not divided, and what one fold learns from is in the others",
                fix=f"choose 2 … {values.size} folds, or smaller groups"
                if values.size > 1
                else "choose smaller groups",
            )
        if self.n is None:
            return member.reshape(-1)
        drawn = np.random.default_rng(self.seed).permutation(values.size)
        fold_of, filled = np.empty(values.size, np.int64), np.zeros(wanted, np.int64)
        for one in drawn[np.argsort(-sizes[drawn], kind="stable")]:
            fold_of[one] = np.argmin(filled)
            filled[fold_of[one]] += sizes[one]
        return fold_of[member.reshape(-1)]

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Folds:
        """Read what `as_json` gave; raises `KeyError` and `TypeError` where it is something else.

        >>> Folds.from_json(Folds("speaker", 4).as_json())
        Folds(by='speaker', n=4, seed=0)
        """
        by, n, seed = kept["by"], kept["n"], kept["seed"]
        if not isinstance(by, str | int) or not isinstance(n, int | None):
            raise TypeError(f"no folds: {by!r}, {n!r}")
        return cls(by, n, int(seed))

    def __str__(self) -> str:
        drawn = "" if self.n is None else f", {self.n} folds drawn from seed {self.seed}"
        return f"{grouping_name(self.by)}{drawn}"


def joined(data: Dataset, splits: tuple[str, ...]) -> SpikeEvents:
    """The samples of some splits, one after the other; those of one split stay where they are.

    Raises:
        UsageError: no split is named, one is twice, or there is none of that name.
        DataError: a split is missing, damaged or empty.
    """
    check_all("splits", splits, WORD)
    if not splits or len(set(splits)) != len(splits):
        raise UsageError(
            f"splits to join are expected, each once, not '{' '.join(splits)}'",
            code="splits-repeated",
            fix="name train, validation or test",
        )
    parts = [data.filled_split(name) for name in splits]
    return parts[0] if len(parts) == 1 else SpikeEvents.concatenate(parts)


def without_fold(events: SpikeEvents, fold: NDArray[np.integer], number: int, name: str) -> Dataset:
    """Leave out the samples of a fold: what may be learnt from before it is asked.

    It is a training split only, so that whatever validates is taken out of it.

    Args:
        events: all samples.
        fold: [samples] int64, the fold of each.
        number: the fold that is left out.
        name: of the data.
    """
    return Dataset.of(train=events[fold != number], name=f"{name} without fold {number}")
