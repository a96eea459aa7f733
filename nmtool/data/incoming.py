"""`read_incoming`: data sets in files of others, to be written in SHD layout.

    FILE.csv      a row per event: sample, label, unit, and time_ms, time_s, time_us or time_ns; a
                  column split says train, validation or test, all others with a name are groups, of
                  integers or names. A row without time and unit is a sample that is silent. Columns
                  are separated by commas, or by semicolons or tabs where the first line has no
                  comma; with semicolons, 12,5 is 12.5.
    FILE.npz      dense spikes [samples, steps, channels …] and labels [samples]: `spikes` and
                  `labels`, or `train_spikes`, `train_labels`, `test_spikes` and so on; perhaps
                  `class_names` and `dt_ms`. Other lists of an integer or a name per sample are
                  groups: `speaker`, or `train_speaker` and so on.
    FOLDER        with train and test files of one of these, or in SHD layout by other names, with
                  times in other units, or unsorted

A file without splits is a training split, which `with_test` divides. Labels and groups that are
names are numbered in sorted order, those of all splits together.
"""

from __future__ import annotations

import csv
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmtool import storage
from nmtool.arguments import NUMBER, WHOLE, WORD, check_fields, optional
from nmtool.data import shd
from nmtool.data.conversion import check_dimensions, check_labels, from_dense
from nmtool.data.dataset import SPLITS, Dataset
from nmtool.data.events import SpikeEvents, naming, numbered_classes
from nmtool.data.validation_split import Amount, SplitRule
from nmtool.errors import DataError, FileFormatError, UsageError, suggestion

_log = logging.getLogger(__name__)

SUFFIXES = (".csv", ".npz", *shd.HDF5_SUFFIXES)

_MAX_BYTES = 1 << 30
"""Bytes that an archive of dense spikes may unpack to, however small it is."""

_SPIKES = ("spikes", "x", "data", "raster")
_LABELS = ("labels", "label", "y", "targets")
_UNIT_COLUMNS = ("unit", "channel", "neuron")
_REQUIRED = ("sample", "label")
_EXACT = 1 << 53
"""Whole numbers below this are exact in floats."""
_LARGEST = (1 << 63) - 1
_NO_VALUE = ("", "nan")
_SHOWN = 100
"""Names of a group that are shown with their numbers."""


