"""`SplitRule` and `Folds`: rules that divide samples into splits and folds.

A rule assigns a part to every sample, and `SpikeEvents.divide` makes the parts:

    SplitRule   0 for training samples, 1 for validation samples
    Folds       the fold of each sample, for cross-validation

With `by`, groups are not divided: all samples of a group, such as a speaker, are in one part.

    "speaker"   a column of the files, one of `SpikeEvents.groups`
    300         blocks of 300 neighbouring samples, in the order of the files; the last block may be
                smaller (for `Folds`, and for the clusters of an interval)

Without groups, a draw is stratified: it keeps the shares of the classes. Draws with the same seed
are nested: a draw of 100 samples is part of the draw of 300.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nmtool.arguments import GROUPING, WHOLE
from nmtool.errors import UsageError, listed
from nmtool.tables import Plain

if TYPE_CHECKING:
    from nmtool.data.events import SpikeEvents

AUTO = "auto"
AUTO_SHARE, AUTO_SAMPLES = 0.2, 300
"""Default validation split: `AUTO_SHARE` of the training samples, but at most `AUTO_SAMPLES`."""

Amount = int | float | str
"""Size of a validation split: a share, a number, `last N` or `auto`."""

Grouping = str | int
"""A column of the files, or the size of blocks of neighbouring samples."""

_LAST = re.compile(r"last[ :_-]?(\d{1,18})")
_COUNT = re.compile(r"\d{1,18}")


@dataclass(frozen=True)
class SplitRule(Plain):
    """A rule that draws a validation split from the training samples.

    >>> SplitRule(0.2, seed=7)
    SplitRule(amount='0.2', seed=7, by=None)

    Attributes:
        amount: number of validation samples, as text: a share like 0.2, a number, `last N` for
            the last samples of the file, `auto` for a fifth of the samples but at most 300, or 0.
        seed: seed of the draw.
        by: name of the groups to keep whole, one of `SpikeEvents.groups`.

    Raises:
        UsageError: the amount is invalid, the seed is negative, or `last N` is combined with
            groups.
    """

    amount: Amount = AUTO
    seed: int = 0
    by: str | None = None

    def __post_init__(self) -> None:
        text = amount(self.amount)
        if text is None:
            raise UsageError(
                f"'{self.amount}' is not a number or share of validation samples",
                code="validation-amount",
                fix="write a share like 0.2, a number like 300, 'last 300' for the last samples "
                "of the file, or auto",
            )
        check_seed(self.seed)
        if self.by is not None and text.startswith("last"):
            raise UsageError(
                f"the {text} samples cannot be divided by {self.by}",
                code="validation-by-last",
                fix=f"give a share or a number, so that whole groups of {self.by} are drawn",
                why="the last samples of a file may begin within a group",
            )
        object.__setattr__(self, "amount", text)

    @classmethod
    def of(cls, value: SplitRule | Amount) -> SplitRule:
        """Convert an amount to a rule with seed 0; return a rule unchanged."""
        return value if isinstance(value, SplitRule) else cls(value)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> SplitRule:
        """Read a rule from the values that `as_json` returned."""
        by = values.get("by")
        seed = int(values.get("seed", 0))
        return cls(str(values.get("amount")), seed, None if by is None else str(by))

    @property
    def is_last(self) -> bool:
        """True if the validation samples are the last samples of the file."""
        return str(self.amount).startswith("last")

    @property
    def is_none(self) -> bool:
        """True if the rule draws no validation samples."""
        return self.amount == "0"

    def count(self, n_samples: int) -> int:
        """Number of validation samples among `n_samples`.

        Raises:
            UsageError: the training or the validation split would be empty.
        """
        text = str(self.amount)
        if text == AUTO:
            return min(AUTO_SAMPLES, int(n_samples * AUTO_SHARE))
        if self._is_share:
            count = round(float(text) * n_samples)
        else:
            count = int(text.removeprefix("last "))
            if not count:
                return 0
        if not 0 < count < n_samples:
            raise UsageError(
                f"the validation split cannot have {count} of the {n_samples} training samples",
                code="validation-range",
                fix=f"choose 1 to {n_samples - 1} validation samples: `validation=N`; or train "
                "without a validation split: `validation=0`"
                if n_samples > 1
                else "train without a validation split: `validation=0`",
            )
        return count

    def assign(self, events: SpikeEvents) -> NDArray[np.int64]:
        """[samples] int64: 1 for validation samples, 0 for training samples.

        Raises:
            UsageError: the samples cannot be divided in this way, or lack the groups.
        """
        return self.choose(events).astype(np.int64)

    def choose(self, events: SpikeEvents) -> NDArray[np.bool_]:
        """[samples] bool: True for validation samples; raises the errors of `assign`."""
        count = self.count(events.n_samples)
        if self.by is not None and count:
            return self._whole_groups(events, count)
        chosen = np.zeros(events.n_samples, np.bool_)
        if self.is_last:
            chosen[events.n_samples - count :] = True
        else:
            chosen[class_by_class(events.label, self.seed)[:count]] = True
        return chosen

    def _whole_groups(self, events: SpikeEvents, count: int) -> NDArray[np.bool_]:
        """Draw whole groups with about `count` samples, at least one group but not all groups.

        Returns [samples] bool, True for the samples of drawn groups.
        """
        assert self.by is not None
        if self.by not in events.groups:
            columns = listed(events.groups)
            raise UsageError(
                f"the samples are not grouped by '{self.by}'",
                code="validation-by-unknown",
                why=f"they are grouped by {columns}"
                if columns
                else "no list in `extra` has one whole number per sample in every file",
                fix="name an existing group, or leave out `validation_by=`; in a file, groups are "
                "lists extra/NAME of an integer per sample",
            )
        group_index, sizes, drawn = _drawn_groups(events.groups[self.by], self.seed)
        if sizes.size < 2:
            raise UsageError(
                f"all samples have the same {self.by}",
                code="validation-by-single",
                fix="leave out `validation_by=`",
                why="groups are not divided, so training and validation need at least one group "
                "each",
            )
        chosen, total = np.zeros(sizes.size, np.bool_), 0
        for group in drawn:
            is_closer = abs(total + sizes[group] - count) < abs(total - count)
            if chosen.sum() < sizes.size - 1 and (is_closer or not total):
                chosen[group], total = True, total + int(sizes[group])
        return chosen[group_index]

    def __str__(self) -> str:
        if self.is_last:
            return f"the {self.amount} training samples"
        number = f"{self.amount} training samples"
        if self.amount == AUTO:
            number = f"a fifth of the training samples, at most {AUTO_SAMPLES}"
        elif self._is_share:
            number = f"a share of {self.amount} of the training samples"
        return f"{number}, {self.manner}"

    @property
    def manner(self) -> str:
        """The way in which validation samples are chosen, in words for messages."""
        if self.is_last:
            return "the last ones"
        if self.by is not None:
            return f"drawn by {self.by} from seed {self.seed}"
        return f"drawn per class from seed {self.seed}"

    @property
    def _is_share(self) -> bool:
        """True if the amount is a share of the samples, not a number."""
        return bool({".", "e"} & set(str(self.amount)))  # as in 0.2 and 1e-05


@dataclass(frozen=True)
class Folds(Plain):
    """A rule that divides samples into folds for cross-validation, keeping groups whole.

    >>> from nmtool.data import SpikeEvents
    >>> Folds(by=2).assign(SpikeEvents.from_lists([[]] * 5, [[]] * 5, [0] * 5, n_units=1))
    array([0, 0, 1, 1, 2])

    Attributes:
        by: the grouping: a column of the files, or the size of blocks of neighbouring samples.
        n: number of folds. Groups are assigned largest first, in random order among equals, each
            to the fold with the fewest samples so far. None: every group is a fold; folds are
            in the order of the groups' values.
        seed: seed of the random order.

    Raises:
        UsageError: the seed is negative.
    """

    by: Grouping
    n: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        check_seed(self.seed)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Folds:
        """Read folds from the values that `as_json` returned.

        Raises `KeyError` or `TypeError` for other values.

        >>> Folds.from_json(Folds("speaker", 4).as_json())
        Folds(by='speaker', n=4, seed=0)
        """
        by, n, seed = values["by"], values["n"], values["seed"]
        if not isinstance(by, str | int) or not isinstance(n, int | None):
            raise TypeError(f"not folds: {by!r}, {n!r}")
        return cls(by, n, int(seed))

    def assign(self, events: SpikeEvents) -> NDArray[np.int64]:
        """[samples] int64: the fold of each sample, from 0.

        Raises:
            UsageError: there is no such grouping, fewer than 2 folds, or fewer groups than folds.
        """
        group = group_of(self.by, events.groups, events.n_samples)
        group_index, sizes, drawn = _drawn_groups(group, self.seed)
        n_folds = sizes.size if self.n is None else self.n
        if not 2 <= n_folds <= sizes.size:
            raise UsageError(
                f"{events.n_samples} samples in {sizes.size} groups ({grouping_name(self.by)}) "
                f"cannot be divided into {n_folds} folds",
                code="folds-range",
                why="groups are not divided, and each fold needs other folds to train on",
                fix=f"choose 2 … {sizes.size} folds, or smaller groups"
                if sizes.size > 1
                else "choose smaller groups",
            )
        if self.n is None:
            return group_index
        fold_of, filled = np.empty(sizes.size, np.int64), np.zeros(n_folds, np.int64)
        for largest in drawn[np.argsort(-sizes[drawn], kind="stable")]:
            fold_of[largest] = np.argmin(filled)
            filled[fold_of[largest]] += sizes[largest]
        return fold_of[group_index]

    def __str__(self) -> str:
        drawn = "" if self.n is None else f", {self.n} folds drawn from seed {self.seed}"
        return f"{grouping_name(self.by)}{drawn}"


# Texts for amounts and groupings


def amount(value: object) -> str | None:
    """Convert an amount of samples to its canonical text; None if the amount is invalid.

    >>> [amount(value) for value in ("auto", 0.2, "0.20", 300, "last 300", "most", 1.5)]
    ['auto', '0.2', '0.2', '300', 'last 300', None, None]
    """
    if isinstance(value, bool):
        return None
    text = str(value).strip()
    if text == AUTO or _COUNT.fullmatch(text):
        return text if text == AUTO else str(int(text))
    if last := _LAST.fullmatch(text):
        return f"last {int(last.group(1))}" if int(last.group(1)) else "0"
    try:
        share = float(text)
    except ValueError:
        return None
    if share == 0:
        return "0"
    return repr(share) if 0 < share < 1 else None


def grouping(text: str) -> Grouping:
    """Parse a grouping from the command line; a number is the size of blocks.

    >>> grouping("speaker"), grouping("300")
    ('speaker', 300)
    """
    return int(text) if text.isdecimal() else text


def grouping_name(by: Grouping) -> str:
    """Describe a grouping in words.

    >>> grouping_name("speaker"), grouping_name(300)
    ('speaker', 'blocks of 300')
    """
    return by if isinstance(by, str) else f"blocks of {by}"


def group_of(
    by: Grouping, groups: Mapping[str, NDArray[np.integer]], n_samples: int
) -> NDArray[np.int64]:
    """Group of each sample, [samples] int64: a value of the column, or the number of the block.

    >>> group_of(2, {}, 5)
    array([0, 0, 1, 1, 2])

    Args:
        by: the grouping.
        groups: columns by name, each [samples], as in `SpikeEvents`.
        n_samples: number of samples.

    Raises:
        UsageError: there is no such column, or the block size is not positive.
    """
    if isinstance(by, str):
        if by not in groups:
            columns = listed(groups)
            raise UsageError(
                f"the samples have no column '{by}'",
                code="grouping-unknown",
                why=f"the columns are {columns}"
                if columns
                else "their files have no column but the labels",
                fix="name such a column (extra/NAME of the files, an integer per sample), or a "
                "number N for blocks of N neighbouring samples",
            )
        return np.asarray(groups[by], np.int64)
    GROUPING.check("a grouping", by)
    if by < 1:
        raise UsageError(
            f"a block must have at least 1 sample, not {by}",
            code="grouping-range",
            fix="give the number of neighbouring samples that belong together",
        )
    return np.arange(n_samples) // by


# Random draws of samples


def drawn_samples(label: NDArray[np.integer], count: int, seed: int = 0) -> NDArray[np.int64]:
    """Draw samples in proportion to the classes; return their indices, [count] int64, ascending.

    Args:
        label: [samples], class of each sample.
        count, seed: as for `SpikeEvents.draw`, which raises the same errors.
    """
    check_count(count)
    return np.sort(class_by_class(label, seed)[:count])


def check_count(count: int) -> None:
    """Raise `UsageError` unless a number of samples to draw is a whole number of at least 1."""
    WHOLE.check("count", count)
    if count < 1:
        raise UsageError(
            f"{count} samples cannot be drawn",
            code="samples-count",
            fix="draw 1 or more, `samples=N`, or take all",
        )


def class_by_class(label: NDArray[np.integer], seed: int) -> NDArray[np.int64]:
    """Shuffle samples so that the first n, for any n, keep the shares of the classes.

    Returns the indices of the samples, [samples] int64.
    """
    check_seed(seed)
    drawn = np.random.default_rng(seed).permutation(label.size)
    by_class = drawn[np.argsort(label[drawn], kind="stable")]
    _, first, counts = np.unique(label[by_class], return_index=True, return_counts=True)
    rank = np.arange(label.size) - np.repeat(first, counts)
    place = (rank + 0.5) / np.repeat(counts, counts)
    order = np.empty(label.size, np.int64)
    order[drawn] = np.arange(label.size)
    return by_class[np.lexsort((order[by_class], place))]


def check_seed(seed: int) -> None:
    """Raise `UsageError` for a seed that numpy cannot draw from."""
    WHOLE.check("seed", seed)
    if seed < 0:
        raise UsageError(
            f"a seed must be 0 or more, not {seed}",
            code="setting-range",
            fix="pass a whole number, 0 or more",
        )


def _drawn_groups(
    group: NDArray[np.integer], seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Number the groups from 0, in the order of their values, and draw a random order of groups.

    Returns:
        [samples] group of each sample, [groups] group sizes, and [groups] the random order.
    """
    _, group_index, sizes = np.unique(group, return_inverse=True, return_counts=True)
    order = np.random.default_rng(seed).permutation(sizes.size)
    return group_index.reshape(-1), sizes, order
