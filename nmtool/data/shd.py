"""The HDF5 layout of the Spiking Heidelberg Digits, the de-facto format of the field.

A data set is a folder with `ANY_train.h5`, `ANY_test.h5` and perhaps `ANY_valid.h5`, or with
`train.h5` and so on:

    spikes/times   [samples] of variable length, float16 (or wider): seconds, ascending
    spikes/units   [samples] of variable length, uint16 (or any integer)
    spikes/counts  [samples] of variable length, integers: spikes of each event (optional, not in
                   the original files; other tools read each event as one spike)
    labels         [samples] integers, or floats that are whole
    extra/keys     [classes] class names, bytes or text (optional)
    extra/speaker  [samples] integers: groups (optional). Every such list in extra is a column of
                   groups, unless it is all zeros in all files
    n_units        file attribute, number of channels (optional, not in the original files)

Units and classes are the same for all files of a data set (`Layout`):

* units: the attribute `n_units` of any file, else the 700 channels of SHD and SSC
  (`units_assumed`);
* classes: `extra/keys` of any file, else the numbers up to the largest label in all files.

Each file has counts of its own, or none: then each of its events is one spike.

Inconsistent files are refused.

Source: B. Cramer et al., *The Heidelberg Spiking Data Sets*, doi:10.1109/TNNLS.2020.3044364.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import DTypeLike, NDArray

from nmtool import storage
from nmtool.arguments import EVENTS, checked
from nmtool.data.checks import (
    LARGEST_LABEL,
    MAX_CLASSES,
    check_lengths,
    check_n_units,
    numbered_classes,
)
from nmtool.data.events import SpikeEvents, errors_naming
from nmtool.errors import (
    DataError,
    NetworkError,
    UsageError,
    check_type,
    listed,
    printable,
)
from nmtool.network.analogue import AnalogueInput
from nmtool.network.graph import is_unicode
from nmtool.plain_filters import PLAIN_FILTERS
from nmtool.splits import split_named

LAYOUT_UNITS = 700
"""Channels of the artificial cochlea of SHD and SSC; their files do not state this number."""

SUFFIXES = {"train": "_train.h5", "validation": "_valid.h5", "test": "_test.h5"}
"""Suffixes of file names by split, for writing; reading also accepts other suffixes."""

HDF5_SUFFIXES = (".h5", ".hdf5")

_SPEAKER, _KEYS, _COUNTS = "speaker", "keys", "spikes/counts"
_PLACEHOLDER = "placeholder"
"""Attribute that marks a list in `extra` that is not a column of groups."""

TIME_UNITS_MS = {"s": 1000.0, "ms": 1.0, "us": 0.001, "ns": 1e-6}
"""Milliseconds per unit of time."""

_DAMAGE = (OSError, RuntimeError, ValueError, KeyError, TypeError, OverflowError)
"""Exceptions that h5py raises on truncated, damaged or foreign files."""

_BYTES_OF_AN_ENTRY = 4
"""Smallest size of a sample in a file in bytes, however compressed: two references and a label."""

_FREE_BYTES = 16 << 20
"""Number of bytes that any array may unpack to.

Larger arrays may unpack to at most `_MAX_RATIO` times the size of the file.
"""

_MAX_RATIO = 256

_PORTION_BYTES, _PORTION_SAMPLES = 512 << 20, 32
"""Largest portion of lists that is read at once, in bytes and in samples."""


@dataclass(frozen=True)
class Layout:
    """Properties that all files of a data set share.

    Attributes:
        n_units: number of channels.
        class_names: names of the classes, by label.
        units_assumed: True if neither the files nor the caller give the number of channels.
        partly_zero: groups that are all zeros in some files but not in all.
        has_counts: True if a file counts the spikes of its events.
    """

    n_units: int
    class_names: tuple[str, ...]
    units_assumed: bool = False
    partly_zero: tuple[str, ...] = ()
    has_counts: bool = False


def split_files(folder: str | Path, suffixes: Sequence[str] = HDF5_SUFFIXES) -> dict[str, Path]:
    """The files of a folder by split: `train`, `validation` and `test`.

    Args:
        folder: the folder.
        suffixes: accepted file suffixes.

    Raises:
        DataError: the folder contains no data set, or several data sets.
    """
    folder = Path(folder)
    entries = [
        (path.name[: -len(ending) - len(path.suffix)].rstrip("_-"), split, path)
        for path in sorted(folder.iterdir())
        if path.suffix in suffixes
        for split, ending in split_of(path.stem)
    ]
    names = sorted({name for name, _, _ in entries})
    if not names:
        raise DataError(
            f"{folder} contains no data set in SHD layout",
            code="shd-missing",
            why="it has no file *_train.h5, *_valid.h5 or *_test.h5",
            fix="name another folder, or rename its files; nmtool data IN -o FOLDER converts CSV "
            "and npz files",
        )
    if len(names) > 1 or len({split for _, split, _ in entries}) < len(entries):
        raise DataError(
            f"{folder} contains several data sets: {listed(path.name for _, _, path in entries)}",
            code="shd-several",
            fix="put each into its own folder",
        )
    order = list(SUFFIXES)
    return {
        split: path for _, split, path in sorted(entries, key=lambda entry: order.index(entry[1]))
    }


def split_of(stem: str) -> Iterator[tuple[str, str]]:
    """If a file's name ends with a word for a split, yield the split and the word."""
    word = re.split("[_-]", stem)[-1]
    split = split_named(word)
    if split is not None:
        yield split, word


