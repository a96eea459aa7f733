"""`ahead`: prepare the next batch while the engine works on the current one."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

_Item = TypeVar("_Item")

_NOTHING = object()


def ahead(items: Iterator[_Item]) -> Iterator[_Item]:
    """Prepare each item in a thread while the previous one is in use.

    An exception in the thread is raised again where the item is requested.

    >>> list(ahead(n * n for n in range(4)))
    [0, 1, 4, 9]

    Args:
        items: a generator; its code runs only in the thread.
    """
    with ThreadPoolExecutor(1, "ahead") as thread:
        coming = thread.submit(next, items, _NOTHING)
        while (item := coming.result()) is not _NOTHING:
            coming = thread.submit(next, items, _NOTHING)
            yield item  # type: ignore[misc]
