"""`nmtool check NETWORK …`: fit of networks to targets; with data, the cost of an inference."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from nmtool.cli import console, flags
from nmtool.cli.arguments import DATA, NETWORK, SAMPLES, add_json
from nmtool.cli.cost import COST_FLAGS, add_cost_options, cost_as_json, counted_cost, print_cost
from nmtool.cli.flags import flag
from nmtool.cli.loading import check_unused
from nmtool.cli.progress import progress
from nmtool.cli.rounding import add_rounding, rounding

if TYPE_CHECKING:
    from nmtool.targets.checking import CheckReport


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.usage = "nmtool check NETWORK … [--data DATA] [options]"
    flags.add(
        parser,
        "check",
        only=("network", "target"),
        network=flag("networks", nargs="+", metavar="NETWORK", help=NETWORK),
        target=flag(
            help="chip or format to check, or a FILE.toml that describes one (docs/targets.md); "
            "'all': every target that comes with nmtool. May be repeated; the cost is counted for "
            "the first target. Default: loihi2",
        ),
    )
    parser.add_argument(
        "--data",
        metavar="DATA",
        help=f"data to count the cost of an inference on: {DATA}",
    )
    add_cost_options(parser)
    add_json(parser)
    add_rounding(parser, ("weight_bits", "delay_bits", "relays"))
    parser.epilog = (
        "examples: nmtool check integers.npz; nmtool check run --target loihi1 --target xylo-imu; "
        "nmtool check run8 run4 --data digits --target loihi1. "
        "Exit code 1 if a named target is unsupported; with 'all', it is always 0."
    )


def run(arguments: argparse.Namespace) -> int:
    from nmtool.targets import LOIHI2
    from nmtool.targets.checking import ALL, check

    if arguments.data is None:
        check_unused(arguments, [*arguments.parser.in_group(SAMPLES), *COST_FLAGS])
    targets = getattr(arguments, "target", [LOIHI2.name])
    bits = rounding(arguments)
    relays = bits.pop("relays", False)
    settings: dict[str, Any] = {"relays": relays, "quantising": bits, "progress": progress}
    networks = dict.fromkeys(arguments.networks)
    checks = {path: check(path, targets, **settings) for path in networks}
    cost = None
    if arguments.data is not None:
        first = getattr(arguments, "target", [None])[0]
        cost = counted_cost(arguments, [*networks], None if first == ALL else first)
    if arguments.json:
        content: dict[str, Any] = {
            "networks": [_report_as_json(path, report) for path, report in checks.items()]
        }
        if len(checks) == 1:
            [content] = content["networks"]
        if cost is not None:
            content["cost"] = cost_as_json(arguments, cost)
        console.print_json(content)
    elif not arguments.csv:
        for path, report in checks.items():
            if len(checks) > 1:
                console.print_line(path, style="bold")
            if ALL in targets:
                console.print_table(report.tables()[0])
                console.print_line("resources and findings of a target: --target NAME; all: --json")
            else:
                _print_report(report)
    if cost is not None and not arguments.json:
        print_cost(arguments, cost)
    return 0 if ALL in targets or all(report.fits_everywhere for report in checks.values()) else 1


def _report_as_json(path: str, report: CheckReport) -> dict[str, Any]:
    return {"network": path, **report.as_json()}


def _print_report(report: CheckReport) -> None:
    console.print_tables(report)
    for fit in report.fits:
        if fit.unsupported or fit.approximate:
            console.print_line(
                f"{fit.target.name}: {fit.verdict}", style=console.FIT_STYLES[fit.verdict]
            )
            console.print_findings([*fit.unsupported, *fit.approximate])
    if report.wasteful:
        console.print_line("wasteful", style="bold")
        console.print_findings(report.wasteful)