def read_layout(paths: Iterable[Path], n_units: int | None = None) -> Layout:
    """Read the number of units and the class names of a data set from its files.

    Args:
        paths: the files of one data set.
        n_units: number of channels, overriding the files.

    Raises:
        FileFormatError: a file is missing.
        DataError: a file is damaged, or the files are inconsistent.
    """
    paths = list(paths)
    headers = [_read_header(path) for path in paths]
    units = common_entry("n_units", paths, [header.n_units for header in headers])
    keys = common_entry("extra/keys", paths, [header.class_names for header in headers])
    if keys is None:
        keys = numbered_classes(max(0, *(header.largest_label for header in headers)))
    groups = [group for header in headers for group in header.groups.items()]
    nonzero = {name for name, is_filled in groups if is_filled}
    partly_zero = tuple(sorted(nonzero & {name for name, is_filled in groups if not is_filled}))
    has_counts = any(header.has_counts for header in headers)
    if n_units is None:
        n_units = units
    if n_units is None:
        return Layout(LAYOUT_UNITS, keys, True, partly_zero, has_counts)
    return Layout(n_units, keys, False, partly_zero, has_counts)


def read_shd(
    path: str | Path,
    layout: Layout | None = None,
) -> SpikeEvents:
    """Read the samples of one file in SHD layout.

    Args:
        path: the file.
        layout: layout of the data set, from `read_layout`; by default the layout of this file.

    Raises:
        FileFormatError: the file is missing.
        DataError: the file is damaged or not in SHD layout, or has invalid events.
    """
    path = Path(path)
    layout = layout or read_layout([path])
    with opened_shd(path) as file:
        blocks = list(file.blocks())
        label, groups = file.label.astype(np.int64), file.groups_of(layout)
    time_ms = _concatenated([block.times for block in blocks]).astype(np.float64)
    time_ms *= TIME_UNITS_MS["s"]
    unit = _concatenated([block.units for block in blocks])
    n_events = _concatenated([block.n_events for block in blocks])
    numbers = [block.counts for block in blocks if block.counts is not None]
    count = _concatenated(numbers) if numbers else None
    offset = np.concatenate(([0], np.cumsum(n_events)))
    with errors_naming(path):
        of_data = layout.n_units, layout.class_names, groups
        events = time_ms, unit, offset, label
        return SpikeEvents(*events, *of_data, count=count, analogue=file.analogue)


@dataclass(frozen=True, eq=False)
class Block:
    """Consecutive samples of a file, with times, units and counts as in the file.

    Attributes:
        times: [events] floating-point numbers, in s.
        units: [events] integers.
        counts: [events] integers, spikes of each event; None if the file has no counts.
        n_events: [samples] int64, events of each sample.
    """

    times: NDArray
    units: NDArray[np.integer]
    counts: NDArray[np.integer] | None
    n_events: NDArray[np.int64]


