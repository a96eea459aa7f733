"""`nmtool check NETWORK …`: does it fit, what changes, what is wasted; with data, its cost."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from nmtool.cli import console, flags
from nmtool.cli.arguments import DATA, NETWORK, SAMPLES, add_json
from nmtool.cli.cost import COST_FLAGS, add_cost_options, counted, print_cost, wanted_json
from nmtool.cli.flags import flag
from nmtool.cli.loading import check_unused
from nmtool.cli.progress import progress
from nmtool.cli.rounding import add_rounding, rounding

if TYPE_CHECKING:
    from nmtool.targets.checking import CheckReport

ALL = "all"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.usage = "nmtool check NETWORK … [--data DATA] [options]"
    flags.add(
        parser,
        "check",
        only=("network", "targets"),
        network=flag("networks", nargs="+", metavar="NETWORK", help=NETWORK),
        targets=flag(
            "--target",
            help="a chip or a format, or a file FILE.toml that describes one (docs/targets.md); "
            "may be repeated, the first one also for the cost; 'all' for all that come with "
            "nmtool; default loihi2",
        ),
    )
    parser.add_argument(
        "--data", metavar="DATA", help=f"{DATA}: count what an inference costs on its samples, too"
    )
    add_cost_options(parser)
    add_json(parser)
    add_rounding(parser)
    parser.epilog = (
        "examples: nmtool check integers.npz; nmtool check run --target loihi1 --target xylo-imu; "
        "nmtool check run8 run4 --data digits --target loihi1 --plot cost.svg. "
        "Exit code 1 if a named target is unsupported; 'all' is an overview."
    )


def run(arguments: argparse.Namespace) -> int:
    from nmtool.targets import LOIHI2
    from nmtool.targets.checking import check

    if arguments.data is None:
        check_unused(arguments, [*arguments.parser.in_group(SAMPLES), *COST_FLAGS])
    named = getattr(arguments, "targets", [LOIHI2.name])
    bits = rounding(arguments)
    relays = bits.pop("relays", False)
    how: dict[str, Any] = {"relays": relays, "quantising": bits, "progress": progress}
    networks = dict.fromkeys(arguments.networks)
    checks = {path: check(path, named, **how) for path in networks}
    cost = None
    if arguments.data is not None:
        first = getattr(arguments, "targets", [None])[0]
        cost = counted(arguments, [*networks], None if first == ALL else first)
    if arguments.json:
        found: dict[str, Any] = {"networks": [_plain(path, one) for path, one in checks.items()]}
        if len(checks) == 1:
            [found] = found["networks"]
        if cost is not None:
            found["cost"] = wanted_json(arguments, cost)
        console.print_json(found)
    elif not arguments.csv:
        for path, one in checks.items():
            if len(checks) > 1:
                console.print_line(path, style="bold")
            _print(one)
    if cost is not None and not arguments.json:
        print_cost(arguments, cost)
    return 0 if ALL in named or all(one.fits_everywhere for one in checks.values()) else 1


def _plain(path: str, one: CheckReport) -> dict[str, Any]:
    return {"network": path, **one.as_json()}


def _print(found: CheckReport) -> None:
    console.print_tables(found)
    for one in found.fits:
        if one.unsupported or one.approximate:
            console.print_line(f"{one.target.name}: {one.word}", style=console.FIT_STYLES[one.word])
            console.print_findings([*one.unsupported, *one.approximate])
    if found.wasteful:
        console.print_line("wasteful", style="bold")
        console.print_findings(found.wasteful)
