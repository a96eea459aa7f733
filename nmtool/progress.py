"""Progress of long work, as library functions report it: to nobody unless somebody asks.

A function that may run for long takes `progress`, a `Progress`. The command line passes bars of
its own; a notebook or a script may pass whatever shows them best:

    >>> from contextlib import contextmanager
    >>> class Printed:
    ...     def __init__(self, label):
    ...         self.label = label
    ...     def expect(self, total):
    ...         print(self.label, "of", total)
    ...     def __call__(self, n, remark=""):
    ...         print(self.label, n, remark)
    >>> @contextmanager
    ... def printed(label, total=None, remark=""):
    ...     yield Printed(label)
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

from nmtool.errors import UsageError


class Advance(Protocol):
    """Counts work that is done."""

    def __call__(self, n: int, remark: str = "") -> None:
        """Count n more samples as done; the remark is shown beside them."""

    def expect(self, total: int) -> None:
        """Set the number of all samples, before any is counted."""


class Progress(Protocol):
    """Opens a stretch of work, whose samples are counted until the block ends."""

    def __call__(
        self, label: str, total: int | None = None, remark: str = ""
    ) -> AbstractContextManager[Advance]:
        """Begin: a label, the number of samples (None if unknown), a first remark."""


class _Nobody:
    def __call__(self, n: int, remark: str = "") -> None:
        del n, remark

    def expect(self, total: int) -> None:
        del total


def silent(
    label: str, total: int | None = None, remark: str = ""
) -> AbstractContextManager[Advance]:
    """The `Progress` that shows nothing."""
    del label, total, remark
    return nullcontext(_Nobody())


def shown_by(progress: Progress | None) -> Progress:
    """The progress that was passed; None shows nothing, as `silent` does.

    Raises:
        UsageError: it is neither.
    """
    if progress is None:
        return silent
    if not callable(progress):
        raise UsageError(
            f"progress cannot be {type(progress).__name__}",
            code="argument-type",
            fix="pass a function that opens a stretch of work, see nmtool.progress, or None",
        )
    return progress


def duration(seconds: float) -> str:
    """Seconds as h:mm:ss.

    >>> duration(3725.4)
    '1:02:05'
    """
    whole = round(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"
