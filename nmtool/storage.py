"""Files: versioned numpy archives without pickles, written completely or not at all.

An archive is one .npz file. Its member `header` is JSON text (kind, version, scalars), all
other members are arrays, so that `numpy.load(path, allow_pickle=False)` opens it anywhere.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray

from nmtool import leftovers
from nmtool.errors import FileFormatError, NmtoolError, StorageError, check_path, listed, reason

if TYPE_CHECKING:
    from typing_extensions import Self

MAX_ARCHIVE_BYTES = 4 << 30
"""Archives that would unpack to more bytes are refused before anything is unpacked."""

FREE_BYTES = 128 << 20
"""Number of bytes that any archive may unpack to, however small the file is."""

MAX_RATIO = 256
"""Largest ratio of unpacked to packed size, for archives that unpack to more than `FREE_BYTES`.

For comparison: arrays of zeros reach a ratio of a thousand.
"""

MAX_HEADER_BYTES = 64 << 20
"""Largest size of an archive's header, unpacked."""

MAX_MEMBERS = 1 << 16
"""Largest number of arrays in an archive."""

MAX_JSON_MEMORY = 576 << 20
"""Largest memory in bytes that the text of a JSON document and its values may take."""

_JSON_MEMORY = {"{": 240, "[": 100, ",": 40, ":": 96, '"': 30, ".": 64, "e": 64, "E": 64}
"""At most so many bytes of memory are needed for each of these characters: for a dict, a list, a
number and its place in a list, a key and its place in a dict, half of a text, and a fraction, which
may be longer when it is written again."""

DAMAGE = (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError)
"""Exceptions that constructors raise if the contents of a file have wrong types or shapes."""


