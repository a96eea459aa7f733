"""Cost of an inference on samples, for `nmtool check --data DATA`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from nmtool.cli import console, flags
from nmtool.cli.arguments import group
from nmtool.cli.loading import add_choice_of_samples, add_data_options, read_samples
from nmtool.cli.progress import progress
from nmtool.cli.rounding import integers
from nmtool.cli.threads import add_threads_option, use_threads
from nmtool.errors import UsageError
from nmtool.tables import counted

if TYPE_CHECKING:
    from nmtool.targets.costs import Cost, Tradeoff


COST_FLAGS = ("energy_of", "sources", "csv")
"""Names of values whose flags need `--data`."""


def add_cost_options(parser: argparse.ArgumentParser) -> None:
    """Add the flags for the cost of an inference on samples."""
    add_data_options(parser)
    add_choice_of_samples(parser)
    cost = group(parser, "cost on samples")
    flags.add(cost, "compare_cost", only=("energy_of",))
    cost.add_argument(
        "--sources", action="store_true", help="list the sources of latency and energy figures"
    )
    cost.add_argument("--csv", action="store_true", help="CSV with a header on stdout")
    add_threads_option(parser)


def counted_cost(
    arguments: argparse.Namespace, paths: Sequence[str], target: str | None
) -> Tradeoff:
    """Count the networks' operations on DATA."""
    from nmtool.loading import load
    from nmtool.targets import LOIHI2, target_named
    from nmtool.targets.costing import compare_cost

    if arguments.json and arguments.csv:
        raise UsageError(
            "--json and --csv exclude each other", code="command-line", fix="leave out one of them"
        )
    use_threads(arguments.threads)
    loaded = {path: load(path) for path in paths}
    dataset, events = read_samples(arguments, paths)
    calibration = dataset if "train" in dataset.splits else None
    chip = target_named(target) if target else LOIHI2
    limits = chip if chip.arithmetic else LOIHI2
    networks = {
        path: integers(arguments, network, path, calibration, limits)
        for path, network in loaded.items()
    }
    energy_of = flags.given(arguments, "compare_cost").get("energy_of")
    events = events.excerpt(arguments.samples)
    return compare_cost(networks, events, target=target, energy_of=energy_of, progress=progress)


def cost_as_json(arguments: argparse.Namespace, tradeoff: Tradeoff) -> dict[str, Any]:
    """Cost of one or several networks as JSON; with `--sources`, also the sources of figures."""
    first, *others = tradeoff.costs.items()
    data_fields = {"data": arguments.data, "split": arguments.split}
    figures = [asdict(figure) for figure in first[1].constants()]
    sources = {"sources": figures} if arguments.sources else {}
    if others:
        return {**data_fields, **tradeoff.as_json(), **sources}
    path, cost = first
    subject = {"network": path, "hash": cost.network_hash}
    return {**subject, **data_fields, **cost.as_json(), **sources}


def print_cost(arguments: argparse.Namespace, tradeoff: Tradeoff) -> None:
    """Print the cost as tables or CSV; remarks go to stderr."""
    costs = tradeoff.costs
    as_tables = not (arguments.json or arguments.csv)
    if len(costs) == 1:
        [(path, cost)] = costs.items()
        if arguments.csv:
            console.print_csv(cost.as_csv(sources=arguments.sources))
        elif as_tables:
            extent = f"{counted(cost.samples, 'sample')} of {counted(cost.steps, 'step')}"
            console.print_line(
                f"{path} on {arguments.data} ({arguments.split}): {extent}, "
                f"accuracy {cost.accuracy:.2%}"
            )
            console.print_tables(cost)
            for note in cost.notes():
                console.print_line(note)
    elif arguments.csv:
        console.print_csv(tradeoff.as_csv())
    elif as_tables:
        console.print_line(f"on {arguments.data} ({arguments.split})")
        console.print_tables(tradeoff)
        for note in tradeoff.notes():
            console.print_line(note)
    if as_tables and arguments.sources:
        _print_sources(next(iter(costs.values())))
    for path, cost in costs.items():
        for remark in cost.remarks:
            console.print_remark(remark if len(costs) == 1 else f"{path}: {remark}")


def _print_sources(cost: Cost) -> None:
    """Print a table with the sources of the figures on which a cost is based."""
    if cost.constants():
        console.print_table(cost.sources())
    else:
        console.print_line("no figures were used")
