"""Torch tensors as arguments of Numba kernels: views without copies, on torch's current stream.

A process uses one GPU, torch's current device, which `available.py` chooses.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numba
import numpy as np
import torch
from torch import Tensor

from nmtool.errors import UsageError
from nmtool.training.engines.cuda import SIMULATED
from nmtool.training.engines.cuda.kernels.compiled import cuda
from nmtool.training.engines.gpu_failures import launch_failure

Grid = tuple[int, ...]

numba_config: Any = numba.config

VIEWS = 1024
"""Number of cached descriptions of arrays: enough for several training steps, since torch reuses
memory."""


def view(tensor: Tensor) -> Any:
    """The tensor as an array for kernels, sharing its memory.

    Args:
        tensor: contiguous, on the current device.

    Raises:
        UsageError: the tensor is on another device.
    """
    if SIMULATED:
        return tensor.detach().numpy()
    check_device(tensor.device, current_device())
    assert tensor.is_contiguous()
    return array_description(
        tensor.data_ptr(), tuple(tensor.shape), tensor.dtype, tensor.device.index
    )


class _Memory:
    """Address, shape and type of GPU memory in the CUDA array interface.

    The memory is not kept alive.
    """

    def __init__(self, address: int, shape: tuple[int, ...], typestr: str) -> None:
        self.__cuda_array_interface__ = {
            "data": (address if np.prod(shape) else 0, False),
            "shape": shape,
            "typestr": typestr,
            "strides": None,
            "version": 2,
        }


@lru_cache(maxsize=VIEWS)
def array_description(
    address: int, shape: tuple[int, ...], dtype: torch.dtype, device: int | None
) -> Any:
    """Numba's description of a contiguous array, from a cache.

    Making a description takes longer than launching a kernel. A description does not keep the
    memory alive, so that it can be reused for any tensor with the same address, shape and type.
    `device` is only a part of the cache's key, since a description belongs to a device.
    """
    typestr = torch.empty(0, dtype=dtype).numpy().dtype.str
    return cuda.as_cuda_array(_Memory(address, shape, typestr))


def current_device() -> torch.device:
    """Torch's current GPU, in whose context Numba launches kernels."""
    return torch.device("cuda", torch.cuda.current_device())


def check_device(device: torch.device, current: torch.device) -> None:
    """Raise `UsageError` unless a tensor is on the current device."""
    if device != current:
        raise UsageError(
            f"a tensor is on {device}, but kernels run on {current}",
            code="gpu-differs",
            why="every process trains on one GPU, torch's current device",
            fix=f"create all tensors on {current}, or call torch.cuda.set_device before "
            "find_device('cuda')",
        )


def free_bytes(device: torch.device) -> int | None:
    """Free memory of a GPU, including torch's cache; None on a CPU."""
    if device.type != "cuda":
        return None
    free, _ = torch.cuda.mem_get_info(device)
    unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return free + unused


def stream() -> Any:
    """Torch's current stream for Numba; 0 is the default stream of both."""
    pointer = 0 if SIMULATED else torch.cuda.current_stream().cuda_stream
    return _external_stream(pointer) if pointer else 0


@lru_cache(maxsize=16)
def _external_stream(pointer: int) -> Any:
    """Numba's object for a stream; always the same, since launch settings are cached by object."""
    return cuda.external_stream(pointer)


def launch(kernel: Any, grid: Grid, threads: int, shared_bytes: int, *arguments: Any) -> None:
    """Launch a kernel; does nothing for an empty grid.

    Args:
        kernel: one of `nmtool.training.engines.cuda.kernels`.
        grid: blocks along up to three axes.
        threads: threads per block.
        shared_bytes: dynamic shared memory per block.
        arguments: tensors, which must be contiguous and on the device, and integers.

    Raises:
        UsageError: a tensor is on another device.
        BackendError: the driver refuses the launch, or the GPU failed before.
    """
    if 0 in grid:
        return
    views = [view(value) if isinstance(value, Tensor) else value for value in arguments]
    # The grid depends on the batch, so Numba's warning about small grids is disabled. A filter of
    # Python's warnings would affect all threads, and autograd launches kernels from its own
    # threads. Numba resets the setting when environment variables change. Therefore every launch
    # disables the warning again.
    numba_config.CUDA_LOW_OCCUPANCY_WARNINGS = 0
    try:
        kernel[grid, threads, stream(), shared_bytes](*views)
    except Exception as error:
        failure = launch_failure(error, kernel.__name__)
        if failure is None:
            raise
        raise failure from error
