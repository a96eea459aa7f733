"""Read untrusted HDF5 files safely: only plain data of limited size, stored in the file itself.

HDF5 can link to other files, load plug-ins while reading, and claim arbitrary sizes. Each dataset
is therefore checked before it is read.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nmtool import storage
from nmtool.errors import FileFormatError, InputError, NmtoolError, printable
from nmtool.libraries import missing_library
from nmtool.plain_filters import PLAIN_FILTERS

if TYPE_CHECKING:
    import h5py

MAX_BYTES = 1 << 30
"""Files that would unpack to more bytes are refused before they are unpacked."""

_BYTES_OF_A_NUMBER = 8
"""Bytes counted per number, even of smaller types, since readers may convert them to floats."""

_CACHE_BYTES = 1 << 25
"""Size of the chunk cache, so that a chunk of strings is unpacked once instead of once per row."""

_NUMBERS = "biuf"


@contextmanager
def opened(path: str | Path, what: str) -> Iterator[PlainFile]:
    """Open a file for reading.

    Args:
        path: path of the file.
        what: expected kind of file, named in errors.

    Raises:
        FileFormatError: the file is missing or damaged; may also be raised inside the `with` block.
        MissingError: h5py is not installed.
    """
    try:
        import h5py
    except ImportError as error:
        raise missing_library(error, "") from error

    storage.check_file(path)
    with damage_named(path, what), h5py.File(path, "r", rdcc_nbytes=_CACHE_BYTES) as file:
        yield PlainFile(file)


@contextmanager
def damage_named(path: str | Path, what: str) -> Iterator[None]:
    """Turn any error caused by a file's content into `FileFormatError`.

    nmtool's own input errors keep their code, why, fix and findings; the file's name is added.
    """
    try:
        with np.errstate(all="ignore"):  # Numbers in the files of other tools may overflow.
            yield
    except InputError as error:
        what_failed = f"{path} cannot be read as a {what}: {error.what}"
        raise error.restated(what_failed, FileFormatError) from error
    except NmtoolError:  # All other errors of nmtool have causes outside the file.
        raise
    except Exception as error:  # HDF5 and numpy can raise exceptions of any type.
        raise FileFormatError(
            f"{path} cannot be read as a {what}",
            code="hdf5-damaged",
            why=f"{type(error).__name__}: {error}",
            fix="write the file again, or get another copy of it",
        ) from error


class PlainFile:
    """Reads plain groups and datasets, and counts their unpacked size."""

    def __init__(self, file: h5py.File) -> None:
        self.root: h5py.Group = file
        self._bytes = 0

    def group(self, parent: h5py.Group, name: str) -> h5py.Group:
        """The group `name` in the group `parent`."""
        import h5py

        member = self._member(parent, name)
        if not isinstance(member, h5py.Group):
            raise FileFormatError(
                f"{_place(parent, name)} is not an HDF5 group",
                code="hdf5-no-group",
                fix="write the file again with the tool that made it",
            )
        return member

    def has(self, parent: h5py.Group, name: str) -> bool:
        """True if a group has a member with a value; a null data space has none."""
        if parent.get(name, getlink=True) is None:
            return False
        return getattr(self._member(parent, name), "shape", ()) is not None

    def array(self, parent: h5py.Group, name: str) -> NDArray:
        """Read the dataset `name` of a group; it must contain numbers."""
        dataset = self._dataset(parent, name)
        if dataset.dtype.kind not in _NUMBERS:
            raise FileFormatError(
                f"{_place(parent, name)} is not numeric",
                code="hdf5-no-numbers",
                fix="write the file again with the tool that made it",
            )
        return np.asarray(dataset[()])

    def numbers_or_strings(self, parent: h5py.Group, name: str) -> NDArray:
        """The values of a dataset of numbers or of strings of fixed length."""
        dataset = self._dataset(parent, name)
        if dataset.dtype.kind not in f"{_NUMBERS}S":
            raise FileFormatError(
                f"{_place(parent, name)} contains neither numbers nor strings",
                code="hdf5-no-numbers",
                fix="write the file again with the tool that made it",
            )
        return np.asarray(dataset[()])

    def text(self, parent: h5py.Group, name: str) -> str:
        """Read the dataset `name` of a group; it must contain one string."""
        dataset = self._dataset(parent, name)
        value = None if dataset.shape else dataset[()]
        if not isinstance(value, bytes):
            raise FileFormatError(
                f"{_place(parent, name)} is not a string",
                code="hdf5-no-text",
                fix="write the file again with the tool that made it",
            )
        return value.decode("utf-8")

    def texts(self, parent: h5py.Group, name: str, limit: int) -> NDArray[np.object_]:
        """Read the dataset `name` of a group, in its shape; it has at most `limit` strings."""
        dataset = self._dataset(parent, name)
        if math.prod(dataset.shape) > limit:
            raise FileFormatError(
                f"{_place(parent, name)} contains more than {limit} strings, the most that "
                "nmtool reads",
                code="hdf5-too-many-texts",
                fix="use a file with fewer strings",
            )
        texts = [text.decode("utf-8") for text in self._bytes_of(dataset, parent, name)]
        return np.array(texts, object).reshape(dataset.shape)

    def numbers(self, parent: h5py.Group) -> dict[str, NDArray]:
        """All numeric datasets with values in a group, by name; groups and strings are skipped."""
        import h5py

        arrays = {}
        for name in sorted(parent):
            member = self._member(parent, name)
            is_number = isinstance(member, h5py.Dataset) and member.dtype.kind in _NUMBERS
            if is_number and self.has(parent, name):
                arrays[name] = self.array(parent, name)
        return arrays

    def _bytes_of(self, dataset: h5py.Dataset, parent: h5py.Group, name: str) -> Iterator[bytes]:
        """Read strings in blocks of rows: in a hostile file, each may be as long as the file."""
        longest = max(self.root.id.get_filesize(), 1)
        per_row = longest * max(math.prod(dataset.shape[1:]), 1)
        rows = max(MAX_BYTES // per_row, 1)
        for first in range(0, dataset.shape[0] if dataset.shape else 1, rows):
            for text in np.ravel(dataset[first : first + rows] if dataset.shape else dataset[()]):
                if not isinstance(text, bytes):
                    raise FileFormatError(
                        f"{_place(parent, name)} does not contain strings",
                        code="hdf5-no-text",
                        fix="write the file again with the tool that made it",
                    )
                self._count(len(text), parent, name)
                yield text

    def _member(self, parent: h5py.Group, name: str) -> Any:
        """A member of a group; raises `FileFormatError` if it is missing or a link."""
        import h5py

        link = parent.get(name, getlink=True)
        if link is None:
            raise FileFormatError(
                f"{_place(parent, name)} is missing",
                code="hdf5-member-missing",
                fix="write the file again with the tool that made it",
            )
        if not isinstance(link, h5py.HardLink):
            raise FileFormatError(
                f"{_place(parent, name)} is a link to other data",
                code="hdf5-link",
                fix="replace the link by the data themselves",
            )
        return parent[name]

    def _dataset(self, parent: h5py.Group, name: str) -> h5py.Dataset:
        """A dataset that is safe to read; raises `FileFormatError` for others."""
        import h5py

        dataset = self._member(parent, name)
        if not isinstance(dataset, h5py.Dataset) or dataset.shape is None:
            lack = "has no value" if isinstance(dataset, h5py.Dataset) else "is not an HDF5 dataset"
            raise FileFormatError(
                f"{_place(parent, name)} {lack}",
                code="hdf5-no-data",
                fix="write the file again with the tool that made it",
            )
        if dataset.is_virtual or dataset.external:
            raise FileFormatError(
                f"{_place(parent, name)} is stored in another file",
                code="hdf5-elsewhere",
                fix="copy the data into this file",
            )
        if not _filters(dataset) <= PLAIN_FILTERS:
            raise FileFormatError(
                f"{_place(parent, name)} needs a plug-in to be read",
                code="hdf5-plug-in",
                fix="write the data uncompressed, or compressed with gzip or lzf",
            )
        # HDF5 always unpacks a whole chunk, even if the data set is smaller.
        values = max(math.prod(dataset.shape), math.prod(dataset.chunks or (0,)))
        self._count(values * max(dataset.dtype.itemsize, _BYTES_OF_A_NUMBER), parent, name)
        return dataset

    def _count(self, size: int, parent: h5py.Group, name: str) -> None:
        """Add the size of unpacked data; raises `FileFormatError` if the total is too large."""
        self._bytes += size
        if self._bytes > MAX_BYTES:
            raise FileFormatError(
                f"{_place(parent, name)} and the data read before it would unpack to "
                f"{self._bytes} bytes; nmtool allows at most {MAX_BYTES}",
                code="hdf5-too-large",
                fix="split the data into several files",
            )


def _filters(dataset: h5py.Dataset) -> set[int]:
    """Numbers of the HDF5 filters with which a dataset was written."""
    properties = dataset.id.get_create_plist()
    return {properties.get_filter(number)[0] for number in range(properties.get_nfilters())}


def _place(parent: h5py.Group, name: str) -> str:
    """Path of a member within the file, for errors."""
    return printable(f"{str(parent.name).rstrip('/')}/{name}")
