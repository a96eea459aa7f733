"""`nmtool cost NETWORK DATA`, and `nmtool cost NETWORK … --data DATA` for several."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import Any

from nmtool.cli import console
from nmtool.cli.arguments import DATA, NETWORK, add_choice_of_samples, add_data_options, add_force
from nmtool.cli.integers import add_quantise_options, integers
from nmtool.cli.loading import chosen_data, read_split
from nmtool.cli.progress import progress
from nmtool.cli.threads import add_threads_option, use_threads
from nmtool.errors import UsageError
from nmtool.loading import load
from nmtool.targets import LOIHI2, target_named
from nmtool.targets.costing import compare_cost
from nmtool.targets.costs import AXES, Cost, Tradeoff, check_plot


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "networks",
        nargs="+",
        metavar="NETWORK",
        help=f"{NETWORK}; floats are quantised. Without --data the last word is DATA",
    )
    parser.add_argument("--data", metavar="DATA", help=DATA)
    add_data_options(parser)
    add_choice_of_samples(parser)
    parser.add_argument(
        "--target",
        metavar="TARGET",
        help="what it shall run on, e.g. loihi1 or c, or a target's file: FILE.toml",
    )
    parser.add_argument(
        "--energy-of",
        metavar="TARGET",
        help="use this target's energies and times per event in place of those of --target, as "
        "loihi1 for loihi2, of which none are public",
    )
    parser.add_argument(
        "--sources", action="store_true", help="list the figures behind latency and energy"
    )
    parser.add_argument(
        "--plot", metavar="FILE", help="draw accuracy against cost: FILE.svg, .png or .pdf"
    )
    parser.add_argument(
        "--by",
        choices=AXES,
        default="synaptic_events",
        help="cost that --plot draws accuracy against (default synaptic_events)",
    )
    add_force(parser, "a picture that is there")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="one JSON object on stdout")
    form.add_argument("--csv", action="store_true", help="CSV with a header on stdout")
    add_quantise_options(parser)
    add_threads_option(parser)
    parser.epilog = (
        "examples: nmtool cost run digits --target loihi1; "
        "nmtool cost run8 run4 --data digits --plot cost.svg"
    )


def run(arguments: argparse.Namespace) -> int:
    use_threads(arguments.threads)
    if arguments.data is None:
        *arguments.networks, arguments.data = arguments.networks
    if not arguments.networks:
        raise UsageError(
            "there are no samples to count on",
            code="data-missing",
            fix="name DATA: nmtool cost NETWORK DATA",
        )
    if arguments.plot:
        check_plot(arguments.plot, arguments.by, force=arguments.force)
    paths = list(dict.fromkeys(arguments.networks))
    found = {path: load(path) for path in paths}
    dataset = chosen_data(arguments, arguments.split, paths)
    events = read_split(dataset, arguments.split, arguments.samples)
    if arguments.samples is not None:
        events = events.in_memory()
    calibrates = dataset if "train" in dataset.splits else None
    chip = target_named(arguments.target) if arguments.target else LOIHI2
    limits = chip if chip.arithmetic else LOIHI2
    networks = {}
    for path in paths:
        arguments.network = path
        networks[path] = integers(arguments, found[path], calibrates, limits)
    how = {"target": arguments.target, "energy_of": arguments.energy_of, "progress": progress}
    compared = compare_cost(networks, events, **how)
    if arguments.plot:
        compared.plot(arguments.plot, arguments.by, force=arguments.force)
    where = {"data": arguments.data, "split": arguments.split}
    if len(networks) == 1:
        _print_one(arguments, paths[0], compared.costs[paths[0]], where)
    else:
        _print_several(arguments, compared, where)
    if arguments.plot:
        console.print_remark(f"{arguments.plot} written")
    return 0


def _print_one(
    arguments: argparse.Namespace, path: str, found: Cost, where: dict[str, str]
) -> None:
    if arguments.json:
        what = {"network": path, "hash": found.network_hash, **where}
        console.print_json({**what, **found.as_json(), **_sources(arguments, found)})
    elif arguments.csv:
        console.out().file.write(found.as_csv(sources=arguments.sources))
    else:
        console.print_line(
            f"{path} on {arguments.data} ({arguments.split}): {found.samples:,} samples of "
            f"{found.steps:,} steps, accuracy {found.accuracy:.2%}"
        )
        console.print_tables(found)
    _print_sources(arguments, found)
    for remark in found.remarks:
        console.print_remark(remark)


def _print_several(arguments: argparse.Namespace, found: Tradeoff, where: dict[str, str]) -> None:
    if arguments.json:
        first = next(iter(found.costs.values()))
        console.print_json({**where, **found.as_json(), **_sources(arguments, first)})
    elif arguments.csv:
        console.out().file.write(found.as_csv())
    else:
        console.print_line(f"on {arguments.data} ({arguments.split})")
        console.print_tables(found)
        for note in found.notes():
            console.print_line(note)
    _print_sources(arguments, next(iter(found.costs.values())))
    for name, one in found.costs.items():
        for remark in one.remarks:
            console.print_remark(f"{name}: {remark}")


def _sources(arguments: argparse.Namespace, found: Cost) -> dict[str, Any]:
    """The figures behind estimates for JSON, where they were asked for."""
    return {"sources": [asdict(one) for one in found.constants()]} if arguments.sources else {}


def _print_sources(arguments: argparse.Namespace, found: Cost) -> None:
    """Print the figures behind estimates if `--sources` asks for them."""
    if not arguments.sources or arguments.json or arguments.csv:
        return
    if found.constants():
        console.print_table(found.sources())
    else:
        console.print_line("no figures were used")
