"""`nmtool data DATA`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from nmtool.cli import console
from nmtool.cli.arguments import add_data, add_json
from nmtool.cli.loading import find_data
from nmtool.cli.progress import working
from nmtool.data import describe


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_data(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    dataset = find_data(arguments, arguments.data)
    with working(f"reading {dataset.name}"):
        content = {split: describe(dataset.split(split)) for split in dataset.splits}
    if arguments.json:
        console.print_json({"data": dataset.name, "splits": content})
        return 0
    console.print_table(
        dataset.name,
        ("", *content),
        [(name, *map(cell, content.values())) for name, cell in _ROWS.items()],
    )
    names = next(iter(content.values()))["classes"]
    console.tell(f"classes: {', '.join(names)}")
    return 0


def _per_sample(split: dict[str, Any]) -> str:
    spikes = split["spikes_per_sample"]
    if spikes["mean"] is None:
        return "none"
    return f"{spikes['mean']:.4g} ({spikes['min']:,} … {spikes['max']:,})"


def _per_class(split: dict[str, Any]) -> str:
    counts = split["classes"].values()
    return f"{min(counts):,} … {max(counts):,}"


def _duration(split: dict[str, Any]) -> str:
    last = split["duration_ms"]
    if last["p50"] is None:
        return "none"
    return f"{last['p50']:.4g} ({last['p5']:.4g} … {last['p100']:.4g})"


_ROWS: dict[str, Callable[[dict[str, Any]], str]] = {
    "samples": lambda split: f"{split['samples']:,}",
    "channels": lambda split: f"{split['units']:,}",
    "classes": lambda split: f"{len(split['classes']):,}",
    "samples per class": _per_class,
    "spikes": lambda split: f"{split['spikes']:,}",
    "mean spikes (range)": _per_sample,
    "last spike, ms": _duration,
    "samples without spikes": lambda split: f"{split['empty_samples']:,}",
}
"""How each line of the table is made from a split's description; JSON has all of it."""
