"""`nmtool compare NETWORK … --data DATA [--with NETWORK …]`."""

from __future__ import annotations

import argparse
from typing import Any

from nmtool.cli import console
from nmtool.cli.arguments import DATA, NETWORK, add_choice_of_samples, add_data_options, add_json
from nmtool.cli.loading import chosen_data, read_split
from nmtool.cli.progress import progress
from nmtool.cli.threads import add_threads_option, use_threads
from nmtool.network import Network
from nmtool.tables import Table
from nmtool.verbs.comparing import compare_accuracy, network_pairs
from nmtool.verbs.loading import load


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("networks", nargs="+", metavar="NETWORK", help=NETWORK)
    parser.add_argument("--data", required=True, metavar="DATA", help=DATA)
    parser.add_argument(
        "--with",
        dest="others",
        nargs="+",
        default=[],
        metavar="NETWORK",
        help="networks to compare with, one per NETWORK, in the same order; by default each "
        "NETWORK is a run that trained in integers, compared with its own float weights",
    )
    add_data_options(parser)
    add_choice_of_samples(parser)
    add_json(parser)
    add_threads_option(parser)
    parser.epilog = "example: nmtool compare run0 run1 run2 --data digits"


def run(arguments: argparse.Namespace) -> int:
    pairs = network_pairs(arguments.networks, arguments.others or None)
    first, second = ([load(str(pair[side])) for pair in pairs] for side in (0, 1))
    has_floats = any(isinstance(network, Network) for network in (*first, *second))
    use_threads(arguments.threads, with_torch=has_floats)
    dataset = chosen_data(arguments, arguments.split, [*arguments.networks, *arguments.others])
    events = read_split(dataset, arguments.split, arguments.samples)
    result = compare_accuracy(first, second, events, progress=progress).as_json()
    named = [{"first": one, "second": other} for one, other in pairs]
    result["pairs"] = [n | pair for n, pair in zip(named, result["pairs"], strict=True)]
    if arguments.json:
        console.print_json({"data": arguments.data, "split": arguments.split, **result})
    else:
        _print(f"on {arguments.data} ({arguments.split})", result)
    return 0


def _print(where: str, result: dict[str, Any]) -> None:
    entries = [*result["pairs"], {"first": "mean", "second": "", **result}]
    rows = [
        (
            entry["first"],
            entry["second"],
            f"{entry['first_accuracy']:.2%}",
            f"{entry['second_accuracy']:.2%}",
            f"{entry['points']:+.2f}",
            str(entry.get("only_first_right", "")),
            str(entry.get("only_second_right", "")),
        )
        for entry in entries
    ]
    right = ("accuracy of first", "of second", "points", "only first right", "only second right")
    console.print_table(Table(where, ("first", "second", *right), rows))
    low, high = result["interval"]
    console.tell(
        f"first minus second: {result['points']:+.2f} points, "
        f"95 % interval {low:+.2f} … {high:+.2f} "
        f"(bootstrap over {len(result['pairs'])} pairs and {result['samples']} samples)"
    )
