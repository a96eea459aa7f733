"""Write an export that is a file: whole or not at all, and never unasked over another."""

from __future__ import annotations

from pathlib import Path

from nmtool import storage
from nmtool.errors import UsageError


def write_export(path: str | Path, content: bytes, force: bool) -> Path:
    """Write a file; returns its path.

    Args:
        path: where it is to be.
        content: all of it.
        force: replace a file that is there.

    Raises:
        UsageError: something is there and may not be replaced.
        StorageError: it could not be written; what was there is untouched.
    """
    path = Path(path)
    if path.is_dir():
        raise UsageError(
            f"{path} is a folder", code="file-is-folder", fix="choose the name of a file"
        )
    if not force and (path.exists() or path.is_symlink()):
        raise UsageError(
            f"{path} exists",
            code="path-taken",
            fix="choose another name, or replace it with force",
        )
    with storage.replacing(path) as temporary:
        temporary.write_bytes(content)
    return path
