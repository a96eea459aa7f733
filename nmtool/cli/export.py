"""`nmtool export RUN|FILE --to FORMAT -o PATH`."""

from __future__ import annotations

import argparse

from nmtool.cli import console
from nmtool.cli.loading import add_data_options, find_data, load_any, to_integers
from nmtool.cli.quantize import add_quantise_options
from nmtool.integer_network import IntegerNetwork

FORMATS = ("lava",)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("network", help="integer network file; runs and floats are quantised")
    parser.add_argument("--to", required=True, choices=FORMATS, help="format")
    parser.add_argument("-o", "--output", required=True, metavar="PATH")
    parser.add_argument("--force", action="store_true", help="replace an earlier export")
    parser.add_argument("--data", metavar="DATA", help="calibrates, where it has to quantise")
    add_quantise_options(parser)
    add_data_options(parser)


def run(arguments: argparse.Namespace) -> int:
    from exporters import lava

    network = integers(arguments, arguments.data)
    path = lava.export(network, arguments.output, force=arguments.force)
    console.tell(f"{path} written")
    return 0


def integers(arguments: argparse.Namespace, data: str | None) -> IntegerNetwork:
    """The integer network a command works on, quantised on the way where it is not one yet."""
    found = load_any(arguments.network)
    dataset = find_data(arguments, data) if data else None
    result = to_integers(found, dataset, weight_bits=arguments.weight_bits, scale=arguments.scale)
    if result is None:
        assert isinstance(found, IntegerNetwork)
        return found
    console.print_findings(result.report.findings)
    return result.network
