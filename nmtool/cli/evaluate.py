"""`nmtool evaluate NETWORK DATA`."""

from __future__ import annotations

import argparse
from dataclasses import replace

from nmtool.cli import console
from nmtool.cli.arguments import add_choice_of_samples, add_data, add_json, add_network
from nmtool.cli.loading import chosen_data, read_split
from nmtool.cli.progress import progress
from nmtool.cli.threads import add_threads_option, use_threads
from nmtool.network import Network
from nmtool.verbs.loading import load
from nmtool.verbs.running import Evaluation, evaluate


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_network(parser)
    add_data(parser)
    add_choice_of_samples(parser)
    add_json(parser)
    add_threads_option(parser)
    parser.epilog = "example: nmtool evaluate run digits"


def run(arguments: argparse.Namespace) -> int:
    found = load(arguments.network)
    use_threads(arguments.threads, with_torch=isinstance(found, Network))
    dataset = chosen_data(arguments, arguments.split, [arguments.network])
    events = read_split(dataset, arguments.split, arguments.samples)
    result = evaluate(arguments.network, events, progress=progress)
    if arguments.json:
        what = {"network": arguments.network, "hash": found.content_hash}
        where = {"data": arguments.data, "split": arguments.split}
        console.print_json({**what, **where, **result.as_json()})
    else:
        print_result(f"{arguments.network} on {arguments.data} ({arguments.split})", result)
    return 0


def print_result(title: str, result: Evaluation) -> None:
    """Print an evaluation as a table."""
    for table in result.tables():
        console.print_table(replace(table, title=title))
