"""The machine that nmtool runs on, in words, for results that depend on it."""

from __future__ import annotations

import platform
from pathlib import Path

_INFO = Path("/proc/cpuinfo")


def cpu_name() -> str:
    """The processor's name, or its kind where the system does not tell the name."""
    if _INFO.exists():
        for line in _INFO.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
