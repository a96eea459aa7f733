"""SHA-256 digest of an export, by which a certificate identifies the compared file or folder."""

from __future__ import annotations

import hashlib
from pathlib import Path

from nmtool import storage

_PYTHON_CACHE = "__pycache__"


def artefact_digest(path: str | Path) -> str:
    """SHA-256, in hexadecimal, of a file's bytes or of all files in a folder.

    The digest of a folder is the digest of a text with one line `DIGEST  PATH` per file, except
    files in `__pycache__`. Paths are relative to the folder, and lines are sorted by the bytes of
    the path. In a shell:

        find . -type f -not -path '*__pycache__*' | cut -c 3- | LC_ALL=C sort \\
            | xargs sha256sum | sha256sum

    Args:
        path: a file or folder.

    Raises:
        FileFormatError: the file, or a file in the folder, cannot be read, or is larger than 4 GiB.
    """
    path = Path(path)
    if not path.is_dir():
        digest = hashlib.sha256()
        try:
            for piece in storage.pieces(path, storage.MAX_ARCHIVE_BYTES):
                digest.update(piece)
        except OSError as error:
            raise storage.unreadable(path, error) from error
        return digest.hexdigest()
    names = sorted(
        file.relative_to(path).as_posix()
        for file in path.rglob("*")
        if file.is_file() and _PYTHON_CACHE not in file.relative_to(path).parts
    )
    lines = (f"{artefact_digest(path / name)}  {name}\n" for name in names)
    return hashlib.sha256("".join(lines).encode()).hexdigest()
