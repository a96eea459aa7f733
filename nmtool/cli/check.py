"""`nmtool check NETWORK …`: fit of networks to targets; with data, the cost of an inference."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from nmtool.cli import console, flags
from nmtool.cli.arguments import DATA, NETWORK, add_json, group
from nmtool.cli.flags import flag
from nmtool.cli.loading import DIVIDING, add_data_options, name_data, open_data
from nmtool.cli.progress import progress
from nmtool.cli.threads import add_threads_option, use_threads
from nmtool.errors import UsageError
from nmtool.tables import counted

if TYPE_CHECKING:
    from nmtool.targets.checking import CheckReport
    from nmtool.targets.costs import Tradeoff


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.usage = "nmtool check NETWORK … [--data DATA] [options]"
    flags.add(
        parser,
        "check",
        network=flag(
            "networks",
            nargs="+",
            metavar="NETWORK",
            help=f"{NETWORK}; float networks are quantised for each target, with its default bits",
        ),
        target=flag(
            help="chip or format to check, or a FILE.toml that describes one (docs/targets.md); "
            "'all': every target that comes with nmtool. May be repeated; the cost is counted for "
            "the first target. Default: loihi2",
        ),
    )
    cost = group(parser, "cost on samples")
    flags.add(
        cost,
        "compare_cost",
        networks=None,
        data=flag(
            "--data", metavar="DATA", help=f"data to count the cost of an inference on: {DATA}"
        ),
        target=None,
    )
    cost.add_argument(
        "--sources", action="store_true", help="list the sources of latency and energy figures"
    )
    add_data_options(parser, DIVIDING)
    add_json(parser)
    add_threads_option(parser)
    parser.epilog = (
        "examples: nmtool check integers.npz; nmtool check run --target loihi1 --target loihi2; "
        "nmtool check run8.npz run4.npz --data digits --target loihi1. "
        "Exit code 1 if a named target is unsupported; with 'all', it is always 0."
    )


def run(arguments: argparse.Namespace) -> int:
    from nmtool.targets import LOIHI2
    from nmtool.targets.checking import ALL, check

    use_threads(arguments.threads)
    counting = flags.given(arguments, "compare_cost")
    networks = [*dict.fromkeys(counting.pop("networks"))]
    targets = counting.pop("target", [LOIHI2.name])
    open_data(arguments, counting)
    _check_cost_flags(arguments, counting)
    checks = {path: check(path, targets, progress=progress) for path in networks}
    cost = None
    if "data" in counting:
        from nmtool.targets.costing import compare_cost

        first = getattr(arguments, "target", [ALL])[0]
        counting["target"] = None if first == ALL else first
        cost = compare_cost(networks, **counting, progress=progress)
        name_data(arguments, networks)
    if arguments.json:
        content: dict[str, Any] = {
            "networks": [{"network": path, **report.as_json()} for path, report in checks.items()]
        }
        if len(checks) == 1:
            [content] = content["networks"]
        if cost is not None:
            content["cost"] = _cost_as_json(arguments, cost)
        console.print_json(content)
    else:
        for path, report in checks.items():
            if len(checks) > 1:
                console.print_line(path, style="bold")
            _print_check(report, in_short=ALL in targets)
    if cost is not None and not arguments.json:
        _print_cost(arguments, cost)
    return 0 if ALL in targets or all(report.fits_everywhere for report in checks.values()) else 1


def _check_cost_flags(arguments: argparse.Namespace, counting: dict[str, Any]) -> None:
    """Raise `UsageError` for flags of the cost without data."""
    given = [*counting, *(["sources"] if arguments.sources else [])]
    if "data" not in counting and given:
        raise UsageError(
            f"{arguments.parser.flag(given[0])} needs data, but none are named",
            code="data-missing",
            fix="name the data, `data=`, or leave the flag out",
        )


def _print_check(report: CheckReport, *, in_short: bool) -> None:
    """Print the fit to each target with its findings; `in_short`: only a row per target."""
    if in_short:
        console.print_table(report.tables()[0])
        console.print_line("resources and findings of a target: --target NAME; all: --json")
        return
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


def _cost_as_json(arguments: argparse.Namespace, tradeoff: Tradeoff) -> dict[str, Any]:
    """Cost of one or several networks as JSON; with `--sources`, also the sources of figures."""
    (path, first), *others = tradeoff.costs.items()
    data_fields = {"data": arguments.data, "split": arguments.split}
    figures = [asdict(figure) for figure in first.constants()]
    sources = {"sources": figures} if arguments.sources else {}
    if others:
        return {**data_fields, **tradeoff.as_json(), **sources}
    subject = {"network": path, "hash": first.network_hash}
    return {**subject, **data_fields, **first.as_json(), **sources}


def _print_cost(arguments: argparse.Namespace, tradeoff: Tradeoff) -> None:
    """Print the cost as tables; remarks go to stderr."""
    (path, first), *others = tradeoff.costs.items()
    where = f"on {arguments.data} ({arguments.split})"
    if not others:
        extent = f"{counted(first.samples, 'sample')} of {counted(first.steps, 'step')}"
        where = f"{path} {where}: {extent}, accuracy {first.accuracy:.2%}"
    console.print_line(where)
    shown = tradeoff if others else first
    console.print_tables(shown)
    for note in shown.notes():
        console.print_line(note)
    if arguments.sources and first.constants():
        console.print_table(first.sources())
    elif arguments.sources:
        console.print_line("no figures were used")
    for name, cost in tradeoff.costs.items():
        for remark in cost.remarks:
            console.print_remark(f"{name}: {remark}" if others else remark)
