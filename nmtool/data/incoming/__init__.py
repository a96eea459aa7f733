"""Read data sets from files of other tools; write data sets in SHD layout, or as CSV.

    FILE.csv      a row per event (`csv_rows`)
    FILE.npz      dense spikes, or numbers (`npz_rows`)
    FOLDER        train and test files of one of these kinds

A file without splits becomes a training split, from which `nmtool.with_test` draws a test split.
Names of classes and groups are numbered in sorted order, over all splits together.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

import numpy as np

from nmtool import storage
from nmtool.arguments import Kind, checked
from nmtool.data import shd
from nmtool.data.dataset import Dataset
from nmtool.data.encoders import delta_counts
from nmtool.data.events import SpikeEvents, errors_naming, in_steps
from nmtool.data.incoming.csv_rows import COLUMNS, read_csv, write_csv
from nmtool.data.incoming.npz_rows import read_npz
from nmtool.data.rows import ROW_SUFFIXES, Rows, are_numbers, numbered, texts
from nmtool.errors import DataError, UsageError, listed, printable, suggestion
from nmtool.network.analogue import MAX_BITS, AnalogueInput
from nmtool.network.graph import MAX_CHANNELS
from nmtool.options import Options, option
from nmtool.splits import SPLITS

_log = logging.getLogger(__name__)

_SHOWN = 30
"""Largest number of a group's names that are shown with their numbers."""


@dataclass(frozen=True)
class FileConventions(Options):
    """Step, channels, names of columns, and counts of numbers, for files that do not state them.

    >>> import tempfile
    >>> import numpy as np
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.savez(f"{folder}/mine.npz", spikes=np.ones((2, 5, 3)), labels=[0, 1])
    ...     mine = read_incoming(f"{folder}/mine.npz", FileConventions(dt_ms=2.0))
    >>> mine.train.label, mine.train.last_ms
    (array([0, 1]), array([8., 8.]))

    Attributes:
        dt_ms: length of a step of dense spikes in ms, if the file has no array dt_ms.
        n_units: number of channels of events; None: as in the files, else from the largest unit.
        columns: names of the columns in the CSV file, as in time_us=t,unit=pixel; in Python also a
            mapping.
        sensor_size: width, height and number of polarities of the sensor of CSV files with x and
            y, such as 34,34,2; in Python also a list; by default the smallest that contains all
            events.
        bits: bits of a count, if the file has numbers instead of spikes (`AnalogueInput`).
        scale: the number that a count of 1 stands for; by default the largest magnitude in the
            training samples becomes the largest count.
        delta: threshold of changes: numbers become spikes as by `encode_delta`, instead of counts.

    Raises:
        UsageError: there is no such column, or the sensor has no pixels.
    """

    dt_ms: float | None = option(None, flag="dt", metavar="MS")
    n_units: int | None = None
    columns: Mapping[str, str] | str = field(default_factory=dict)
    sensor_size: Sequence[int] | str | None = None
    bits: int = MAX_BITS
    scale: float | None = None
    delta: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.columns:
            object.__setattr__(self, "columns", _column_names(self.columns))
        if self.sensor_size is not None:
            object.__setattr__(self, "sensor_size", _sensor_size(self.sensor_size))


AS_THEY_ARE = FileConventions()
_CONVENTIONS_FIX = "pass nmtool.FileConventions(columns='time_us=t,unit=pixel')"


def _column_names(columns: Mapping[str, str] | str) -> dict[str, str]:
    """Parse columns such as `time_us=t,unit=pixel`: names in the file, by nmtool's names."""
    if isinstance(columns, str):
        pairs = [entry.partition("=") for entry in columns.split(",")]
        columns = {column.strip(): name.strip() for column, _, name in pairs}
    for column, name in columns.items():
        if column not in COLUMNS or not name:
            raise UsageError(
                f"'{column}={name}' does not name a column",
                code="column-unknown",
                fix=suggestion(column, COLUMNS)
                if column not in COLUMNS
                else "write it as in time_us=t,unit=pixel",
            )
    return dict(columns)


def _sensor_size(size: Sequence[int] | str) -> list[int]:
    """Parse a sensor's extents along x, y and polarity, such as 34,34,2."""
    try:
        extents = [
            int(str(extent)) for extent in (size.split(",") if isinstance(size, str) else size)
        ]
    except (TypeError, ValueError):
        extents = []
    if len(extents) not in (2, 3) or min(extents) < 1:
        raise UsageError(
            f"{size} is not the size of a sensor",
            code="sensor-size-range",
            fix="give its width, its height and, with a column polarity, the number of "
            "polarities: 34,34,2",
        )
    return extents


