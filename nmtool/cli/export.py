"""`nmtool export NETWORK --to FORMAT -o PATH`."""

from __future__ import annotations

import argparse
from pathlib import Path

from nmtool.cli import console
from nmtool.cli.arguments import add_data_options, add_force, add_json, add_network
from nmtool.cli.integers import CALIBRATION_SAMPLES, add_quantise_options, integers
from nmtool.cli.loading import find_data, load_any
from nmtool.errors import UsageError
from nmtool.integer_network import IntegerNetwork

FORMATS = ("lava",)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_network(parser, "integer network file; runs and float networks are quantised")
    parser.add_argument("--to", required=True, choices=FORMATS, help="format")
    parser.add_argument("-o", "--output", required=True, metavar="PATH", help="to be made")
    add_force(parser, "an earlier export")
    parser.add_argument(
        "--data",
        metavar="DATA",
        help=f"calibrate on its first {CALIBRATION_SAMPLES} training samples, when quantising",
    )
    add_json(parser)
    add_quantise_options(parser)
    add_data_options(parser)
    parser.epilog = "example: nmtool export integers.npz --to lava -o lava_folder"


def run(arguments: argparse.Namespace) -> int:
    from exporters import lava

    if Path(arguments.output).exists() and not arguments.force:
        raise UsageError(
            f"{arguments.output} exists", fix="choose another folder, or replace it: --force"
        )
    found = load_any(arguments.network)
    if isinstance(found, IntegerNetwork) and arguments.data:
        raise UsageError(
            "--data has nothing to calibrate",
            why=f"{arguments.network} is made of integers already",
            fix="leave it out, or name the float network",
        )
    dataset = find_data(arguments, arguments.data) if arguments.data else None
    network = integers(arguments, found, dataset)
    path = lava.export(network, arguments.output, force=arguments.force)
    if arguments.json:
        console.print_json(
            {"format": arguments.to, "path": str(path), "hash": network.content_hash}
        )
    else:
        console.tell(f"{path} written; {path / 'README.md'} says how to run it")
    return 0