class Saved:
    """Base class of types whose values are saved as archives.

    A type declares the kind of its files, and defines `_pack` and `_unpack`:

    >>> @dataclass(frozen=True)
    ... class Rates(Saved):
    ...     file_kind = "rates"
    ...     unit: str
    ...     values: NDArray
    ...
    ...     def _pack(self):
    ...         return {"unit": self.unit}, {"values": self.values}
    ...
    ...     @classmethod
    ...     def _unpack(cls, archive):
    ...         return cls(archive.header["unit"], archive.array("values"))
    >>> Rates.from_bytes(Rates("Hz", np.array([2.0, 5.0])).to_bytes(), "rates.npz")
    Rates(unit='Hz', values=array([2., 5.]))

    Attributes:
        file_kind: kind of the files, stored in their headers.
        file_version: version of the files. Files of newer versions are refused.
        free_bytes: number of bytes that a file may unpack to, however small it is.
    """

    file_kind: ClassVar[str]
    file_version: ClassVar[int] = 1
    free_bytes: ClassVar[int] = FREE_BYTES

    def _pack(self) -> tuple[dict[str, Any], dict[str, NDArray]]:
        """Header and arrays of the file that `save` writes, which adds kind and version."""
        raise NotImplementedError

    def _version(self) -> int:
        """Version of the file that `save` writes, the oldest that can represent the content."""
        return self.file_version

    @classmethod
    def _unpack(cls, archive: Archive) -> Self:
        """The value in an archive, which is damaged if this raises an error of `DAMAGE`."""
        raise NotImplementedError

    def save(self, path: str | Path) -> None:
        """Write one .npz file; on failure, raise `StorageError` and leave no partial file."""
        write_archive(path, self.file_kind, self._version(), *self._pack())

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a file written by `save`; raises `FileFormatError` for any other file."""
        archive = read_archive(path, cls.file_kind, cls.file_version, free_bytes=cls.free_bytes)
        return archive.unpack(cls)

    def to_bytes(self) -> bytes:
        """The bytes that `save` would write, to be stored in files of other formats."""
        file = io.BytesIO()
        _pack_into(file, self.file_kind, self._version(), *self._pack())
        return file.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes, carrier: str | Path) -> Self:
        """Read the bytes of `to_bytes`; errors name `carrier`, the file that contains the bytes."""
        archive = _read(
            io.BytesIO(data), Path(carrier), cls.file_kind, cls.file_version, cls.free_bytes
        )
        return archive.unpack(cls)


_Saved = TypeVar("_Saved", bound=Saved)


def pack(value: Saved) -> tuple[dict[str, Any], dict[str, NDArray]]:
    """Header and arrays of the file of a value; `Archive.unpack` is the inverse."""
    return value._pack()


@dataclass(frozen=True)
class Archive:
    """Header and arrays read from a file, not yet checked."""

    path: Path
    header: dict[str, Any]
    arrays: dict[str, NDArray]

    def array(self, name: str) -> NDArray:
        """The named array; raises `FileFormatError` if it is missing or not numeric."""
        if name not in self.arrays:
            raise _damaged(self.path, f"'{name}' is missing")
        array = self.arrays[name]
        if array.dtype.kind not in "biuf":
            raise _damaged(self.path, f"'{name}' is {array.dtype}, not numbers")
        return array

    def vector(self, name: str, size: int) -> NDArray:
        """The named array; raises `FileFormatError` unless it is a list of `size` numbers."""
        array = self.array(name)
        if array.shape != (size,):
            raise _damaged(self.path, f"'{name}' has the shape {array.shape}, not ({size},)")
        return array

    def check_seal(self) -> None:
        """Raise `FileFormatError` if the content of a `sealed` archive was changed."""
        header = {k: v for k, v in self.header.items() if k not in ("kind", "version", SEAL)}
        if SEAL in self.header and self.header[SEAL] != content_hash(header, self.arrays):
            raise _damaged(self.path, "its content was changed after it was written")

    def unpack(self, kind: type[_Saved]) -> _Saved:
        """The value of a type in the archive; raises `FileFormatError` if it is damaged."""
        with self.checked():
            return kind._unpack(self)

    @contextmanager
    def checked(self) -> Iterator[None]:
        """Context in which an object is rebuilt: any error becomes a `FileFormatError`."""
        try:
            yield
        except FileFormatError:
            raise
        except NmtoolError as error:
            what = f"{self.path} is damaged or not an nmtool file: {error.what}"
            raise error.restated(what, FileFormatError) from error
        except DAMAGE as error:
            raise _damaged(self.path, reason(error)) from error


SEAL = "content"
"""Key of the header: hash of everything else in the archive, see `sealed`."""


def sealed(header: dict[str, Any], arrays: dict[str, NDArray]) -> dict[str, Any]:
    """Add a hash of header and arrays to the header, for `Archive.check_seal`.

    Zip's own checksums do not detect exchanged members or repacked archives.
    """
    return {**header, SEAL: content_hash(header, arrays)}


def make_folder(path: str | Path) -> None:
    """Make a folder and its parents unless they exist; raises `StorageError`."""
    try:
        Path(path).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(
            f"the folder {path} cannot be made",
            code="folder-not-made",
            why=str(error),
            fix="check the path, its permissions and the free space",
        ) from error


_SPECIAL = "it is a pipe or a device, not a file"


def check_file(path: str | Path) -> None:
    """Check that a path is a file before it is opened: a pipe can block, a device has no end.

    Raises:
        FileFormatError: there is no such file, it may not be read, or it is a pipe or a device.
    """
    path = Path(path)
    try:
        if path.is_file():
            return
        is_special = path.exists() and not path.is_dir()
    except PermissionError as error:
        raise unreadable(path, error) from error
    if is_special:
        raise FileFormatError(
            f"{path} cannot be read",
            code="file-special",
            why=_SPECIAL,
            fix="save its content to a file first, and name this file",
        )
    raise FileFormatError(f"there is no file {path}", code="file-missing", fix="check the path")


def read_small(path: Path, limit: int) -> bytes:
    """The bytes of a file that may have at most `limit` bytes; raises as `pieces`."""
    return b"".join(pieces(path, limit, limit + 1))


def pieces(path: Path, limit: int, at_once: int = 1 << 20) -> Iterator[bytes]:
    """Yield the bytes of a file, `at_once` at a time, unless it has more than `limit` bytes.

    Raises:
        OSError: the file cannot be read, is a pipe or a device, is too large, or has more bytes
            than its stated size, as endless files in /proc have.
    """
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise OSError(_SPECIAL)
    with path.open("rb") as file:
        unread = os.fstat(file.fileno()).st_size
        if unread > limit:
            raise OSError(f"it has more than {limit} bytes")
        while piece := file.read(min(unread + 1, at_once)):
            unread -= len(piece)
            if unread < 0:
                raise OSError("it grew while it was read")
            yield piece


def parse_json(text: str) -> Any:
    """Parse JSON from a file, unless its values could take too much memory.

    JSON of a few bytes can describe values of 50 times the size, such as empty lists.

    Args:
        text: the document.

    Raises:
        ValueError: the text is not JSON, or `json_memory` exceeds `MAX_JSON_MEMORY`.
        RecursionError: lists and dicts are nested too deeply.
    """
    if json_memory(text) > MAX_JSON_MEMORY:
        raise ValueError(f"its values could take more than {MAX_JSON_MEMORY >> 20} MiB of memory")
    return json.loads(text)


def json_memory(text: str) -> int:
    """Upper bound of the memory in bytes that a JSON document and its values take in Python."""
    return sys.getsizeof(text) + sum(n * text.count(mark) for mark, n in _JSON_MEMORY.items())


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path, which replaces `path` only if the block ends without an error.

    Missing parent folders are made.

    Raises:
        StorageError: the disk is full, or the folder cannot be made or written to.
    """
    path = Path(path)
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        leftovers.clean(path.parent)
        try:
            handle, name = tempfile.mkstemp(prefix=leftovers.prefix(path.name), dir=path.parent)
        except ValueError as error:
            # A file name may be invalid, for example if it contains a null character.
            raise OSError(str(error)) from error
        os.close(handle)
        temporary = Path(name)
        yield temporary
        _flush(temporary)
        temporary.chmod(0o666 & ~umask())
        os.replace(temporary, path)
    except OSError as error:
        raise StorageError(
            f"{path} could not be written",
            code="file-not-written",
            why=error.strerror or str(error),
            fix="check the folder, its permissions and the free space",
        ) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def _flush(path: Path) -> None:
    """Write buffered data of a file to the disk."""
    with open(path, "rb+") as file:
        os.fsync(file.fileno())


