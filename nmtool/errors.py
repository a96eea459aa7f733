"""Every error nmtool raises on purpose, and the exit code the command line gives it.

    NmtoolError
    ├── InputError (2)               the user's words or files need mending
    │   ├── DataError                spike events, labels, HDF5 files
    │   ├── FileFormatError          damaged, foreign, or written by a newer nmtool
    │   ├── NetworkError             a network that contradicts itself
    │   ├── UsageError               options that do not go together
    │   └── StorageError             the file could not be written; what was there is untouched
    ├── DoesNotFitError (1)          the target cannot hold the network
    └── MissingError (3)             something needed is not installed or did not start
        ├── BackendError             an external runtime (Lava) failed or hung
        └── RankError                another process of a data-parallel job is gone

Each error says what is wrong, why, and how to fix it.
"""

from __future__ import annotations


class NmtoolError(Exception):
    """Base of all errors meant for people.

    Args:
        what: what is wrong, in the user's words.
        why: the reason, where it is not obvious.
        fix: what to do about it.
    """

    exit_code = 2

    def __init__(self, what: str, *, why: str = "", fix: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.why = why
        self.fix = fix

    def __str__(self) -> str:
        parts = [self.what]
        if self.why:
            parts.append(f"why: {self.why}")
        if self.fix:
            parts.append(f"fix: {self.fix}")
        return "\n".join(parts)


class InputError(NmtoolError):
    """Wrong usage or bad input."""


class DataError(InputError):
    """Spike events, labels or their files are missing, damaged or out of range."""


class FileFormatError(InputError):
    """A file is damaged, is not of the expected kind, or comes from a newer version."""


class NetworkError(InputError):
    """A network description contradicts itself."""


class UsageError(InputError):
    """Options that are wrong or do not go together."""


class StorageError(InputError):
    """A file could not be written. Whatever stood at the path before is untouched."""


class DoesNotFitError(NmtoolError):
    """The target cannot hold the network."""

    exit_code = 1


class MissingError(NmtoolError):
    """Something needed is missing: a library, an environment, a device."""

    exit_code = 3


class BackendError(MissingError):
    """An external runtime failed, hung or died."""


class RankError(MissingError):
    """Another process of a data-parallel job is gone or cannot be reached."""

    LOST = "another process of this training job ended unexpectedly"
