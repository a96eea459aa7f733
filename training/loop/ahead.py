"""`ahead`: prepare the next batch while the engine works on the current one."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

_Item = TypeVar("_Item")

_END = object()


def ahead(items: Iterator[_Item]) -> Iterator[_Item]:
    """Prepare each item in a thread while the previous one is in use.

    If the thread raises an exception, it is raised again where the item is requested.

    >>> list(ahead(n * n for n in range(4)))
    [0, 1, 4, 9]

    Args:
        items: a generator; its code runs only in the thread.
    """
    with ThreadPoolExecutor(1, "ahead") as thread:
        next_item = thread.submit(next, items, _END)
        while (item := next_item.result()) is not _END:
            next_item = thread.submit(next, items, _END)
            yield item  # type: ignore[misc]
