"""`nmtool zoo [NAME]`: the networks that come with nmtool."""

from __future__ import annotations

import argparse

from nmtool import zoo
from nmtool.cli import console
from nmtool.cli.arguments import add_json
from nmtool.tables import Table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", nargs="?", help="show this network in detail")
    add_json(parser)
    parser.epilog = "examples: nmtool zoo; nmtool zoo digits; nmtool evaluate zoo:digits digits"


def run(arguments: argparse.Namespace) -> int:
    if arguments.name:
        network = zoo.about(arguments.name)
        if arguments.json:
            console.print_json(network.as_json())
        else:
            console.print_tables(network)
        return 0
    networks = [zoo.about(name) for name in zoo.names()]
    if arguments.json:
        console.print_json({"networks": [network.as_json() for network in networks]})
        return 0
    rows = [
        (
            f"{zoo.PREFIX}{network.name}",
            network.title,
            network.facts["neurons"],
            f"{network.facts['test_accuracy']:.2%}",
            network.facts["synaptic_events_per_sample"],
        )
        for network in networks
    ]
    header = ("name", "", "neurons", "test accuracy", "synaptic events per sample")
    console.print_table(Table("networks to start from", header, rows))
    return 0
