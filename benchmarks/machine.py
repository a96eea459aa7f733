"""The header of every report: machine, software versions and load."""

from __future__ import annotations

import os
import platform
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from nmtool.machine import cpu_name, usable_cores
from nmtool.version import __version__

PACKAGES = ("numpy", "numba", "torch", "snntorch", "norse", "DCLS")


def header() -> dict[str, Any]:
    """Describe the machine: date, processor, cores, load, and versions (None if not installed)."""
    return {
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "cpu": cpu_name(),
        "cores": usable_cores(),
        "load_average": list(os.getloadavg()) if hasattr(os, "getloadavg") else None,
        "versions": {
            "nmtool": __version__,
            "python": platform.python_version(),
            **{name: _version(name) for name in PACKAGES},
        },
    }


def _version(package: str) -> str | None:
    """Version of a package; None if the package is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None
