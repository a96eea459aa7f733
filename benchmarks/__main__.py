"""The command `python -m benchmarks`: measure a suite, and print the machine and a table."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace

from benchmarks.compare import OK, Row, measure
from benchmarks.engines import CPU, CUDA, DEVICES
from benchmarks.report import exit_code, machine_text, markdown
from benchmarks.suites import SUITES
from nmtool.arguments import count
from nmtool.libraries import libraries_needed

_NUMBERS = (
    ("ms per sample", "ms_per_sample", ".2f"),
    ("forward", "forward_ms", ".2f"),
    ("backward", "backward_ms", ".2f"),
    ("update", "update_ms", ".2f"),
    ("CPU", "cpu_ms_per_sample", ".2f"),
    ("forward ns/event", "forward_ns_per_event", ".2f"),
    ("backward", "backward_ns_per_event", ".2f"),
    ("spikes/neuron", "spikes_per_neuron", ".1f"),
    ("code MB", "code_mb", ".0f"),
    ("peak MB", "peak_mb", ".0f"),
    ("GPU MB", "device_mb", ".0f"),
    ("times BPTT", "ratio_to_bptt", ".3g"),
    ("times autograd", "ratio_to_autograd", ".3g"),
    ("times nmtool", "ratio_to_nmtool", ".3g"),
    ("times 1 thread", "ratio_to_one_thread", ".3g"),
    ("times CPU", "ratio_to_cpu", ".3g"),
)
"""Columns of numbers: title, key of a row, and format."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line, and return the exit code: 1 if no row was measured."""
    options = _parser().parse_args(arguments)
    return exit_code(lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    """Measure a suite, print the table, and write JSON; return the exit code."""
    given = {name: getattr(options, name) for name in ("hidden", "threads", "rounds", "device")}
    suite = replace(SUITES[options.suite], **{n: v for n, v in given.items() if v is not None})
    machine, engines_agree = machine_text(), True
    if options.suite == CUDA:
        with libraries_needed("train"):
            from benchmarks import gpu, gpu_kernels
        engines_agree = gpu.compare_engines()
    rows = [row for comparison in suite.comparisons() for row in measure(comparison)]
    print(machine, table(rows), sep="\n\n")
    for row in rows:
        if row["status"] != OK:
            print(f"{row['engine']}: {row['status']}")
    if options.json:
        with options.json as file:
            json.dump({"machine": machine, "rows": rows}, file, indent=1)
    if options.suite == CUDA:
        gpu_kernels.print_kernels(suite.hidden)
    return 0 if engines_agree and any(row["status"] == OK for row in rows) else 1


def table(rows: Sequence[Row]) -> str:
    """A table of settings and numbers, without columns in which all ratios are 1 or missing."""
    shown = [
        (title, key, form)
        for title, key, form in _NUMBERS
        if any(row.get(key) not in (None, 1) for row in rows)
    ]
    settings = ("engine", "hidden", "steps", "input spikes", "delays", "batch", "threads")
    numbers = [
        [format(row[key], form) if row.get(key) is not None else "" for _, key, form in shown]
        for row in rows
    ]
    return markdown(
        (*settings, *(title for title, _, _ in shown)),
        [(*_settings(row), *cells) for row, cells in zip(rows, numbers, strict=True)],
    )


def _settings(row: Row) -> tuple[object, ...]:
    """Cells of a row's settings."""
    engine = row["engine"] if row["device"] == CPU else f"{row['engine']} on {row['device']}"
    delays = (f"0…{row['max_delay']}" if row["max_delay"] else "0") if row["has_delays"] else "none"
    return (
        engine if row["recurrent"] else f"{engine}, feed-forward",
        *(row[key] for key in ("hidden", "n_steps", "input_spikes")),
        *(delays, row["batch"], row["threads"]),
    )


def _parser() -> argparse.ArgumentParser:
    """Parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure the time of a training step, compared with other trainers.",
    )
    suites = "; ".join(f"{name}: {suite.about}" for name, suite in SUITES.items())
    parser.add_argument("--suite", choices=list(SUITES), default="core", help=suites)
    for name, nargs, text in (
        ("hidden", "+", "numbers of hidden neurons"),
        ("threads", "+", "numbers of threads"),
        ("rounds", None, "number of timed steps"),
    ):
        text += ", instead of the suite's"
        parser.add_argument(f"--{name}", type=count, nargs=nargs, metavar="N", help=text)
    parser.add_argument(
        "--device",
        choices=DEVICES,
        default=CPU,
        help="device of all engines; the suite cuda always uses both devices",
    )
    parser.add_argument(
        "--json", type=argparse.FileType("w"), metavar="FILE", help="write all numbers to FILE"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
