"""`nmtool evaluate NETWORK DATA`."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import Any

from nmtool.cli import console
from nmtool.cli.arguments import (
    add_choice_of_samples,
    add_data,
    add_force,
    add_json,
    add_network,
)
from nmtool.cli.loading import chosen_data, read_split
from nmtool.cli.progress import progress
from nmtool.cli.threads import add_threads_option, use_threads
from nmtool.errors import UsageError
from nmtool.evaluation.evaluation import Evaluation, evaluate
from nmtool.exchange.exporting import check_free
from nmtool.loading import load
from nmtool.network import Network


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_network(parser)
    add_data(parser)
    add_choice_of_samples(parser)
    add_class_options(parser)
    add_json(parser)
    add_threads_option(parser)
    parser.epilog = (
        "examples: nmtool evaluate run digits; "
        "nmtool evaluate run digits --classes --predictions predictions.csv"
    )


def add_class_options(parser: argparse.ArgumentParser) -> None:
    """Add `--classes`, `--predictions` and `--force`: results by class and by sample."""
    parser.add_argument(
        "--classes",
        action="store_true",
        help="accuracy per class, the confusion matrix (of up to 12 classes), the wrong samples",
    )
    parser.add_argument(
        "--predictions",
        metavar="FILE.csv",
        help="write sample, label, prediction, their names and all scores, a row per sample",
    )
    add_force(parser, "an earlier FILE.csv")


def check_class_options(arguments: argparse.Namespace) -> None:
    """Check, before anything runs, that predictions can be written.

    Raises:
        UsageError: there is something already, or the name is none of a CSV file.
    """
    if arguments.predictions is None:
        return
    if not arguments.predictions.lower().endswith(".csv"):
        raise UsageError(
            f"{arguments.predictions} is no name for a CSV file",
            code="extension-wrong",
            fix="let it end in .csv",
        )
    check_free(arguments.predictions, force=arguments.force)


def run(arguments: argparse.Namespace) -> int:
    check_class_options(arguments)
    found = load(arguments.network)
    use_threads(arguments.threads, with_torch=isinstance(found, Network))
    dataset = chosen_data(arguments, arguments.split, [arguments.network])
    events = read_split(dataset, arguments.split)
    result = evaluate(arguments.network, events, samples=arguments.samples, progress=progress)
    what = {"network": arguments.network, "hash": found.content_hash}
    print_result(arguments, result, what, f"{arguments.network} on {arguments.data}")
    return 0


def print_result(
    arguments: argparse.Namespace,
    result: Evaluation,
    what: dict[str, Any],
    title: str,
    how: str = "",
) -> None:
    """Print an evaluation, and what was asked for beside it; write the predictions.

    Args:
        arguments: with `json`, `data`, `split` and those of `add_class_options`.
        result: the evaluation.
        what: first fields of the JSON object.
        title: what the table is about.
        how: ends its title.
    """
    if arguments.predictions is not None:
        result.write_predictions(arguments.predictions)
    if arguments.json:
        where = {"data": arguments.data, "split": arguments.split}
        more: dict[str, Any] = {}
        if arguments.classes and result.confusion is not None:
            more["confusion"] = result.confusion.as_json()
            more["wrong_samples"] = result.wrong.tolist()
        console.print_json({**what, **where, **result.as_json(), **more})
        return
    for table in result.tables():
        console.print_table(replace(table, title=f"{title} ({arguments.split}){how}"))
    if arguments.classes:
        for table in result.class_tables():
            console.print_table(table)
    if arguments.predictions is not None:
        console.print_line(f"{arguments.predictions} written")
