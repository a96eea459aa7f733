"""`nmtool inspect FILE`."""

from __future__ import annotations

import argparse

from nmtool.cli import console
from nmtool.cli.arguments import add_json
from nmtool.cli.progress import progress
from nmtool.description import tables_of
from nmtool.exchange.inspecting import inspect


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file",
        metavar="FILE",
        help="run folder, network, integer network, any export, recording, teacher, or "
        "cross-validation",
    )
    parser.add_argument(
        "--targets",
        action="store_true",
        help="also tell on which chips and in which formats a network is faithful, approximate or "
        "unsupported",
    )
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    content = inspect(arguments.file, targets=arguments.targets, progress=progress)
    if arguments.json:
        console.print_json({"file": str(arguments.file), **content})
        return 0
    alone, *tables = tables_of("", content)
    for key, value in alone.rows:
        console.print_line(f"{key}: {value}")
    for table in tables:
        console.print_table(table)
    return 0
