"""`nmtool data DATA`."""

from __future__ import annotations

import argparse

from nmtool.cli import console
from nmtool.cli.loading import add_data_options, find_data
from nmtool.data import describe


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("data", help="digits, yinyang, shd, ssc, tonic:NAME or a folder")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    add_data_options(parser)


def run(arguments: argparse.Namespace) -> int:
    dataset = find_data(arguments, arguments.data)
    content = {split: describe(dataset.split(split)) for split in dataset.splits}
    if arguments.json:
        console.print_json({"data": dataset.name, "splits": content})
        return 0
    rows = next(iter(content.values()))
    console.print_table(
        dataset.name,
        ("", *content),
        [(key, *(_shown(split[key]) for split in content.values())) for key in rows],
    )
    return 0


def _shown(value: object) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(_shown, value))
    if isinstance(value, dict):
        return ", ".join(f"{key} {_shown(entry)}" for key, entry in value.items())
    return f"{value:.4g}" if isinstance(value, float) else str(value)
