"""`nmtool inspect PATH`: content of a file or a run folder."""

from __future__ import annotations

import argparse

from nmtool.cli import console, flags
from nmtool.cli.arguments import add_json
from nmtool.cli.format_options import add_reading_options, reading_options
from nmtool.cli.progress import progress


def add_arguments(parser: argparse.ArgumentParser) -> None:
    flags.add(parser, "inspect", only=("path", "targets"))
    add_reading_options(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    from nmtool.description import tables_of
    from nmtool.exchange.inspecting import inspect

    content = inspect(
        **flags.given(arguments, "inspect"),
        reading=reading_options(arguments, arguments.path),
        progress=progress,
    )
    if arguments.json:
        console.print_json({"file": arguments.path, **content})
        return 0
    single, *tables = tables_of("", content)
    for key, value in single.rows:
        console.print_line(f"{key}: {value}")
    for table in tables:
        console.print_table(table)
    return 0
