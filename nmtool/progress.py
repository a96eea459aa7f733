"""Progress of long work; library functions show none by default.

A function that may run for long takes `progress`, a `Progress`. Pass `nmtool.progress_bar`, which
the command line uses, in notebooks and terminals. You may also pass a `Progress` of your own:

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

import time
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

from nmtool.errors import UsageError


class Advance(Protocol):
    """Counts finished work, such as samples."""

    def __call__(self, n: int, remark: str = "") -> None:
        """Count n more samples or other units as done; the remark is shown beside the count."""

    def expect(self, total: int) -> None:
        """Set the total number of samples, before any samples are counted."""


class Progress(Protocol):
    """Shows the progress of a piece of work until the block of its context manager ends."""

    def __call__(
        self, label: str, total: int | None = None, remark: str = ""
    ) -> AbstractContextManager[Advance]:
        """Begin work with a label, its number of samples (None if unknown) and a first remark."""


class _NoCount:
    """`Advance` that shows nothing."""

    def __call__(self, n: int, remark: str = "") -> None:
        del n, remark

    def expect(self, total: int) -> None:
        """Ignore the total number of samples."""
        del total


def silent(
    label: str, total: int | None = None, remark: str = ""
) -> AbstractContextManager[Advance]:
    """The `Progress` that shows nothing."""
    del label, total, remark
    return nullcontext(_NoCount())


class Pace:
    """Measure the speed of work, and estimate the time left at the mean speed so far.

    The clock starts when the first samples are done. These samples do not count, since their time
    includes compiling and opening files. Bars, lines and epochs all use this estimate.

    Attributes:
        total: total number of samples; None if unknown.
        done: number of finished samples.
        now: seconds on the monotonic clock when samples were last counted.

    >>> pace = Pace(100)
    >>> pace.count(10)
    >>> pace.rate is None and pace.left is None
    True
    """

    def __init__(self, total: int | None = None) -> None:
        self.expect(total)

    def expect(self, total: int | None) -> None:
        """Set the total number of samples, and restart the measurement."""
        self.total, self.done = total, 0
        self._first = 0
        self._began = self.now = 0.0

    def count(self, n: int) -> None:
        """Count n more samples as done now."""
        self.now = time.monotonic()
        if not self.done:
            self._began, self._first = self.now, n
        self.done += n

    @property
    def rate(self) -> float | None:
        """Samples per second; None until it can be measured."""
        elapsed_s = self.now - self._began
        return (self.done - self._first) / elapsed_s if elapsed_s > 0 else None

    @property
    def left(self) -> float | None:
        """Estimated seconds until all samples are done; None until there is an estimate."""
        if self.total is None or not self.rate:
            return None
        return max(0, self.total - self.done) / self.rate


def shown_by(progress: Progress | None) -> Progress:
    """Return the given progress, or `silent` for None.

    Raises:
        UsageError: `progress` is neither callable nor None.
    """
    if progress is None:
        return silent
    if not callable(progress):
        raise UsageError(
            f"progress cannot be {type(progress).__name__}",
            code="argument-type",
            fix="pass nmtool.progress_bar, a function like it (see nmtool.progress), or None",
        )
    return progress


def duration(seconds: float) -> str:
    """A duration as text, in the form h:mm:ss.

    >>> duration(3725.4)
    '1:02:05'
    """
    whole = round(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"
