"""Scratch memory, reused between passes.

New memory costs a page fault every few kilobytes, and freed memory between larger blocks is not
always returned to the system. A pass therefore borrows arrays for its portions.
"""

from __future__ import annotations

import math
import mmap
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from numpy.typing import DTypeLike, NDArray


def dense(size: int) -> NDArray[np.uint8]:
    """Allocate `size` bytes for arrays that are filled completely."""
    return np.empty(size, np.uint8)


def sparse(size: int) -> NDArray[np.uint8]:
    """Allocate `size` bytes for arrays of which usually only a part is used.

    Pages that are never touched take no memory. NumPy would request huge pages instead, and
    touching one byte would allocate a whole huge page.
    """
    private = getattr(mmap, "MAP_PRIVATE", 0) | getattr(mmap, "MAP_ANONYMOUS", 0)
    memory = mmap.mmap(-1, max(size, 1), **({"flags": private} if private else {}))
    if hasattr(mmap, "MADV_NOHUGEPAGE"):
        memory.madvise(mmap.MADV_NOHUGEPAGE)
    return np.frombuffer(memory, np.uint8)


class Pool:
    """A pool of reusable arrays, for any number of passes and threads at a time.

    Args:
        allocate: function that allocates a number of bytes.
    """

    def __init__(self, allocate: Callable[[int], NDArray[np.uint8]] = dense) -> None:
        self._allocate = allocate
        self._free: list[NDArray[np.uint8]] = []
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[type[Pool], tuple[Callable[[int], NDArray[np.uint8]]]]:
        """A copied pool, as in a copied network, starts empty."""
        return Pool, (self._allocate,)

    @contextmanager
    def lend(self, shape: Sequence[int], dtype: DTypeLike) -> Iterator[NDArray]:
        """Lend an uninitialised array, for use inside the `with` block only.

        Args:
            shape: shape of the array.
            dtype: type of its numbers.
        """
        size = math.prod(shape) * np.dtype(dtype).itemsize
        memory = self._take(size)
        try:
            yield memory[:size].view(dtype).reshape(shape)
        finally:
            with self._lock:
                self._free.append(memory)

    def _take(self, size: int) -> NDArray[np.uint8]:
        """Take the smallest buffer that is large enough, or replace the smallest by a new one."""
        with self._lock:
            self._free.sort(key=len)
            for index, memory in enumerate(self._free):
                if len(memory) >= size:
                    return self._free.pop(index)
            del self._free[:1]
        return self._allocate(size)


class Scratch:
    """The scratch memory of an engine.

    Attributes:
        traces: buffers for arrays over neurons and steps.
        spike_lists: buffers for lists of spikes, long enough for every neuron to spike in every
            step.
    """

    def __init__(self) -> None:
        self.traces, self.spike_lists = Pool(dense), Pool(sparse)
