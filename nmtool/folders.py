"""Where nmtool keeps what it can make again: one place for caches, one for environments."""

from __future__ import annotations

import os
from pathlib import Path


def _base(variable: str, default: str) -> Path:
    value = os.environ.get(variable)
    return Path(value) if value else Path.home() / default


def cache_folder() -> Path:
    """Compiled kernels and downloads; NMTOOL_CACHE, else the user's cache folder."""
    override = os.environ.get("NMTOOL_CACHE")
    return Path(override) if override else _base("XDG_CACHE_HOME", ".cache") / "nmtool"


def data_folder() -> Path:
    """Environments that nmtool sets up; the user's data folder."""
    return _base("XDG_DATA_HOME", ".local/share") / "nmtool"


RUN_NETWORK = "network.npz"
"""The file of a run folder that holds its float network."""

RUN_INTEGERS = "integers.npz"
"""The file of a run folder that holds the integers of a run that trained in them."""
