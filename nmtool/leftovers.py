"""Temporary names of files being written, so that later processes can clean up after a crash.

.NAME.nmtool-MACHINE-PROCESS-xxxxxxxx       will become NAME
.NAME.nmtool-old-MACHINE-PROCESS-xxxxxxxx   was NAME, and is deleted once a new NAME exists
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import socket
import time
from contextlib import suppress
from functools import cache
from pathlib import Path

_NAME = re.compile(r"\.(.+)\.nmtool-(old-)?([0-9a-f]{8})-([0-9]+)-[a-z0-9_]{8}")

_ABANDONED_AFTER_S = 86400.0
"""Seconds after which an unchanged file counts as abandoned, even if another machine wrote it."""

_cleaned: set[Path] = set()


def prefix(name: str, *, old: bool = False) -> str:
    """The beginning of a temporary name, for `tempfile` to complete.

    Args:
        name: name of the file or folder to be written.
        old: True for the name that the existing file or folder gets while it is replaced.
    """
    return f".{name}.nmtool-{'old-' if old else ''}{_machine()}-{os.getpid()}-"


def clean(folder: str | Path) -> None:
    """Delete unfinished files of killed processes in a folder; each folder is checked once.

    If a folder was renamed, but its replacement was never finished, it gets its name back.
    """
    folder = Path(folder)
    if folder in _cleaned or os.name != "posix":
        return
    _cleaned.add(folder)
    with suppress(OSError):
        for entry in list(os.scandir(folder)):
            match = _NAME.fullmatch(entry.name)
            if match and _is_abandoned(entry, match[3], int(match[4])):
                _restore_or_delete(Path(entry.path), folder / match[1], is_old=bool(match[2]))


def _restore_or_delete(leftover: Path, target: Path, *, is_old: bool) -> None:
    """Delete a leftover; if `is_old` and `target` is missing, rename it to `target`."""
    with suppress(OSError):
        if is_old and not target.exists():
            leftover.rename(target)
        elif leftover.is_dir() and not leftover.is_symlink():
            shutil.rmtree(leftover, ignore_errors=True)
        else:
            leftover.unlink()


def _is_abandoned(entry: os.DirEntry[str], machine: str, process: int) -> bool:
    """True if the process that writes a file has ended, or the file is too old."""
    if machine == _machine():
        try:
            os.kill(process, 0)
        except (ProcessLookupError, OverflowError):
            return True
        except PermissionError:
            pass
    with suppress(OSError):
        return time.time() - entry.stat(follow_symlinks=False).st_mtime > _ABANDONED_AFTER_S
    return False


@cache
def _machine() -> str:
    """Digest of the machine or container, within which process numbers are unique."""
    pid_namespace = ""
    with suppress(OSError):
        pid_namespace = os.readlink("/proc/self/ns/pid")
    return hashlib.sha256(f"{socket.gethostname()} {pid_namespace}".encode()).hexdigest()[:8]
