"""The command `python -m benchmarks`: measure, print a table, write JSON."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from benchmarks.compare import OK, Bench
from benchmarks.engines import CPU, DEVICES
from benchmarks.machine import header
from benchmarks.report import check_writable, print_report, write_json
from benchmarks.rows import Row, make_rows
from benchmarks.suites import SUITES, Choice, Suite
from nmtool.cli.arguments import count
from nmtool.errors import NmtoolError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code, 1 if no row was measured."""
    options = _parser().parse_args(arguments)
    try:
        if options.json:
            check_writable(options.json)
        return _run(options)
    except NmtoolError as error:
        print(error, file=sys.stderr)
        return error.exit_code


def _run(options: argparse.Namespace) -> int:
    suite = SUITES[options.suite]
    origin, bench, rows = header(), Bench(tell), list[Row]()
    for comparison in suite.plan(_choice(options, suite)):
        rows += make_rows(bench.measure(comparison))
    print_report(origin, options.suite, rows)
    if options.json:
        write_json(options.json, {"suite": options.suite, **origin}, rows)
    return 0 if any(row["status"] == OK for row in rows) else 1


def _choice(options: argparse.Namespace, suite: Suite) -> Choice:
    return Choice(
        options.hidden or suite.hidden,
        options.threads or suite.threads,
        options.rounds or suite.rounds,
        options.device,
    )


def tell(line: str) -> None:
    """Progress, apart from the table."""
    print(line, file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="How long a training step takes, beside other trainers, in one run.",
    )
    suites = "; ".join(f"{name}: {suite.about}" for name, suite in SUITES.items())
    defaults = "by default the suite's"
    parser.add_argument("--suite", choices=list(SUITES), default="core", help=suites)
    parser.add_argument(
        "--hidden", type=count, nargs="+", metavar="N", help=f"hidden neurons, {defaults}"
    )
    parser.add_argument(
        "--threads", type=count, nargs="+", metavar="N", help=f"numbers of threads, {defaults}"
    )
    parser.add_argument("--rounds", type=count, metavar="N", help=f"timed steps, {defaults}")
    parser.add_argument("--device", choices=DEVICES, default=CPU, help="cpu or cuda")
    parser.add_argument("--json", metavar="FILE", help="write all numbers there")
    return parser


if __name__ == "__main__":
    sys.exit(main())
