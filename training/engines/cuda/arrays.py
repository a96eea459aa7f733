"""Torch's tensors for Numba's kernels: views without copies, on torch's current stream.

One GPU per process, the one that torch calls current (`available.py` chooses it).
"""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import Tensor

from nmtool.training.engines.cuda import SIMULATED
from nmtool.training.engines.cuda.kernels.compiled import cuda

Grid = tuple[int, ...]


def view(tensor: Tensor) -> Any:
    """The tensor as an array that kernels take, sharing its memory."""
    return tensor.detach().numpy() if SIMULATED else cuda.as_cuda_array(tensor.detach())


def stream() -> Any:
    """Torch's current stream as Numba's; 0 is the default stream of both."""
    pointer = 0 if SIMULATED else torch.cuda.current_stream().cuda_stream
    return cuda.external_stream(pointer) if pointer else 0


def launch(kernel: Any, grid: Grid, threads: int, shared_bytes: int, *arguments: Any) -> None:
    """Launch a kernel; nothing happens on an empty grid.

    Args:
        kernel: one of `nmtool.training.engines.cuda.kernels`.
        grid: blocks along up to three axes.
        threads: per block.
        shared_bytes: dynamic shared memory per block.
        arguments: tensors, contiguous and on the device, and integers.
    """
    if 0 in grid:
        return
    views = [view(value) if isinstance(value, Tensor) else value for value in arguments]
    with warnings.catch_warnings():
        # Numba advises larger grids; their size is the batch's. The class differs by version.
        warnings.filterwarnings("ignore", message="Grid size .* under-utilization")
        kernel[grid, threads, stream(), shared_bytes](*views)