def is_incoming(name: str) -> bool:
    """True for the name of a file, or of a folder of files, that `read_incoming` can read."""
    path = Path(name)
    if not path.is_dir():
        return path.suffix in ROW_SUFFIXES and path.exists()
    kinds = {file.suffix for file in path.iterdir() if any(shd.split_of(file.stem))}
    return bool(kinds & {*ROW_SUFFIXES}) and not kinds & {*shd.HDF5_SUFFIXES}


@checked(conventions=Kind(("FileConventions",), _CONVENTIONS_FIX))
def read_incoming(path: str | Path, conventions: FileConventions = AS_THEY_ARE) -> Dataset:
    """Read a data set from a file of another tool, or from a folder with one file per split.

    >>> paths = write_dataset(data.train, "mine.csv")  # doctest: +SKIP
    >>> read_incoming(paths[0]).train  # doctest: +SKIP
    <SpikeEvents: 40 samples, 9 units, 3 classes, 328 events>

    Args:
        path: path of the file or folder.
        conventions: properties that the files do not state.

    Raises:
        UsageError: the path is of another kind, or a field of `conventions` does not apply to it.
        FileFormatError: a file is missing or damaged.
        DataError: the files contain no samples, or are inconsistent.
    """
    path = Path(path)
    if path.is_dir():
        files = shd.split_files(path, ROW_SUFFIXES)
    elif path.suffix in ROW_SUFFIXES:
        files = {"train": path}
    else:
        raise UsageError(
            f"{path} is not a file or folder of samples",
            code="data-file-unknown",
            fix="write a file that ends in .npz: np.savez(FILE, spikes=…, labels=…)"
            if path.suffix == ".npy"
            else f"name a folder, or a file that ends in {' or '.join(ROW_SUFFIXES)}; a folder of "
            "HDF5 files in SHD layout is a data set already: nmtool.load_dataset",
        )
    splits = _read_rows(files, conventions)
    _check_used(path, conventions, {file.suffix for file in files.values()}, splits)
    with errors_naming(path):
        if any(rows.values is not None for rows in splits.values()):
            splits = _encoded(splits, conventions)
        events = _events_of_splits(splits, conventions) if splits else {}
    if "train" not in events:
        raise DataError(
            f"{path} has no training samples",
            code="split-missing",
            why=f"it only has samples of: {', '.join(events)}"
            if events
            else "it has no samples at all",
            fix="add training samples: a file *_train, or rows of the split train",
        )
    return Dataset.of(
        name=str(path), **{split: events[split] for split in SPLITS if split in events}
    )


def _check_used(
    path: Path, conventions: FileConventions, kinds: set[str], splits: Mapping[str, Rows]
) -> None:
    """Raise `UsageError` for a convention that has no effect on files of these kinds."""
    has_steps = any(not rows.times_ms for rows in splits.values())
    has_numbers = any(rows.values is not None for rows in splits.values())
    has_axes = any(rows.axes for rows in splits.values())
    of_numbers = has_numbers, "the file has spikes, not numbers"
    of_units = "the arrays of dense spikes, or the size of the sensor, set the number of units"
    used = {
        "dt_ms": (has_steps, "the file has times of events, which need no time step"),
        "bits": of_numbers,
        "scale": of_numbers,
        "delta": of_numbers,
        "columns": (".csv" in kinds, "only CSV files have columns"),
        "sensor_size": (has_axes, "the file has no columns x and y in place of unit"),
        "n_units": (not has_steps and not has_axes, of_units),
    }
    for name, (is_used, why) in used.items():
        if not is_used and getattr(conventions, name) != getattr(AS_THEY_ARE, name):
            raise UsageError(
                f"`{name}=` has no effect on {path}",
                code="data-options-unused",
                why=why,
                fix="leave it out",
            )


