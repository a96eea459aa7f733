"""Progress of commands, on stderr: bars and lines of `nmtool.bars` on the console of remarks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from nmtool import bars
from nmtool.cli import console
from nmtool.progress import Advance


def progress(
    label: str, total: int | None = None, remark: str = ""
) -> AbstractContextManager[Advance]:
    """Show progress while the block runs.

    Args:
        label: the work in progress, shown before the bar.
        total: number of samples to process; None if unknown.
        remark: first remark, shown after the bar.
    """
    log = console.log()
    if log.idle is None:
        return bars.progress_on(log)(label, total, remark)
    return log.idle.beside(bars.progress_on(log), label, total, remark)


@contextmanager
def never_silent(label: str) -> Iterator[None]:
    """Show a spinner on a terminal whenever the block has shown nothing for a second or two."""
    log = console.log()
    with bars.IdleBar(log, label) as log.idle:
        try:
            yield
        finally:
            log.idle = None
