"""`nmtool export IN -o OUT`: `nmtool convert` without reading the result back."""

from __future__ import annotations

import argparse
import shlex

from nmtool.cli import console
from nmtool.cli.convert import add_options, converted


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-o", "--output", required=True, metavar="OUT", help="file or folder to write"
    )
    add_options(parser)
    parser.usage = "nmtool export IN -o OUT [options]"
    parser.epilog = (
        "examples: nmtool export integers.npz -o network.onnx; "
        "nmtool export integers.npz -o kws.c --prefix kws; "
        "nmtool export integers.npz --to lava -o lava_folder; "
        "nmtool export run -o network.nir --hops free"
    )


def run(arguments: argparse.Namespace) -> int:
    from nmtool.exchange.exporting import OWN
    from nmtool.exporters.formats import format_named

    conversion = converted(arguments, check=False)
    has_header = "prefix" in arguments and arguments.prefix and not conversion.path.is_dir()
    header = conversion.path.with_suffix(".h") if has_header else None
    if arguments.json:
        content = {
            "format": conversion.format,
            "path": str(conversion.path),
            "hash": conversion.network.content_hash,
        }
        if header is not None:
            content["header"] = str(header)
        console.print_json({**content, "targets": [fit.as_json() for fit in conversion.fits]})
        return 0
    console.print_fits(conversion.fits)
    written = (
        f"{conversion.path} written"
        if header is None
        else f"{conversion.path} and {header} written"
    )
    format_class = None if conversion.format == OWN else format_named(conversion.format)
    if format_class is not None and format_class.runs and format_class.carries:
        written += (
            f"; nmtool verify {shlex.quote(str(conversion.path))} checks it, without any data"
        )
    console.print_line(written)
    if format_class is not None and (command := format_class(conversion.path).command_to_run()):
        console.print_remark(f"run it with: {shlex.join(command)}")
    return 0
