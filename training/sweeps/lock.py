"""Locks between the processes of a study.

They are SQLite's own, on an empty file: they work wherever the study's store does, and end with
the process that holds them, however it ends.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from nmtool.errors import StorageError

WAIT_S = 120.0
"""Far longer than anybody needs to choose a trial."""


class Lock:
    """A lock that is held; made by `take`."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._connection = connection

    @classmethod
    def take(cls, path: Path, wait_s: float = 0.0) -> Lock | None:
        """Take the lock of a file, which is made if need be; None if somebody else holds it.

        Raises:
            StorageError: the file cannot be made.
        """
        try:
            connection = sqlite3.connect(path, timeout=wait_s, isolation_level=None)
        except sqlite3.Error as error:
            raise StorageError(
                f"{path} cannot be opened",
                code="lock-not-opened",
                why=str(error),
                fix="check the folder and its permissions",
            ) from error
        try:
            connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.Error as error:
            connection.close()
            if "locked" in str(error):
                return None
            raise StorageError(
                f"{path} cannot be locked",
                code="lock-not-taken",
                why=str(error),
                fix="delete the file, or keep the study where files can be locked",
            ) from error
        return cls(path, connection)

    def release(self) -> None:
        """Let others take it."""
        self._connection.close()

    def __enter__(self) -> Lock:
        return self

    def __exit__(self, *details: object) -> None:
        self.release()


def wait_for(path: Path) -> Lock:
    """Take the lock as soon as it is free; raises `StorageError` if it never is."""
    lock = Lock.take(path, WAIT_S)
    if lock is None:
        raise StorageError(
            f"{path} has been locked for {WAIT_S:g} s",
            code="lock-held",
            why="another process of the study holds it",
            fix="end that process, or see whether the file system knows locks",
        )
    return lock
