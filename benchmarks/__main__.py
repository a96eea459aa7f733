"""The command `python -m benchmarks`: measure, print a table, write JSON."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from benchmarks import report
from benchmarks.compare import Bench
from benchmarks.engines import CPU, CUDA, DEVICES
from benchmarks.job import OK
from benchmarks.machine import header
from benchmarks.report import exit_code, print_report, write_json
from benchmarks.rows import Row, make_rows
from benchmarks.suites import LARGE_BATCH, SUITES, Suite
from benchmarks.workload import Workload
from nmtool.arguments import count
from nmtool.errors import libraries_needed

NAME = "benchmarks-cuda"
"""Default name, without extension, of the files that the suite `cuda` writes."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line, and return the exit code: 1 if no row was measured."""
    options = _parser().parse_args(arguments)
    return exit_code(lambda: _run(options), options.json)


def _run(options: argparse.Namespace) -> int:
    """Measure a suite, print the table, and write JSON; return the exit code."""
    if options.suite == CUDA:
        return _run_on_gpu(options)
    run_header, bench, rows = header(), Bench(print_progress), list[Row]()
    for comparison in _suite(options).comparisons():
        rows += make_rows(bench.measure(comparison))
    print_report(run_header, options.suite, rows)
    if options.json:
        write_json(options.json, {"suite": options.suite, **run_header}, rows)
    return 0 if any(row["status"] == OK for row in rows) else 1


def _run_on_gpu(options: argparse.Namespace) -> int:
    """Compare the engines, time both engines and every kernel, and write a page and all numbers.

    Raises:
        MissingError: there is no GPU, or a library for it is missing.
        InputError, BackendError: the GPU has too little memory, or fails.
    """
    with libraries_needed("train"):
        from benchmarks import gpu, gpu_kernels
        from nmtool.training.engines.devices import find_device
        from nmtool.training.engines.gpu_failures import gpu_errors_converted

    suite, run_header, bench = _suite(options), header(), Bench(print_progress)
    file = Path(options.json or f"{NAME}.json")
    agreements, kernels, rows = list[gpu.Agreement](), list[gpu_kernels.KernelTime](), list[Row]()
    with gpu_errors_converted():
        device = find_device(CUDA)
        print_progress(gpu.gpu_name())
        for workload in gpu.COMPARED:
            for agreement in gpu.compare(workload, device):
                print_progress(f"{agreement}{'' if agreement.holds else ': they do not agree'}")
                agreements.append(agreement)
        for comparison in suite.comparisons():
            rows += make_rows(bench.measure(comparison))
        for hidden in suite.hidden:
            workload = Workload(hidden, batch=LARGE_BATCH)
            print_progress(f"kernels of {hidden} hidden neurons, batch {LARGE_BATCH}")
            kernels += gpu_kernels.kernel_times(workload)
    print_report(run_header, CUDA, rows)
    machine = report.machine_text(run_header).replace("\n", "; ")
    text = gpu.page(gpu.gpu_name(), machine, agreements, rows, kernels)
    print(text)
    header_entries = {"suite": CUDA, "gpu": gpu.gpu_name(), **run_header}
    compared, timed = ([asdict(row) for row in table] for table in (agreements, kernels))
    write_json(str(file), header_entries, rows, compared=compared, kernels=timed)
    file.with_suffix(".md").write_text(text, "utf-8")
    print_progress(f"written: {file} and, for docs/results.md, {file.with_suffix('.md')}")
    agree = all(agreement.holds for agreement in agreements)
    return 0 if agree and any(row["status"] == OK for row in rows) else 1


def _suite(options: argparse.Namespace) -> Suite:
    """Find the suite, and replace its defaults by the options of the command line."""
    chosen = {name: getattr(options, name) for name in ("hidden", "threads", "rounds", "device")}
    return replace(SUITES[options.suite], **{n: v for n, v in chosen.items() if v is not None})


def print_progress(line: str) -> None:
    """Print a line of progress to stderr."""
    print(line, file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    """Parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure the time of a training step, compared with other trainers.",
    )
    suites = "; ".join(f"{name}: {suite.about}" for name, suite in SUITES.items())
    defaults = "instead of the suite's"
    parser.add_argument("--suite", choices=list(SUITES), default="core", help=suites)
    parser.add_argument(
        "--hidden",
        type=count,
        nargs="+",
        metavar="N",
        help=f"numbers of hidden neurons, {defaults}",
    )
    parser.add_argument(
        "--threads", type=count, nargs="+", metavar="N", help=f"numbers of threads, {defaults}"
    )
    parser.add_argument(
        "--rounds", type=count, metavar="N", help=f"number of timed steps, {defaults}"
    )
    parser.add_argument(
        "--device",
        choices=DEVICES,
        default=CPU,
        help="device of all engines; the suite cuda always uses both devices",
    )
    parser.add_argument(
        "--json",
        metavar="FILE",
        help=f"write all numbers to FILE; suite cuda: by default {NAME}.json, and a Markdown page "
        "of the same name",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