def write_dataset(
    dataset: Dataset | SpikeEvents, path: str | Path, name: str = "data", *, force: bool = False
) -> list[Path]:
    """Write samples as a folder in SHD layout, or as one CSV file with a row per event.

    Commands take the folder, with its files `NAME_train.h5` and so on, as DATA. A CSV file can be
    classified by check programs in C and by exported Lava folders, and read by `read_incoming`. It
    does not contain the number of channels, nor classes without samples.

    >>> write_dataset(data, "folder")  # doctest: +SKIP
    [PosixPath('folder/data_train.h5'), PosixPath('folder/data_test.h5')]
    >>> write_dataset(data.test.draw(10), "events.csv")  # doctest: +SKIP
    [PosixPath('events.csv')]

    Args:
        dataset: a data set, which is read completely, or samples, which become a training split.
        path: path of the folder, which is made if it is missing, or of a .csv file.
        name: prefix of the names of the files in a folder.
        force: overwrite existing files.

    Returns:
        Paths of the files.

    Raises:
        UsageError: there are data in the folder, or the file exists.
        DataError: the name of a group cannot be used in the files.
        StorageError: a file could not be written.
    """
    path = Path(path)
    dataset = Dataset.of(train=dataset) if isinstance(dataset, SpikeEvents) else dataset
    if path.suffix.lower() == ".csv":
        return [_write_table(dataset, path, force)]
    files = {split: path / f"{name}{shd.SUFFIXES[split]}" for split in dataset.splits}
    others = [
        file
        for file in (path.iterdir() if path.is_dir() else ())
        if file.suffix in shd.HDF5_SUFFIXES and not (force and file in files.values())
    ]
    if others:
        raise UsageError(
            f"{others[0]} exists already",
            code="path-taken",
            fix="name another folder, or overwrite files of the same name: `force=True`",
        )
    storage.make_folder(path)
    for split, file in files.items():
        shd.write_shd(file, dataset.split(split), force=force)
    return list(files.values())


def _write_table(dataset: Dataset, path: Path, force: bool) -> Path:
    """Write all splits to a CSV file; return its path."""
    if path.exists() and not force:
        raise UsageError(
            f"{path} exists already",
            code="path-taken",
            fix="choose another name, or overwrite the file: `force=True`",
        )
    with (
        storage.replacing(path) as temporary,
        open(temporary, "w", newline="", encoding="utf-8") as file,
    ):
        write_csv(file, {split: dataset.split(split) for split in dataset.splits})
    return path


def _read_rows(files: Mapping[str, Path], conventions: FileConventions) -> dict[str, Rows]:
    """Read the samples of CSV files and archives, by split; one file may contain several splits."""
    splits: dict[str, Rows] = {}
    for split, file in files.items():
        with errors_naming(file):
            read = (
                read_csv(file, _column_names(conventions.columns))
                if file.suffix == ".csv"
                else read_npz(file)
            )
        if len(files) > 1 and len(read) == 1:
            read = {split: next(iter(read.values()))}
        if twice := sorted(splits.keys() & read.keys()):
            raise DataError(
                f"{file.name} and another file both have samples of the split {twice[0]}",
                code="split-twice",
                fix="keep the samples of a split in one file",
            )
        splits |= read
    return splits


def _events_of_splits(
    splits: Mapping[str, Rows], conventions: FileConventions
) -> dict[str, SpikeEvents]:
    """Convert rows to events, by split; all splits have the same classes and channels."""
    stated = [rows.class_names for rows in splits.values()]
    class_names = shd.common_entry("class_names", list(splits), stated)
    labels = {
        split: [float(label) for label in rows.labels]
        if are_numbers(rows.labels)
        else texts(rows.labels)
        for split, rows in splits.items()
    }
    if class_names is None:
        all_labels = [label for part in labels.values() for label in part]
        if len({isinstance(label, str) for label in all_labels}) > 1:
            raise DataError(
                "some splits name their classes, others number them",
                code="labels-not-whole",
                fix="name or number them in all splits",
            )
        class_names = numbered(all_labels)[1]
    n_units = conventions.n_units
    if any(rows.axes for rows in splits.values()):
        size = conventions.sensor_size
        assert not isinstance(size, str), "words were read as numbers"
        splits, n_units = _units_of_pixels(splits, size)
    if n_units is None:
        units = (unit for rows in splits.values() for sample in rows.units for unit in sample)
        n_units = 1 + max(max(units, default=0), 0)
    groups = _numbered_groups(splits)
    return {
        split: SpikeEvents(
            **replace(
                rows,
                labels=labels[split],
                groups=groups[split],
                dt_ms=rows.dt_ms if conventions.dt_ms is None else conventions.dt_ms,
                class_names=class_names,
                n_units=n_units,
            ).columns()
        )
        for split, rows in splits.items()
    }


