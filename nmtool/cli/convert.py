"""`nmtool convert IN OUT` and `nmtool export IN -o OUT`: from any format to any other.

Both commands share one implementation; `convert` also reads its output back and runs it.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from nmtool.cli import console, flags
from nmtool.cli.arguments import MACHINE, add_force, add_json, group
from nmtool.cli.flags import flag
from nmtool.cli.format_options import (
    add_reading_options,
    add_writing_options,
    reading_options,
    writing_options,
)
from nmtool.cli.loading import add_data_options, open_data
from nmtool.cli.progress import progress

if TYPE_CHECKING:
    from nmtool.exchange.exporting import Conversion

IN = "run folder, network file, or file or folder in any of the formats"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.usage = "nmtool convert IN OUT [options]"
    add_options(parser)
    parser.add_argument(
        "output",
        metavar="OUT",
        help="file or folder to write; first quantise float networks for formats of integers",
    )
    flags.add(parser, "convert", only=("check",), check=flag("--no-verify"))
    parser.epilog = (
        "examples: nmtool convert network.onnx network.c; nmtool convert run network.npz; "
        "nmtool convert foreign.nir network.npz --in-nir-dt 0.001. "
        "Exit code 1 if OUT differs from IN; OUT is kept."
    )


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add IN, and the flags that `convert` and `export` share."""
    parser.add_argument("network", metavar="IN", help=IN)
    flags.add(
        parser,
        "convert",
        only=("to", "samples", "prefix"),
        to=flag(
            type=flags.one_of(_formats, "; for loihi2, --to lava"),
            metavar="FORMAT",
        ),
        samples=flag(
            "--data",
            metavar="DATA",
            help="data set for one of the known answers, and for events.csv in a folder with a "
            "run.py, such as Lava's; default: all known answers have generated inputs",
        ),
        prefix=flag(
            metavar="WORD",
            help="C: begin all names with WORD and write a header file, so that several networks "
            "fit into one program",
        ),
    )
    add_force(group(parser, MACHINE), "an earlier OUT")
    add_json(parser)
    add_data_options(parser)
    add_writing_options(parser)
    add_reading_options(parser)


def run(arguments: argparse.Namespace) -> int:
    conversion = converted(arguments)
    if arguments.json:
        console.print_json(conversion.as_json())
    else:
        console.print_tables(conversion)
        console.print_finding_remarks([why for fit in conversion.fits for why in fit.unsupported])
        _print_check(conversion)
    return 0 if conversion.passed else 1


def converted(arguments: argparse.Namespace, *, check: bool = True) -> Conversion:
    """Write IN as OUT."""
    from nmtool.exchange.exporting import convert

    values = {"check": check, **flags.given(arguments, "convert"), "force": arguments.force}
    open_data(arguments, values, "samples")
    return convert(
        arguments.network,
        arguments.output,
        reading=reading_options(arguments, arguments.network),
        writing=writing_options(arguments),
        progress=progress,
        **values,
    )


def _formats() -> list[str]:
    from nmtool.exchange.exporting import OWN
    from nmtool.exporters.formats import formats_that_write

    return [OWN, *formats_that_write()]


def _print_check(conversion: Conversion) -> None:
    """Print whether the result was read back and run, with all differences."""
    if not conversion.is_checked:
        console.print_line("not checked")
        return
    if conversion.unlike:
        console.print_line(f"read back: differs, {conversion.unlike}", style="bold red")
    else:
        console.print_line("read back: equal")
    if conversion.certificate is not None:
        console.print_certificate(conversion.certificate)
    if conversion.not_run:
        console.print_line(f"not run: {conversion.not_run}")
