"""`nmtool data DATA`."""

from __future__ import annotations

import argparse

from nmtool.cli import console
from nmtool.cli.arguments import add_data, add_json
from nmtool.cli.loading import find_data
from nmtool.cli.progress import working
from nmtool.data.description import table_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_data(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    dataset = find_data(arguments, arguments.data)
    with working(f"reading {dataset.name}"):
        content = dataset.describe()
    if arguments.json:
        console.print_json({"data": dataset.name, "splits": content})
        return 0
    console.print_table(table_of(dataset.name, content))
    names = next(iter(content.values()))["classes"]
    console.tell(f"classes: {', '.join(names)}")
    return 0
