"""Output of the command line: tables in the terminal, JSON for scripts.

Results go to stdout, everything else to stderr. Both are `visible`: whatever a file contains, its
control characters are shown as escapes, also in a pipe. JSON is strict and has no numbers for
infinities and NaN, so these become the strings "Infinity", "-Infinity" and "NaN". Python's float()
and JavaScript's Number() read such strings.
"""

from __future__ import annotations

import json
import logging
import math
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NoReturn, TextIO

from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table as RichTable
from rich.text import Text

from nmtool.bars import IdleBar
from nmtool.errors import Finding, NmtoolError, grouped, message, visible
from nmtool.paths import pages_folder
from nmtool.tables import Table, Tabular

if TYPE_CHECKING:
    from rich.console import JustifyMethod

    from nmtool.reporting import Report
    from nmtool.targets.fit import Fit
    from nmtool.verification.certificate import Certificate

FIT_STYLES = {"faithful": "green", "approximate": "yellow", "unsupported": "bold red"}
"""Colours of the verdicts on how well a target runs a network."""
VERDICT_STYLES = {True: "bold green", False: "bold red"}
"""Colours of identical (True) and different (False) results."""
STYLES = {"": "", "warning": "yellow", "alarm": "bold red"}
"""Colour of a finding, by its severity."""

PLAIN_WIDTH = 1000
"""Width, in characters, of output that is not a terminal, so that no line is wrapped."""


class _Console(Console):
    """rich's console, with the spinner of the running command."""

    idle: IdleBar | None = None
    """The idle bar of the running command; it is cleared before anything else is shown."""

    def on_broken_pipe(self) -> NoReturn:
        """Raise the current `BrokenPipeError` again."""
        # rich calls this method after a BrokenPipeError. The method of rich itself would end the
        # process.
        raise


def out() -> Console:
    """The console for results."""
    log()
    return _console_on(sys.stdout)


def log() -> _Console:
    """The console for progress and remarks; always the same object, since it draws a live bar."""
    # While a bar is live, rich replaces sys.stderr with a proxy, which refers to the real stream.
    console = _console_on(getattr(sys.stderr, "rich_proxied_file", sys.stderr))
    if console.idle is not None:
        console.idle.clear()
    return console


