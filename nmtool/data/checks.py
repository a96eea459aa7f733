"""Checks of samples, from any source: lengths of lists, numbers of channels, names of classes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import lru_cache

from nmtool.errors import DataError, listed, printable
from nmtool.network.graph import MAX_CHANNELS, is_unicode

MAX_CLASSES = 1000
"""Largest number of classes of a data set."""

LARGEST_LABEL = 1 << 53
"""Floats count up to here exactly."""

_LABEL_FIX = "label every sample with its class, not with its own number (in CSV, the column label)"


def check_lengths(
    lengths: Mapping[str, int], where: str = "", fix: str = "give as many of each"
) -> None:
    """Raise `DataError` unless lists have as many entries as each other.

    Args:
        lengths: numbers of entries, by what they are.
        where: the place of the lists, such as `sample 3: `.
        fix: what to do.
    """
    if len(set(lengths.values())) > 1:
        *others, last = [f"{n} {what}" for what, n in lengths.items()]
        raise DataError(
            f"{where}there are {', '.join(others)} and {last}", code="lengths-differ", fix=fix
        )


def check_n_units(n_units: int) -> None:
    """Raise `DataError` for a number of channels that is not allowed."""
    if not 1 <= n_units <= MAX_CHANNELS:
        raise DataError(
            f"there are {n_units} units, but nmtool allows 1 … {MAX_CHANNELS}",
            code="units-count",
            fix="number the channels from 0 without gaps, and correct n_units",
        )


@lru_cache(maxsize=4)
def check_names(names: tuple[str, ...]) -> None:
    """Raise `DataError` for class names that are missing, repeated, too many or not text.

    All batches of a data set share their names, which are checked once.
    """
    if not names:
        raise DataError(
            "spike events need at least one class",
            code="classes-missing",
            fix="name the classes, one per label",
        )
    if len(names) > MAX_CLASSES:
        raise DataError(
            f"there are {len(names):,} classes, but nmtool allows at most {MAX_CLASSES:,}",
            code="classes-too-many",
            fix=_LABEL_FIX,
        )
    for index, name in enumerate(names):
        if not is_unicode(name):
            raise DataError(
                f"the name of class {index}, {printable(ascii(name))}, is not valid text",
                code="data-class-names-not-text",
                fix="give it another name",
                why="it contains half of a surrogate pair",
            )
    if twice := [name for name, n in Counter(names).items() if n > 1]:
        raise DataError(
            f"several classes have the same name: {listed(twice, 3)}",
            code="classes-named-twice",
            fix="give every class a different name",
        )


def numbered_classes(largest: int) -> tuple[str, ...]:
    """Names of numbered classes, from 0 to the largest label.

    Raises:
        DataError: a label is too large to be the number of a class.
    """
    if largest >= MAX_CLASSES:
        raise DataError(
            f"a label is {largest}, and no file names the classes",
            code="labels-unnamed",
            why=f"nmtool allows at most {MAX_CLASSES:,} classes",
            fix=f"number the classes from 0, or name them; {_LABEL_FIX}",
        )
    return tuple(map(str, range(1 + largest)))