def umask() -> int:
    """The umask of this process: permissions that new files do not get."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_text(path: str | Path, text: str) -> None:
    """Write a UTF-8 text file, completely or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_archive(
    path: str | Path, kind: str, version: int, header: dict[str, Any], arrays: dict[str, NDArray]
) -> None:
    """Write header and arrays as one file; equal contents give equal bytes."""
    with replacing(path) as temporary, open(temporary, "wb") as file:
        _pack_into(file, kind, version, header, arrays)


def _pack_into(
    file: IO[bytes], kind: str, version: int, header: dict[str, Any], arrays: dict[str, NDArray]
) -> None:
    text = json.dumps({"kind": kind, "version": version, **header}, sort_keys=True)
    np.savez_compressed(file, header=np.array(text), **arrays)  # type: ignore[arg-type]


def read_archive(
    path: str | Path, kind: str, newest: int, *, free_bytes: int = FREE_BYTES
) -> Archive:
    """Read an archive of the given kind.

    Args:
        path: the file.
        kind: required kind.
        newest: newest version that can be read.
        free_bytes: number of bytes that the archive may unpack to, however small the file is.

    Raises:
        FileFormatError: the file is missing, not readable, damaged, of another kind, or written by
            a newer version.
    """
    check_path(path)
    path = Path(path)
    check_file(path)
    return _read(path, path, kind, newest, free_bytes)


def _read(source: Path | IO[bytes], path: Path, kind: str, newest: int, free_bytes: int) -> Archive:
    """Read and check an archive from a file or from bytes; errors name `path`."""
    try:
        with _opened(source, free_bytes) as archive:
            if "header" not in archive.files:
                raise _foreign_archive(path, archive.files)
            header = _header(archive)
            arrays = {name: archive[name] for name in archive.files if name != "header"}
        actual, version = header["kind"], int(header["version"])
    except PermissionError as error:
        raise unreadable(path, error) from error
    except FileFormatError:
        raise
    except Exception as error:
        # On a file from another tool, zipfile, numpy and json can raise any exception.
        raise _damaged(path, reason(error)) from error
    if actual != kind:
        raise FileFormatError(
            f"{path} is a '{actual}' file, not a '{kind}'",
            code="file-kind",
            fix=f"name a file of the kind '{kind}'",
        )
    if version > newest:
        raise FileFormatError(
            f"{path} has format version {version}, but this nmtool reads at most {newest}",
            code="file-newer",
            fix="update nmtool",
        )
    return Archive(path, header, arrays)


