"""How the command line speaks: tables and progress for people, JSON for scripts.

Results go to stdout, everything else to stderr.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from nmtool.errors import NmtoolError
from nmtool.targets import Finding

PLAIN_WIDTH = 120
"""Columns where the output is not a terminal."""


def out() -> Console:
    """The console for results."""
    return _console(stderr=False)


def log() -> Console:
    """The console for progress and remarks."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> Console:
    console = Console(stderr=stderr, highlight=False)
    if not console.is_terminal:
        console.width = PLAIN_WIDTH
    return console


def tell(text: str) -> None:
    """A line of results for people, on stdout."""
    out().print(escape(text), soft_wrap=True)


def say(text: str) -> None:
    """A remark for people, on stderr."""
    log().print(escape(text), soft_wrap=True)


def print_json(value: Any) -> None:
    """One JSON object on stdout."""
    json.dump(value, sys.stdout, indent=2)
    sys.stdout.write("\n")


def print_error(error: NmtoolError) -> None:
    """What, why and fix, on stderr."""
    console = log()
    console.print(f"[bold red]error:[/] {escape(error.what)}", soft_wrap=True)
    for label, text in (("why", error.why), ("fix", error.fix)):
        if text:
            console.print(f"  [bold]{label}:[/] {escape(text)}", soft_wrap=True)


def print_table(title: str, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """A table on stdout; numbers are right-aligned."""
    rows = [list(row) for row in rows]
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for index, name in enumerate(header):
        numeric = all(isinstance(row[index], int | float) for row in rows)
        table.add_column(name, justify="right" if numeric else "left")
    for row in rows:
        table.add_row(*(escape(_text(value)) for value in row))
    out().print(table)


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def print_findings(findings: Iterable[Finding]) -> None:
    """Everything a target cannot hold, on stderr."""
    for finding in findings:
        log().print(
            f"[yellow]{finding.code}[/] {escape(finding.where)}: {escape(finding.what)}; "
            f"{escape(finding.fix)}",
            soft_wrap=True,
        )


@contextmanager
def progress(label: str, total: int) -> Iterator[Any]:
    """A progress bar on stderr with rate and time left; yields `advance(n, remark='')`."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(show_speed=True),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[remark]}"),
    )
    with Progress(*columns, console=log(), transient=True) as bar:
        task = bar.add_task(label, total=total, remark="")

        def advance(n: int = 1, remark: str | None = None) -> None:
            fields: dict[str, Any] = {} if remark is None else {"remark": remark}
            bar.update(task, advance=n, **fields)

        yield advance
