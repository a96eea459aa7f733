"""Paths of caches, downloads and environments, and names of the files in a run folder."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path


def _folder_from(variable: str, default: str) -> Path:
    """The folder that an environment variable names, or else `default` in the home folder."""
    value = os.environ.get(variable)
    return Path(value) if value else Path.home() / default


def cache_folder() -> Path:
    """Folder for compiled kernels and downloads: NMTOOL_CACHE, else the user's cache folder."""
    override = os.environ.get("NMTOOL_CACHE")
    return Path(override) if override else _folder_from("XDG_CACHE_HOME", ".cache") / "nmtool"


def data_folder() -> Path:
    """Folder for environments that nmtool sets up, in the user's data folder."""
    return _folder_from("XDG_DATA_HOME", ".local/share") / "nmtool"


@cache
def pages_folder(name: str) -> Path:
    """The folder `docs` or `examples`: installed with nmtool, or beside it in a checkout."""
    installed = Path(__file__).parent / name
    return installed if installed.is_dir() else Path(__file__).parents[1] / name


# Files of a run folder

RUN_MANIFEST = "run.json"
"""Settings and data set of the run, and version of nmtool."""

RUN_LOG = "log.jsonl"
"""Log of the run: one line per epoch."""

RUN_TABLE = "log.csv"
"""The same log as CSV, for spreadsheets."""

RUN_NETWORK = "network.npz"
"""The float network of the best epoch."""

RUN_INTEGERS = "integers.npz"
"""The integer network of the best epoch, if the run trained in integers."""

RUN_CHECKPOINT = "checkpoint.npz"
"""Everything needed to resume after the last finished epoch."""


RUN_SEARCH = "search"
"""Folder of the hyperparameter search that chose the settings, if there was one."""

# Files of other folders

ANSWERS = "answers.npz"
"""In the folder of a cross-validation: predicted class, fold and columns of every sample."""

EXPORT_ANSWERS = "known_answers.npz"
"""Known answers in the folder of an export with a `run.py`, such as Lava's."""

EXPORT_EVENTS = "events.csv"
"""A few samples of data in the same folder, a row per event."""
