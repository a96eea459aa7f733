"""`nmtool convert IN OUT`: from any format to any other, with a check of the result."""

from __future__ import annotations

import argparse

from nmtool.cli import console, flags
from nmtool.cli.export import add_options
from nmtool.cli.format_options import reading_options, writing_options
from nmtool.cli.loading import open_data
from nmtool.cli.progress import progress


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.usage = "nmtool convert IN OUT [options]"
    add_options(parser)
    parser.add_argument(
        "output",
        metavar="OUT",
        help="file or folder to write; first quantise float networks for formats of integers",
    )
    parser.epilog = (
        "examples: nmtool convert network.onnx network.c; nmtool convert run network.npz; "
        "nmtool convert foreign.nir network.npz --in-nir-dt 0.001. "
        "Exit code 1 if OUT differs from IN; OUT is kept."
    )


def run(arguments: argparse.Namespace) -> int:
    from nmtool.exchange.exporting import convert

    values = {**flags.given(arguments, "convert"), "force": arguments.force}
    open_data(arguments, values, "samples")
    conversion = convert(
        arguments.network,
        arguments.output,
        reading=reading_options(arguments, arguments.network),
        writing=writing_options(arguments),
        progress=progress,
        **values,
    )
    if arguments.json:
        console.print_json(conversion.as_json())
        return 0 if conversion.passed else 1
    console.print_tables(conversion)
    console.print_finding_remarks([why for fit in conversion.fits for why in fit.unsupported])
    if conversion.unlike:
        console.print_line(f"read back: differs, {conversion.unlike}", style="bold red")
    else:
        console.print_line("read back: equal")
    if conversion.certificate is not None:
        console.print_certificate(conversion.certificate)
    if conversion.not_run:
        console.print_line(f"not run: {conversion.not_run}")
    return 0 if conversion.passed else 1
