"""Names and numbers of classes."""

from __future__ import annotations

from collections import Counter
from functools import lru_cache

from nmtool.errors import DataError, listed, printable
from nmtool.network.graph import is_unicode

MAX_CLASSES = 1000
"""Largest number of classes of a data set."""

LARGEST_LABEL = 1 << 53
"""Floats count up to here exactly."""

_LABEL_FIX = "label every sample with its class, not with its own number (in CSV, the column label)"


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
