"""`read_incoming`: data sets in files of others, to be written in SHD layout.

    FILE.csv      a row per event (`csv_rows`)
    FILE.npz      dense spikes (`npz_rows`)
    FOLDER        with train and test files of one of these, or in SHD layout by other names, with
                  times in other units, or unsorted

A file without splits is a training split, which `nmtool.with_test` divides. Labels and groups that
are names are numbered in sorted order, those of all splits together.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from nmtool import storage
from nmtool.arguments import NUMBER, WHOLE, WORD, check_fields, optional
from nmtool.data import shd
from nmtool.data.dataset import Dataset
from nmtool.data.events import SpikeEvents, naming
from nmtool.data.incoming.csv_rows import read_csv
from nmtool.data.incoming.npz_rows import read_npz
from nmtool.data.incoming.rows import ROW_SUFFIXES, Rows, are_numbers, numbered, texts
from nmtool.errors import DataError, UsageError, listed, printable, suggestion
from nmtool.splits import SPLITS

_log = logging.getLogger(__name__)

SUFFIXES = (*ROW_SUFFIXES, *shd.HDF5_SUFFIXES)

_SHOWN = 30
"""Names of a group that are shown with their numbers."""


@dataclass(frozen=True)
class Meaning:
    """Facts that files do not say of themselves.

    >>> import tempfile
    >>> import numpy as np
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.savez(f"{folder}/mine.npz", spikes=np.ones((2, 5, 3)), labels=[1, 2])
    ...     mine = read_incoming(f"{folder}/mine.npz", Meaning(dt_ms=2.0, labels_from=1))
    >>> mine.train.label, mine.train.last_ms
    (array([0, 1]), array([8., 8.]))

    Attributes:
        time_unit: of times in SHD layout: `s`, `ms`, `us` or `ns`.
        dt_ms: length of a step of dense spikes in ms, where the file does not give `dt_ms`.
        labels_from: number of the first class.
        n_units: number of channels of events; None for what the files say, or the largest.

    Raises:
        UsageError: there is no such unit of time, or a number is none.
    """

    time_unit: str = "s"
    dt_ms: float | None = None
    labels_from: int = 0
    n_units: int | None = None

    def __post_init__(self) -> None:
        check_fields(self, time_unit=WORD, labels_from=WHOLE)
        check_fields(self, dt_ms=optional(NUMBER), n_units=optional(WHOLE))
        if self.time_unit not in shd.TIME_UNITS_MS:
            raise UsageError(
                f"there is no unit of time '{self.time_unit}'",
                code="time-unit-unknown",
                fix=suggestion(self.time_unit, tuple(shd.TIME_UNITS_MS)),
            )


AS_THEY_ARE = Meaning()


def is_incoming(name: str) -> bool:
    """True for the name of a file that is in no data set's layout, but can be read."""
    return Path(name).suffix in ROW_SUFFIXES and Path(name).is_file()


def read_incoming(path: str | Path, meaning: Meaning = AS_THEY_ARE) -> Dataset:
    """Read a file, or a folder with a file per split.

    >>> paths = write_dataset(data, "mine")  # doctest: +SKIP
    >>> read_incoming(paths[0]).train  # doctest: +SKIP
    <SpikeEvents: 40 samples, 9 units, 3 classes, 328 events>

    Args:
        path: of the file or folder.
        meaning: what the files do not say.

    Raises:
        UsageError: the path is of no such file, or has no use for what `meaning` says.
        FileFormatError: a file is missing or damaged.
        DataError: it does not hold samples, or they contradict each other.
    """
    path = Path(path)
    if path.is_dir():
        files = shd.split_files(path, SUFFIXES)
    elif path.suffix in SUFFIXES:
        files = {"train": path}
    else:
        raise UsageError(
            f"{path} is no file or folder of samples",
            code="data-file-unknown",
            fix="write it as one that ends in .npz: np.savez(FILE, spikes=…, labels=…)"
            if path.suffix == ".npy"
            else f"name a folder, or a file that ends in {', '.join(SUFFIXES)}",
        )
    kinds = {file.suffix for file in files.values()}
    if kinds <= set(shd.HDF5_SUFFIXES):
        if meaning.dt_ms is not None:
            raise _unused(path, "`dt_ms=`", "times of events have no step")
        events = _read_hdf5(files, meaning)
    elif kinds & set(shd.HDF5_SUFFIXES):
        raise DataError(
            f"{path} mixes files of several kinds",
            code="data-files-mixed",
            fix="give each kind its own folder",
        )
    else:
        if meaning.time_unit != AS_THEY_ARE.time_unit:
            why = "the name of a CSV column says it: time_s, time_ms, time_us or time_ns"
            raise _unused(
                path, "`time_unit=`", why, fix="correct that name, and leave the option out"
            )
        splits = _read_rows(files)
        if meaning.n_units is not None and any(rows.dense is not None for rows in splits.values()):
            raise _unused(path, "`n_units=`", "dense spikes have the channels of their array")
        if meaning.dt_ms is not None and all(rows.dense is None for rows in splits.values()):
            raise _unused(path, "`dt_ms=`", "times of events have no step")
        if meaning.labels_from and any(not are_numbers(rows.labels) for rows in splits.values()):
            raise _unused(path, "`labels_from=`", "its classes have names")
        with naming(path):
            events = _together(splits, meaning) if splits else {}
    if "train" not in events:
        raise DataError(
            f"{path} has no training samples",
            code="split-missing",
            why=f"it has {', '.join(events) or 'no samples at all'}",
            fix="add them: a file *_train, or rows of the split train",
        )
    return Dataset.of(
        name=str(path), **{split: events[split] for split in SPLITS if split in events}
    )


