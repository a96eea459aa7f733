"""Scratch memory that passes hand on to each other.

Fresh memory costs a page fault every few kilobytes, and what is freed in between larger pieces
is not always given back. A pass borrows arrays for its portions and returns them.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from numpy.typing import DTypeLike, NDArray


class Pool:
    """Arrays to be used again, for any number of passes and threads at a time."""

    def __init__(self) -> None:
        self._free: list[NDArray[np.uint8]] = []
        self._lock = threading.Lock()

    @contextmanager
    def lend(self, shape: Sequence[int], dtype: DTypeLike) -> Iterator[NDArray]:
        """An array with whatever content, to be used inside the `with` block only.

        Args:
            shape: of the array.
            dtype: its type.
        """
        size = math.prod(shape) * np.dtype(dtype).itemsize
        memory = self._take(size)
        try:
            yield memory[:size].view(dtype).reshape(shape)
        finally:
            with self._lock:
                self._free.append(memory)

    def _take(self, size: int) -> NDArray[np.uint8]:
        """The smallest that is large enough; a new one takes the place of one too small."""
        with self._lock:
            self._free.sort(key=len)
            for index, memory in enumerate(self._free):
                if len(memory) >= size:
                    return self._free.pop(index)
            del self._free[:1]
        return np.empty(size, np.uint8)
