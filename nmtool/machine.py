"""The computer that nmtool runs on: processor, cores and threads."""

from __future__ import annotations

import os
import platform
import shutil
from pathlib import Path

from nmtool.errors import UsageError

_INFO = Path("/proc/cpuinfo")


def cpu_name() -> str:
    """The processor's name, or its architecture if the system does not give the name."""
    if _INFO.exists():
        for line in _INFO.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def usable_cores() -> int:
    """Number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def has_nvidia_driver() -> bool:
    """True if a driver for NVIDIA's GPUs is installed, even on a computer without a GPU."""
    return shutil.which("nvidia-smi") is not None or Path("/proc/driver/nvidia/version").exists()


MOST_THREADS = 4096
"""Largest number of threads for Numba, which starts all of them at once."""


def check_numba_threads() -> None:
    """Check the environment variable NUMBA_NUM_THREADS, which Numba reads when it is imported.

    Call this before every import of Numba: with some values the import fails, with others it hangs.

    Raises:
        UsageError: the value is not a number of threads that Numba can start.
    """
    value = os.environ.get("NUMBA_NUM_THREADS")
    try:
        is_valid = value is None or 1 <= int(value) <= MOST_THREADS
    except ValueError:
        is_valid = False
    if not is_valid:
        raise UsageError(
            f"NUMBA_NUM_THREADS={value} is not a valid number of threads",
            code="numba-threads",
            why=f"it must be 1 … {MOST_THREADS}",
            fix="unset it, to use all cores, or set it to a number such as 1",
        )
