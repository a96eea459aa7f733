"""`nmtool export IN -o OUT`: `nmtool convert` without reading back what was written."""

from __future__ import annotations

import argparse
import shlex

from nmtool.cli import console
from nmtool.cli.convert import OWN, add_options, converted


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-o", "--output", required=True, metavar="OUT", help="file or folder to write"
    )
    add_options(parser)
    parser.usage = "nmtool export IN -o OUT [options]"
    parser.epilog = (
        "examples: nmtool export integers.npz -o network.onnx; "
        "nmtool export integers.npz -o kws.c --prefix kws; "
        "nmtool export integers.npz --to firmware -o firmware --prefix kws; "
        "nmtool export integers.npz --to lava -o lava_folder; "
        "nmtool export integers.npz --to verilog -o core --lanes 4; "
        "nmtool export run -o network.nir --form expander"
    )


def run(arguments: argparse.Namespace) -> int:
    from nmtool.exporters.formats import format_named

    done = converted(arguments, check=False)
    has_header = "prefix" in arguments and arguments.prefix and not done.path.is_dir()
    header = done.path.with_suffix(".h") if has_header else None
    if arguments.json:
        content = {"format": done.format, "path": str(done.path), "hash": done.network.content_hash}
        if header is not None:
            content["header"] = str(header)
        console.print_json({**content, "targets": [fit.as_json() for fit in done.fits]})
        return 0
    console.print_fits(done.fits)
    written = f"{done.path} written" if header is None else f"{done.path} and {header} written"
    chosen = None if done.format == OWN else format_named(done.format)
    if chosen is not None and chosen.runs and chosen.carries:
        written += f"; nmtool verify {shlex.quote(str(done.path))} checks it, without any data"
    console.print_line(written)
    if chosen is not None and (command := chosen(done.path).command_to_run()):
        console.print_remark(f"run it with: {shlex.join(command)}")
    return 0