class ShdFile:
    """An open file in SHD layout, whose samples are read in blocks.

    Attributes:
        label: [samples] integers, as in the file.
        groups: by name, [samples] integers; some columns may be all zeros, see `groups_of`.
        time_type, unit_type, count_type: dtypes of times, units and counts in the file; the last
            is None if the file has no counts.
        analogue: the rule that turned numbers into these counts; None for spikes.
    """

    def __init__(self, file: h5py.File) -> None:
        self._times = _Lists(file, "spikes/times", "f")
        self._units = _Lists(file, "spikes/units", "iu")
        self._counts = _Lists(file, _COUNTS, "iu") if _has_counts(file) else None
        sizes = {"lists of times": len(self._times), "of units": len(self._units)}
        if self._counts is not None:
            sizes[f"of {_COUNTS}"] = len(self._counts)
        check_lengths(sizes)
        self.label = _labels_in(file)
        self.groups = _read_groups(file, self.label.size)
        self.time_type, self.unit_type = self._times.dtype, self._units.dtype
        self.count_type = None if self._counts is None else self._counts.dtype
        self.analogue = _analogue_in(file)

    def groups_of(self, layout: Layout) -> dict[str, NDArray[np.integer]]:
        """Groups by name, [samples] integers each; groups that are 0 in all files are left out."""
        return {
            name: group
            for name, group in self.groups.items()
            if group.any() or name in layout.partly_zero
        }

    def blocks(self) -> Iterator[Block]:
        """Yield all samples in blocks; raise `DataError` if their lists differ in length."""
        first = 0
        while first < len(self._times):
            times, units = self._times.read(first), self._units.read(first)
            n_events = _lengths(times)
            counts = None
            if self._counts is not None:
                counts = self._counts.read(first, len(times))
                _check_lengths(n_events, _lengths(counts), "counts", first)
            _check_lengths(n_events, _lengths(units), "units", first)
            yield Block(
                np.concatenate(times),
                np.concatenate(units),
                None if counts is None else np.concatenate(counts),
                n_events,
            )
            first += len(times)


@contextmanager
def opened_shd(path: str | Path) -> Iterator[ShdFile]:
    """Open a file in SHD layout, to read its samples in blocks.

    Args:
        path: the file.

    Raises:
        FileFormatError: the file is missing.
        DataError: the file is damaged or not in SHD layout; also raised within the block.
    """
    with _opened(Path(path)) as file:
        yield ShdFile(file)


def read_labels(path: str | Path) -> NDArray[np.integer]:
    """Read only the labels of a file, [samples] int64; raise the errors of `read_shd`."""
    with _opened(Path(path)) as file:
        return _labels_in(file)


@checked(events=EVENTS)
def write_shd(path: str | Path, events: SpikeEvents, *, force: bool = False) -> None:
    """Write samples to one file in SHD layout, which tonic can read, too.

    Times are float16 if that is exact, as for all data read from SHD, else float64. Counts are
    lists of their own, `spikes/counts`, which other tools ignore; if they stand for numbers, the
    attributes `analogue_scale`, `analogue_bits` and `analogue_signed` have the rule. Groups are
    lists in `extra`. tonic expects `extra/speaker`; without speakers, this list is all zeros and
    has the attribute `placeholder`.

    >>> write_shd("data_train.h5", data.train)  # doctest: +SKIP

    Args:
        path: the file; in a data set `NAME_train.h5`, `NAME_valid.h5` or `NAME_test.h5`.
        events: the samples.
        force: overwrite an existing file.

    Raises:
        UsageError: the file exists.
        DataError: the name of a group cannot be used in the file.
        StorageError: the file could not be written; an earlier file is untouched.
    """
    check_type(events, SpikeEvents, "spike events", "pass a split of a data set, or SpikeEvents")
    if not force and Path(path).exists():
        raise UsageError(
            f"{path} exists already",
            code="path-taken",
            fix="choose another name, or overwrite the file: `force=True`",
        )
    for name in events.groups:
        if not may_name_group(name):
            raise DataError(
                f"the group {printable(ascii(name))} cannot be written",
                code="group-name",
                why="it is not a valid name in the SHD layout",
                fix="give it another name: letters and digits, but not 'keys'",
            )
    seconds = events.time_ms / 1000.0
    time_type = np.float16 if _fits_float16(events.time_ms) else np.float64
    with storage.replacing(path) as temporary, h5py.File(temporary, "w") as file:
        file.attrs["n_units"] = events.n_units
        if events.analogue is not None:
            for name, value in events.analogue.as_json().items():
                file.attrs[f"analogue_{name}"] = value
        _write_lists(file, "spikes/times", seconds.astype(time_type), events.offset)
        unit_type = _unsigned_dtype(events.n_units)
        _write_lists(file, "spikes/units", events.unit.astype(unit_type), events.offset)
        if events.count is not None:
            count_type = np.min_scalar_type(events.most_spikes)
            _write_lists(file, _COUNTS, events.count.astype(count_type), events.offset)
        file["labels"] = events.label.astype(_unsigned_dtype(len(events.class_names)))
        for name, group in {_SPEAKER: np.zeros(events.n_samples, int), **events.groups}.items():
            fits = not group.size or (group.min() >= 0 and group.max() < 1 << 16)
            file[f"extra/{name}"] = group.astype(np.uint16 if fits else np.int64)
        if _SPEAKER not in events.groups:
            file[f"extra/{_SPEAKER}"].attrs[_PLACEHOLDER] = True
        file.create_dataset(
            "extra/keys", data=list(events.class_names), dtype=h5py.string_dtype("utf-8")
        )


