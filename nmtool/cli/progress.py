"""Progress on stderr: a bar with rate and time left on a terminal, elsewhere a line at times."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich import progress as bars
from rich.table import Column
from rich.text import Text

from nmtool.cli import console
from nmtool.progress import Advance, duration

LINE_EVERY_S = 30.0
"""Seconds between two lines where stderr is not a terminal."""


@contextmanager
def progress(label: str, total: int | None = None, remark: str = "") -> Iterator[Advance]:
    """Show progress while the block runs.

    Args:
        label: what is being done.
        total: number of samples to go through; None where nobody knows yet.
        remark: stands beside the bar until there is another.
    """
    if not console.log().is_terminal:
        yield _Lines(label, total)
        return
    columns = (
        bars.SpinnerColumn(),
        bars.TextColumn("{task.description}"),
        bars.BarColumn(bar_width=16),
        bars.MofNCompleteColumn(),
        _RateColumn(table_column=Column(no_wrap=True)),
        bars.TimeRemainingColumn(),
        bars.TextColumn("{task.fields[remark]}", table_column=Column(no_wrap=True)),
    )
    with bars.Progress(*columns, console=console.log(), transient=True) as bar:
        yield _Bar(bar, bar.add_task(label, total=total, remark=remark))


@contextmanager
def working(label: str) -> Iterator[None]:
    """Show on a terminal that something without countable progress is going on."""
    log = console.log()
    if not log.is_terminal:
        yield
        return
    with log.status(label):
        yield


class _RateColumn(bars.ProgressColumn):
    def render(self, task: bars.Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{_rate(speed)}, left")


class _Bar:
    def __init__(self, bar: bars.Progress, task: bars.TaskID) -> None:
        self._bar = bar
        self._task = task

    def __call__(self, n: int, remark: str = "") -> None:
        self._bar.update(self._task, advance=n, remark=remark)

    def expect(self, total: int) -> None:
        self._bar.reset(self._task, total=total)


class _Lines:
    def __init__(self, label: str, total: int | None) -> None:
        self._label, self._total = label, total
        self._done = 0
        self._began = self._spoke = time.monotonic()

    def __call__(self, n: int, remark: str = "") -> None:
        self._done += n
        now = time.monotonic()
        if now - self._spoke >= LINE_EVERY_S and self._done != self._total:
            self._spoke = now
            console.say(self._line(now - self._began) + (f"  {remark}" if remark else ""))

    def expect(self, total: int) -> None:
        self._total = total
        self._began = self._spoke = time.monotonic()

    def _line(self, elapsed_s: float) -> str:
        rate = self._done / elapsed_s if elapsed_s > 0 else 0.0
        line = f"{self._label}: {self._done}"
        if self._total is not None:
            line += f" of {self._total}"
        line += f" samples, {_rate(rate)}"
        if self._total is not None and rate > 0:
            line += f", {duration((self._total - self._done) / rate)} left"
        return line


def _rate(per_second: float) -> str:
    return f"{per_second:,.0f}/s" if per_second >= 100 else f"{per_second:.3g}/s"