def read_arrays(path: str | Path, *, free_bytes: int = FREE_BYTES) -> dict[str, NDArray]:
    """Read all arrays, by name, of an archive that another tool wrote with numpy.

    Args:
        path: the file.
        free_bytes: number of bytes that the archive may unpack to, however small the file is.

    Raises:
        FileFormatError: the file is missing, damaged or too large, or contains Python objects.
    """
    path = Path(path)
    check_file(path)
    try:
        with _opened(path, free_bytes) as archive:
            return {name: archive[name] for name in archive.files}
    except Exception as error:
        # On a file from another tool, zipfile and numpy can raise any exception.
        if "allow_pickle" in str(error):
            raise FileFormatError(
                f"{path} contains arrays of Python objects",
                code="archive-damaged",
                why="loading objects can run foreign code, so only arrays of numbers and strings "
                "are read",
                fix="save arrays of one shape by np.savez(FILE, …=np.stack(arrays)); for "
                "lists of events, write a CSV file with a row per event, or pass the lists to "
                "SpikeEvents.from_lists",
            ) from error
        raise FileFormatError(
            f"{path} is not an archive of numpy arrays",
            code="archive-damaged",
            why=reason(error),
            fix="write it with np.savez, or np.savez_compressed",
        ) from error


def archive_header(path: str | Path) -> dict[str, Any]:
    """The header of an archive, without its arrays; {} for files of other tools."""
    try:
        if not Path(path).is_file():  # Opening a pipe would block.
            return {}
        with _opened(Path(path), MAX_ARCHIVE_BYTES) as archive:
            return dict(_header(archive))
    except Exception:
        return {}


def archive_kind(path: str | Path) -> str:
    """The kind in an archive's header; '' for files of other tools."""
    return str(archive_header(path).get("kind", ""))


@contextmanager
def _opened(source: Path | IO[bytes], free_bytes: int) -> Iterator[Any]:
    """Open an archive with numpy; raise `ValueError` if it would unpack to too many bytes."""
    with zipfile.ZipFile(source) as members:
        sizes = {member.filename: member.file_size for member in members.infolist()}
        packed = source.stat().st_size if isinstance(source, Path) else source.seek(0, io.SEEK_END)
    if len(sizes) > MAX_MEMBERS:
        raise ValueError(f"it has {len(sizes):,} arrays, but at most {MAX_MEMBERS:,} are read")
    size = sum(sizes.values())
    if size > min(MAX_ARCHIVE_BYTES, max(free_bytes, MAX_RATIO * packed)):
        raise ValueError(f"it would unpack from {packed} to {size} bytes")
    if sizes.get("header.npy", 0) > MAX_HEADER_BYTES:
        raise ValueError(f"its header has {sizes['header.npy']} bytes")
    if not isinstance(source, Path):
        source.seek(0)
    with np.load(source, allow_pickle=False) as archive:
        yield archive


def _header(archive: Any) -> dict[str, Any]:
    return parse_json(str(archive["header"][()]))


def content_hash(header: dict[str, Any], arrays: dict[str, NDArray]) -> str:
    """SHA-256 over header and arrays (names, dtypes, shapes, bytes), in hexadecimal."""
    whole = {name: (array.dtype, array.shape, [array]) for name, array in arrays.items()}
    return content_hash_of_parts(header, whole)


def content_hash_of_parts(
    header: dict[str, Any],
    arrays: Mapping[str, tuple[np.dtype, tuple[int, ...], Iterable[NDArray]]],
) -> str:
    """Compute `content_hash` of arrays that do not fit into memory, part by part.

    Args:
        header: as for `content_hash`.
        arrays: for each array, by name: its type, its shape, and its parts in order.
    """
    digest = hashlib.sha256(json.dumps(header, sort_keys=True).encode())
    for name, (dtype, shape, parts) in sorted(arrays.items()):
        digest.update(f"{name} {dtype.str} {shape}".encode())
        for part in parts:
            digest.update(np.ascontiguousarray(part, dtype).data)
    return digest.hexdigest()


def unreadable(path: Path, error: OSError) -> FileFormatError:
    """The error for a file that cannot be read, for instance because it may not be."""
    return FileFormatError(
        f"{path} is not readable",
        code="file-unreadable",
        why=error.strerror or str(error),
        fix="check its permissions, and those of its folder"
        if isinstance(error, PermissionError)
        else "use another copy of it",
    )


def _foreign_archive(path: Path, names: Sequence[str]) -> FileFormatError:
    """The error for an archive that another tool wrote."""
    return FileFormatError(
        f"{path} is not an nmtool file",
        code="file-damaged",
        why=f"it contains {listed(names, 5) or 'nothing'}, but no header",
        fix="name a file that nmtool wrote; arrays of spikes are data: nmtool data FILE -o FOLDER",
    )


def _damaged(path: Path, detail: str) -> FileFormatError:
    return FileFormatError(
        f"{path} is damaged or not an nmtool file",
        code="file-damaged",
        why=detail,
        fix="write it again, or use another copy of it",
    )
