"""The command `python -m benchmarks`: measure, print a table, write JSON."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from benchmarks.compare import OK, Bench
from benchmarks.engines import CPU, CUDA, DEVICES
from benchmarks.machine import header
from benchmarks.report import exit_code, print_report, write_json
from benchmarks.rows import Row, make_rows
from benchmarks.suites import SUITES, Choice, Suite
from nmtool.cli.arguments import count
from nmtool.errors import libraries_needed

if TYPE_CHECKING:
    from benchmarks.gpu import Agreement


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code, 1 if no row was measured."""
    options = _parser().parse_args(arguments)
    return exit_code(lambda: _run(options), options.json)


def _run(options: argparse.Namespace) -> int:
    suite = SUITES[options.suite]
    agreements = _compare_with_cpu() if suite is SUITES[CUDA] else []
    origin, bench, rows = header(), Bench(tell), list[Row]()
    for comparison in suite.plan(_choice(options, suite)):
        rows += make_rows(bench.measure(comparison))
    print_report(origin, options.suite, rows)
    about: dict[str, Any] = {"suite": options.suite, **origin}
    if agreements:
        from benchmarks.gpu import markdown

        print("\n".join(map(str, agreements)), "", markdown(rows), sep="\n")
        about["compared"] = [asdict(one) for one in agreements]
    if options.json:
        write_json(options.json, about, rows)
    agree = all(one.holds for one in agreements)
    return 0 if agree and any(row["status"] == OK for row in rows) else 1


def _compare_with_cpu() -> list[Agreement]:
    """Both engines on the same networks; raises `MissingError` where there is no GPU."""
    with libraries_needed("train"):
        from benchmarks.gpu import COMPARED, compare
        from nmtool.training.engines.devices import find_device

    device, found = find_device(CUDA), []
    for workload in COMPARED:
        for one in compare(workload, device):
            tell(f"{one}{'' if one.holds else ': they do not agree'}")
            found.append(one)
    return found


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
