"""`nmtool demo`: train, quantise, export and verify on data that come with scikit-learn."""

from __future__ import annotations

import argparse
import time

from nmtool.cli import console
from nmtool.cli.arguments import add_json, count
from nmtool.cli.progress import progress
from nmtool.cli.threads import add_threads_option, use_threads
from nmtool.quantisation import Quantisation
from nmtool.walkthrough import demo


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-o", "--output", metavar="FOLDER", help="keep the run, the integers and the export here"
    )
    parser.add_argument("--epochs", type=count, metavar="N", help="passes over the digits")
    parser.add_argument("--seed", type=int, default=0, help="decides everything that is random")
    parser.add_argument("--samples", type=count, metavar="N", help="verify only N, drawn per class")
    add_json(parser)
    add_threads_option(parser)


def run(arguments: argparse.Namespace) -> int:
    use_threads(arguments.threads, with_torch=True)
    began = time.perf_counter()
    found = demo(
        arguments.output,
        epochs=arguments.epochs,
        seed=arguments.seed,
        samples=arguments.samples,
        on_chapter=console.print_remark if arguments.json else _print_chapter,
        on_quantised=(lambda made: None) if arguments.json else _print_quantised,
        progress=progress,
    )
    seconds = time.perf_counter() - began
    if arguments.json:
        console.print_json({**found.as_json(), "seconds": round(seconds, 3)})
        return 0 if found.certificate.identical else 1
    console.print_tables(found)
    console.print_certificate(found.certificate)
    if arguments.output:
        console.print_line(f"kept in {arguments.output}: run, integers.npz, lava")
    console.print_line(f"{seconds:.0f} s")
    return 0 if found.certificate.identical else 1


def _print_chapter(text: str) -> None:
    console.print_line("")
    console.print_line(text, style="bold")


def _print_quantised(made: Quantisation) -> None:
    console.print_tables(made.report)
    console.print_finding_remarks(made.findings)
