"""The report of a run: a table to read, and JSON for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from benchmarks.job import OK
from benchmarks.rows import Row
from nmtool.errors import NmtoolError, StorageError

_PLAIN_WIDTH = 180
"""Width in columns of a table in a file or pipe."""

_BUSY = 0.25
"""Load per core above which other processes disturb a measurement."""

_SETTINGS = (
    ("engine", "engine"),
    ("hidden", "hidden"),
    ("steps", "n_steps"),
    ("input\nspikes", "input_spikes"),
    ("delays", "max_delay"),
    ("batch", "batch"),
    ("threads", "threads"),
)
_NUMBERS = (
    ("ms per\nsample", "ms_per_sample", ".2f"),
    ("forward\nms", "forward_ms", ".2f"),
    ("backward\nms", "backward_ms", ".2f"),
    ("update\nms", "update_ms", ".2f"),
    ("forward\nns/event", "forward_ns_per_event", ".2f"),
    ("backward\nns/event", "backward_ns_per_event", ".2f"),
    ("spikes/\nneuron", "spikes_per_neuron", ".1f"),
    ("code\nMB", "code_mb", ".0f"),
    ("peak\nMB", "peak_mb", ".0f"),
    ("GPU\nMB", "device_mb", ".0f"),
    ("times\nBPTT", "ratio_to_bptt", ".3g"),
    ("times\nautograd", "ratio_to_autograd", ".3g"),
    ("times\nnmtool", "ratio_to_nmtool", ".3g"),
    ("times 1\nthread", "ratio_to_one_thread", ".3g"),
)


def print_report(header: dict[str, Any], suite: str, rows: Sequence[Row]) -> None:
    """Print the machine, the table, and the reasons for missing rows."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=_PLAIN_WIDTH)
    console.print(machine_text(header), highlight=False)
    console.print(_table(suite, rows))
    for row in rows:
        if row["status"] != OK:
            console.print(f"{row['engine']}: {row['status']}", highlight=False, markup=False)


def machine_text(header: dict[str, Any]) -> str:
    """Describe machine, versions and load in a few lines."""
    versions = ", ".join(
        f"{name} {version}" for name, version in header["versions"].items() if version
    )
    lines = [f"{header['cpu']}, {header['cores']} cores, {header['date']}", versions]
    if header["load_average"]:
        load = header["load_average"][0]
        busy = load > _BUSY * header["cores"]
        advice = "; the machine is busy: do not trust rows with several threads" if busy else ""
        lines.append(f"load average before the run {load:.2f}{advice}")
    return "\n".join(lines)


def _table(suite: str, rows: Sequence[Row]) -> Table:
    """Make the table of a suite, with the settings and the numbers of each row."""
    table = Table(title=suite, box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for title, key in _SETTINGS:
        table.add_column(title, justify="left" if key == "engine" else "right", no_wrap=True)
    for title, _, _ in _NUMBERS:
        table.add_column(title, justify="right", no_wrap=True)
    for row in rows:
        settings = [_setting_cell(row, key) for _, key in _SETTINGS]
        if row["status"] == OK:
            table.add_row(*settings, *(_formatted(row[key], form) for _, key, form in _NUMBERS))
        else:
            table.add_row(*settings, row["status"].partition(":")[0])
    return table


def _setting_cell(row: Row, key: str) -> str:
    """Format a setting of a row as a table cell."""
    if key == "max_delay":
        return (f"0…{row[key]}" if row[key] else "0") if row["has_delays"] else "none"
    if key == "engine" and not row["recurrent"]:
        return f"{row[key]}, feed-forward"
    return str(row[key])


def _formatted(value: float | None, form: str) -> str:
    """Format a number as a table cell; '' for None."""
    return "" if value is None else format(value, form)


def exit_code(run: Callable[[], int], json_file: str | None) -> int:
    """Run a command, print its error if it raises one, and return the exit code.

    Args:
        run: the command; returns its exit code.
        json_file: file that the command will write; checked before anything is measured.
    """
    try:
        if json_file:
            check_writable(json_file)
        return run()
    except NmtoolError as error:
        print(error, file=sys.stderr)
        return error.exit_code


def check_writable(path: str) -> None:
    """Raise `StorageError` if a file cannot be written."""
    try:
        Path(path).open("a").close()
    except OSError as error:
        raise StorageError(
            f"{path} cannot be written",
            code="file-not-written",
            why=error.strerror or str(error),
            fix="check the folder and its permissions",
        ) from error


def write_json(path: str, header: dict[str, Any], rows: Sequence[Row], **more: Any) -> None:
    """Write {"header": …, "rows": […]} and further entries as JSON; may raise `OSError`."""
    content = {"header": header, **more, "rows": list(rows)}
    Path(path).write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", "utf-8")
