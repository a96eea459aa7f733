"""`ahead`: the next batch is made while the engine works on this one."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

_Item = TypeVar("_Item")

_NOTHING = object()


def ahead(items: Iterator[_Item]) -> Iterator[_Item]:
    """Make each item in a thread while the one before it is in use.

    What making one raises is raised where it is wanted.

    >>> list(ahead(n * n for n in range(4)))
    [0, 1, 4, 9]

    Args:
        items: a generator, which runs in that thread and nowhere else.
    """
    with ThreadPoolExecutor(1, "ahead") as thread:
        coming = thread.submit(next, items, _NOTHING)
        while (item := coming.result()) is not _NOTHING:
            coming = thread.submit(next, items, _NOTHING)
            yield item  # type: ignore[misc]
