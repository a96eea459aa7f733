"""`nmtool report NETWORK [DATA] [-o PAGE.html]`: everything known about a network."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from nmtool.cli import console, flags
from nmtool.cli.arguments import DATA, MACHINE, NETWORK, Parser, add_force, add_json, group
from nmtool.cli.flags import flag
from nmtool.cli.loading import (
    add_choice_of_samples,
    add_data,
    check_unused,
    find_data,
    validation_rule_of,
)
from nmtool.cli.progress import progress
from nmtool.cli.rounding import add_rounding, rounding
from nmtool.cli.threads import add_threads_option, use_threads
from nmtool.errors import UsageError
from nmtool.splits import name_and_split
from nmtool.tables import Table

if TYPE_CHECKING:
    from nmtool.data import Dataset
    from nmtool.reporting import Report

_PAGE_ENDINGS = (".html", ".htm")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from nmtool.exporters.formats import formats_that_run

    flags.add(
        parser,
        "report",
        network=flag(
            "network", metavar="NETWORK", help=f"{NETWORK}; float networks are also quantised"
        ),
        split=None,
        samples=None,
        trust=flag(group=MACHINE),
        against=flag(type=flags.one_of(formats_that_run), metavar="BACKEND"),
        target=flag(
            help="chip or format to check, as in nmtool check. May be repeated; the cost is "
            "counted for the first target. Default: loihi2",
        ),
    )
    parser.add_argument(
        "-o", "--output", metavar="PAGE.html", help="write a page, with plots (needs matplotlib)"
    )
    add_data(parser, f"{DATA}; by default the run's own data", nargs="?")
    add_choice_of_samples(parser)
    add_force(group(parser, MACHINE), "an earlier page")
    add_rounding(parser)
    add_json(parser)
    add_threads_option(parser)
    parser.epilog = (
        "example: nmtool report run -o report.html --against c. "
        "Exit code 1 if a requested backend differs."
    )


def run(arguments: argparse.Namespace) -> int:
    from nmtool.reporting.results import report

    use_threads(arguments.threads, with_torch=True)
    if arguments.output is not None:
        _check_page(Path(arguments.output), force=arguments.force)
    document = report(
        data=_data(arguments),
        **flags.given(arguments, "report"),
        split=arguments.split,
        samples=arguments.samples,
        quantising=rounding(arguments),
        progress=progress,
    )
    names = _flags(arguments.parser)
    console.use_flags_in_messages(names)
    if arguments.output is not None:
        document.save(arguments.output, partial(console.with_flags, names=names))
    if arguments.json:
        console.print_json(document.as_json())
    else:
        _print_sections(document)
        if arguments.output is not None:
            console.print_line(f"{arguments.output} written")
    return 0 if document.passed else 1


def _check_page(path: Path, *, force: bool) -> None:
    """Check, before anything runs, that a page can be written to `path`.

    Raises:
        UsageError: the name does not end in .html, or the page exists.
        MissingError: matplotlib is not installed.
    """
    from nmtool.exchange.exporting import check_free
    from nmtool.reporting import require

    if path.suffix.lower() not in _PAGE_ENDINGS:
        raise UsageError(
            f"{path} does not have the extension of an HTML page",
            code="page-extension",
            fix=f"choose a name that ends in {_PAGE_ENDINGS[0]}",
        )
    check_free(path, force=force)
    require()


def _data(arguments: argparse.Namespace) -> Dataset | None:
    """The data set that DATA names; None if DATA is missing."""
    from nmtool.loading import shared_validation_rule

    if arguments.data is not None:
        name, split = name_and_split(arguments.data)
        arguments.data, arguments.split = name, split or arguments.split
        rule = validation_rule_of(arguments, shared_validation_rule([arguments.network]))
        return find_data(arguments, name, rule)
    check_unused(arguments, ("data_dir", "n_units", "validation"))
    return None


def _flags(parser: Parser) -> dict[str, str]:
    """The command's flags by the names of arguments, and those of `train` for advice on runs."""
    from nmtool.cli import train

    training = Parser()
    train.add_arguments(training)
    return {**training.flags(), **parser.flags()}


def _print_sections(report: Report) -> None:
    """Print all sections as text, without their plots."""
    console.print_table(Table(f"report on {report.title}", ("", "value"), list(report.headline)))
    for remark in report.remarks:
        console.print_line(remark, console.STYLES["warning"])
    for section in report.sections:
        console.print_line(section.title.upper(), style="bold")
        for text, weight in section.sentences:
            console.print_line(text, console.STYLES[weight])
        for table in section.tables:
            console.print_table(table)
        for finding in section.findings:
            console.print_line(str(finding))
        for heading, text in section.code.items():
            console.print_line(heading, style="bold")
            for line in text.split("\n"):
                console.print_line(line)
        console.print_line("")