def _units_of_pixels(
    splits: Mapping[str, Rows], size: Sequence[int] | None
) -> tuple[dict[str, Rows], int]:
    """Number the pixels of a sensor: unit = x + W·(y + H·polarity); also return their number."""
    axes, *others = {tuple(rows.axes) for rows in splits.values()}
    if others:
        raise DataError(
            "some splits have positions or polarities of events that others lack",
            code="csv-columns",
            fix="give all files the same columns",
        )
    samples = [np.reshape(s, (-1, len(axes))) for rows in splits.values() for s in rows.units]
    events = np.concatenate(samples)
    if len(axes) == 3 and set(events[:, 2].tolist()) <= {-1, 1}:
        events[:, 2] = events[:, 2] > 0
    # Lists have Python's integers, which cannot overflow.
    low, high = events.min(axis=0, initial=0).tolist(), events.max(axis=0, initial=0).tolist()
    if size is None:
        size = [1 + position for position in high]
        _log.warning(
            f"remark[units-from-positions]: a sensor of {' × '.join(map(str, size))} is assumed, "
            "the smallest that contains all events; for the same units in other files, set "
            f"`sensor_size={','.join(map(str, size))}`"
        )
    is_inside = len(size) == len(axes) and all(map(int.__lt__, high, size)) and min(low) == 0
    if not is_inside:
        reach = " × ".join(f"{first}…{last}" for first, last in zip(low, high, strict=True))
        raise DataError(
            f"events lie at {' × '.join(axes)} = {reach}, outside a sensor of "
            f"{' × '.join(map(str, size))}",
            code="positions-range",
            fix=f"set `sensor_size=` to the size along {', '.join(axes)}; polarities are 0 and 1, "
            "or −1 and 1",
        )
    if math.prod(size) > MAX_CHANNELS:
        raise DataError(
            f"a sensor of {' × '.join(map(str, size))} has {math.prod(size)} units, but nmtool "
            f"allows at most {MAX_CHANNELS}",
            code="units-count",
            fix="number the positions along each axis from 0 without gaps",
        )
    unit = events @ np.cumprod([1, *size[:-1]])
    ends = np.cumsum([len(sample) for sample in samples])
    units = iter(np.split(unit, ends[:-1]))
    return {
        split: replace(rows, units=list(islice(units, len(rows.units))), axes=())
        for split, rows in splits.items()
    }, math.prod(size)


def _encoded(splits: Mapping[str, Rows], conventions: FileConventions) -> dict[str, Rows]:
    """Turn the numbers of all splits into spikes, by one rule for all: that of the training split.

    Raises:
        DataError: only some splits have numbers; or they are not finite, or have other dimensions.
    """
    if any(rows.values is None for rows in splits.values()):
        raise DataError(
            "some splits have spikes, others have values",
            code="npz-arrays",
            fix="write the same kind of array for all splits",
        )
    numbers = {split: in_steps(rows.values) for split, rows in splits.items()}
    if conventions.delta is not None:
        if (conventions.bits, conventions.scale) != (AS_THEY_ARE.bits, AS_THEY_ARE.scale):
            raise UsageError(
                "`bits=` and `scale=` have no effect with `delta=`",
                code="data-options-unused",
                why="changes become spikes, not counts of numbers",
                fix="leave them out",
            )
        delta = conventions.delta
        return {
            split: replace(rows, values=None, dense=delta_counts(numbers[split], delta))
            for split, rows in splits.items()
        }
    first = numbers["train"] if "train" in numbers else next(iter(numbers.values()))
    rule = AnalogueInput.fitted_to(first, bits=conventions.bits, scale=conventions.scale)
    return {
        split: replace(rows, values=None, dense=rule.counts(numbers[split]), analogue=rule)
        for split, rows in splits.items()
    }


def _numbered_groups(splits: Mapping[str, Rows]) -> dict[str, dict[str, list[int]]]:
    """Convert groups to numbers, by split and column; their names are numbered in sorted order."""
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
                f"remark[groups-numbered]: the names of the groups of {printable(name)} are "
                f"numbered {shown}"
            )
        for split, column in columns.items():
            groups[split][name] = column
    return groups
