"""Progress of commands, on stderr: bars and lines of `nmtool.bars` on the console of remarks."""

from __future__ import annotations

from contextlib import AbstractContextManager

from nmtool import bars
from nmtool.cli import console
from nmtool.progress import Advance


def progress(
    label: str, total: int | None = None, remark: str = ""
) -> AbstractContextManager[Advance]:
    """Show progress while the block runs.

    Args:
        label: what is being done.
        total: number of samples to go through; None where nobody knows yet.
        remark: stands beside the bar until there is another.
    """
    return bars.on(console.log())(label, total, remark)


def working(label: str) -> AbstractContextManager[Advance]:
    """Show on a terminal that something without countable progress is going on."""
    return progress(label)
