"""Write an export (file or folder) atomically.

A folder is replaced only if it is an earlier export.
"""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from nmtool import leftovers, storage
from nmtool.errors import FileFormatError, StorageError, UsageError

COMPILED = "__pycache__"

MAX_CODE_BYTES = 1 << 20
"""Largest size of a Python file in an export; nmtool's own have less than 16 KiB."""


@contextmanager
def temporary_folder(name: str) -> Iterator[Path]:
    """Yield an empty folder for the files of a run, which is deleted afterwards.

    Args:
        name: format that runs, for the name of the folder.

    Raises:
        StorageError: the disk is full.
    """
    try:
        with tempfile.TemporaryDirectory(prefix=f"nmtool-{name}-") as folder:
            yield Path(folder)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise StorageError(
            f"there is no space for temporary files in {tempfile.gettempdir()}",
            code="temporary-folder-full",
            why=error.strerror or str(error),
            fix="free space there, or name another folder in the environment variable TMPDIR",
        ) from error


def copy_files(folder: Path, limits: Mapping[str, int], copy: Path) -> None:
    """Copy files of a folder that others may have made: no links, no devices, no endless files.

    Args:
        folder: the folder.
        limits: largest size in bytes, by relative POSIX path of each file.
        copy: path of the copy, which is made.

    Raises:
        FileFormatError: a file is a link, in a linked folder, no regular file, or too large.
    """
    for name, limit in limits.items():
        path, target = folder / name, copy / name
        try:
            if any(part.is_symlink() for part in (path, *path.parents) if folder in part.parents):
                raise OSError("it is a link")
            content = storage.read_small(path, limit)
        except OSError as error:
            raise FileFormatError(
                f"{path} cannot be copied, so that the export cannot run",
                code="export-not-copied",
                why=error.strerror or str(error),
                fix="export the network again",
            ) from error
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)


def write_files(files: Mapping[str | Path, bytes], force: bool) -> None:
    """Write several files: all of them, or none.

    Args:
        files: content by path.
        force: replace existing files.

    Raises:
        UsageError: a path exists and may not be replaced.
        StorageError: a file could not be written; existing files are unchanged.
    """
    for path in map(Path, files):
        if path.is_dir():
            raise UsageError(
                f"{path} is a folder", code="file-is-folder", fix="choose the name of a file"
            )
        if not force and (path.exists() or path.is_symlink()):
            raise UsageError(
                f"{path} exists",
                code="path-taken",
                fix="choose another name, or replace the file: `force=True`",
            )
    with ExitStack() as written:
        for name, content in files.items():
            write_bytes(written.enter_context(storage.replacing(name)), content)


def write_folder(
    folder: str | Path,
    files: Mapping[str, bytes],
    force: bool,
    is_own_export: Callable[[], bool],
    others: Collection[str],
) -> Path:
    """Write a folder, and return its path.

    Args:
        folder: path of the export.
        files: content by relative POSIX path.
        force: replace an earlier export.
        is_own_export: function that tells if the existing folder is an export of this format.
        others: relative POSIX paths of further files that an earlier export may contain.

    Raises:
        UsageError: the folder exists and may not be replaced.
        StorageError: the folder could not be written; an earlier export is unchanged.
    """
    with replacing_folder(folder, force, is_own_export, {*files, *others}) as new:
        for name, content in files.items():
            (new / name).parent.mkdir(parents=True, exist_ok=True)
            write_bytes(new / name, content)
    return Path(folder)


def write_bytes(path: Path, content: bytes) -> None:
    """Write one file of an export; every format uses this function."""
    path.write_bytes(content)


@contextmanager
def replacing_folder(
    folder: str | Path, force: bool, is_own_export: Callable[[], bool], files: set[str]
) -> Iterator[Path]:
    """Yield an empty folder to fill; it replaces `folder` if no exception is raised.

    Missing parent folders are created.

    Args:
        folder: path of the export.
        force: replace an earlier export.
        is_own_export: function that tells if the existing folder is an export of this format.
        files: relative POSIX paths of all files that an export may contain. A folder with any
            other file is not replaced.

    Raises:
        UsageError: the folder exists and may not be replaced.
        StorageError: the folder could not be written; an earlier export is unchanged.
    """
    folder = Path(folder)
    leftovers.clean(folder.parent)
    _check_free(folder, force, is_own_export, files)
    new: Path | None = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        new = Path(tempfile.mkdtemp(prefix=leftovers.prefix(folder.name), dir=folder.parent))
        yield new
        new.chmod(0o777 & ~storage.umask())
        _move_into_place(new, folder)
    except OSError as error:
        raise StorageError(
            f"{folder} could not be written",
            code="file-not-written",
            why=error.strerror or str(error),
            fix="check the folder, its permissions and the free space",
        ) from error
    finally:
        if new is not None:
            shutil.rmtree(new, ignore_errors=True)


def _check_free(
    folder: Path, force: bool, is_own_export: Callable[[], bool], files: set[str]
) -> None:
    """Raise `UsageError` if a folder exists that may not be replaced."""
    if not folder.exists() and not folder.is_symlink():
        return
    if not force:
        raise UsageError(
            f"{folder} exists",
            code="path-taken",
            fix="choose another folder, or replace this one: `force=True`",
        )
    if folder.is_symlink() or not folder.is_dir() or not is_own_export():
        raise UsageError(
            f"{folder} exists and is not an export of this format",
            code="path-not-export",
            why="only earlier exports are replaced",
            fix="choose another folder",
        )
    unknown = sorted(files_in(folder) - files)
    if unknown:
        raise UsageError(
            f"{folder} contains files that are not part of the export: {', '.join(unknown[:3])}",
            code="path-holds-others",
            why="replacing the folder would delete these files",
            fix="move them elsewhere, or choose another folder",
        )


def files_in(folder: Path) -> set[str]:
    """Relative POSIX paths of all files in a folder, without Python's compiled files."""
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if (path.is_symlink() or not path.is_dir()) and path.parent.name != COMPILED
    }


def _move_into_place(new: Path, folder: Path) -> None:
    """Rename a new folder; an existing folder is deleted, or restored on failure."""
    if not folder.exists():
        os.rename(new, folder)
        return
    name = leftovers.prefix(folder.name, old=True)
    old = Path(tempfile.mkdtemp(prefix=name, dir=folder.parent))
    try:
        os.rename(folder, old)
        os.rename(new, folder)
    except BaseException:
        # Interrupts are caught, too. Otherwise, `finally` would delete `old`, the only copy.
        if not folder.exists():
            os.rename(old, folder)
        raise
    finally:
        with suppress(FileNotFoundError):
            shutil.rmtree(old)