@lru_cache(maxsize=2)
def _console_on(stream: TextIO) -> _Console:
    """A console on a stream, which prints text without highlighting or markup."""
    console = _Console(file=stream, highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = PLAIN_WIDTH
    return console


FlagNames = Callable[[], Mapping[str, str]]
"""A function that returns flags by the names of the library's arguments."""

_flags: list[FlagNames] = []


def use_flags_in_messages(*flags: FlagNames) -> None:
    """From now on, write the library's arguments as flags in messages: `force=True` as --force.

    Args:
        flags: the flags of the running command, then others; the first that has a name gives it.
            They are only called for a message that names an argument.
    """
    _flags[:] = flags


def in_flags(text: str) -> str:
    """A message of the library, with the command's flags in place of Python's arguments.

    After a flag, members of a list are separated by spaces, members of a tuple by commas. Pages of
    docs/ become paths on this computer.
    """

    def flag(argument: re.Match[str]) -> str:
        """The flag of an argument; any other text is returned unchanged."""
        name, value = argument[1], argument[2]
        value = value.strip("[]'\"()").replace(", ", " " if value.startswith("[") else ",")
        flag_name = next((names[name] for flags in _flags if name in (names := flags())), None)
        if flag_name is None:
            return argument[0]
        if flag_name.endswith("="):
            return f"{flag_name}{value}"
        return flag_name if value in ("", "True") else f"{flag_name} {value}"

    text = re.sub(r"\bdocs/(?=[a-z-]+\.md\b)", f"{pages_folder('docs')}/", text)
    return re.sub(r"`(\w+)=([^`]*)`", flag, text)


def _shown(text: str) -> str:
    """A message of the library as the console prints it: in flags, and `visible`."""
    return visible(in_flags(text))


def print_line(text: str, style: str = "") -> None:
    """Print a line of results on stdout."""
    out().print(_shown(text), style=style, soft_wrap=True)


def print_remark(text: str) -> None:
    """Print a remark on stderr."""
    log().print(_shown(text), soft_wrap=True)


def print_json(value: Any) -> None:
    """Print a strict JSON object on stdout, in ASCII; its texts keep every character."""
    json.dump(plain(value), sys.stdout, indent=2, allow_nan=False)
    sys.stdout.write("\n")


def plain(value: Any) -> Any:
    """Convert a value to JSON's types; in its texts, write Python's arguments as flags.

    Infinities and NaN become strings.
    """
    # NumPy is imported here and not at the top of the module, so that `--help` stays fast.
    import numpy as np

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
    """Print an error on stderr: code, what, every finding, why and fix."""
    console = log()
    head = (f"error[{error.code}]: ", "bold red")
    _print_hanging(console, Text.assemble(head, in_flags(error.what)))
    print_finding_remarks(error.findings)
    for label, text in (("why", error.why), ("fix", error.fix)):
        if text:
            _print_hanging(console, Text.assemble((f"  {label}: ", "bold"), in_flags(text)))


def print_table(table: Table) -> None:
    """Print a table and an empty line on stdout; columns of numbers are right-aligned.

    On a terminal, texts are wrapped until the table fits, but never numbers. If the table is still
    too wide, rows become columns.
    """
    console, right, table = out(), table.right_aligned(), table.as_text()
    rows = [[in_flags(text) for text in row] for row in table.rows]
    shown = _rich_table(table.header, rows, right)
    boundless = console.options.update(width=1 << 16)
    if rows and Measurement.get(console, boundless, shown).minimum > console.width:
        first, *others = zip(table.header, *rows, strict=True)
        shown = _rich_table(first, others, [False, *([True] * len(rows))])
    print_line(table.title, style="bold")
    with console.capture() as captured:
        console.print(shown)
    lines = [line.rstrip() for line in captured.get().splitlines()]
    console.file.write("\n".join(line for line in lines if line) + "\n\n")


_GAP = 2
"""Spaces between two parts of a line."""


def _rich_table(
    header: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[bool]
) -> RichTable:
    """A table whose right-aligned columns are not wrapped."""
    shown = RichTable(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for index, (name, is_right) in enumerate(zip(header, right, strict=True)):
        justify: JustifyMethod = "right" if is_right else "left"
        widest = max((len(row[index]) for row in rows), default=0) if is_right else None
        shown.add_column(name, justify=justify, min_width=widest, overflow="fold")
    for row in rows:
        shown.add_row(*row)
    return shown


def print_tables(value: Tabular) -> None:
    """Print all tables of a value on stdout."""
    for table in value.tables():
        print_table(table)


def print_fits(fits: Iterable[Fit]) -> None:
    """Print a line per target on stdout; print reasons against unsupported targets on stderr."""
    for fit in fits:
        print_line(f"{fit.target.name}: {fit.words}", style=FIT_STYLES[fit.verdict])
        if not fit.uses:  # With uses, the printed line already contains the reasons.
            print_finding_remarks(fit.unsupported)


def print_sentences(sentences: Iterable[tuple[str, str]]) -> None:
    """Print sentences on stdout, with differences of spikes in colour on a terminal.

    Args:
        sentences: texts, each with its severity: '', `warning` or `alarm`.
    """
    console = out()
    for text, weight in sentences:
        line = Text(_shown(text), style=STYLES[weight])
        line.highlight_regex(r"\bdifferent 0\b", VERDICT_STYLES[True])
        line.highlight_regex(r"\bdifferent [1-9]\d*|first d\w+:", VERDICT_STYLES[False])
        _print_hanging(console, line)


def print_verdict(passed: bool, yes: str, no: str) -> None:
    """Print on a terminal, in colour, whether a result is good."""
    if out().is_terminal:
        out().print(Text(yes if passed else no, style=VERDICT_STYLES[passed]))


def print_certificate(certificate: Certificate) -> None:
    """Print a certificate's sentences on stdout, with the result in colour on a terminal."""
    print_sentences(certificate.sentences())
    print_verdict(certificate.identical, "identical", "different")


def print_report(report: Report) -> None:
    """Print all sections of a report as text on stdout, without their plots."""
    print_table(Table(f"report on {report.title}", ("", "value"), list(report.headline)))
    for remark in report.remarks:
        print_line(remark, STYLES["warning"])
    for section in report.sections:
        print_line(section.title.upper(), style="bold")
        for text, weight in section.sentences:
            print_line(text, STYLES[weight])
        for table in section.tables:
            print_table(table)
        for finding in section.findings:
            print_line(str(finding))
        for heading, text in section.code.items():
            print_line(heading, style="bold")
            for line in text.split("\n"):
                print_line(line)
        print_line("")


def print_finding_remarks(findings: Iterable[Finding]) -> None:
    """Print findings on stderr: code, place, what, why and fix."""
    _print_findings(log(), findings)


def print_findings(findings: Iterable[Finding]) -> None:
    """Print findings on stdout, for commands whose results are findings."""
    _print_findings(out(), findings)


def _print_findings(console: Console, findings: Iterable[Finding]) -> None:
    """Print findings on a console; similar findings are merged."""
    for finding in grouped(findings):
        why = f", since {finding.why}" if finding.why else ""
        text = f" {finding.where}: {finding.what}{why}; {finding.fix}"
        _print_hanging(console, Text.assemble((finding.code, "yellow"), in_flags(text)))


def _print_hanging(console: Console, line: Text) -> None:
    """Print a line; on a terminal it is wrapped between words, with a hanging indent."""
    if not console.is_terminal or line.cell_len <= console.width:
        console.print(line, soft_wrap=True)
        return
    first, *others = line.wrap(console, console.width - _INDENT)
    console.print(first, soft_wrap=True)
    for rest in others:
        console.print(Text(" " * _INDENT).append_text(rest), soft_wrap=True)


_INDENT = 4


def print_parts(parts: Sequence[tuple[str, int]]) -> None:
    """Print the parts that fit on a line of stdout, chosen by their ranks as in `fitted`."""
    print_line("  ".join(fitted(parts, out().width)))


def fitted(parts: Sequence[tuple[str, int]], columns: int) -> list[str]:
    """Choose the parts of a line that fit into `columns` characters, two spaces apart, in order.

    Args:
        parts: texts with ranks. If they do not fit, the texts of the largest rank are dropped
            first, beginning with the last. The first text of the smallest rank always stays; if it
            is too long, it is cut.
        columns: width of the line.

    >>> fitted([("epoch 1", 0), ("loss 0.5", 1), ("3.2 s", 2)], 20)
    ['epoch 1', 'loss 0.5']
    """
    entries = list(enumerate(parts))
    while len(entries) > 1 and sum(len(text) + _GAP for _, (text, _) in entries) - _GAP > columns:
        entries.remove(max(entries, key=lambda entry: (entry[1][1], entry[0])))
    return [text[:columns] for _, (text, _) in entries]


def log_to_stderr() -> None:
    """Print messages of the logger `nmtool` on stderr, without a prefix."""
    logger = logging.getLogger("nmtool")
    logger.setLevel(logging.INFO)
    for handler in logger.handlers:
        if isinstance(handler, _Remarks):
            handler.printed.clear()
            return
    logger.addHandler(_Remarks())


class _Remarks(logging.Handler):
    """Print each remark only once per command, even if the library logs it repeatedly."""

    def __init__(self) -> None:
        super().__init__()
        self.printed: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        """Print a log record on stderr, unless the same warning was printed before."""
        text = message(record.getMessage())
        if record.levelno >= logging.WARNING:
            if text in self.printed:
                return
            self.printed.add(text)
        # The console is looked up for every record, since sys.stderr may have been replaced.
        console = log()
        parts = getattr(record, "parts", None)
        if parts is None or not console.is_interactive:
            _print_hanging(console, Text(_shown(text)))
            return
        line = Text(visible("  ".join(fitted(parts, console.width)).rstrip()))
        line.highlight_words(["best"], VERDICT_STYLES[True])
        console.print(line, soft_wrap=True)
