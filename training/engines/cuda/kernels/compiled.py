"""Compilation of kernels, in Numba's simulator or for a GPU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba.cuda

from nmtool.training.engines.cuda import SIMULATED

cuda: Any = numba.cuda
"""Numba's CUDA dialect, as `Any`: type checkers do not know it."""

MAX_REGISTERS = 64
"""Per thread: with more, the 65536 of a multiprocessor do not serve a block of 1024 threads."""


def kernel(function: Callable[..., None]) -> Any:
    """A kernel, compiled when it is first launched with arguments of some types."""
    return cuda.jit(function) if SIMULATED else cuda.jit(max_registers=MAX_REGISTERS)(function)


def within(function: Callable[..., Any]) -> Any:
    """A function that kernels call.

    It uses `cuda` only if its kernels are in the same module: there the simulator puts another
    `cuda` in place while a kernel runs.
    """
    return cuda.jit(device=True)(function)
