"""Progress of long work, as library functions report it: to nobody unless somebody asks.

A function that may run for long takes `progress`, a `Progress`. `nmtool.progress_bar` is one, for
notebooks and terminals, as the command line has it. Anything else that shows it may be passed:

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


class Pace:
    """Measure how fast work goes, and estimate the time left: the rest at the mean pace so far.

    The clock starts when the first samples are done, which do not count: they wait for compilers
    and files. Bars, lines and epochs all take their time left from here.

    Attributes:
        total: number of all samples; None where nobody knows.
        done: samples that are done.
        now: seconds on the monotonic clock when samples were last counted.

    >>> pace = Pace(100)
    >>> pace.count(10)
    >>> pace.rate is None and pace.left is None
    True
    """

    def __init__(self, total: int | None = None) -> None:
        self.expect(total)

    def expect(self, total: int | None) -> None:
        """Begin anew, with the number of all samples."""
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
        """Samples per second; None before it can be measured."""
        elapsed_s = self.now - self._began
        return (self.done - self._first) / elapsed_s if elapsed_s > 0 else None

    @property
    def left(self) -> float | None:
        """Seconds until all samples are done; None before that can be said."""
        if self.total is None or not self.rate:
            return None
        return max(0, self.total - self.done) / self.rate


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
