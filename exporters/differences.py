"""Differences between an export and the one that nmtool would write: numbers and files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

CHANGED = "it is changed"


def array_change(expected: NDArray, stored: NDArray) -> str:
    """The first difference of two arrays and their number, in words; '' for equal arrays.

    >>> array_change(np.array([[1, 2], [3, 4]]), np.array([[1, 2], [5, 6]]))
    '[1, 0] is 5, not 3; 2 of 4 numbers differ'

    Args:
        expected: the array that nmtool would write.
        stored: the array in the export.
    """
    if expected.shape != stored.shape:
        return f"its shape is {list(stored.shape)}, not {list(expected.shape)}"
    if stored.dtype.kind not in "biuf" or expected.dtype.kind not in "biuf":
        return "" if np.array_equal(expected, stored) else "it differs"
    differ = expected != stored
    if not differ.any():
        types = expected.dtype, stored.dtype
        return "" if types[0] == types[1] else f"its numbers are {types[1]}, not {types[0]}"
    place = tuple(np.argwhere(differ)[0])
    where = f"{[int(i) for i in place]} " if place else ""
    text = f"{where}is {stored[place]}, not {expected[place]}"
    many = int(differ.sum())
    return text if many == 1 else f"{text}; {many} of {differ.size} numbers differ"


def changed_files(folder: Path, expected: Mapping[str, bytes]) -> dict[str, str]:
    """Compare the files of a folder byte for byte, and return the missing and changed ones.

    Args:
        folder: the export.
        expected: content by relative POSIX path.
    """
    wrong = {}
    for name in sorted(expected):
        file, content = folder / name, expected[name]
        if not file.is_file():
            wrong[name] = "it is missing"
        elif file.stat().st_size != len(content) or file.read_bytes() != content:
            wrong[name] = CHANGED
    return wrong
