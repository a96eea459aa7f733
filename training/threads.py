"""Cores that training uses; results do not depend on their number."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numba

from nmtool.errors import UsageError


def most_threads() -> int:
    """Cores that there are to use, or as many as NUMBA_NUM_THREADS says."""
    config: Any = numba.config
    return config.NUMBA_NUM_THREADS


@contextmanager
def threads_used(number: int | None, *, with_torch: bool = True) -> Iterator[None]:
    """Use so many cores while the block runs; None leaves it to the libraries.

    Args:
        number: of cores.
        with_torch: torch, too, which imports it.

    Raises:
        UsageError: there are not so many.
    """
    if number is None:
        yield
        return
    if not 1 <= number <= most_threads():
        raise UsageError(
            f"threads can be 1 … {most_threads()} here, not {number}",
            code="threads-range",
            fix="choose a number in between; by default all cores are used",
        )
    before = numba.get_num_threads()
    numba.set_num_threads(number)
    try:
        if with_torch:
            with _torch_threads(number):
                yield
        else:
            yield
    finally:
        numba.set_num_threads(before)


@contextmanager
def _torch_threads(number: int) -> Iterator[None]:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)
