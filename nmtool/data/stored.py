"""`read_events`: samples whose events stay on disk until they are used, for large files.

The events of a file in SHD layout are copied once into the cache, sample after sample, with the
file's own numbers: 4 bytes per event for SHD and SSC. From the copy any sample can be read in a few
microseconds, in any order, which HDF5's lists do not allow. Times are exact, so that training from
disk equals training from memory, bit for bit.

    events/KEY.events    per sample its times, then its units, then its numbers of spikes if the
                         file has counts
    events/KEY.npz       the index: counts, labels, a checksum per sample, path and time of the file

A copy is renewed if its source has changed, or if the checksum of a sample is wrong when it is
read.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import weakref
import zlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nmtool import paths, storage
from nmtool.data.events import SpikeEvents, check_event_counts, check_times, check_units
from nmtool.data.shd import TIME_UNITS_MS, Layout, opened_shd, read_layout, read_shd
from nmtool.errors import DataError, FileFormatError, StorageError
from nmtool.network.analogue import AnalogueInput

_log = logging.getLogger(__name__)

IN_MEMORY_BYTES = 48 << 20
"""Files up to this size are read into memory, where they take five times their size."""

_TO_MS = TIME_UNITS_MS["s"]


def read_events(
    path: str | Path, layout: Layout | None = None, *, in_memory: bool = False
) -> SpikeEvents:
    """Read the samples of a file in SHD layout; the events of a large file stay on disk.

    Args:
        path: the file. A file of more than 48 MiB is copied into the cache once.
        layout: layout of the data set; by default the layout of this file.
        in_memory: read a file of any size into memory.

    Raises:
        FileFormatError: the file is missing.
        DataError: the file is damaged or not in SHD layout, or has invalid events.
        StorageError: there is no space for the copy, or it cannot be written.
    """
    path = Path(path)
    layout = layout or read_layout([path])
    if in_memory or not path.is_file() or path.stat().st_size <= IN_MEMORY_BYTES:
        return read_shd(path, layout)
    return EventStore(path, layout).events()


@dataclass(frozen=True, eq=False)
class _Index(storage.Saved):
    """The index of a copy: properties of all samples, available without reading events.

    Attributes:
        source: path, size and time of the file that the events were copied from (`_stamp`).
        time_type, unit_type, count_type: dtypes of an event's time, unit and number of spikes; the
            last is None if the file has no counts.
        n_units, class_names, label, groups, analogue: as in `SpikeEvents`.
        counts: [samples] int64, number of events.
        spikes: [samples] int64, number of spikes of all events; only stored with a `count_type`.
        most: [samples] int64, largest number of spikes of an event, 1 without events; only stored
            with a `count_type`.
        last_ms: [samples] float64, time of the last event in ms; NaN without events.
        checksum: [samples] uint32, CRC-32 of each sample's bytes.
        content_hash: content hash of all samples, as in `SpikeEvents`.
    """

    file_kind = "nmtool event cache"
    file_version = 2
    free_bytes = 1 << 30

    source: Mapping[str, Any]
    time_type: np.dtype
    unit_type: np.dtype
    n_units: int
    class_names: tuple[str, ...]
    label: NDArray[np.int64]
    groups: Mapping[str, NDArray[np.int64]]
    counts: NDArray[np.int64]
    last_ms: NDArray[np.float64]
    checksum: NDArray[np.uint32]
    spikes: NDArray[np.int64]
    most: NDArray[np.int64]
    count_type: np.dtype | None = None
    analogue: AnalogueInput | None = None
    content_hash: str = ""

    @property
    def event_bytes(self) -> int:
        """Number of bytes that an event takes in the copy."""
        of_count = 0 if self.count_type is None else self.count_type.itemsize
        return self.time_type.itemsize + self.unit_type.itemsize + of_count

    @property
    def has_counts(self) -> bool:
        """True if the events have counts, although all may be 1."""
        return self.count_type is not None

    @property
    def total_bytes(self) -> int:
        """Number of bytes that all events take in the copy."""
        return int(self.counts.sum()) * self.event_bytes

    def _pack(self) -> tuple[dict[str, Any], dict[str, NDArray]]:
        header = {
            "source": dict(self.source),
            "time_type": self.time_type.str,
            "unit_type": self.unit_type.str,
            "n_units": int(self.n_units),
            "class_names": list(self.class_names),
            "content_hash": self.content_hash,
        }
        arrays = {name: getattr(self, name) for name in _ARRAYS}
        if self.count_type is not None:
            header["count_type"] = self.count_type.str
            arrays |= {name: getattr(self, name) for name in _COUNT_ARRAYS}
        if self.analogue is not None:
            header["analogue"] = self.analogue.as_json()
        return header, arrays | {f"group.{name}": column for name, column in self.groups.items()}

    def _version(self) -> int:
        return 2 if self.has_counts or self.analogue is not None else 1

    @classmethod
    def _unpack(cls, archive: storage.Archive) -> _Index:
        header = archive.header
        counts = archive.array("counts")
        size = counts.size
        of_counts = {"spikes": counts, "most": np.ones(size, np.int64)}
        if "count_type" in header:
            of_counts = {name: archive.vector(name, size) for name in _COUNT_ARRAYS}
        return cls(
            source=dict(header["source"]),
            time_type=np.dtype(header["time_type"]),
            unit_type=np.dtype(header["unit_type"]),
            n_units=int(header["n_units"]),
            class_names=tuple(header["class_names"]),
            count_type=np.dtype(header["count_type"]) if "count_type" in header else None,
            analogue=AnalogueInput(**header["analogue"]) if "analogue" in header else None,
            content_hash=str(header["content_hash"]),
            groups={
                name.removeprefix("group."): archive.vector(name, size)
                for name in archive.arrays
                if name.startswith("group.")
            },
            **{name: archive.vector(name, size) for name in _ARRAYS},
            **of_counts,
        )


_ARRAYS = ("label", "counts", "last_ms", "checksum")
_COUNT_ARRAYS = ("spikes", "most")

_EventArrays: TypeAlias = tuple[
    NDArray[np.float64], NDArray[np.integer], NDArray[np.integer] | None
]
"""Times in ms, units and numbers of spikes of events, [events] each; None without counts."""


class EventStore:
    """The cached copy of the events of one file.

    Args:
        source: the file.
        layout: layout of its data set.
    """

    def __init__(self, source: Path, layout: Layout) -> None:
        self._source, self._layout = source, layout
        words = [str(source.resolve()), str(layout.n_units), *layout.class_names]
        words += layout.partly_zero
        if layout.has_counts:
            # Versions of nmtool that ignore counts make copies without them under another name.
            words.append("counts")
        key = hashlib.sha256("\0".join(words).encode()).hexdigest()[:20]
        folder = paths.cache_folder() / "events"
        self._events, self._index_file = folder / f"{key}.events", folder / f"{key}.npz"
        self._closing: weakref.finalize | None = None
        self._file = -1
        index = self._stored_index()
        self._set_index(self._write_copy() if index is None else index)

    def __reduce__(self) -> tuple[Any, ...]:
        return EventStore, (self._source, self._layout)

    def events(self) -> SpikeEvents:
        """All samples of the file, whose events stay in the copy on disk."""
        return SpikeEvents._on_disk(self, np.arange(self.index.counts.size))

    def known_hash(self, samples: NDArray[np.int64]) -> str:
        """The content hash of all samples, if `samples` are all samples in order; else ''."""
        whole = np.array_equal(samples, np.arange(self.index.counts.size))
        return self.index.content_hash if whole else ""

    def read(self, samples: NDArray[np.int64]) -> _EventArrays:
        """Read the events of some samples.

        Raises:
            DataError: the copy is damaged, and its source has changed or is gone.
            StorageError: a damaged copy cannot be renewed.
        """
        with suppress(_DamagedError):
            return self._read(samples)
        # The index has a content hash as soon as the whole copy has been read once. Only then is a
        # damaged copy renewed.
        if self.index.content_hash:
            self._renew()
            with suppress(_DamagedError):
                return self._read(samples)
        raise StorageError(
            f"{self._events} is damaged right after it was written",
            code="event-cache-unreadable",
            why="its checksums are wrong",
            fix="check the disk, or keep the cache on another one: NMTOOL_CACHE=FOLDER",
        )

    def _read(self, samples: NDArray[np.int64]) -> _EventArrays:
        """Read the events of samples; raise `_DamagedError` if a checksum is wrong."""
        if self._file < 0:
            try:
                self._file = os.open(self._events, os.O_RDONLY)
            except OSError as error:
                raise _DamagedError from error
            self._closing = weakref.finalize(self, os.close, self._file)
        index = self.index
        counts = index.counts[samples]
        ends = np.cumsum(counts)
        time = np.empty(int(counts.sum()), index.time_type)
        unit = np.empty(time.size, index.unit_type)
        count = None if index.count_type is None else np.empty(time.size, index.count_type)
        places = zip(samples.tolist(), (ends - counts).tolist(), ends.tolist(), strict=True)
        for sample, start, end in places:
            # If the file is truncated while it is used, `os.pread` returns fewer bytes. With a
            # memory map, a signal would end the process.
            size = (end - start) * index.event_bytes
            content = os.pread(self._file, size, int(self._start[sample]))
            if len(content) != size or zlib.crc32(content) != index.checksum[sample]:
                raise _DamagedError
            place = 0
            for numbers in (time, unit, count):
                if numbers is not None:
                    n_events = end - start
                    numbers[start:end] = np.frombuffer(content, numbers.dtype, n_events, place)
                    place += n_events * numbers.itemsize
        return time.astype(np.float64) * _TO_MS, unit, count

    def _set_index(self, index: _Index) -> None:
        """Set the index, and compute where each sample begins in the copy."""
        self.index = index
        self._start = np.concatenate(([0], np.cumsum(index.counts))) * index.event_bytes

    def _renew(self) -> None:
        """Write a damaged copy again, from the same source file."""
        index = self.index
        if not self._source.is_file() or _stamp(self._source) != index.source:
            raise DataError(
                f"the copy of {self._source} in {self._events} is damaged",
                code="event-cache-damaged",
                why="the source has changed since it was copied, or is gone, so it cannot be "
                "copied again",
                fix="load the current data again",
            )
        _log.warning(f"the copy of {self._source} in the cache is damaged and is renewed")
        if self._closing is not None:
            self._closing()
            self._file = -1
        self._set_index(self._write_copy())

    def _stored_index(self) -> _Index | None:
        """Read the index of an existing copy; None unless the copy is complete and up to date."""
        if not self._index_file.is_file() or not self._source.is_file():
            return None
        try:
            index = _Index.load(self._index_file)
            size = self._events.stat().st_size
        except (FileFormatError, OSError):
            _log.warning(f"the copy of {self._source} in the cache is damaged and is renewed")
            return None
        if index.source != _stamp(self._source):
            _log.info(f"{self._source} has changed since it was cached, and is copied again")
            return None
        return index if size == index.total_bytes else None

    def _write_copy(self) -> _Index:
        """Validate the events, copy them into the cache, and return their index."""
        folder, source = self._events.parent, self._source
        storage.make_folder(folder)
        _delete_stale_copies(folder)
        stamp = _stamp(source)
        free = shutil.disk_usage(folder).free
        # The copy is at most as large as the source file.
        if free < stamp["size"]:
            raise _no_room_error(source, folder, stamp["size"], f"{_gigabytes(free)} are free")
        _log.warning(
            f"{source} is read from disk while it is used: its events, at most "
            f"{_gigabytes(stamp['size'])}, are copied to {folder} once"
        )
        try:
            with storage.replacing(self._events) as temporary, open(temporary, "wb") as file:
                index = _copy_events(source, self._layout, stamp, file)
            self._set_index(index)
            index = replace(index, content_hash=self.events().content_hash)
            index.save(self._index_file)
        except StorageError as error:
            if error.code == "event-cache-unreadable":
                raise
            raise _no_room_error(source, folder, stamp["size"], error.why) from error
        except _FullError as error:
            raise _no_room_error(source, folder, stamp["size"], str(error)) from error
        return index


class _DamagedError(Exception):
    """The cached copy is damaged: its bytes differ from the bytes that were written."""


class _FullError(Exception):
    """The copy cannot be written, usually because the disk is full."""


def _copy_events(
    source: Path, layout: Layout, stamp: Mapping[str, Any], target: IO[bytes]
) -> _Index:
    """Write the events of all samples of a file to the copy, and build its index."""
    counts, spikes, most, last, checksums = [], [], [], [], []
    first = 0
    with opened_shd(source) as file:
        for block in file.blocks():
            offset = np.concatenate(([0], np.cumsum(block.n_events)))
            time_ms = block.times.astype(np.float64) * _TO_MS
            check_units(block.units, offset, layout.n_units, first)
            check_times(time_ms, offset, first)
            if block.counts is not None:
                check_event_counts(block.counts, offset, first)
            for start, end in zip(offset[:-1].tolist(), offset[1:].tolist(), strict=True):
                sample = block.times[start:end].tobytes() + block.units[start:end].tobytes()
                if block.counts is not None:
                    count = block.counts[start:end]
                    sample += count.tobytes()
                    spikes.append(int(count.sum(dtype=np.int64)))
                    most.append(int(count.max(initial=1)))
                _write_sample(target, sample)
                checksums.append(zlib.crc32(sample))
                last.append(time_ms[end - 1] if end > start else np.nan)
            counts.append(block.n_events)
            first += block.n_events.size
        # The constructor of this object, which has no events, checks the labels and groups.
        silent = np.zeros(first + 1, np.int64)
        without_events = SpikeEvents(
            *(np.zeros(0), np.zeros(0, np.int32), silent, file.label),
            layout.n_units,
            layout.class_names,
            file.groups_of(layout),
        )
        n_events = np.concatenate([np.zeros(0, np.int64), *counts])
        with_counts = file.count_type is not None
        return _Index(
            source=stamp,
            time_type=file.time_type,
            unit_type=file.unit_type,
            count_type=file.count_type,
            analogue=file.analogue,
            n_units=without_events.n_units,
            class_names=tuple(without_events.class_names),
            label=without_events.label.astype(np.int64),
            groups={
                name: column.astype(np.int64) for name, column in without_events.groups.items()
            },
            counts=n_events,
            spikes=np.array(spikes, np.int64) if with_counts else n_events,
            most=np.array(most, np.int64) if with_counts else np.ones(first, np.int64),
            last_ms=np.array(last, np.float64),
            checksum=np.array(checksums, np.uint32),
        )


def _write_sample(target: IO[bytes], sample: bytes) -> None:
    """Write the bytes of a sample; raise `_FullError` if that fails."""
    try:
        target.write(sample)
    except OSError as error:  # An OSError would be reported as damage of the HDF5 file.
        raise _FullError(error.strerror or str(error)) from error


def _stamp(path: Path) -> dict[str, Any]:
    """Path, size, modification time and inode of a file, to detect changes of the file."""
    status = path.stat()
    return {
        "path": str(path.resolve()),
        "size": status.st_size,
        "changed_ns": status.st_mtime_ns,
        "inode": status.st_ino,
    }


def _delete_stale_copies(folder: Path) -> None:
    """Delete copies of source files that no longer exist."""
    for index_file in folder.glob("*.npz"):
        with suppress(FileFormatError, OSError):
            archive = storage.read_archive(
                index_file, _Index.file_kind, _Index.file_version, free_bytes=_Index.free_bytes
            )
            source = archive.header.get("source")
            if isinstance(source, dict) and not Path(str(source.get("path"))).exists():
                index_file.with_suffix(".events").unlink(missing_ok=True)
                index_file.unlink()


def _no_room_error(source: Path, folder: Path, size: int, why: str) -> StorageError:
    """The error for events that cannot be copied into the cache."""
    return StorageError(
        f"the events of {source} cannot be copied to {folder}",
        code="event-cache-unwritten",
        why=f"at most {_gigabytes(size)} are needed: {why}",
        fix="free disk space, or move the cache to another disk: NMTOOL_CACHE=FOLDER; in Python, "
        "load_dataset(…, in_memory=True) needs no copy, but memory for all events",
    )


def _gigabytes(size: int) -> str:
    """A size in bytes as text in GB."""
    return f"{size / 1e9:.2f} GB"
