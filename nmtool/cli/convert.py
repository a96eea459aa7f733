"""`nmtool convert IN OUT`: any format in, any that can carry it out, checked on the way."""

from __future__ import annotations

import argparse

from nmtool.cli import console
from nmtool.cli.arguments import add_force
from nmtool.cli.export import add_writing_options
from nmtool.cli.import_options import add_import_options, import_options
from nmtool.cli.integers import quantise_options
from nmtool.cli.loading import named_data
from nmtool.cli.progress import progress
from nmtool.cli.verilog_options import writing_options
from nmtool.exchange.exporting import OWN, Conversion, convert
from nmtool.quantisation.quantising import NO_DATA


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from nmtool.exporters.formats import formats_that_write

    parser.add_argument(
        "network",
        metavar="IN",
        help="run folder, network file, file of any of the formats, or folder of mlGeNN's "
        "checkpoints",
    )
    parser.add_argument(
        "output",
        metavar="OUT",
        help="to be made; float networks are quantised where its format holds integers only",
    )
    parser.add_argument(
        "--to",
        choices=[OWN, *formats_that_write()],
        help="format of OUT; by default that of its extension",
    )
    add_force(parser, "an earlier OUT")
    parser.add_argument("--no-verify", action="store_true", help="do not read OUT back, nor run it")
    add_writing_options(parser)
    add_import_options(parser)
    parser.epilog = (
        "examples: nmtool convert network.onnx network.c; nmtool convert run network.npz; "
        "nmtool convert foreign.nir network.npz --in-nir-dt 0.001; nmtool convert checkpoints "
        "network.npz --in-tau-mem-ms 20 --in-tau-syn-ms 5 --in-threshold 1 --in-sizes Input=700. "
        "Exit code 1 if what was written differs; it is kept."
    )


def run(arguments: argparse.Namespace) -> int:
    done = convert(
        arguments.network,
        arguments.output,
        to=arguments.to,
        data=named_data(arguments),
        calibrate=arguments.data != NO_DATA,
        reading=import_options(arguments),
        writing=writing_options(arguments),
        prefix=arguments.prefix,
        quantising=quantise_options(arguments),
        check=not arguments.no_verify,
        force=arguments.force,
        progress=progress,
    )
    console.print_finding_remarks(done.findings)
    if arguments.json:
        console.print_json(done.as_json())
    else:
        console.print_tables(done)
        console.print_finding_remarks([why for one in done.fits for why in one.unsupported])
        _print_check(done)
    return 0 if done.passed else 1


def _print_check(done: Conversion) -> None:
    if not done.is_checked:
        console.print_line("not checked")
        return
    if done.unlike:
        console.print_line(f"read back: differs, {done.unlike}", style="bold red")
    else:
        console.print_line("read back: equal")
    if done.certificate is not None:
        console.print_certificate(done.certificate)
    if done.not_run:
        console.print_line(f"not run: {done.not_run}")
