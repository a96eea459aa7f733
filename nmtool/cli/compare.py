"""`nmtool compare NETWORK … --data DATA [--with NETWORK …]`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmtool.cli import console
from nmtool.cli.arguments import DATA, NETWORK, add_choice_of_samples, add_data_options, add_json
from nmtool.cli.evaluate import record
from nmtool.cli.held_out import chosen_data
from nmtool.cli.loading import (
    RUN_INTEGERS,
    RUN_NETWORK,
    Samples,
    bin_for,
    load_any,
    read_split,
)
from nmtool.cli.threads import add_threads_option, use_threads
from nmtool.data import SpikeEvents
from nmtool.errors import UsageError
from nmtool.integer_network import IntegerNetwork
from nmtool.network import Network
from nmtool.paired import Paired


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("networks", nargs="+", metavar="NETWORK", help=NETWORK)
    parser.add_argument("--data", required=True, metavar="DATA", help=DATA)
    parser.add_argument(
        "--with",
        dest="others",
        nargs="+",
        default=[],
        metavar="NETWORK",
        help="as many, the first beside the first; without them each NETWORK is a run that "
        "trained in integers, compared with the same weights and delays in floats",
    )
    add_data_options(parser)
    add_choice_of_samples(parser)
    add_json(parser)
    add_threads_option(parser)
    parser.epilog = "example: nmtool compare run0 run1 run2 --data digits"


def run(arguments: argparse.Namespace) -> int:
    pairs = _pairs(arguments.networks, arguments.others)
    networks = [[load_any(path) for path in pair] for pair in pairs]
    has_floats = any(isinstance(network, Network) for pair in networks for network in pair)
    use_threads(arguments.threads, with_torch=has_floats)
    dataset = chosen_data(arguments, arguments.split, [*arguments.networks, *arguments.others])
    events = read_split(dataset, arguments.split, arguments.samples)
    heard = _Heard(events)
    right = [[heard.rightly_by(network) for network in pair] for pair in networks]
    first, second = (np.stack([both[side] for both in right]) for side in (0, 1))
    result = _result(pairs, Paired(first, second))
    if arguments.json:
        console.print_json({"data": arguments.data, "split": arguments.split, **result})
    else:
        _print(f"on {arguments.data} ({arguments.split})", result)
    return 0


def _pairs(networks: Sequence[str], others: Sequence[str]) -> list[tuple[str, str]]:
    """Paths of the networks to compare."""
    if others and len(others) != len(networks):
        raise UsageError(
            f"{len(networks)} networks cannot be paired with {len(others)}",
            fix="name as many after --with, in the same order",
        )
    if others:
        return list(zip(networks, others, strict=True))
    without = [name for name in networks if not (Path(name) / RUN_INTEGERS).is_file()]
    if without:
        raise UsageError(
            f"no runs that trained in integers: {', '.join(without)}",
            fix="say what they are compared with: --with NETWORK …",
        )
    return [(str(Path(name) / RUN_INTEGERS), str(Path(name) / RUN_NETWORK)) for name in networks]


class _Heard:
    """Samples, binned once for all networks that hear them alike."""

    def __init__(self, events: SpikeEvents) -> None:
        self._events = events
        self._binned: dict[tuple[Any, ...], Samples] = {}

    def rightly_by(self, network: Network | IntegerNetwork) -> NDArray[np.bool_]:
        """[samples] bool: what a network classifies rightly."""
        alike = (network.dt_ms, network.n_steps, network.channels, tuple(network.class_names))
        if alike not in self._binned:
            self._binned[alike] = bin_for(network, self._events)
        samples = self._binned[alike]
        return record(network, samples).predictions == samples.label


def _result(pairs: Sequence[tuple[str, str]], paired: Paired) -> dict[str, Any]:
    rows = zip(
        pairs,
        paired.first.mean(axis=1),
        paired.second.mean(axis=1),
        paired.points,
        paired.only_first,
        paired.only_second,
        strict=True,
    )
    low, high = paired.interval()
    return {
        "samples": paired.first.shape[1],
        "pairs": [
            {
                "first": pair[0],
                "second": pair[1],
                "first_accuracy": first,
                "second_accuracy": second,
                "points": points,
                "only_first_right": only_first,
                "only_second_right": only_second,
            }
            for pair, first, second, points, only_first, only_second in rows
        ],
        "first_accuracy": paired.first.mean(),
        "second_accuracy": paired.second.mean(),
        "points": paired.points.mean(),
        "interval": [low, high],
    }


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
    header = ("first", "second", *right)
    console.print_table(where, header, rows)
    low, high = result["interval"]
    console.tell(
        f"first minus second: {result['points']:+.2f} points, "
        f"95 % interval {low:+.2f} … {high:+.2f} "
        f"(bootstrap over {len(result['pairs'])} pairs and {result['samples']} samples)"
    )
