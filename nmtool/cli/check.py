"""`nmtool check NETWORK`: does it fit, what changes, what is wasted."""

from __future__ import annotations

import argparse

from nmtool.cli import console
from nmtool.cli.arguments import add_json, add_network
from nmtool.cli.integers import add_rounding_options
from nmtool.cli.progress import progress
from nmtool.targets import LOIHI2
from nmtool.targets.checking import ALL, check
from nmtool.targets.fit import UNSUPPORTED


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_network(parser)
    parser.add_argument(
        "--target",
        action="append",
        metavar="TARGET",
        help=f"a chip or a format, or a file FILE.toml that describes one (docs/targets.md); may "
        f"be repeated; '{ALL}' for all that come with nmtool; default {LOIHI2.name}",
    )
    add_json(parser)
    add_rounding_options(parser)
    parser.add_argument(
        "--relays",
        action="store_true",
        help="count the relays of nmtool quantise --relays, from which delays longer than those "
        "held leave; by default they are cut",
    )
    parser.epilog = (
        "examples: nmtool check integers.npz; nmtool check run --target loihi1 --target xylo-imu. "
        f"Exit code 1 if a named target is {UNSUPPORTED}; '{ALL}' is an overview."
    )


def run(arguments: argparse.Namespace) -> int:
    named = arguments.target or [LOIHI2.name]
    bits = {"weight_bits": arguments.weight_bits, "delay_bits": arguments.delay_bits}
    found = check(
        arguments.network,
        named,
        relays=arguments.relays,
        quantising={name: value for name, value in bits.items() if value is not None},
        progress=progress,
    )
    if arguments.json:
        console.print_json({"network": str(arguments.network), **found.as_json()})
    else:
        console.print_tables(found)
        for one in found.fits:
            if one.unsupported or one.approximate:
                console.print_line(
                    f"{one.target.name}: {one.word}", style=console.FIT_STYLES[one.word]
                )
                console.print_findings([*one.unsupported, *one.approximate])
        if found.wasteful:
            console.print_line("wasteful", style="bold")
            console.print_findings(found.wasteful)
    return 0 if ALL in named or found.fits_everywhere else 1