def may_name_group(name: str) -> bool:
    """True if a group can have this name, as the name of a list in `extra`."""
    return name not in ("", ".", _KEYS) and not set("/\0") & set(name) and is_unicode(name)


@dataclass(frozen=True)
class _Header:
    """Number of channels, classes and groups of a file, read without its spikes.

    Attributes:
        n_units: number of channels; None if the file does not give it.
        class_names: names of the classes; None if the file does not give them.
        largest_label: largest label in the file.
        groups: by name, True if the group is not all zeros.
        has_counts: True if the file counts the spikes of its events.
    """

    n_units: int | None
    class_names: tuple[str, ...] | None
    largest_label: int
    groups: Mapping[str, bool]
    has_counts: bool


def _read_header(path: Path) -> _Header:
    """Read the number of channels, the classes and the groups of a file, but no spikes."""
    with _opened(path) as file:
        n_units = file.attrs.get("n_units")
        keys = _read_texts(file, "extra/keys") if file.get("extra/keys", getlink=True) else None
        if n_units is not None:
            check_n_units(int(n_units))
        label = _labels_in(file)
        return _Header(
            n_units=None if n_units is None else int(n_units),
            class_names=keys,
            largest_label=int(label.max(initial=0)),
            groups={
                name: bool(column.any()) for name, column in _read_groups(file, label.size).items()
            },
            has_counts=_has_counts(file),
        )


def _analogue_in(file: h5py.File) -> AnalogueInput | None:
    """Read the rule that turned numbers into the counts of a file; None for spikes."""
    if "analogue_scale" not in file.attrs:
        return None
    scale, bits, signed = (file.attrs[f"analogue_{name}"] for name in ("scale", "bits", "signed"))
    try:
        return AnalogueInput(float(scale), int(bits), bool(signed))
    except NetworkError as error:
        raise error.restated(error.what, DataError) from error


def _has_counts(file: h5py.File) -> bool:
    """True if a file counts the spikes of its events."""
    return file.get(_COUNTS, getlink=True) is not None


def _read_texts(file: h5py.File, name: str) -> tuple[str, ...]:
    """Read a list of strings one by one: in a hostile file, each may be as long as the file."""
    dataset = _dataset(file, name)
    if dataset.ndim > 1 or dataset.size > MAX_CLASSES:
        raise DataError(
            f"'{name}' has the shape {dataset.shape}, but must be a list of at most "
            f"{MAX_CLASSES} strings",
            code="shd-array-type",
            fix="write the file with nmtool.write_shd",
        )
    remaining_bytes = file.id.get_filesize()
    texts = []
    for row in range(dataset.size):
        key = dataset[row] if dataset.ndim else dataset[()]
        texts.append(key.decode() if isinstance(key, bytes) else str(key))
        remaining_bytes -= len(texts[-1])
        if remaining_bytes < 0:
            raise _error_larger_than_file(file, name)
    return tuple(texts)


