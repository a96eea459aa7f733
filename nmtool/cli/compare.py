"""`nmtool compare NETWORK … [--data DATA] [--with NETWORK …]`."""

from __future__ import annotations

import argparse
from typing import Any

from nmtool.cli import console
from nmtool.cli.arguments import DATA, NETWORK, add_choice_of_samples, add_data_options, add_json
from nmtool.cli.loading import chosen_data, read_split
from nmtool.cli.progress import progress
from nmtool.cli.threads import add_threads_option, use_threads
from nmtool.data.folds import grouping
from nmtool.errors import UsageError
from nmtool.evaluation.answers import Answers
from nmtool.evaluation.comparing import Compared, compare_accuracy, compared_name, network_pairs
from nmtool.integer_network import IntegerNetwork
from nmtool.loading import load
from nmtool.network import Network
from nmtool.tables import Table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.usage = "nmtool compare NETWORK … --data DATA [options]"
    parser.add_argument(
        "networks",
        nargs="+",
        metavar="NETWORK",
        help=f"{NETWORK}; or the folder of a cross-validation, a network per seed",
    )
    parser.add_argument(
        "--data", metavar="DATA", help=f"{DATA}; not needed between cross-validations"
    )
    parser.add_argument(
        "--with",
        dest="others",
        nargs="+",
        default=[],
        metavar="NETWORK",
        help="networks to compare with, one per NETWORK, in the same order; by default each "
        "NETWORK is a run that trained in integers, compared with its own float weights",
    )
    parser.add_argument(
        "--cluster",
        dest="clusters",
        action="append",
        type=grouping,
        default=[],
        metavar="NAME|N",
        help="the interval draws whole clusters instead of samples: those of a column of the "
        "files, such as speaker, or blocks of N neighbouring samples; given twice, each is drawn "
        "by itself",
    )
    add_data_options(parser)
    add_choice_of_samples(parser)
    add_json(parser)
    add_threads_option(parser)
    parser.epilog = (
        "example: nmtool compare run0 run1 run2 --data digits; of two cross-validations: "
        "nmtool compare integers --with floats --cluster speaker"
    )


def run(arguments: argparse.Namespace) -> int:
    if arguments.samples is not None and any(isinstance(by, int) for by in arguments.clusters):
        raise UsageError(
            "drawn samples are no blocks of neighbours",
            code="clusters-of-drawn",
            why="--samples draws them one by one from the whole split",
            fix="leave out --samples, or name a column: --cluster speaker",
        )
    pairs = network_pairs(arguments.networks, arguments.others or None)
    first, second = ([_loaded(pair[side]) for pair in pairs] for side in (0, 1))
    has_floats = any(isinstance(network, Network) for network in (*first, *second))
    use_threads(arguments.threads, with_torch=has_floats)
    data, split, events = arguments.data, arguments.split, None
    if data is not None:
        dataset = chosen_data(arguments, split, [*arguments.networks, *arguments.others])
        events = read_split(dataset, split, arguments.samples)
    elif arguments.samples is not None:
        raise UsageError(
            "there are no data to take samples of",
            code="samples-without-data",
            fix="name them: --data DATA; or leave out --samples",
        )
    elif isinstance(first[0], Answers):
        data, split = first[0].data, ", ".join(first[0].splits)
    compared = compare_accuracy(
        first, second, events, clusters=arguments.clusters, progress=progress
    )
    result = compared.as_json()
    named = [{"first": compared_name(one), "second": compared_name(other)} for one, other in pairs]
    result["pairs"] = [n | pair for n, pair in zip(named, result["pairs"], strict=True)]
    if arguments.json:
        console.print_json({"data": data, "split": split, **result})
    else:
        counts = [f"{name} ({n})" for name, n in compared.cluster_counts.items()]
        drawn = f"clusters: {', '.join(counts)}" if counts else f"{result['samples']} samples"
        _print(f"on {data} ({split})", result, drawn)
    return 0


def _loaded(one: Compared) -> Network | IntegerNetwork | Answers:
    return one if isinstance(one, Answers) else load(str(one))


def _print(where: str, result: dict[str, Any], drawn: str) -> None:
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
    console.print_line(
        f"first minus second: {result['points']:+.2f} points, "
        f"95 % interval {low:+.2f} … {high:+.2f} "
        f"(bootstrap over {len(result['pairs'])} pairs and {drawn})"
    )
