"""GPU failures as nmtool's errors: out of memory, kernels that do not run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from nmtool.errors import BackendError, InputError, NmtoolError, reason

_AT_FAULT = ("cuda", "numba_cuda")
"""Packages whose errors come from the driver. Numba's own errors, on types, are bugs of nmtool."""

_AGAIN = (
    "resume the run: `resume=True`; if it happens again, train on the CPU and report it with the "
    "output of `nmtool doctor`"
)


@contextmanager
def gpu_errors_converted() -> Iterator[None]:
    """Convert torch's GPU errors inside the block to nmtool's errors; others are unchanged.

    Raises:
        InputError: the GPU is out of memory.
        BackendError: the GPU failed.
    """
    try:
        yield
    except RuntimeError as error:
        failure = torch_gpu_failure(error)
        if failure is None:
            raise
        raise failure from error


def torch_gpu_failure(error: Exception) -> NmtoolError | None:
    """nmtool's error for a GPU error of torch; None for other errors."""
    if isinstance(error, torch.cuda.OutOfMemoryError):
        return InputError(
            "the GPU is out of memory",
            code="gpu-memory-exhausted",
            why=str(error).partition(". GPU ")[0],
            fix="use a smaller batch_size, fewer steps or fewer neurons; `nvidia-smi` lists other "
            "processes on the GPU",
        )
    # Torch 2.8 introduced a class for GPU errors. In earlier versions, only the message shows that
    # the GPU caused an error.
    is_accelerator = isinstance(error, getattr(torch, "AcceleratorError", ()))
    if is_accelerator or str(error).startswith("CUDA error"):
        return BackendError(
            "the GPU failed",
            code="gpu-failed",
            why=str(error).partition("\n")[0],
            fix=_AGAIN,
        )
    return None


def launch_failure(error: Exception, kernel: str) -> NmtoolError | None:
    """nmtool's error for a failed launch; None for bugs of nmtool.

    Args:
        error: error raised by the launch.
        kernel: name of the kernel.
    """
    module = type(error).__module__
    if module.partition(".")[0] in _AT_FAULT or module.startswith("numba.cuda.cudadrv"):
        return BackendError(
            f"the GPU cannot run the kernel {kernel}",
            code="gpu-launch-failed",
            why=reason(error),
            fix=_AGAIN,
        )
    return torch_gpu_failure(error)
