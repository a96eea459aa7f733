"""`SplitRule` divides training samples where a data set has no validation split of its own.

    auto        a fifth of the training samples, at most 300
    0.2         that share of them
    300         that number of them
    last 300    the last ones of the file, instead of a draw
    0           none

Shares and numbers are drawn from a seed, so that every class gives its part. Where a group is
named, as the speaker, whole groups are drawn instead: none of them is on both sides.

A draw has an order, and a smaller number takes the beginning of it: with the same seed, 100
samples are among the 300.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmtool.data.events import SpikeEvents, check_seed, class_by_class
from nmtool.errors import UsageError, listed
from nmtool.tables import Plain

AUTO = "auto"
AUTO_SHARE, AUTO_SAMPLES = 0.2, 300
"""Share of the training samples that validate where nothing is said, and most samples."""

Amount = int | float | str
"""Amount of samples that are held out: a share, a number, `last N` or `auto`."""

_LAST = re.compile(r"last[ :_-]?(\d{1,18})")
_COUNT = re.compile(r"\d{1,18}")


def amount(value: object) -> str | None:
    """The text that stands for an amount everywhere, or None where it is no amount.

    >>> [amount(value) for value in ("auto", 0.2, "0.20", 300, "last 300", "most", 1.5)]
    ['auto', '0.2', '0.2', '300', 'last 300', None, None]
    """
    if isinstance(value, bool):
        return None
    text = str(value).strip()
    if text == AUTO or _COUNT.fullmatch(text):
        return text if text == AUTO else str(int(text))
    if found := _LAST.fullmatch(text):
        return f"last {int(found.group(1))}" if int(found.group(1)) else "0"
    try:
        share = float(text)
    except ValueError:
        return None
    if share == 0:
        return "0"
    return repr(share) if 0 < share < 1 else None


def kept_amount(value: object) -> object:
    """The amount in a manifest, where a bare number is of a version that took the last samples."""
    if isinstance(value, int) and not isinstance(value, bool):
        return f"last {value}"
    return value


@dataclass(frozen=True)
class SplitRule(Plain):
    """A rule that divides training samples into those to learn from and those to validate on.

    >>> SplitRule(0.2, seed=7)
    SplitRule(amount='0.2', seed=7, by=None)

    Attributes:
        amount: a share, a number, `last N` or `auto`, as its text.
        seed: decides the draw.
        by: name of the groups that are not divided, one of `SpikeEvents.groups`.

    Raises:
        UsageError: the amount is none, the seed is negative, or the last samples are asked for by
            groups.
    """

    amount: Amount = AUTO
    seed: int = 0
    by: str | None = None

    def __post_init__(self) -> None:
        text = amount(self.amount)
        if text is None:
            raise UsageError(
                f"'{self.amount}' is no number of samples to validate on",
                code="validation-amount",
                fix="write a share like 0.2, a number like 300, 'last 300' for the last ones of "
                "the file, or auto",
            )
        check_seed(self.seed)
        if self.by is not None and text.startswith("last"):
            raise UsageError(
                f"the {text} samples cannot be taken by {self.by}",
                code="validation-by-last",
                fix=f"say a share or a number, and whole groups of {self.by} are drawn",
                why="the last ones of a file divide a group wherever they begin",
            )
        object.__setattr__(self, "amount", text)

    @classmethod
    def of(cls, value: SplitRule | Amount) -> SplitRule:
        """The rule itself, or that of an amount with seed 0."""
        return value if isinstance(value, SplitRule) else cls(value)

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> SplitRule:
        """The rule that `as_json` wrote."""
        by = kept.get("by")
        seed = int(kept.get("seed", 0))
        return cls(str(kept.get("amount")), seed, None if by is None else str(by))

    @property
    def is_last(self) -> bool:
        """True where the last samples are taken, without a draw."""
        return str(self.amount).startswith("last")

    def count(self, n_samples: int) -> int:
        """Number of samples to hold out of `n_samples`.

        Raises:
            UsageError: nothing would be left to learn from, or to validate on.
        """
        text = str(self.amount)
        if text == AUTO:
            return min(AUTO_SAMPLES, int(n_samples * AUTO_SHARE))
        if "." in text or "e" in text:
            found = round(float(text) * n_samples)
        else:
            found = int(text.removeprefix("last "))
            if not found:
                return 0
        if not 0 < found < n_samples:
            raise UsageError(
                f"{found} of {n_samples} training samples cannot validate",
                code="validation-range",
                fix=f"take 1 to {n_samples - 1}, `validation=N`, or none: `validation=0`"
                if n_samples > 1
                else "take none: `validation=0`",
            )
        return found

    def choose(self, events: SpikeEvents) -> NDArray[np.bool_]:
        """[samples] bool: True for those that validate.

        Raises:
            UsageError: they cannot be divided so, or are not in such groups.
        """
        count = self.count(events.n_samples)
        if self.by is not None and count:
            return _whole_groups(_group(events, self.by), self.by, count, self.seed)
        held = np.zeros(events.n_samples, np.bool_)
        if self.is_last:
            held[events.n_samples - count :] = True
        else:
            held[class_by_class(events.label, self.seed)[:count]] = True
        return held

    def __str__(self) -> str:
        if self.is_last:
            return f"the {self.amount} training samples"
        text = str(self.amount)
        number = f"{text} training samples"
        if text == AUTO:
            number = f"a fifth of the training samples, at most {AUTO_SAMPLES}"
        elif "." in text or "e" in text:
            number = f"a share of {text} of the training samples"
        return f"{number}, {self.manner}"

    @property
    def manner(self) -> str:
        """The rule in words."""
        if self.is_last:
            return "the last ones"
        if self.by is not None:
            return f"drawn by {self.by} from seed {self.seed}"
        return f"drawn per class from seed {self.seed}"


def _group(events: SpikeEvents, name: str) -> NDArray[np.integer]:
    if name not in events.groups:
        known = listed(events.groups)
        raise UsageError(
            f"the samples are not grouped by '{name}'",
            code="validation-by-unknown",
            why=f"they are grouped by {known}"
            if known
            else "no list in `extra` has one whole number per sample in every file",
            fix="name such a group, or leave out `validation_by=`; in a file, extra/NAME holds an "
            "integer per sample",
        )
    return events.groups[name]


def _whole_groups(
    group: NDArray[np.integer], name: str, count: int, seed: int
) -> NDArray[np.bool_]:
    """[samples] bool: drawn groups, at least one and never all, that come near to a number."""
    names, member = np.unique(group, return_inverse=True)
    if names.size < 2:
        raise UsageError(
            f"all samples are of one {name}",
            code="validation-by-single",
            fix="leave out `validation_by=`",
            why="a group is not divided, and one of two is needed to learn from",
        )
    sizes = np.bincount(member)
    chosen, total = np.zeros(names.size, np.bool_), 0
    for one in np.random.default_rng(seed).permutation(names.size):
        nearer = abs(total + sizes[one] - count) < abs(total - count)
        if chosen.sum() < names.size - 1 and (nearer or not total):
            chosen[one], total = True, total + int(sizes[one])
    return chosen[member]
