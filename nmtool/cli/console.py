"""Output of the command line: tables for people, JSON for scripts.

Results go to stdout, everything else to stderr. JSON is strict: it has no form for some numbers.
They are written as the strings "Infinity", "-Infinity" and "NaN", which Python's float() and
JavaScript's Number() read.
"""

from __future__ import annotations

import json
import logging
import math
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NoReturn, TextIO

from rich import box
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from nmtool.bars import IdleBar, fitted
from nmtool.errors import Finding, NmtoolError, grouped
from nmtool.paths import pages_folder
from nmtool.tables import Table, Tabular, shown

if TYPE_CHECKING:
    from rich.console import JustifyMethod

    from nmtool.targets.fit import Fit
    from nmtool.verification.certificate import Certificate

FIT_STYLES = {"faithful": "green", "approximate": "yellow", "unsupported": "bold red"}
"""Of the words that say how well a target runs a network."""
VERDICT_STYLES = {True: "bold green", False: "bold red"}
"""Of what is identical, and of what differs."""
STYLES = {"": "", "warning": "yellow", "alarm": "bold red"}
"""By the weight of a sentence, its colour."""

PLAIN_WIDTH = 1000
"""Columns where the output is not a terminal: nothing is folded there."""


class _Console(Console):
    idle: IdleBar | None = None
    """The bar of the command that runs; it goes before anything else is shown."""

    def on_broken_pipe(self) -> NoReturn:
        # rich calls this while it handles the BrokenPipeError, and would end the program itself.
        raise


def out() -> Console:
    """The console for results."""
    log()
    return _console_on(sys.stdout)


def log() -> _Console:
    """The console for progress and remarks: always the same one, since it knows of a live bar."""
    # While a bar is live, rich stands in for stderr.
    console = _console_on(getattr(sys.stderr, "rich_proxied_file", sys.stderr))
    if console.idle is not None:
        console.idle.clear()
    return console


