"""`nmtool export NETWORK -o PATH`, in the format of the path's extension or of `--to`."""

from __future__ import annotations

import argparse
import shlex

from nmtool.cli import console
from nmtool.cli.arguments import add_data_options, add_force, add_json, add_network
from nmtool.cli.integers import add_quantise_options, integers, quantise_options
from nmtool.cli.loading import named_data
from nmtool.cli.nir_options import add_nir_options
from nmtool.cli.progress import progress
from nmtool.cli.verilog_options import add_verilog_options, writing_options
from nmtool.exchange import exporting
from nmtool.loading import load
from nmtool.network import Network
from nmtool.quantisation import CALIBRATION_SAMPLES
from nmtool.targets.checking import fits_of_format


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from nmtool.exporters.formats import formats_that_write

    add_network(
        parser,
        "integer network file; runs and float networks are quantised, but for NIR, where they "
        "stay float unless an option of quantisation is given",
    )
    parser.add_argument(
        "--to",
        choices=formats_that_write(),
        help="format; by default that of the extension of PATH",
    )
    parser.add_argument("-o", "--output", required=True, metavar="PATH", help="to be made")
    add_force(parser, "an earlier export")
    add_writing_options(parser)
    parser.epilog = (
        "examples: nmtool export integers.npz -o network.onnx; "
        "nmtool export integers.npz -o kws.c --prefix kws; "
        "nmtool export integers.npz --to lava -o lava_folder; "
        "nmtool export integers.npz --to verilog -o core --lanes 4; "
        "nmtool export run -o network.nir --form expander"
    )


def add_writing_options(parser: argparse.ArgumentParser) -> None:
    """Add what says how a network is written, whatever it is read from."""
    parser.add_argument(
        "--data",
        metavar="DATA",
        help="take the samples of the known answers from here; when quantising, also calibrate on "
        f"its first {CALIBRATION_SAMPLES} training samples, by default on those of the run, if "
        "NETWORK is one; none: no data",
    )
    parser.add_argument(
        "--prefix",
        default="",
        metavar="WORD",
        help="C: let all names begin with WORD and write a header, too, so that several networks "
        "fit into one firmware",
    )
    add_json(parser)
    add_quantise_options(parser)
    add_data_options(parser)
    add_nir_options(parser)
    add_verilog_options(parser)


def run(arguments: argparse.Namespace) -> int:
    chosen = exporting.format_to_write(arguments.to, arguments.output)
    exporting.check_free(arguments.output, force=arguments.force)
    options = writing_options(arguments)
    exporting.writing_options(
        chosen, arguments.output, options, arguments.prefix, force=arguments.force
    )
    network = load(arguments.network)
    dataset = named_data(arguments)
    stays_float = isinstance(network, Network) and chosen.holds_floats
    if not stays_float or quantise_options(arguments):
        network = integers(arguments, network, dataset)
    path = exporting.export(
        network,
        arguments.output,
        to=arguments.to,
        samples=dataset,
        options=options,
        prefix=arguments.prefix,
        force=arguments.force,
        progress=progress,
    )
    fits = fits_of_format(network, chosen.name, options)
    if arguments.json:
        targets = [one.as_json() for one in fits]
        content = {"format": chosen.name, "path": str(path), "hash": network.content_hash}
        if arguments.prefix:
            content["header"] = str(path.with_suffix(".h"))
        console.print_json({**content, "targets": targets})
    else:
        console.print_fits(fits)
        header = f" and {path.with_suffix('.h')}" if arguments.prefix else ""
        written = f"{path}{header} written"
        if chosen.runs and chosen.carries:
            written += f"; nmtool verify {shlex.quote(str(path))} checks it, without any data"
        console.print_line(written)
    return 0
