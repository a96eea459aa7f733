"""`nmtool compare NETWORK … [--data DATA] [--with NETWORK …]`: difference in accuracy."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from nmtool.cli import console, flags
from nmtool.cli.arguments import DATA, NETWORK, add_json, grouping
from nmtool.cli.flags import flag
from nmtool.cli.loading import add_choice_of_samples, add_data_options, read_samples
from nmtool.cli.progress import progress
from nmtool.cli.threads import add_threads_option, use_threads
from nmtool.errors import UsageError
from nmtool.tables import Table, counted

if TYPE_CHECKING:
    from nmtool.evaluation.accuracy_difference import AccuracyDifference
    from nmtool.evaluation.answers import Answers
    from nmtool.evaluation.comparing import Compared
    from nmtool.network.float_network import Network
    from nmtool.network.integer_network import IntegerNetwork


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.usage = "nmtool compare NETWORK … --data DATA [options]"
    flags.add(
        parser,
        "compare_accuracy",
        first=flag(
            "first",
            nargs="+",
            metavar="NETWORK",
            action=None,
            help=f"{NETWORK}, one per seed; or the folder of a cross-validation",
        ),
        second=flag(
            "--with",
            nargs="+",
            metavar="NETWORK",
            action=None,
            help="networks to compare with, one per NETWORK, in the same order. Default: each "
            "NETWORK is a run that trained in integers, and is compared with its float weights",
        ),
        clusters=flag("--cluster", type=grouping, metavar="NAME|N"),
    )
    parser.add_argument("--data", metavar="DATA", help=f"{DATA}; not needed for cross-validations")
    add_data_options(parser)
    add_choice_of_samples(parser)
    add_json(parser)
    add_threads_option(parser)
    parser.epilog = (
        "example: nmtool compare run0 run1 run2 --data digits; of two cross-validations: "
        "nmtool compare integers --with floats --cluster speaker"
    )


def run(arguments: argparse.Namespace) -> int:
    from nmtool.evaluation.answers import Answers
    from nmtool.evaluation.comparing import compare_accuracy, compared_name, network_pairs
    from nmtool.network.float_network import Network

    values = flags.given(arguments, "compare_accuracy")
    clusters, others = values.get("clusters", []), values.get("second")
    if arguments.samples is not None and any(isinstance(by, int) for by in clusters):
        raise UsageError(
            "samples drawn at random cannot form blocks of neighbours",
            code="clusters-of-drawn",
            why="--samples draws single samples from the whole split",
            fix="leave out --samples, or name a column: --cluster speaker",
        )
    pairs = network_pairs(arguments.first, others)
    first, second = ([_loaded(pair[side]) for pair in pairs] for side in (0, 1))
    has_floats = any(isinstance(network, Network) for network in (*first, *second))
    use_threads(arguments.threads, with_torch=has_floats)
    events = None
    if arguments.data is not None:
        _, events = read_samples(arguments, [*arguments.first, *(others or [])])
    elif arguments.samples is not None:
        raise UsageError(
            "--samples needs data to draw from",
            code="samples-without-data",
            fix="name the data: --data DATA; or leave out --samples",
        )
    data, split = arguments.data, arguments.split or "test"
    if events is None and isinstance(first[0], Answers):
        data, split = first[0].data, ", ".join(first[0].splits)
    compared = compare_accuracy(first, second, events, clusters=clusters, progress=progress)
    result = compared.as_json()
    names = [(compared_name(left), compared_name(right)) for left, right in pairs]
    if arguments.json:
        named = ({"first": left, "second": right} for left, right in names)
        result["pairs"] = [n | pair for n, pair in zip(named, result["pairs"], strict=True)]
        console.print_json({"data": data, "split": split, **result})
        return 0
    [table] = compared.tables()
    rows = [(*n, *row[1:]) for n, row in zip([*names, ("mean", "")], table.rows, strict=True)]
    header = ("first", "second", *table.header[1:])
    console.print_table(Table(f"on {data} ({split})", header, rows))
    console.print_line(_sentence(compared))
    return 0


def _loaded(side: Compared) -> Network | IntegerNetwork | Answers:
    """Load one side of a comparison: the network at a path; answers are returned unchanged."""
    from nmtool.evaluation.answers import Answers
    from nmtool.loading import load

    return side if isinstance(side, Answers) else load(str(side))


def _sentence(compared: AccuracyDifference) -> str:
    """The mean difference with its confidence interval, and the units that the bootstrap draws."""
    low, high = compared.interval()
    counts = [f"{name} ({n})" for name, n in compared.cluster_counts.items()]
    n_pairs, n_samples = compared.first.shape
    drawn = f"clusters: {', '.join(counts)}" if counts else counted(n_samples, "sample")
    if compared.all_agree:
        drawn = f"both right on the same samples; rule of three over {drawn}"
    else:
        drawn = f"bootstrap over {drawn if n_pairs == 1 else f'{n_pairs} pairs and {drawn}'}"
    seeds = "; one pair, so variation over seeds is not included" if n_pairs == 1 else ""
    return (
        f"first minus second: {compared.points.mean():+.2f} points, 95 % interval "
        f"{low:+.2f} … {high:+.2f} ({drawn}{seeds})"
    )
