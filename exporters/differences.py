"""Numbers of an artefact beside those that would be written: which one is another."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def array_change(expected: NDArray, found: NDArray) -> str:
    """Say where two arrays differ first, and in how many places; '' where they do not.

    >>> array_change(np.array([[1, 2], [3, 4]]), np.array([[1, 2], [5, 6]]))
    '[1, 0] is 5, not 3; 2 of 4 numbers differ'

    Args:
        expected: what would be written.
        found: what there is.
    """
    if expected.shape != found.shape:
        return f"its shape is {list(found.shape)}, not {list(expected.shape)}"
    if found.dtype.kind not in "biuf" or expected.dtype.kind not in "biuf":
        return "" if np.array_equal(expected, found) else "it differs"
    differ = expected != found
    if not differ.any():
        types = expected.dtype, found.dtype
        return "" if types[0] == types[1] else f"its numbers are {types[1]}, not {types[0]}"
    place = tuple(np.argwhere(differ)[0])
    where = f"{[int(i) for i in place]} " if place else ""
    text = f"{where}is {found[place]}, not {expected[place]}"
    many = int(differ.sum())
    return text if many == 1 else f"{text}; {many} of {differ.size} numbers differ"
