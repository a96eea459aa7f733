"""`nmtool demo`: train, quantise, export and verify on data that come with scikit-learn."""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING

from nmtool.cli import console, flags
from nmtool.cli.arguments import add_json
from nmtool.cli.flags import flag
from nmtool.cli.progress import progress
from nmtool.cli.threads import add_threads_option, use_threads
from nmtool.tables import counted

if TYPE_CHECKING:
    from nmtool.quantisation import Quantisation
    from nmtool.walkthrough import Demonstration


def add_arguments(parser: argparse.ArgumentParser) -> None:
    flags.add(parser, "demo", folder=flag("-o", "--output", metavar="FOLDER"))
    add_json(parser)
    add_threads_option(parser)


def run(arguments: argparse.Namespace) -> int:
    from nmtool.walkthrough import demo

    use_threads(arguments.threads)
    began = time.perf_counter()
    demonstration = demo(
        **flags.given(arguments, "demo"),
        on_chapter=console.print_remark if arguments.json else _print_chapter,
        on_quantised=(lambda quantisation: None) if arguments.json else _print_quantised,
        progress=progress,
    )
    seconds = time.perf_counter() - began
    if arguments.json:
        console.print_json({**demonstration.as_json(), "seconds": round(seconds, 3)})
        return 0 if demonstration.certificate.identical else 1
    console.print_line(_accuracies(demonstration))
    console.print_certificate(demonstration.certificate)
    if folder := flags.given(arguments, "demo").get("folder"):
        console.print_line(f"kept in {folder}: run, integers.npz, lava")
    console.print_line(f"{seconds:.0f} s")
    return 0 if demonstration.certificate.identical else 1


def _print_chapter(text: str) -> None:
    """Print an empty line and a title."""
    console.print_line("")
    console.print_line(text, style="bold")


def _accuracies(demonstration: Demonstration) -> str:
    """The accuracy of the three runs of the test samples, in a line."""
    from nmtool.verification.certificate import SIMULATOR

    floating, accuracy = demonstration.floating, demonstration.certificate.accuracy
    return (
        f"{counted(floating.samples, 'test sample')}: accuracy {floating.accuracy:.2%} in floats, "
        f"{accuracy[SIMULATOR]:.2%} in integers, {accuracy['lava']:.2%} in Lava"
    )


def _print_quantised(quantisation: Quantisation) -> None:
    """Print the findings of a quantisation on stderr."""
    console.print_finding_remarks(quantisation.findings)