def _labels_in(file: h5py.File) -> NDArray[np.integer]:
    """Read the labels of an open file, [samples] int64; floats must be whole numbers."""
    dataset = _dataset(file, "labels")
    if dataset.dtype.kind not in "biuf":
        raise DataError(
            "'labels' is not a list of integers",
            code="shd-array-type",
            fix="number the classes from 0, and write their names to extra/keys",
        )
    label = np.asarray(dataset[()])
    if label.dtype.kind != "f":
        return label.astype(np.int64) if label.dtype.kind == "b" else label
    whole = (
        np.isfinite(label) & (label == np.rint(label)) & (np.abs(label) < np.float64(LARGEST_LABEL))
    )
    if not whole.all():
        at = int(np.argmin(whole))
        raise DataError(
            f"sample {at}: the label {label.flat[at]} is not a whole number",
            code="labels-not-whole",
            fix="number the classes from 0, one number per sample",
        )
    return label.astype(np.int64)


def _read_groups(file: h5py.File, n_samples: int) -> dict[str, NDArray[np.integer]]:
    """Read all groups of an open file: the lists in `extra` with one integer per sample."""
    link = file.get("extra", getlink=True)
    extra = file.get("extra") if isinstance(link, h5py.HardLink) else None
    columns: dict[str, NDArray[np.integer]] = {}
    if not isinstance(extra, h5py.Group):
        return columns
    for name in extra:
        if name == _KEYS:
            continue
        column = (
            extra.get(name) if isinstance(extra.get(name, getlink=True), h5py.HardLink) else None
        )
        if not isinstance(column, h5py.Dataset) or _PLACEHOLDER in column.attrs:
            continue
        if column.dtype.kind in "iu" and column.shape == (n_samples,):
            columns[str(name)] = np.asarray(_dataset(file, f"extra/{name}")[()])
    return columns


def common_entry(what: str, paths: Sequence[Path | str], values: Sequence[Any]) -> Any:
    """Return the common value of all files or splits; None if no file or split has a value.

    Files and splits without a value, None in `values`, are ignored.

    Raises:
        DataError: the values differ.
    """
    stated = [(path, value) for path, value in zip(paths, values, strict=True) if value is not None]
    for path, value in stated:
        first = stated[0][1]
        if value != first:
            if isinstance(first, tuple):
                pairs = enumerate(zip(first, value, strict=False))
                start = next((place for place, (a, b) in pairs if a != b), 0)
                first, value = listed(first[start:]), listed(value[start:])
            raise DataError(
                f"{stated[0][0]} and {path} differ in {what}",
                code="shd-disagree",
                why=f"the first has {first}; the second has {value}",
                fix="splits of one data set must have the same units and classes",
            )
    return stated[0][1] if stated else None


@contextmanager
def _opened(path: Path) -> Iterator[h5py.File]:
    """Open a file for reading; any error within the block becomes a `DataError` with its name."""
    storage.check_file(path)
    try:
        with errors_naming(path), h5py.File(path, "r") as file:
            yield file
    except _DAMAGE as error:
        raise DataError(
            f"{path} is damaged or not an HDF5 file in SHD layout",
            code="shd-damaged",
            why=str(error),
            fix="fetch or write the file again",
        ) from error


def _dataset(file: h5py.File, name: str) -> h5py.Dataset:
    """Find an HDF5 dataset in a file; raise `DataError` if it claims too much data for the file."""
    parts = name.split("/")
    links = [file.get("/".join(parts[: n + 1]), getlink=True) for n in range(len(parts))]
    if not all(link is None or isinstance(link, h5py.HardLink) for link in links):
        raise _error_elsewhere(name)
    dataset = file.get(name)
    if not isinstance(dataset, h5py.Dataset) or dataset.shape is None:
        raise DataError(
            f"'{name}' is missing",
            code="shd-array-missing",
            fix="write the file with nmtool.write_shd",
            why="the SHD layout needs it",
        )
    settings = dataset.id.get_create_plist()
    filters = {settings.get_filter(number)[0] for number in range(settings.get_nfilters())}
    if dataset.is_virtual or dataset.external or not filters <= PLAIN_FILTERS:
        raise _error_elsewhere(name)
    size = file.id.get_filesize()
    entries = max(math.prod(dataset.shape), math.prod(dataset.chunks or (0,)))
    unpacked = entries * dataset.dtype.itemsize
    if entries * _BYTES_OF_AN_ENTRY > size or unpacked > max(_FREE_BYTES, _MAX_RATIO * size):
        raise _error_larger_than_file(file, name)
    return dataset