@lru_cache(maxsize=2)
def _console_on(stream: TextIO) -> _Console:
    console = _Console(file=stream, highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = PLAIN_WIDTH
    return console


_flags: dict[str, str] = {}
"""Flags of the command that runs, by the names that the library has for their values."""


def speak_flags(names: Mapping[str, str]) -> None:
    """Let texts of the library name arguments as flags from now on: `force=True` as --force."""
    _flags.clear()
    _flags.update(names)


def in_flags(text: str) -> str:
    """A text of the library with the command's flags for Python's arguments.

    Pages of docs/ get the path at which they lie on this computer.
    """

    def flag(argument: re.Match[str]) -> str:
        name, value = argument[1], argument[2].strip("'\"()").replace(", ", ",")
        if name not in _flags:
            return argument[0]
        return _flags[name] if value in ("", "True") else f"{_flags[name]} {value}"

    text = re.sub(r"\bdocs/(?=[a-z-]+\.md\b)", f"{pages_folder('docs')}/", text)
    return re.sub(r"`(\w+)=([^`]*)`", flag, text)


def print_line(text: str, style: str = "") -> None:
    """A line of results for people, on stdout."""
    out().print(in_flags(text), style=style, soft_wrap=True)


def print_remark(text: str) -> None:
    """A remark for people, on stderr."""
    log().print(in_flags(text), soft_wrap=True)


def print_json(value: Any) -> None:
    """One strict JSON object on stdout."""
    json.dump(plain(value), sys.stdout, indent=2, allow_nan=False)
    sys.stdout.write("\n")


def plain(value: Any) -> Any:
    """The value in the types JSON has; infinities and NaN become strings, arguments flags."""
    import numpy as np  # which --help need not wait for

    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    if isinstance(value, str):
        return in_flags(value)
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    return value


def print_error(error: NmtoolError) -> None:
    """Code, what, every finding, why and fix, on stderr."""
    console = log()
    head = (f"error[{error.code}]: ", "bold red")
    _print_hanging(console, Text.assemble(head, in_flags(error.what)))
    print_finding_remarks(error.findings)
    for label, text in (("why", error.why), ("fix", error.fix)):
        if text:
            _print_hanging(console, Text.assemble((f"  {label}: ", "bold"), in_flags(text)))


def print_table(table: Table) -> None:
    """A table on stdout and an empty line; columns of numbers are right-aligned.

    On a terminal, words of the header and sentences are folded, and paths shortened, until it fits.
    Where that is not enough, rows become columns; no cell is ever cut.
    """
    console = out()
    room, header, right = console.width - 2, [*table.header], table.right_aligned()
    rows = [[in_flags(shown(value)) for value in row] for row in table.rows]
    widths = column_widths(header, rows, room)
    if _breaks_words(header, widths) and rows:
        first, *others = zip(header, *rows, strict=True)
        turned = column_widths(first, others, room)
        if not _breaks_words(first, turned):
            header, rows, widths = [*first], [[*row] for row in others], turned
            right = [False, *([True] * (len(header) - 1))]
    drawn = RichTable(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for name, width, numeric in zip(header, widths, right, strict=True):
        justify: JustifyMethod = "right" if numeric else "left"
        drawn.add_column(name, justify=justify, width=width, overflow="fold")
    for row in rows:
        cells = zip(row, widths, strict=True)
        drawn.add_row(*(shortened(text, w) if _is_path(text) else text for text, w in cells))
    print_line(table.title, style="bold")
    with console.capture() as captured:
        console.print(drawn)
    lines = [line.rstrip() for line in captured.get().splitlines()]
    console.file.write("\n".join(line for line in lines if line) + "\n\n")


_GAP = 2
"""Columns between two columns of a table."""
_SHORTEST_PATH = 16
"""Characters that are left of a path at least."""


def _breaks_words(header: Sequence[str], widths: Sequence[int]) -> bool:
    cells = zip(header, widths, strict=True)
    return any(len(word) > width for name, width in cells for word in name.split())


def column_widths(header: Sequence[str], rows: Sequence[Sequence[str]], columns: int) -> list[int]:
    """Widths with which a table fits into some columns, if it can without cutting any word.

    The header is folded first, between its words; then paths are shortened and sentences folded,
    always those of the widest column; at last words are folded, but never a number.

    >>> column_widths(("file", "spikes different"), [("runs/a/very/long/name.npz", "12")], 30)
    [19, 9]
    """
    whole = [max(1, *map(len, cells)) for cells in zip(header, *rows, strict=True)]
    room = columns - _GAP * (len(whole) - 1)
    body = [max(map(len, cells)) for cells in zip(*rows, strict=True)] or [0] * len(whole)
    needed = [max(1, *map(len, name.split() or [""])) for name in header]
    widths = whole
    for least in (
        [max(pair) for pair in zip(body, needed, strict=True)],
        [
            max(need, *(_least(row[i]) for row in rows)) if rows else need
            for i, need in enumerate(needed)
        ],
        [
            max([1, *(len(row[i]) for row in rows if not any(map(str.isalpha, row[i])))])
            for i in range(len(needed))
        ],
    ):
        while sum(widths) > room:
            spare = [i for i, width in enumerate(widths) if width > least[i]]
            if not spare:
                break
            widest = max(spare, key=lambda i: widths[i])
            widths[widest] -= 1
    return widths


def _least(cell: str) -> int:
    """Columns that a cell needs at least."""
    if _is_path(cell):
        return min(len(cell), _SHORTEST_PATH)
    return max(map(len, cell.split()), default=0)


def _is_path(text: str) -> bool:
    return "/" in text and " " not in text


def shortened(path: str, columns: int) -> str:
    """A path with its middle left out where it is too long.

    >>> shortened("results/of/november/run/network.npz", 20)
    'resu…run/network.npz'
    """
    if len(path) <= columns:
        return path
    front = max(1, (columns - 1) // 4)
    return f"{path[:front]}…{path[len(path) - (columns - 1 - front) :]}"


def print_tables(value: Tabular) -> None:
    """All tables of a value on stdout."""
    for table in value.tables():
        print_table(table)


def print_fits(fits: Iterable[Fit]) -> None:
    """A line per target that a format leads to, and why it is unsupported, on stderr, if it is."""
    for one in fits:
        print_line(f"{one.target.name}: {one.words}", style=FIT_STYLES[one.word])
        if not one.uses:  # of an FPGA the line says it
            print_finding_remarks(one.unsupported)


def print_certificate(certificate: Certificate) -> None:
    """Print the sentences of a certificate on stdout, on a terminal with its result in colour."""
    console = out()
    for text, weight in certificate.sentences():
        line = Text(text, style=STYLES[weight])
        line.highlight_regex(r"\bdifferent 0\b", VERDICT_STYLES[True])
        line.highlight_regex(r"\bdifferent [1-9]\d*|first d\w+:", VERDICT_STYLES[False])
        _print_hanging(console, line)
    if console.is_terminal:
        same = certificate.identical
        console.print(Text("identical" if same else "different", style=VERDICT_STYLES[same]))


def print_finding_remarks(findings: Iterable[Finding]) -> None:
    """Everything that does not fit, on stderr: code, place, what, why and fix."""
    _print_findings(log(), findings)


def print_findings(findings: Iterable[Finding]) -> None:
    """Print findings on stdout, for commands whose result they are."""
    _print_findings(out(), findings)


def _print_findings(console: Console, findings: Iterable[Finding]) -> None:
    for finding in grouped(findings):
        why = f", since {finding.why}" if finding.why else ""
        text = f" {finding.where}: {finding.what}{why}; {finding.fix}"
        _print_hanging(console, Text.assemble((finding.code, "yellow"), in_flags(text)))


def _print_hanging(console: Console, line: Text) -> None:
    """Print a line, on a terminal folded between words, with all but the first indented."""
    if not console.is_terminal or line.cell_len <= console.width:
        console.print(line, soft_wrap=True)
        return
    first, *others = line.wrap(console, console.width - _INDENT)
    console.print(first, soft_wrap=True)
    for rest in others:
        console.print(Text(" " * _INDENT).append_text(rest), soft_wrap=True)


_INDENT = 4


def print_parts(title: str, parts: Sequence[tuple[str, int]]) -> None:
    """A title and parts beside it on stdout; on a terminal that is too narrow, below it."""
    console = out()
    line = "  ".join([title, *(text for text, _ in parts)])
    if len(line) <= console.width:
        print_line(line)
    else:
        print_line(title)
        print_line("  ".join(fitted([("", 0), *parts], console.width)))


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
        console = log()
        parts = getattr(record, "parts", None)
        if parts is None or not console.is_interactive:
            _print_hanging(console, Text(in_flags(record.getMessage())))
            return
        line = Text("  ".join(fitted(parts, console.width)).rstrip())
        line.highlight_words(["best"], VERDICT_STYLES[True])
        console.print(line, soft_wrap=True)
