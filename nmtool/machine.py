"""The machine that nmtool runs on, in words, for results that depend on it."""

from __future__ import annotations

import os
import platform
import shutil
from pathlib import Path

_INFO = Path("/proc/cpuinfo")


def cpu_name() -> str:
    """The processor's name, or its kind where the system does not tell the name."""
    if _INFO.exists():
        for line in _INFO.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def usable_cores() -> int:
    """Cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def has_nvidia_driver() -> bool:
    """True where a driver for NVIDIA's GPUs is installed, which tells nothing about cards."""
    return shutil.which("nvidia-smi") is not None or Path("/proc/driver/nvidia/version").exists()
