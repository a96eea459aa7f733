"""What the benchmarks print: the machine, tables in Markdown, progress, and errors."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version

from nmtool.errors import NmtoolError
from nmtool.machine import cpu_name, usable_cores
from nmtool.version import __version__

PACKAGES = ("numpy", "numba", "torch", "snntorch", "norse", "DCLS")

_BUSY = 0.25
"""Load per core above which other processes disturb a measurement."""


def machine_text() -> str:
    """Processor, date, versions and load of this machine, in three lines."""
    versions = [f"nmtool {__version__}", f"python {platform.python_version()}"]
    for package in PACKAGES:
        with suppress(PackageNotFoundError):
            versions.append(f"{package} {version(package)}")
    date = datetime.now(timezone.utc).isoformat(timespec="seconds")
    lines = [f"{cpu_name()}, {usable_cores()} cores, {date}", ", ".join(versions)]
    if hasattr(os, "getloadavg"):
        load = os.getloadavg()[0]
        busy = load > _BUSY * usable_cores()
        advice = "; the machine is busy: do not trust rows with several threads" if busy else ""
        lines.append(f"load average before the run {load:.2f}{advice}")
    return "\n".join(lines)


def markdown(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table in Markdown, which can also be read as it is; all but the first column are numbers.

    >>> print(markdown(["engine", "ms"], [["nmtool", "4.85"], ["bptt", "16.43"]]))
    | engine |    ms |
    |:-------|------:|
    | nmtool |  4.85 |
    | bptt   | 16.43 |
    """
    lines = [[str(cell) for cell in line] for line in (header, *rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    texts = [
        " | ".join(
            cell.rjust(width) if column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    ]
    first, *others = ("-" * (width + 1) for width in widths)
    rule = "|".join([f":{first}", *(f"{dashes}:" for dashes in others)])
    title, *body = (f"| {text} |" for text in texts)
    return "\n".join([title, f"|{rule}|", *body])


def print_progress(line: str) -> None:
    """Print a line of progress to stderr."""
    print(line, file=sys.stderr, flush=True)


def exit_code(run: Callable[[], int]) -> int:
    """Run a command, print the error if it raises one of nmtool's, and return the exit code."""
    try:
        return run()
    except NmtoolError as error:
        print(error, file=sys.stderr)
        return error.exit_code
