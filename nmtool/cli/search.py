"""`nmtool search DATA -o STUDY`: hyperparameter search."""

from __future__ import annotations

import argparse

from nmtool.cli import console, flags
from nmtool.cli.arguments import DATA, MACHINE, add_json, group
from nmtool.cli.flags import flag
from nmtool.cli.loading import add_data, find_data
from nmtool.cli.progress import progress
from nmtool.cli.threads import add_threads_option
from nmtool.cli.train_settings import add_config, add_settings, chosen_settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.usage = "nmtool search DATA -o STUDY [options]"
    parser.description = (
        "Try training settings, and keep those of the best validation accuracy. The defaults and "
        "the most promising settings are trained in full. The same command continues an unfinished "
        "search. Ctrl-C stops after the current batch, a second Ctrl-C at once."
    )
    add_data(parser, DATA)
    flags.add(
        parser,
        "search",
        only=("folder", "budget"),
        folder=flag("-o", "--output", metavar="STUDY", required=True),
        budget=flag("--budget", metavar="TIME|TRIALS"),
    )
    add_config(parser)
    add_json(parser)
    add_threads_option(parser)
    machine = group(parser, MACHINE)
    flags.add(machine, "search", only=("device",))
    add_settings(parser)
    parser.epilog = (
        "examples: nmtool search FOLDER -o study --budget 2h; "
        "nmtool search digits -o study --hidden 64 --budget 30"
    )


def run(arguments: argparse.Namespace) -> int:
    options = chosen_settings(arguments)
    data = find_data(arguments, arguments.data)
    keywords = {**flags.given(arguments, "search"), "data": data, "threads": arguments.threads}
    try:
        from nmtool.training.studies.search import search

        result = search(options=options, progress=progress, **keywords)
    except KeyboardInterrupt:
        console.print_remark("finished trials are kept; the same command continues the search")
        raise
    if arguments.json:
        console.print_json(result.as_json())
        return 0
    console.print_tables(result)
    console.print_line(f"{result.run}: {result.chosen}  validation {result.score:.1%}")
    console.print_line(f"settings: {result.best_file}")
    return 0
