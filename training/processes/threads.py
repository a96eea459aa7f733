"""Number of CPU threads in training; results do not depend on it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from nmtool.errors import UsageError
from nmtool.machine import check_numba_threads
from nmtool.training.processes.launch import launched


def most_threads() -> int:
    """Maximum number of threads: the available cores, or NUMBA_NUM_THREADS.

    Raises:
        UsageError: NUMBA_NUM_THREADS is not a number of threads.
    """
    check_numba_threads()
    import numba

    config: Any = numba.config
    return config.NUMBA_NUM_THREADS


def threads_each() -> int | None:
    """Number of threads of this process if several processes share a machine; else None.

    torchrun sets OMP_NUM_THREADS to 1, which limits torch; Numba does not read it.
    """
    launch = launched()
    if launch is None or "NUMBA_NUM_THREADS" in os.environ:
        return None
    return max(1, most_threads() // launch.local_size)


def check_threads(number: int) -> None:
    """Raise `UsageError` unless the number is between 1 and `most_threads`."""
    if not 1 <= number <= most_threads():
        raise UsageError(
            f"threads must be 1 … {most_threads()} on this machine, not {number}",
            code="threads-range",
            fix="choose a number in this range; by default all cores are used",
        )


def use_threads(number: int, *, with_torch: bool) -> None:
    """Set the number of threads from now on.

    Args:
        number: number of threads.
        with_torch: True to set the number for torch, too; this imports torch.

    Raises:
        UsageError: the number is not between 1 and `most_threads`.
    """
    check_threads(number)
    import numba

    numba.set_num_threads(number)
    if with_torch:
        import torch

        torch.set_num_threads(number)


@contextmanager
def threads_used(number: int | None, *, with_torch: bool = True) -> Iterator[None]:
    """Set the number of threads inside the block; None leaves it to the libraries.

    Arguments and errors are those of `use_threads`.
    """
    if number is None:
        yield
        return
    check_threads(number)
    import numba

    before = numba.get_num_threads()
    torch_before = _torch_threads() if with_torch else 0
    use_threads(number, with_torch=with_torch)
    try:
        yield
    finally:
        numba.set_num_threads(before)
        if with_torch:
            import torch

            torch.set_num_threads(torch_before)


def _torch_threads() -> int:
    """Torch's number of threads."""
    import torch

    return torch.get_num_threads()
