"""`nmtool join NETWORK NETWORK … -o FILE.npz`."""

from __future__ import annotations

import argparse

from nmtool.cli import console
from nmtool.cli.arguments import add_force, add_json
from nmtool.description import describe_network
from nmtool.exchange.exporting import check_archive_name, check_replaceable
from nmtool.joining import side_by_side
from nmtool.network import FILE_KIND


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "networks", nargs="+", metavar="NETWORK", help="run folders or float network files"
    )
    parser.add_argument("-o", "--output", required=True, metavar="FILE.npz")
    parser.add_argument(
        "--weights",
        nargs="+",
        type=float,
        metavar="W",
        help="what the scores of each NETWORK count in the sum, in the same order; by default they "
        "are averaged",
    )
    add_force(parser, "a float network in FILE.npz")
    add_json(parser)
    parser.epilog = (
        "example: nmtool join run0 run1 run2 -o network.npz; "
        "nmtool quantise network.npz -o integers.npz --data digits"
    )


def run(arguments: argparse.Namespace) -> int:
    check_archive_name(arguments.output)
    check_replaceable(arguments.output, [FILE_KIND], force=arguments.force)
    network = side_by_side(arguments.networks, arguments.weights)
    network.save(arguments.output)
    if arguments.json:
        about = describe_network(network)
        shown = {key: about[key] for key in ("hash", "neurons", "synapses")}
        console.print_json({"file": arguments.output, **shown})
    else:
        console.print_tables(network)
        console.print_line(f"{arguments.output} written")
    return 0
