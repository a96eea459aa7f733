"""Failures of a GPU as errors for people: memory that is used up, kernels that do not run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from nmtool.errors import BackendError, InputError, NmtoolError, reason

_AT_FAULT = ("cuda", "numba_cuda")
"""Packages whose errors are the driver's. Those of Numba itself, about types, are our mistakes."""

_AGAIN = (
    "resume the run: `resume=True`; if it happens again, train on the CPU and report it with what "
    "`nmtool doctor` says"
)


@contextmanager
def failures_explained() -> Iterator[None]:
    """Turn torch's errors about a GPU inside into coded ones; others pass.

    Raises:
        InputError: the GPU's memory is used up.
        BackendError: the GPU has failed.
    """
    try:
        yield
    except RuntimeError as error:
        failure = explained(error)
        if failure is None:
            raise
        raise failure from error


def explained(error: Exception) -> NmtoolError | None:
    """What a GPU failed in, from torch's error; None where the error is about something else."""
    if isinstance(error, torch.cuda.OutOfMemoryError):
        return InputError(
            "the GPU has not enough memory",
            code="gpu-memory-exhausted",
            why=str(error).partition(". GPU ")[0],
            fix="use a smaller batch_size, fewer steps or fewer neurons; `nvidia-smi` shows "
            "which other processes use the GPU",
        )
    # Torch has a class for them since 2.8; before, the words are all there is.
    is_accelerator = isinstance(error, getattr(torch, "AcceleratorError", ()))
    if is_accelerator or str(error).startswith("CUDA error"):
        return BackendError(
            "the GPU has failed",
            code="gpu-failed",
            why=str(error).partition("\n")[0],
            fix=_AGAIN,
        )
    return None


def launch_failure(error: Exception, kernel: str) -> NmtoolError | None:
    """What a launch failed in, from Numba's or the driver's error; None for mistakes of our own.

    Args:
        error: raised by the launch.
        kernel: name of the kernel.
    """
    module = type(error).__module__
    if module.partition(".")[0] in _AT_FAULT or module.startswith("numba.cuda.cudadrv"):
        return BackendError(
            f"the GPU does not run the kernel {kernel}",
            code="gpu-launch-failed",
            why=reason(error),
            fix=_AGAIN,
        )
    return explained(error)
