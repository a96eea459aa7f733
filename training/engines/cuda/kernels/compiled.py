"""Compilation of kernels, for Numba's simulator, or for a GPU with a cache on disk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba.cuda
import numpy as np

from nmtool.hardware_sim.compiled import kernel_folder
from nmtool.hardware_sim.kernel_files import KernelFiles
from nmtool.setup.installation import version_of
from nmtool.training.engines.cuda import SIMULATED

cuda: Any = numba.cuda
"""Numba's CUDA module, as `Any`: it has no types."""

index = np.uint64
"""An index that is known not to be negative, by its type. For any other, Numba compares and adds
the size of the axis, which takes more instructions than what is read. Arithmetic mixes it with no
signed integer, which would make floats of both."""

MAX_REGISTERS = 64
"""Registers per thread: with more, a block of 1024 threads needs more than the 65536 there are."""


SOURCES = (
    "nmtool.training.engines.cuda.kernels",
    "nmtool.hardware_sim.step",
    "nmtool.arithmetic",
    "nmtool.dynamics",
)
"""Modules and packages (without subpackages) that kernels are compiled from."""


class GpuKernelFiles(KernelFiles):
    """Disk cache of GPU kernels, whose class in numba-cuda differs from Numba's functions."""

    def reduced(self, data: Any) -> tuple[Any, Any]:
        """See `KernelFiles`."""
        return data._codelibrary.codegen, data._reduce_states()

    def rebuilt(self, target_context: Any, reduced: Any) -> Any:
        """See `KernelFiles`."""
        from numba.cuda.dispatcher import _Kernel

        return _Kernel._rebuild(**reduced)

    def _key(self, sig: Any, codegen: Any) -> bytes:
        return super()._key(sig, codegen) + version_of("numba-cuda").encode()


def kernel(function: Callable[..., None]) -> Any:
    """A kernel, compiled at its first launch for each combination of argument types."""
    if SIMULATED:
        return cuda.jit(function)
    dispatcher = cuda.jit(max_registers=MAX_REGISTERS)(function)
    dispatcher._cache = GpuKernelFiles(function, kernel_folder(SOURCES))
    return dispatcher


def within(function: Callable[..., Any]) -> Any:
    """A device function, called by kernels.

    It may use `cuda` only if its kernels are in the same module, where the simulator replaces
    `cuda` while a kernel runs.
    """
    return cuda.jit(device=True)(function)