@dataclass(frozen=True)
class Meaning:
    """Facts that files do not say of themselves.

    >>> import tempfile
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
    return Path(name).suffix in (".csv", ".npz") and Path(name).is_file()


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
            raise _unused(path, "--dt", "times of events have no step")
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
                path, "--time-unit", why, fix="correct that name, and leave the option out"
            )
        splits = _read_rows(files)
        if meaning.n_units is not None and any(rows.dense is not None for rows in splits.values()):
            raise _unused(path, "--units", "dense spikes have the channels of their array")
        if meaning.dt_ms is not None and all(rows.dense is None for rows in splits.values()):
            raise _unused(path, "--dt", "times of events have no step")
        if meaning.labels_from and any(not _are_numbers(rows.labels) for rows in splits.values()):
            raise _unused(path, "--labels-from", "its classes have names")
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


def with_test(dataset: Dataset, rule: SplitRule | Amount) -> Dataset:
    """The data set with a test split, drawn from its training samples where it has none.

    >>> four = SpikeEvents.from_lists([[1.0]] * 4, [[0]] * 4, [0, 1, 0, 1])
    >>> with_test(Dataset.of(train=four), SplitRule("last 1")).splits
    ('train', 'test')

    Args:
        dataset: has training samples.
        rule: the samples to take: a share like 0.2, a number, `last N`, or a `SplitRule`.

    Raises:
        UsageError: it has one already, or the samples cannot be divided so.
    """
    rule = SplitRule.of(rule)
    if "test" in dataset.splits:
        raise UsageError(
            f"'{dataset.name}' has a test split of its own",
            code="test-exists",
            fix="leave out --test",
        )
    try:
        held = rule.choose(dataset.train)
    except UsageError as error:
        if error.code != "validation-range":
            raise
        n_samples = dataset.train.n_samples
        raise UsageError(
            f"the share or number {rule.amount} of {n_samples} samples makes no test split",
            code="test-range",
            fix="give more samples, or leave out --test"
            if n_samples < 2
            else f"take 1 to {n_samples - 1} of them: --test N",
        ) from error
    parts = {"train": dataset.train[~held], "test": dataset.train[held]}
    return Dataset.of(name=dataset.name, validation=dataset.validation, **parts)


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
            fix="name another folder, or write over files of the same name: --force",
        )
    storage.make_folder(folder)
    for split, file in files.items():
        shd.write_shd(file, dataset.split(split), force=force)
    return list(files.values())


@dataclass
class _Rows:
    """Samples as a file holds them, in the order of the file.

    Attributes:
        times_ms, units: per sample.
        labels: per sample, as text.
        groups: by name, integers or names per sample.
        dense: [samples, steps, …], in place of times and units.
    """

    times_ms: list[Any] = field(default_factory=list)
    units: list[Any] = field(default_factory=list)
    labels: list[Any] = field(default_factory=list)
    groups: dict[str, list[Any]] = field(default_factory=dict)
    dense: NDArray | None = None
    dt_ms: float | None = None
    class_names: tuple[str, ...] | None = None


def _read_hdf5(files: Mapping[str, Path], meaning: Meaning) -> dict[str, SpikeEvents]:
    start = meaning.labels_from
    layout = shd.read_layout(files.values(), meaning.n_units, labels_from=start)
    splits = {}
    for split, file in files.items():
        splits[split] = shd.read_shd(
            file, layout, time_unit=meaning.time_unit, labels_from=start, sort=True
        )
    return splits


def _read_rows(files: Mapping[str, Path]) -> dict[str, _Rows]:
    """By split, the samples of CSV files and archives; one file may hold several splits."""
    splits: dict[str, _Rows] = {}
    for split, file in files.items():
        with naming(file):
            found = _read_csv(file) if file.suffix == ".csv" else _read_npz(file)
        if len(files) > 1 and len(found) == 1:
            found = {split: next(iter(found.values()))}
        splits |= found
    return splits


def _read_csv(file: Path) -> dict[str, _Rows]:
    """By split, the samples of a CSV file."""
    splits: dict[str, _Rows] = {}
    places: dict[tuple[str, str], int] = {}
    try:
        with file.open(newline="", encoding="utf-8-sig") as text:
            first = text.readline()
            separator = next((mark for mark in ",;\t" if mark in first), ",")
            lines = chain([first], text)
            reader = csv.DictReader(lines, skipinitialspace=True, delimiter=separator)
            reader.fieldnames = [name.strip() for name in reader.fieldnames or ()]
            columns = _columns(reader.fieldnames, decimal="," if separator == ";" else ".")
            for number, row in enumerate(reader, 2):
                _add_row(row, columns, f"line {number}", splits, places)
    except (OSError, UnicodeError, csv.Error) as error:
        raise FileFormatError(
            f"{file} cannot be read",
            code="csv-unreadable",
            why=str(error),
            fix="write it as CSV in UTF-8, with commas and a line of names at its top",
        ) from error
    return splits


@dataclass(frozen=True)
class _Columns:
    time: str
    ms: float
    unit: str
    split: str | None
    groups: tuple[str, ...]
    decimal: str


def _columns(names: Sequence[str], decimal: str) -> _Columns:
    timed = [(f"time_{unit}", ms) for unit, ms in shd.TIME_UNITS_MS.items()]
    times = [(name, ms) for name, ms in timed if name in names]
    units = [name for name in _UNIT_COLUMNS if name in names]
    if len(times) != 1 or len(units) != 1 or not set(_REQUIRED) <= set(names):
        raise DataError(
            f"the columns are {', '.join(map(str, names)) or 'none'}",
            code="csv-columns",
            why="sample, label, unit and one of time_ms, time_s, time_us, time_ns are needed",
            fix="separate them by commas"
            if len(names) == 1 and "|" in names[0]
            else "name them so in the first line; the name of the time says its unit",
        )
    split = "split" if "split" in names else None
    known = {*_REQUIRED, times[0][0], units[0], split}
    # A column without a name is the index that pandas writes.
    groups = tuple(name for name in names if name and name not in known)
    for name in groups:
        if not shd.may_name_group(name):
            raise DataError(
                f"the column '{name}' cannot become a group",
                code="csv-columns",
                why="data sets keep something else by that name",
                fix="rename it, or leave it out",
            )
    if twice := [name for name in {*known, *groups} if names.count(name) > 1]:
        raise DataError(
            f"there are several columns {', '.join(map(str, twice))}",
            code="csv-columns",
            fix="leave all but one of each out",
        )
    return _Columns(*times[0], units[0], split, groups, decimal)


def _add_row(
    row: Mapping[str, str],
    columns: _Columns,
    where: str,
    splits: dict[str, _Rows],
    places: dict[tuple[str, str], int],
) -> None:
    split = "train" if columns.split is None else (row[columns.split] or "").strip()
    split = {"valid": "validation", "val": "validation"}.get(split, split)
    if split not in SPLITS:
        raise DataError(
            f"{where}: there is no split '{split}'",
            code="csv-split",
            fix=f"write {', '.join(SPLITS)}",
        )
    if None in row:
        raise DataError(
            f"{where}: there are more cells than columns",
            code="csv-cells",
            fix="name every column in the first line; quote cells that hold what separates them, "
            "and write numbers with a point",
        )
    rows = splits.setdefault(split, _Rows(groups={name: [] for name in columns.groups}))
    label, key = (row["label"] or "").strip(), (split, (row["sample"] or "").strip())
    if not key[1]:
        raise DataError(
            f"{where}: there is no sample",
            code="csv-sample-missing",
            fix="give every row the number or name of its sample",
        )
    if label.lower() in _NO_VALUE:
        raise DataError(
            f"{where}: there is no label",
            code="csv-label-missing",
            fix="give every row the class of its sample",
        )
    groups = {
        name: _group(row[name], columns, f"{where}, column {name}") for name in columns.groups
    }
    if key not in places:
        places[key] = len(rows.labels)
        rows.times_ms.append([])
        rows.units.append([])
        rows.labels.append(label)
        for name, group in groups.items():
            rows.groups[name].append(group)
    place = places[key]
    for name, group in groups.items():
        if rows.groups[name][place] != group:
            raise DataError(
                f"{where}: sample '{key[1]}' is of the {name} {group}, before it was of "
                f"{rows.groups[name][place]}",
                code="csv-group-differs",
                why="a column without a name that is known is a group of whole samples",
                fix=f"give all rows of a sample the same {name}, or leave the column out",
            )
    if rows.labels[place] != label:
        raise DataError(
            f"{where}: sample '{key[1]}' is of the class '{label}', before it was of "
            f"'{rows.labels[place]}'",
            code="csv-label-differs",
            fix="give every sample one label and a number of its own",
        )
    time, unit = row[columns.time], row[columns.unit]
    if all((text or "").strip().lower() in _NO_VALUE for text in (time, unit)):
        return
    at = f"{where}, column {columns.time}"
    rows.times_ms[place].append(_number(time, columns, float, at) * columns.ms)
    rows.units[place].append(_number(unit, columns, int, f"{where}, column {columns.unit}"))


def _group(text: str | None, columns: _Columns, where: str) -> int | str:
    """The group that a cell holds: a whole number, or a name."""
    text = (text or "").strip()
    if text.lower() in _NO_VALUE:
        raise DataError(
            f"{where}: there is no group",
            code="csv-group-missing",
            why="a column without a name that is known is a group of whole samples",
            fix="write a whole number or a name, or leave the column out",
        )
    if not _are_numbers([text.replace(columns.decimal, ".")]):
        return text
    more = "a column that is no group has to be left out"
    return int(_number(text, columns, int, where, more))


def _number(text: str | None, columns: _Columns, kind: type, where: str, more: str = "") -> Any:
    """The number that a cell holds; 3.0 is a whole one, too."""
    plain = (text or "").replace(columns.decimal, ".")
    found = None
    try:
        number = float(plain)
        if kind is float:
            return number
        if number == int(number):
            found = int(number) if abs(number) < _EXACT else int(plain)
    except (ValueError, OverflowError):
        pass
    if found is None:
        fix = "write a whole number" if kind is int else "write a number with a point"
        raise DataError(
            f"{where}: '{text}' is no {'number' if kind is float else 'whole number'}",
            code="csv-not-a-number",
            fix=f"{fix}; {more}" if more else fix,
        )
    if abs(found) > _LARGEST:
        raise DataError(
            f"{where}: {text} is too large a number",
            code="csv-number-large",
            fix="number units and groups from 0",
        )
    return found


def _read_npz(file: Path) -> dict[str, _Rows]:
    """By split, the dense samples of an archive."""
    arrays = {
        name.lower(): array
        for name, array in storage.read_arrays(file, free_bytes=_MAX_BYTES).items()
    }
    names = arrays.get("class_names")
    class_names = None if names is None else tuple(map(str, np.atleast_1d(names)))
    dt_ms = _step(arrays.get("dt_ms"))
    used = {"class_names", "dt_ms"}
    splits = {}
    for split in ("", *SPLITS):
        found = [_named(arrays, split, words) for words in (_SPIKES, _LABELS)]
        spikes, labels = found
        if spikes is None and labels is None:
            continue
        if spikes is None or labels is None:
            break
        used |= {spikes, labels}
        splits[split] = _Rows(
            dense=arrays[spikes],
            labels=list(check_labels(np.atleast_1d(arrays[labels]))),
            dt_ms=dt_ms,
            class_names=class_names,
        )
    else:
        if splits:
            _take_groups(arrays, splits, used, file)
            return {split or "train": rows for split, rows in splits.items()}
    raise DataError(
        f"the arrays are {', '.join(arrays) or 'none'}",
        code="npz-arrays",
        why="spikes [samples, steps, channels] and labels [samples] are needed, alone or for "
        "each split",
        fix="name them spikes and labels, or train_spikes, train_labels, test_spikes, test_labels",
    )


def _step(dt_ms: NDArray | None) -> float | None:
    """The length of a step that an archive gives, perhaps as a list of one number."""
    if dt_ms is None:
        return None
    if dt_ms.size != 1 or dt_ms.dtype.kind not in "iuf":
        raise DataError(
            f"dt_ms is {dt_ms.dtype} of shape {dt_ms.shape}, not a number",
            code="npz-step",
            fix="write the length of a step in ms, np.savez(FILE, …, dt_ms=1.0), or leave it out "
            "and say --dt MS",
        )
    return float(dt_ms.item())


_SHORT = {"validation": ("validation", "valid", "val")}
"""Words for a split in names of arrays, where they are not its own name."""


def _named(arrays: Mapping[str, NDArray], split: str, words: Sequence[str]) -> str | None:
    """The name of the array of a split that one of the words stands for."""
    for part in _SHORT.get(split, (split,)):
        for word in words:
            for name in (f"{part}_{word}", f"{word}_{part}") if part else (word,):
                if name in arrays:
                    return name
    return None


def _take_groups(
    arrays: Mapping[str, NDArray], splits: Mapping[str, _Rows], used: set[str], file: Path
) -> None:
    """Every other list of an integer or a name per sample is a group of its split."""
    unused = []
    for name, array in arrays.items():
        if name in used:
            continue
        split, group = _divided_name(name, splits)
        rows = splits.get(split)
        is_list = array.dtype.kind in "iuSU" and array.ndim == 1
        if rows is not None and is_list and array.size == len(rows.labels):
            values = array.tolist()
            rows.groups[group] = values if array.dtype.kind in "iu" else _texts(values)
        else:
            unused.append(name)
    if unused:
        _log.warning(
            f"remark[arrays-unused]: {file}: nothing is made of {', '.join(unused)}; "
            "groups are integers or names, one per sample, and of splits with the name of the "
            "split: train_speaker"
        )


def _divided_name(name: str, splits: Mapping[str, _Rows]) -> tuple[str, str]:
    """The split that an array belongs to by its name, and its name without it."""
    for split in splits:
        for part in _SHORT.get(split, (split,)):
            if split and name.startswith(f"{part}_"):
                return split, name.removeprefix(f"{part}_")
            if split and name.endswith(f"_{part}"):
                return split, name.removesuffix(f"_{part}")
    return "", name


def _together(splits: Mapping[str, _Rows], meaning: Meaning) -> dict[str, SpikeEvents]:
    """Samples of all splits, with the same classes and channels."""
    stated = [rows.class_names for rows in splits.values()]
    class_names = shd.agreed("class_names", list(splits), stated)
    labels = {split: _numbered(rows.labels, meaning.labels_from) for split, rows in splits.items()}
    if class_names is None:
        every = [label for found in labels.values() for label in found]
        class_names = _names_of(every, meaning.labels_from)
    n_units = meaning.n_units
    if n_units is None:
        units = (unit for rows in splits.values() for sample in rows.units for unit in sample)
        n_units = 1 + max(max(units, default=0), 0)
    groups = _numbered_groups(splits)
    made = {}
    for split, rows in splits.items():
        if rows.dense is None:
            made[split] = SpikeEvents.from_lists(
                rows.times_ms,
                rows.units,
                labels[split],
                n_units=n_units,
                class_names=class_names,
                groups=groups[split],
            )
            continue
        check_dimensions(rows.dense, len(rows.labels))
        dt_ms = meaning.dt_ms if meaning.dt_ms is not None else rows.dt_ms
        if dt_ms is None:
            raise DataError(
                "nothing says how long a step of the dense spikes is",
                code="dense-step-unknown",
                fix="--dt MS, or an entry dt_ms in the file",
            )
        made[split] = from_dense(
            rows.dense,
            labels[split],
            dt_ms=dt_ms,
            class_names=class_names,
            groups=groups[split],
        )
    return made


def _numbered_groups(splits: Mapping[str, _Rows]) -> dict[str, dict[str, list[int]]]:
    """By split and name, the groups as numbers: their own, or the places of names when sorted."""
    found: dict[str, dict[str, list[int]]] = {split: {} for split in splits}
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
            shown = ", ".join(f"{place} {word}" for word, place in [*number.items()][:_SHOWN])
            _log.warning(
                f"remark[groups-numbered]: the groups of {name} are names, which are numbered "
                f"{shown}{' …' if len(words) > _SHOWN else ''}"
            )
        for split, column in columns.items():
            found[split][name] = column
    return found


def _are_numbers(labels: Sequence[Any]) -> bool:
    try:
        return bool([float(label) for label in labels])
    except (TypeError, ValueError):
        return False


def _numbered(labels: Sequence[Any], labels_from: int) -> list[Any]:
    """Labels as numbers from 0 where all are numbers, else as they are."""
    if not _are_numbers(labels):
        return _texts(labels)
    numbers = [float(label) for label in labels]
    shd.check_first_class(min(numbers), labels_from)
    return [number - labels_from for number in numbers]


def _texts(names: Sequence[Any]) -> list[str]:
    return [
        name.decode(errors="backslashreplace") if isinstance(name, bytes) else str(name)
        for name in names
    ]


def _names_of(labels: Sequence[Any], first: int) -> tuple[str, ...]:
    """Names of the classes: those in the labels, or the numbers that the file gives them."""
    texts = [label for label in labels if isinstance(label, str)]
    if texts and len(texts) < len(labels):
        raise DataError(
            "some splits name their classes, others number them",
            code="labels-not-whole",
            fix="name or number them in all splits",
        )
    if texts:
        return tuple(sorted(set(texts)))
    finite = [label for label in labels if np.isfinite(label)]
    return numbered_classes(int(max(finite, default=0)), first)
