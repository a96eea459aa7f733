"""Check the requirements for training on a GPU."""

from __future__ import annotations

import importlib.util
import os
from typing import Any

import torch

from nmtool.errors import MissingError, UsageError
from nmtool.setup.installation import cuda_extra, install_command, version_of
from nmtool.training.engines.cuda import SIMULATED
from nmtool.training.processes.launch import launched

COMPILERS = {"nvidia-cuda-nvcc-cu12": "12", "nvidia-nvvm": "13"}
"""Packages with NVIDIA's compiler library, and the CUDA version of each."""


def require() -> torch.device:
    """Check that kernels can be compiled and run, and choose a GPU that only this process uses.

    Returns:
        The GPU, now torch's current device; or the CPU where Numba simulates GPUs
        (NUMBA_ENABLE_CUDASIM=1, for tests: thousands of times slower).

    Raises:
        MissingError: a package, a driver or a GPU is missing, or packages are incompatible.
        UsageError: the machine has fewer GPUs than processes.
    """
    if SIMULATED:
        _numba_cuda()
        return torch.device("cpu")
    check()
    return _own_gpu()


def check() -> None:
    """Check that torch and numba-cuda can use a GPU, without starting CUDA.

    Raises:
        MissingError: a package, a driver or a GPU is missing, or packages are incompatible.
    """
    _require_torch()
    _require_compiler()
    _require_numba()


def _own_gpu() -> torch.device:
    """Torch's current GPU; in a job of several processes, the GPU of the local rank.

    If a scheduler shows each process only its own GPU, that GPU is used. `Ranks` later checks that
    no two processes share a GPU.
    """
    launch = launched()
    if launch is not None:
        gpus = torch.cuda.device_count()
        if gpus == 1 and os.environ.get("CUDA_VISIBLE_DEVICES"):
            torch.cuda.set_device(0)
        elif launch.local_size > gpus:
            raise UsageError(
                f"{launch.local_size} processes on this machine need one GPU each, but torch sees "
                f"only {gpus}",
                code="gpus-too-few",
                fix=f"use `--nproc-per-node {gpus}`" if gpus else "train on the CPU",
            )
        else:
            torch.cuda.set_device(launch.local_rank)
    return torch.device("cuda", torch.cuda.current_device())


def _require_torch() -> None:
    if torch.version.cuda is None:
        raise MissingError(
            "training on a GPU needs torch with CUDA support",
            code="torch-without-cuda",
            why=f"the installed torch {torch.__version__} was built without CUDA",
            fix="install torch with CUDA as pytorch.org describes, or train on the CPU",
        )
    if not torch.cuda.is_available():
        raise MissingError(
            "no NVIDIA GPU is visible",
            code="gpu-missing",
            why="torch finds no driver or no GPU, or CUDA_VISIBLE_DEVICES hides it",
            fix="check with `nvidia-smi`, or train on the CPU",
        )


def _require_compiler() -> None:
    major = str(torch.version.cuda).split(".")[0]
    if importlib.util.find_spec("numba_cuda") is None:
        raise MissingError(
            "training on a GPU needs numba-cuda",
            code="library-missing",
            why="numba-cuda compiles the kernels, and is not installed",
            fix=install_command(cuda_extra(torch.version.cuda)),
        )
    majors = {version for name, version in COMPILERS.items() if version_of(name)}
    if majors and major not in majors:
        raise MissingError(
            f"torch uses CUDA {major}, but numba-cuda has the compiler of CUDA "
            f"{', '.join(sorted(majors))}",
            code="cuda-versions-differ",
            why="torch and numba-cuda share one driver, and kernels compiled for a newer CUDA than "
            "torch's may not run with this driver",
            fix=install_command(cuda_extra(torch.version.cuda)),
        )


def _require_numba() -> None:
    if not _numba_cuda().is_available():
        command = install_command(cuda_extra(torch.version.cuda))
        raise MissingError(
            "numba-cuda cannot use the GPU that torch uses",
            code="numba-cuda-without-gpu",
            why="numba-cuda finds no driver, or no compiler library (NVVM)",
            fix=f"{command}; `numba -s` shows Numba's CUDA setup",
        )


def _numba_cuda() -> Any:
    try:
        from numba import cuda
    except (ImportError, AttributeError) as error:
        raise MissingError(
            "numba-cuda is incompatible with the installed Numba",
            code="numba-cuda-unfit",
            why=str(error),
            fix="pip install --upgrade numba numba-cuda",
        ) from error
    return cuda
