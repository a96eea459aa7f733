"""`nmtool export IN -o OUT`: a network in another format."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path

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


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add IN, and the flags that `convert` and `export` share."""
    parser.add_argument(
        "network",
        metavar="IN",
        help="run folder, network file, or file or folder in any of the formats",
    )
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


def _formats() -> list[str]:
    from nmtool.exchange.exporting import OWN
    from nmtool.exporters.formats import formats_that_write

    return [OWN, *formats_that_write()]


def run(arguments: argparse.Namespace) -> int:
    from nmtool.exchange.exporting import OWN, export, format_to_write
    from nmtool.loading import load
    from nmtool.targets.checking import fits_of_format

    values = {**flags.given(arguments, "convert"), "force": arguments.force}
    open_data(arguments, values, "samples")
    writing = writing_options(arguments)
    network = load(arguments.network, reading_options(arguments, arguments.network))
    path = export(network, arguments.output, options=writing, progress=progress, **values)
    form = format_to_write(values.get("to"), path)
    name = OWN if form is None else form.name
    fits = fits_of_format(network, name, writing)
    has_header = values.get("prefix") and not path.is_dir()
    header = [Path(path).with_suffix(".h")] if has_header else []
    if arguments.json:
        content = {"format": name, "path": str(path), "hash": network.content_hash}
        if header:
            content["header"] = str(header[0])
        console.print_json({**content, "targets": [fit.as_json() for fit in fits]})
        return 0
    console.print_fits(fits)
    written = f"{' and '.join(map(str, [path, *header]))} written"
    if form is not None and form.runs and form.carries:
        written += f"; nmtool verify {shlex.quote(str(path))} checks it, without any data"
    console.print_line(written)
    if form is not None and (command := form(path).command_to_run()):
        console.print_remark(f"run it with: {shlex.join(command)}")
    return 0