def _error_elsewhere(name: str) -> DataError:
    """The error for data that are stored in another file, or that need a plug-in."""
    return DataError(
        f"'{name}' is stored in another file, or needs a plug-in to be read",
        code="shd-elsewhere",
        fix="copy the data into this file, uncompressed or compressed with gzip or lzf",
    )


def _error_larger_than_file(file: h5py.File, name: str) -> DataError:
    """The error for data whose stated size is larger than the file that contains them."""
    return DataError(
        f"'{name}' claims to hold more data than fit into this file of {file.id.get_filesize()} "
        "bytes",
        code="shd-claims-more",
        fix="fetch or write the file again",
    )


class _Lists:
    """The lists of numbers of all samples, read in portions: a list may be as long as the file."""

    def __init__(self, file: h5py.File, name: str, kinds: str) -> None:
        dataset = _dataset(file, name)
        base = h5py.check_vlen_dtype(dataset.dtype)
        if base is None or base.kind not in kinds or dataset.ndim != 1:
            raise _error_not_lists(name, kinds, base if dataset.ndim == 1 else None)
        self.dtype: np.dtype = base
        self._file, self._name, self._dataset = file, name, dataset
        size = file.id.get_filesize()
        self._left, self._rows = size, max(_PORTION_BYTES // size, _PORTION_SAMPLES)

    def __len__(self) -> int:
        return len(self._dataset)

    def read(self, first: int, n_samples: int | None = None) -> NDArray[np.object_]:
        """Read the lists of some samples, by default as many as a portion may have.

        Args:
            first: first sample.
            n_samples: number of samples.
        """
        portion = self._dataset[first : first + (self._rows if n_samples is None else n_samples)]
        self._left -= sum(map(len, portion)) * self.dtype.itemsize
        if self._left < 0:
            raise _error_larger_than_file(self._file, self._name)
        return portion


def _lengths(lists: NDArray[np.object_]) -> NDArray[np.int64]:
    """[samples] int64: the lengths of lists."""
    return np.fromiter(map(len, lists), np.int64, len(lists))


def _check_lengths(
    n_times: NDArray[np.int64], n_others: NDArray[np.int64], others: str, first: int
) -> None:
    """Raise `DataError` unless samples have as many entries in another list as times.

    Args:
        n_times, n_others: [samples] lengths of the lists.
        others: name of the other lists.
        first: index of the first sample.
    """
    for sample in np.flatnonzero(n_times != n_others)[:1]:
        sizes = {"times": int(n_times[sample]), others: int(n_others[sample])}
        check_lengths(sizes, f"sample {first + sample}: ")


def _error_not_lists(name: str, kinds: str, base: np.dtype | None) -> DataError:
    """The error for data that are not one list of numbers per sample."""
    if kinds == "f" and base is not None and base.kind in "iu":
        return DataError(
            f"'{name}' contains integers, not seconds",
            code="times-integer",
            fix="write them in seconds, as floating-point numbers: times in ms divided by 1000",
            why="times in SHD layout are seconds as floating-point numbers",
        )
    numbers = "floating-point numbers" if "f" in kinds else "integers"
    return DataError(
        f"'{name}' must contain a list of {numbers}, of variable length, for each sample",
        code="shd-array-type",
        fix="write the file with nmtool.write_shd",
    )


def _concatenated(parts: Sequence[NDArray]) -> NDArray:
    """Concatenate arrays; no arrays give an empty array."""
    return np.concatenate(parts) if parts else np.zeros(0, np.int64)


def _fits_float16(time_ms: NDArray[np.floating]) -> bool:
    """True if times that are stored as seconds in float16 are read back without any change."""
    with np.errstate(over="ignore"):
        short = (time_ms / 1000.0).astype(np.float16)
    return np.array_equal(short.astype(np.float64) * 1000.0, time_ms)


def _unsigned_dtype(n_values: int) -> DTypeLike:
    """The smaller of uint16 and uint32 that can number this many values."""
    return np.uint16 if n_values <= 1 << 16 else np.uint32


def _write_lists(file: h5py.File, name: str, values: NDArray, offset: NDArray[np.integer]) -> None:
    """Write values as one list of variable length per sample."""
    lists = np.empty(offset.size - 1, object)
    for sample, (start, stop) in enumerate(pairwise(offset)):
        lists[sample] = values[start:stop]
    file.create_dataset(name, data=lists, dtype=h5py.vlen_dtype(values.dtype))
