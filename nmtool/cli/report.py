"""`nmtool report NETWORK [DATA] [-o PAGE.html]`."""

from __future__ import annotations

import argparse
from pathlib import Path

from nmtool.cli import console
from nmtool.cli.arguments import (
    DATA,
    NETWORK,
    add_choice_of_samples,
    add_data_options,
    add_force,
    add_json,
    add_trust,
)
from nmtool.cli.integers import add_quantise_options, quantise_options
from nmtool.cli.loading import asked_rule, find_data
from nmtool.cli.progress import progress
from nmtool.cli.threads import add_threads_option, use_threads
from nmtool.data import Dataset
from nmtool.errors import UsageError
from nmtool.exchange.exporting import check_free
from nmtool.loading import validated_on
from nmtool.reporting import Report, require
from nmtool.reporting.results import report
from nmtool.tables import Table
from nmtool.targets import LOIHI2

_PAGE_ENDINGS = (".html", ".htm")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from nmtool.exporters.formats import formats_that_run

    parser.add_argument("network", metavar="NETWORK", help=f"{NETWORK}; floats are quantised, too")
    parser.add_argument(
        "data", metavar="DATA", nargs="?", help=f"{DATA}; by default what the run was trained on"
    )
    parser.add_argument(
        "-o", "--output", metavar="PAGE.html", help="write a page, with plots (needs matplotlib)"
    )
    add_force(parser, "an earlier page")
    parser.add_argument(
        "--against",
        action="append",
        default=[],
        choices=formats_that_run(),
        help="backend to compare with the simulator, may be repeated",
    )
    parser.add_argument(
        "--target",
        action="append",
        metavar="TARGET",
        help=f"a chip or a format to check for, as of nmtool check; may be repeated, the first one "
        f"also for the cost; default {LOIHI2.name}",
    )
    parser.add_argument(
        "--before",
        metavar="NETWORK",
        help="the network before learning; by default made again from settings and seed",
    )
    add_data_options(parser)
    add_choice_of_samples(parser)
    parser.set_defaults(split=None)
    add_trust(parser)
    add_quantise_options(parser)
    add_json(parser)
    add_threads_option(parser)
    parser.epilog = (
        "example: nmtool report run -o report.html --against c. "
        "Exit code 1 if a backend that was asked for differs."
    )


def run(arguments: argparse.Namespace) -> int:
    use_threads(arguments.threads, with_torch=True)
    if arguments.output is not None:
        _check_page(Path(arguments.output), force=arguments.force)
    found = report(
        arguments.network,
        _data(arguments),
        split=arguments.split,
        samples=arguments.samples,
        against=arguments.against,
        targets=arguments.target or [LOIHI2.name],
        before=arguments.before,
        quantising=quantise_options(arguments),
        trust=arguments.trust,
        progress=progress,
    )
    if arguments.output is not None:
        found.save(arguments.output)
    if arguments.json:
        console.print_json(found.as_json())
    else:
        _print(found)
        if arguments.output is not None:
            console.print_line(f"{arguments.output} written")
    return 0 if found.passed else 1


def _check_page(path: Path, *, force: bool) -> None:
    """Check, before anything runs, that a page can be written there.

    Raises:
        UsageError: the name does not end as that of a page, or something is there.
        MissingError: matplotlib is not installed.
    """
    if path.suffix.lower() not in _PAGE_ENDINGS:
        raise UsageError(
            f"{path} is no name for a page",
            code="page-extension",
            fix=f"let it end in {_PAGE_ENDINGS[0]}",
        )
    check_free(path, force=force)
    require()


def _data(arguments: argparse.Namespace) -> Dataset | None:
    """DATA with the options that say how it is found; None where it is not named."""
    if arguments.data is not None:
        rule = asked_rule(arguments, validated_on([arguments.network]))
        return find_data(arguments, arguments.data, rule)
    for option in ("data_dir", "units", "validation"):
        if getattr(arguments, option) is not None:
            raise UsageError(
                f"--{option.replace('_', '-')} is about DATA, which is not named",
                code="data-missing",
                fix="name DATA, or leave it out",
            )
    return None


def _print(found: Report) -> None:
    """All sections, for people, without their plots."""
    console.print_table(Table(f"report on {found.title}", ("", "value"), list(found.headline)))
    for section in found.sections:
        if not any((section.sentences, section.tables, section.findings, section.code)):
            continue  # it has plots alone
        console.print_line(section.title.upper(), style="bold")
        for text, weight in section.sentences:
            console.print_line(text, console.STYLES[weight])
        for table in section.tables:
            console.print_table(table)
        for finding in section.findings:
            console.print_line(str(finding))
        for what, text in section.code:
            console.print_line(what, style="bold")
            console.print_line(text)
        console.print_line("")
