"""Data sets by name: everything that DATA can be on the command line.

    digits        scikit-learn's handwritten digits, directions of edges coded as latencies
    yinyang       points of a yin-yang symbol, generated as published
    shd, ssc      the Heidelberg sets, fetched once by tonic
    tonic:NAME    another data set of tonic, by the name of its class
    NAME          a data set of a plug-in
    FOLDER        any folder in SHD layout

A name of the catalogue takes precedence over a folder of the same name; write './digits' for the
folder.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import FunctionType

import numpy as np
from numpy.typing import NDArray

from nmtool.data import shd, tonic_sets
from nmtool.data.dataset import Dataset
from nmtool.data.digits import load_digits
from nmtool.data.dividing import Amount, SplitRule
from nmtool.data.events import SpikeEvents
from nmtool.data.rows import ROW_SUFFIXES
from nmtool.data.shd import HDF5_SUFFIXES
from nmtool.data.stored import read_events
from nmtool.data.yinyang import load_yinyang
from nmtool.errors import DataError, NmtoolError, UsageError, nearest
from nmtool.paths import EXPORT_ANSWERS, RUN_MANIFEST
from nmtool.plugins import DATA_SETS, broken, load as load_plugin, registered
from nmtool.splits import SPLITS, name_and_split

_log = logging.getLogger(__name__)

BUILT_IN: dict[str, Callable[[str], SpikeEvents]] = {
    "digits": load_digits,
    "yinyang": load_yinyang,
}
FETCHED = {"shd": "SHD", "ssc": "SSC"}
"""Short names for two of tonic's classes."""

NAMES = (*BUILT_IN, *FETCHED)
_TONIC = "tonic:"


def is_name(word: str) -> bool:
    """True for the name of a data set, such as `shd` or `tonic:NAME`; False for other words."""
    return word in names() or word.startswith(_TONIC)


def names() -> tuple[str, ...]:
    """Names of all data sets: those of nmtool itself, then of plug-ins."""
    return (*NAMES, *(name for name in registered(DATA_SETS) if name not in NAMES))


def is_downloaded(name: str) -> bool:
    """True for the name of a data set that tonic downloads."""
    return name in FETCHED or name.startswith(_TONIC)


def load_dataset(
    name_or_path: str | Path,
    *,
    validation: SplitRule | Amount | None = None,
    data_dir: str | Path | None = None,
    n_units: int | None = None,
    in_memory: bool = False,
) -> Dataset:
    """Find a data set. Nothing large is read or downloaded before a split is accessed.

    >>> data = load_dataset("digits")  # doctest: +SKIP
    >>> data.train[:100]  # doctest: +SKIP
    <SpikeEvents: 100 samples, 107 units, 10 classes, 8,000 events>

    Args:
        name_or_path: a name of the catalogue, `tonic:NAME` or a folder in SHD layout. With a split,
            as in `digits:validation`, that split is meant where samples are expected; by default
            test, else validation, else train.
        validation: validation split drawn from the training samples of a data set without one: a
            share like 0.2, a number, `last N` for the last samples, or a `SplitRule`.
        data_dir: folder for downloads; by default NMTOOL_DATA, else the cache folder.
        n_units: number of channels, if the files of a folder do not state it.
        in_memory: read files of any size into memory. By default the samples of files larger than
            48 MiB stay on disk; the results are the same.

    Raises:
        UsageError: there is no such data set, or the options do not fit it.
        DataError: the folder is not in SHD layout.
        MissingError: the data set needs a library that is not installed, or a plug-in that fails.
    """
    name, chosen = name_and_split(str(name_or_path))
    peek: Callable[[str], NDArray[np.integer] | None] | None = None
    if isinstance(name_or_path, Path) and is_name(name):
        # A `Path` always names a folder, even if a built-in data set has the same name.
        name = f"./{name}"
    if isinstance(name_or_path, Path) or not is_name(name):
        splits, load, peek = _splits_of_folder(name, n_units, in_memory)
    elif n_units is not None:
        raise UsageError(
            f"the number of units of '{name}' is fixed",
            code="units-known",
            fix="leave out `n_units=`",
        )
    elif name in BUILT_IN:
        splits, load = SPLITS, BUILT_IN[name]
    elif not is_downloaded(name):
        dataset = _of_plugin(name)
        splits, load = dataset.splits, dataset.split
    else:
        tonic_name = FETCHED.get(name, name.removeprefix(_TONIC))
        splits = tonic_sets.tonic_splits(tonic_name)
        folder = tonic_sets.data_folder(data_dir)
        load = partial(tonic_sets.load_tonic, tonic_name, folder=folder, in_memory=in_memory)
        peek = _no_labels
    if data_dir is not None and not is_downloaded(name):
        raise UsageError(
            f"`data_dir=` has no effect on '{name}', which is not downloaded",
            code="option-unused",
            fix="leave out `data_dir=`",
        )
    validation_rule = None if validation is None else SplitRule.of(validation)
    dataset = Dataset(
        name, splits, load, validation_rule=validation_rule, in_memory=False, peek=peek
    )
    return dataset.choose(chosen) if chosen else dataset