def _unused(path: Path, option: str, why: str, fix: str = "leave it out") -> UsageError:
    return UsageError(
        f"{path} has no use for {option}", code="data-options-unused", why=why, fix=fix
    )


def write_dataset(
    dataset: Dataset, folder: str | Path, name: str = "data", *, force: bool = False
) -> list[Path]:
    """Write every split in SHD layout: `NAME_train.h5` and so on.

    >>> write_dataset(data, "folder")  # doctest: +SKIP
    [PosixPath('folder/data_train.h5'), PosixPath('folder/data_test.h5')]

    Args:
        dataset: all of it is read.
        folder: is made where there is none.
        name: begins the names of the files.
        force: write over files that are there.

    Returns:
        The files.

    Raises:
        UsageError: there are data in the folder.
        StorageError: a file could not be written.
    """
    folder = Path(folder)
    files = {split: folder / f"{name}{shd.SUFFIXES[split]}" for split in dataset.splits}
    others = [
        file
        for file in (folder.iterdir() if folder.is_dir() else ())
        if file.suffix in shd.HDF5_SUFFIXES and not (force and file in files.values())
    ]
    if others:
        raise UsageError(
            f"{others[0]} is there already",
            code="path-taken",
            fix="name another folder, or write over files of the same name: `force=True`",
        )
    storage.make_folder(folder)
    for split, file in files.items():
        shd.write_shd(file, dataset.split(split), force=force)
    return list(files.values())


def _read_hdf5(files: Mapping[str, Path], meaning: Meaning) -> dict[str, SpikeEvents]:
    start = meaning.labels_from
    layout = shd.read_layout(files.values(), meaning.n_units, labels_from=start)
    splits = {}
    for split, file in files.items():
        splits[split] = shd.read_shd(
            file, layout, time_unit=meaning.time_unit, labels_from=start, sort=True
        )
    return splits


def _read_rows(files: Mapping[str, Path]) -> dict[str, Rows]:
    """By split, the samples of CSV files and archives; one file may hold several splits."""
    splits: dict[str, Rows] = {}
    for split, file in files.items():
        with naming(file):
            read = read_csv(file) if file.suffix == ".csv" else read_npz(file)
        if len(files) > 1 and len(read) == 1:
            read = {split: next(iter(read.values()))}
        if twice := sorted(splits.keys() & read.keys()):
            raise DataError(
                f"{file.name} holds samples of the split {twice[0]}, which another file has, too",
                code="split-twice",
                fix="keep the samples of a split in one file",
            )
        splits |= read
    return splits


def _together(splits: Mapping[str, Rows], meaning: Meaning) -> dict[str, SpikeEvents]:
    """Samples of all splits, with the same classes and channels."""
    stated = [rows.class_names for rows in splits.values()]
    class_names = shd.agreed("class_names", list(splits), stated)
    labels = {
        split: [float(label) for label in rows.labels]
        if are_numbers(rows.labels)
        else texts(rows.labels)
        for split, rows in splits.items()
    }
    if class_names is None:
        every = [label for part in labels.values() for label in part]
        if len({isinstance(label, str) for label in every}) > 1:
            raise DataError(
                "some splits name their classes, others number them",
                code="labels-not-whole",
                fix="name or number them in all splits",
            )
        class_names = numbered(every, first=meaning.labels_from)[1]
    n_units = meaning.n_units
    if n_units is None:
        units = (unit for rows in splits.values() for sample in rows.units for unit in sample)
        n_units = 1 + max(max(units, default=0), 0)
    groups = _numbered_groups(splits)
    return {
        split: replace(
            rows,
            labels=labels[split],
            groups=groups[split],
            dt_ms=rows.dt_ms if meaning.dt_ms is None else meaning.dt_ms,
            class_names=class_names,
            n_units=n_units,
            first=meaning.labels_from,
        ).events()
        for split, rows in splits.items()
    }


def _numbered_groups(splits: Mapping[str, Rows]) -> dict[str, dict[str, list[int]]]:
    """By split and name, the groups as numbers: their own, or the places of names when sorted."""
    groups: dict[str, dict[str, list[int]]] = {split: {} for split in splits}
    for name in dict.fromkeys(name for rows in splits.values() for name in rows.groups):
        columns = {
            split: rows.groups[name] for split, rows in splits.items() if name in rows.groups
        }
        values = {value for column in columns.values() for value in column}
        if any(isinstance(value, str) for value in values):
            words = sorted({str(value) for value in values})
            number = {word: place for place, word in enumerate(words)}
            columns = {
                split: [number[str(value)] for value in column] for split, column in columns.items()
            }
            shown = listed((f"{place} {word}" for word, place in number.items()), _SHOWN)
            _log.warning(
                f"remark[groups-numbered]: the groups of {printable(name)} are names, which are "
                f"numbered {shown}"
            )
        for split, column in columns.items():
            groups[split][name] = column
    return groups
