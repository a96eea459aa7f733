"""A ready-made `Progress`: rich's bar on terminals and in notebooks, occasional lines elsewhere.

>>> import nmtool as nm
>>> run = nm.train("digits", progress=nm.progress_bar)  # doctest: +SKIP
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from nmtool.errors import visible
from nmtool.progress import Advance, Pace, Progress, duration

if TYPE_CHECKING:
    from rich import progress as rich_progress
    from rich.console import Console

LINE_EVERY_S = 30.0
"""Seconds between two lines of progress where no bar can be shown."""

IDLE_S = 1.0
"""Seconds between two checks for output on a terminal."""

_BAR_COLUMNS = 16


@contextmanager
def progress_bar(label: str, total: int | None = None, remark: str = "") -> Iterator[Advance]:
    """Show progress on stderr, or below the cell of a notebook, while the block runs.

    A notebook shows a bar if ipywidgets is installed, and a line every half minute otherwise.
    Pass it as the argument `progress`: `nmtool.train(data, progress=nmtool.progress_bar)`.

    >>> with progress_bar("samples", total=3) as advance:  # doctest: +SKIP
    ...     for sample in range(3):
    ...         advance(1)

    Args:
        label: the work in progress, shown before the bar.
        total: number of samples to process; None if unknown.
        remark: first remark, shown after the bar.
    """
    from rich.console import Console

    with progress_on(Console(stderr=True, highlight=False))(label, total, remark) as advance:
        yield advance


def progress_on(console: Console) -> Progress:
    """The `Progress` that draws its bar on a console of rich.

    Lines printed through the same console during the work appear above the bar.
    """

    @contextmanager
    def progress(label: str, total: int | None = None, remark: str = "") -> Iterator[Advance]:
        """Show a bar; on a console that cannot redraw a bar, print lines."""
        label, remark = visible(label), visible(remark)
        if not _shows_bars(console):
            plain = partial(console.print, soft_wrap=True, markup=False, emoji=False)
            yield _Lines(label, total, plain)
            return
        bar = _bar(console, is_idle=False)
        counter = _Counted(bar, bar.add_task(label, total=total, remark=remark))
        with _running(bar):
            yield counter

    return progress


class IdleBar:
    """A spinner on a terminal while nothing else is shown there, so that long work is never silent.

    The spinner appears after one to two seconds of silence, with the elapsed time. Consoles other
    than terminals show nothing.

    >>> import nmtool as nm
    >>> from rich.console import Console
    >>> with IdleBar(Console(), "reading") as bar:  # doctest: +SKIP
    ...     network = nm.load("large.nir")
    ...     bar.clear()
    ...     print(network)

    Args:
        console: rich's console on which the spinner appears.
        label: text beside the spinner.
    """

    def __init__(self, console: Console, label: str) -> None:
        self._console, self._label = console, label
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._bar: rich_progress.Progress | None = None
        self._is_quiet = True
        self._others = 0

    def __enter__(self) -> IdleBar:
        if self._console.is_interactive and not self._console.is_jupyter:
            threading.Thread(target=self._watch, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        self.clear()

    def clear(self) -> None:
        """Remove the spinner, before other output."""
        with self._lock:
            self._is_quiet = False
            if self._bar is not None:
                self._bar.stop()
                self._bar = None

    @contextmanager
    def beside(self, progress: Progress, *arguments: Any) -> Iterator[Advance]:
        """Show a bar or lines instead of the spinner, until the block ends.

        Args:
            progress: shows the bar or lines.
            arguments: arguments of `progress`.
        """
        self.clear()
        self._others += 1
        try:
            with progress(*arguments) as advance:
                yield advance
        finally:
            self._others -= 1
            self.clear()

    def _watch(self) -> None:
        """Start the spinner after a quiet interval of `IDLE_S` seconds; runs in a thread."""
        while not self._ended.wait(IDLE_S):
            with self._lock:
                if self._ended.is_set():
                    return
                if self._is_quiet and self._bar is None and not self._others:
                    self._bar = _bar(self._console, is_idle=True)
                    self._bar.add_task(self._label, total=None, remark="")
                    self._bar.start()
                self._is_quiet = True


def _shows_bars(console: Console) -> bool:
    """True if rich can redraw a bar: on a terminal, and in a notebook that has ipywidgets."""
    if console.is_jupyter:
        return find_spec("ipywidgets") is not None
    return console.is_interactive


def _bar(console: Console, *, is_idle: bool) -> rich_progress.Progress:
    """Make a progress bar or, if `is_idle`, a spinner with the elapsed time; do not start it."""
    from rich import progress as columns
    from rich.table import Column

    label = (columns.SpinnerColumn(), columns.TextColumn("{task.description}", markup=False))
    counts = (
        columns.BarColumn(_BAR_COLUMNS),
        columns.MofNCompleteColumn(),
        columns.TimeRemainingColumn(),
        columns.TextColumn(
            "{task.fields[remark]}", markup=False, table_column=Column(ratio=1, no_wrap=True)
        ),
    )
    return columns.Progress(
        *label,
        *((columns.TimeElapsedColumn(),) if is_idle else counts),
        console=console,
        expand=True,
        transient=True,
        redirect_stdout=False,  # Only results are written to stdout, which may be a file or a pipe.
    )


@contextmanager
def _running(bar: rich_progress.Progress) -> Iterator[None]:
    """Show a bar while the block runs; show nothing if rich cannot show it beside another bar."""
    from rich.errors import LiveError

    try:
        bar.start()
    except LiveError:  # rich 13 cannot show a bar while another bar is live.
        yield
        return
    try:
        yield
    finally:
        bar.stop()


class _Counted:
    """`Advance` that counts finished samples on a bar."""

    def __init__(self, bar: rich_progress.Progress, task: rich_progress.TaskID) -> None:
        self._bar, self._task = bar, task

    def __call__(self, n: int, remark: str = "") -> None:
        self._bar.update(self._task, advance=n, remark=visible(remark))

    def expect(self, total: int) -> None:
        """Set the total number of samples, and restart the bar."""
        self._bar.reset(self._task, total=total)


class _Lines:
    """`Advance` that prints a line every half minute, where no bar can be shown."""

    def __init__(self, label: str, total: int | None, write: Callable[[str], Any]) -> None:
        self._label, self._write = label, write
        self._pace = Pace(total)
        self._last_line = time.monotonic()

    def __call__(self, n: int, remark: str = "") -> None:
        pace = self._pace
        pace.count(n)
        if pace.now - self._last_line >= LINE_EVERY_S and pace.done != pace.total:
            self._last_line = pace.now
            self._write(self._line() + (f"  {visible(remark)}" if remark else ""))

    def expect(self, total: int) -> None:
        """Set the total number of samples, and restart the clock."""
        self._pace.expect(total)
        self._last_line = time.monotonic()

    def _line(self) -> str:
        """Progress as text: number of finished samples, speed and time left."""
        pace = self._pace
        line = f"{self._label}: {pace.done}"
        if pace.total is not None:
            line += f" of {pace.total}"
        line += " samples"
        if pace.rate:
            line += f", {_rate(pace.rate)}"
        if pace.left is not None:
            line += f", {duration(pace.left)} left"
        return line


def _rate(per_second: float) -> str:
    """Speed as text, such as `250/s`."""
    return f"{per_second:,.0f}/s" if per_second >= 100 else f"{per_second:.3g}/s"
