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
"""Unsigned type of indices. Numba checks whether a signed index is negative, which takes more
instructions than the read itself. Do not mix unsigned indices with signed integers in arithmetic:
Numba would convert both to floats."""

MAX_REGISTERS = 64
"""Maximum number of registers per thread: a block of 1024 threads has 65536 registers."""


SOURCES = (
    "nmtool.training.engines.cuda.kernels",
    "nmtool.hardware_sim.step",
    "nmtool.hardware_sim.resets",
    "nmtool.arithmetic",
    "nmtool.dynamics",
)
"""Modules and packages (without subpackages) that kernels are compiled from."""


class GpuKernelFiles(KernelFiles):
    """Disk cache of GPU kernels, which are pickled in another way than functions for the CPU."""

    def reduced(self, data: Any) -> tuple[Any, Any]:
        """Code generator and picklable form of a compiled kernel."""
        return data._codelibrary.codegen, data._reduce_states()

    def rebuilt(self, target_context: Any, reduced: Any) -> Any:
        """The compiled kernel from its picklable form."""
        from numba.cuda.dispatcher import _Kernel

        return _Kernel._rebuild(**reduced)

    def _key(self, sig: Any, codegen: Any) -> bytes:
        """Key of a kernel in the cache, with the version of numba-cuda."""
        return super()._key(sig, codegen) + version_of("numba-cuda").encode()


def kernel(function: Callable[..., None]) -> Any:
    """Make a kernel, which is compiled at its first launch with each combination of types."""
    if SIMULATED:
        return cuda.jit(function)
    dispatcher = cuda.jit(max_registers=MAX_REGISTERS)(function)
    dispatcher._cache = GpuKernelFiles(function, kernel_folder(SOURCES))
    return dispatcher


def device_function(function: Callable[..., Any]) -> Any:
    """Make a device function, which runs on the GPU and is called by kernels.

    It may use `cuda` only if its kernels are in the same module: only there does the simulator
    replace `cuda` while a kernel runs.
    """
    return cuda.jit(device=True)(function)
