"""Data sets downloaded by tonic: `shd`, `ssc`, and all other sets by the names of their classes.

tonic is GPL-licensed and optional (the extra `tonic`). It is imported only to download or decode a
data set: an SHD or SSC file that exists in the data folder is read directly. (tonic itself would
download it again unless its zip lies beside it, and would fail offline.)

Data are kept in `data_folder`: the given option, else the environment variable NMTOOL_DATA, else
`data` in nmtool's cache folder. tonic makes one sub-folder per data set.
"""

from __future__ import annotations

import difflib
import inspect
import math
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

from nmtool import paths
from nmtool.data.events import SpikeEvents, errors_naming
from nmtool.data.pairs import class_names_of, sensor_size_of
from nmtool.data.shd import SUFFIXES
from nmtool.data.stored import read_events
from nmtool.errors import DataError, MissingError, UsageError, reason
from nmtool.libraries import missing_library

HEIDELBERG_SPLITS = {"SHD": ("train", "test"), "SSC": ("train", "validation", "test")}
"""Data sets in SHD layout, by the names of their classes in tonic."""

_TONIC_SPLITS = {"train": "train", "validation": "valid", "test": "test"}
"""Values of the argument `split` of tonic's constructors, by nmtool's name."""

_PREFERENCES = {"single_digits": True}
"""Constructor arguments that make a data set a classification task (NTIDIGITS18)."""


def data_folder(option: str | Path | None = None) -> Path:
    """The folder for downloaded data: the option, else NMTOOL_DATA, else the cache folder."""
    chosen = option or os.environ.get("NMTOOL_DATA")
    return Path(chosen).expanduser() if chosen else paths.cache_folder() / "data"


def load_heidelberg(name: str, split: str, folder: Path, *, in_memory: bool = False) -> SpikeEvents:
    """Load a split of `SHD` or `SSC`: read its file in the folder, or let tonic download the file.

    Raises:
        MissingError: a download is needed, and tonic or the network is missing.
        DataError: the file is damaged.
    """
    file_name = name.lower() + SUFFIXES[split]
    candidates = [folder / name / file_name, folder / file_name]
    for path in candidates:
        if path.is_file():
            return read_events(path, in_memory=in_memory)
    _download(name, split, folder, file_name)
    return read_events(candidates[0], in_memory=in_memory)


def _download(name: str, split: str, folder: Path, file_name: str) -> None:
    """Download and unpack one file. An existing complete zip is only unpacked."""
    original = _dataset_class(name)
    downloading_class = type(name, (original,), {"_check_exists": lambda self: False})
    fix = f"check the network, or put {file_name} into {folder / name} yourself"
    with _tonic_at_work(f"{file_name} could not be fetched", fix):
        downloading_class(str(folder), **_constructor_arguments(original, split))


def tonic_splits(name: str) -> tuple[str, ...]:
    """The splits of a data set of tonic.

    Raises:
        MissingError: tonic is not installed.
        UsageError: tonic has no such data set, or the data set lacks a training or test split.
    """
    if name in HEIDELBERG_SPLITS:
        return HEIDELBERG_SPLITS[name]
    parameters = inspect.signature(_dataset_class(name)).parameters
    choices = [key for key, p in parameters.items() if p.default is p.empty]
    if not {"save_to", "split"}.issuperset(choices) or not {"train", "split"} & set(parameters):
        raise UsageError(
            f"tonic's data set '{name}' cannot be used",
            code="dataset-unsuitable",
            fix="choose another data set, or write its events with nmtool.write_shd",
            why="the data set lacks a training or test split, or needs further arguments",
        )
    return ("train", "test") if "train" in parameters else tuple(_TONIC_SPLITS)


def load_tonic(name: str, split: str, folder: Path, *, in_memory: bool = False) -> SpikeEvents:
    """Load a split of a classification data set of tonic; pixels and polarities become units.

    Raises:
        MissingError: tonic or the network is missing.
        UsageError: tonic has no such data set or split.
        DataError: the data set is not a classification task with a sensor of fixed size.
    """
    if name in HEIDELBERG_SPLITS:
        return load_heidelberg(name, split, folder, in_memory=in_memory)
    dataset_class = _dataset_class(name)
    fix = f"check the network and the files in {folder / name}"
    with _tonic_at_work(f"tonic could not provide '{name}'", fix):
        dataset = dataset_class(str(folder), **_constructor_arguments(dataset_class, split))
    return read_tonic(dataset, name)


def read_tonic(dataset: Any, name: str) -> SpikeEvents:
    """Convert a data set in tonic's format, with a sensor and named classes, to events.

    Args:
        dataset: an object with a length and items (events, target), as for
            `SpikeEvents.from_tonic`.
        name: name of the data set, for messages.

    Raises:
        DataError: the data set is not a classification task with a sensor of fixed size, or an
            event lies outside the sensor.
    """
    with errors_naming(name):
        size = sensor_size_of(dataset)
        if class_names_of(dataset) is None:
            raise DataError(
                "the data set has no classes",
                code="classes-missing",
                fix="choose a data set whose samples have classes",
            )
        return SpikeEvents.from_torch(dataset, n_units=math.prod(size), sensor_size=size)


def _constructor_arguments(dataset_class: Any, split: str) -> dict[str, Any]:
    """Arguments that select a split when a class of tonic is called."""
    parameters = inspect.signature(dataset_class).parameters
    chosen = {key: value for key, value in _PREFERENCES.items() if key in parameters}
    if "train" in parameters:
        return {"train": split == "train", **chosen}
    return {"split": _TONIC_SPLITS[split], **chosen}


def _dataset_class(name: str) -> Any:
    """Find a class of tonic by name; raise `UsageError` if there is none."""
    try:
        from tonic import datasets
    except ImportError as error:
        raise missing_library(error, "tonic") from error
    if name not in datasets.__all__:
        near = difflib.get_close_matches(name.upper(), datasets.__all__, 1)
        raise UsageError(
            f"tonic has no data set '{name}'",
            code="dataset-unknown",
            fix=f"use tonic:{near[0]}" if near else f"use one of {', '.join(datasets.__all__)}",
        )
    return getattr(datasets, name)


@contextmanager
def _tonic_at_work(what: str, fix: str) -> Iterator[None]:
    """Keep tonic's output off stdout, and turn any error of its downloads into `MissingError`."""
    try:
        with redirect_stdout(sys.stderr):
            yield
    except ImportError as error:
        raise missing_library(error, "tonic") from error
    except Exception as error:
        why = reason(error)
        raise MissingError(what, code="dataset-not-fetched", why=why, fix=fix) from error