def as_dataset(data: Dataset | SpikeEvents | str | Path) -> Dataset:
    """Convert training samples, a name or a folder to a `Dataset`; return a `Dataset` unchanged.

    Raises:
        UsageError: the argument has another type, or names a split; or there is no data set of that
            name.
    """
    if isinstance(data, Dataset):
        return data.check_whole()
    if isinstance(data, str | Path):
        return load_dataset(data).check_whole()
    if isinstance(data, SpikeEvents):
        return Dataset.of(train=data)
    raise UsageError(
        f"data to train on are expected, not {type(data).__name__}",
        code="data-type",
        fix="pass a Dataset, SpikeEvents, or the name of a data set; convert a torch data set or "
        "loader with nmtool.SpikeEvents.from_torch",
    )


def _of_plugin(name: str) -> Dataset:
    """The data set of a plug-in; raises `MissingError` if its function fails."""
    make = load_plugin(DATA_SETS, name, FunctionType)
    try:
        dataset = make()
        if not isinstance(dataset, Dataset):
            raise TypeError("its function returns no Dataset")
        return dataset
    except NmtoolError:
        raise
    except Exception as error:
        raise broken(DATA_SETS, name, error) from error


def _splits_of_folder(
    name: str, n_units: int | None, in_memory: bool
) -> tuple[
    tuple[str, ...],
    Callable[[str], SpikeEvents],
    Callable[[str], NDArray[np.integer] | None],
]:
    """Find the splits of a folder in SHD layout.

    Returns the names of the splits, a function that reads the samples of a split, and a function
    that reads only its labels.
    """
    folder = Path(name)
    if folder.exists() and not folder.is_dir():
        raise UsageError(
            f"'{name}' is a file, not a folder",
            code="folder-is-file",
            fix=f"name its folder: {folder.parent}"
            if folder.suffix in HDF5_SUFFIXES
            else f"make a data set of this file: nmtool data {name} -o FOLDER"
            if folder.suffix in ROW_SUFFIXES
            else "write the samples to a .csv file, or by np.savez(FILE, spikes=…, labels=…), and "
            "make a data set of that file: nmtool data FILE -o FOLDER",
        )
    if not folder.is_dir():
        near = nearest(name, [*names(), *_folders_beside(folder)])
        guess = f"did you mean '{near}'? " if near else ""
        words = ", ".join((*names(), f"{_TONIC}NAME"))
        raise UsageError(
            f"there is no data set or folder '{name}'",
            code="dataset-unknown",
            fix=f"{guess}use one of {words} or a folder",
        )
    try:
        files = shd.split_files(folder)
    except DataError as error:
        if error.code == "shd-missing" and (folder / RUN_MANIFEST).is_file():
            fix = f"'{name}' is a run: name a data set here, and the run as NETWORK before it"
        elif error.code == "shd-missing" and (folder / EXPORT_ANSWERS).is_file():
            fix = f"'{name}' is an export: nmtool verify {name}, or NETWORK --artefact {name}"
        else:
            raise
        raise error.restated(error.what, DataError, fix=fix) from error

    reader = _FolderReader(folder, files, n_units, in_memory)
    return tuple(files), reader.load, reader.labels


@dataclass(frozen=True)
class _FolderReader:
    """Functions that read the splits of a folder in SHD layout.

    As attributes of a class, they can be pickled with a data set.
    """

    folder: Path
    files: Mapping[str, Path]
    n_units: int | None
    in_memory: bool

    def load(self, split: str) -> SpikeEvents:
        """Read the samples of a split."""
        layout = shd.read_layout(self.files.values(), self.n_units)
        if layout.units_assumed and split == "train":
            _log.warning(
                f"the files in {self.folder} do not give the number of channels: "
                f"{layout.n_units} are assumed, as in SHD; set another number by `n_units=N` or "
                "by the files' attribute n_units"
            )
        return read_events(self.files[split], layout, in_memory=self.in_memory)

    def labels(self, split: str) -> NDArray[np.integer]:
        """Read only the labels of a split."""
        return shd.read_labels(self.files[split])


def _folders_beside(folder: Path) -> list[str]:
    """Paths of the folders in the same parent folder, as suggestions for a mistyped path."""
    try:
        return [str(sibling) for sibling in folder.parent.iterdir() if sibling.is_dir()]
    except OSError:
        return []


def _no_labels(split: str) -> None:
    """Return None instead of the labels of a split, since reading labels might need a download."""
