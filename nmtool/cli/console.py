"""Output of the command line: tables for people, JSON for scripts.

Results go to stdout, everything else to stderr. JSON is strict: it has no form for some numbers.
They are written as the strings "Infinity", "-Infinity" and "NaN", which Python's float() and
JavaScript's Number() read.
"""

from __future__ import annotations

import json
import logging
import math
import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NoReturn

from rich import box
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from nmtool.errors import Finding, NmtoolError, grouped
from nmtool.tables import Table, Tabular, shown

if TYPE_CHECKING:
    from nmtool.targets.fit import Fit
    from nmtool.verification.certificate import Certificate

FIT_STYLES = {"faithful": "green", "approximate": "yellow", "unsupported": "bold red"}
"""Of the words that say how well a target runs a network."""

STYLES = {"": "", "warning": "yellow", "alarm": "bold red"}
"""By the weight of a sentence, its colour."""

PLAIN_WIDTH = 1000
"""Columns where the output is not a terminal: nothing is folded there."""


class _Console(Console):
    def on_broken_pipe(self) -> NoReturn:
        # rich calls this while it handles the BrokenPipeError, and would end the program itself.
        raise


def out() -> Console:
    """The console for results."""
    return _console(stderr=False)


def log() -> Console:
    """The console for progress and remarks."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> Console:
    console = _Console(stderr=stderr, highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = PLAIN_WIDTH
    return console


def tell(text: str, style: str = "") -> None:
    """A line of results for people, on stdout."""
    out().print(text, style=style, soft_wrap=True)


def say(text: str) -> None:
    """A remark for people, on stderr."""
    log().print(text, soft_wrap=True)


def print_json(value: Any) -> None:
    """One strict JSON object on stdout."""
    json.dump(plain(value), sys.stdout, indent=2, allow_nan=False)
    sys.stdout.write("\n")


def plain(value: Any) -> Any:
    """The value in the types JSON has; infinities and NaN become strings."""
    import numpy as np  # which --help need not wait for

    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    return value


def print_error(error: NmtoolError) -> None:
    """Code, what, every finding, why and fix, on stderr."""
    console = log()
    head = (f"error[{error.code}]: ", "bold red")
    console.print(Text.assemble(head, error.what), soft_wrap=True)
    print_findings(error.findings)
    for label, text in (("why", error.why), ("fix", error.fix)):
        if text:
            console.print(Text.assemble((f"  {label}: ", "bold"), text), soft_wrap=True)


def print_table(table: Table) -> None:
    """A table on stdout and an empty line; columns of numbers are right-aligned."""
    drawn = RichTable(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for name, numeric in zip(table.header, table.right_aligned(), strict=True):
        drawn.add_column(name, justify="right" if numeric else "left")
    for row in table.rows:
        drawn.add_row(*(shown(value) for value in row))
    tell(table.title, style="bold")
    console = out()
    with console.capture() as captured:
        console.print(drawn)
    lines = [line.rstrip() for line in captured.get().splitlines()]
    console.file.write("\n".join(line for line in lines if line) + "\n\n")


def print_tables(value: Tabular) -> None:
    """All tables of a value on stdout."""
    for table in value.tables():
        print_table(table)


def tell_fits(fits: Iterable[Fit]) -> None:
    """A line per target that a format leads to, and why it is unsupported, on stderr, if it is."""
    for one in fits:
        tell(f"{one.target.name}: {one.words}", style=FIT_STYLES[one.word])
        print_findings(one.unsupported)


def print_certificate(certificate: Certificate) -> None:
    """Print the sentences of a certificate on stdout."""
    for text, weight in certificate.sentences():
        tell(text, STYLES[weight])


def print_findings(findings: Iterable[Finding]) -> None:
    """Everything that does not fit, on stderr: code, place, what, why and fix."""
    _print_findings(log(), findings)


def tell_findings(findings: Iterable[Finding]) -> None:
    """The same on stdout, where they are the result."""
    _print_findings(out(), findings)


def _print_findings(console: Console, findings: Iterable[Finding]) -> None:
    for finding in grouped(findings):
        why = f", since {finding.why}" if finding.why else ""
        text = f" {finding.where}: {finding.what}{why}; {finding.fix}"
        console.print(Text.assemble((finding.code, "yellow"), text), soft_wrap=True)


def log_to_stderr() -> None:
    """Print what the library logs below the logger `nmtool` on stderr, without any prefix."""
    logger = logging.getLogger("nmtool")
    logger.setLevel(logging.INFO)
    for handler in logger.handlers:
        if isinstance(handler, _Remarks):
            handler.said.clear()
            return
    logger.addHandler(_Remarks())


class _Remarks(logging.Handler):
    """Says a remark once in a command, however often the library makes it."""

    def __init__(self) -> None:
        super().__init__()
        self.said: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.WARNING:
            if record.getMessage() in self.said:
                return
            self.said.add(record.getMessage())
        # Looks up sys.stderr anew each time, which may have been replaced.
        say(record.getMessage())
