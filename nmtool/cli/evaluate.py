"""`nmtool evaluate NETWORK DATA`: run a network in its arithmetic, an export in its runtime."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from nmtool.cli import console, flags
from nmtool.cli.arguments import MACHINE, NETWORK, add_force, add_json, group
from nmtool.cli.flags import flag
from nmtool.cli.loading import add_choice_of_samples, add_data, read_samples
from nmtool.cli.progress import progress
from nmtool.cli.threads import add_threads_option, use_threads
from nmtool.errors import UsageError

if TYPE_CHECKING:
    from nmtool.evaluation.evaluation import Evaluation


def add_arguments(parser: argparse.ArgumentParser) -> None:
    flags.add(
        parser,
        "evaluate",
        network=flag(help=NETWORK),
        samples=None,
        trust=flag(group=MACHINE),
    )
    add_data(parser)
    add_choice_of_samples(parser)
    add_threads_option(parser)
    parser.add_argument(
        "--classes",
        action="store_true",
        help="also show accuracy per class, the confusion matrix (up to 12 classes) and the "
        "misclassified samples",
    )
    parser.add_argument(
        "--predictions",
        metavar="FILE.csv",
        help="write a table with a row per sample: label and prediction (as number and name), all "
        "scores",
    )
    add_force(group(parser, MACHINE), "an earlier FILE.csv")
    add_json(parser)
    parser.epilog = (
        "examples: nmtool evaluate run digits; nmtool evaluate network.onnx digits:validation; "
        "nmtool evaluate run digits --classes --predictions predictions.csv"
    )


def run(arguments: argparse.Namespace) -> int:
    from nmtool.evaluation.evaluation import evaluate, runnable_export
    from nmtool.loading import load
    from nmtool.network.float_network import Network

    check_predictions(arguments)
    path = arguments.network
    if runnable_export(path) is None:
        network = load(path)
        use_threads(arguments.threads, with_torch=isinstance(network, Network))
    _, events = read_samples(arguments, [path], draws=False)
    values = {**flags.given(arguments, "evaluate"), "samples": arguments.samples}
    result = evaluate(data=events, **values, progress=progress)
    subject = {"network": path, "hash": result.network_hash}
    if result.runtime:
        subject["format"] = result.runtime
    print_result(arguments, result, subject, path)
    return 0


def check_predictions(arguments: argparse.Namespace) -> None:
    """Check, before anything runs, that predictions can be written.

    Raises:
        UsageError: the file exists, or its name does not end in .csv.
    """
    from nmtool.exchange.exporting import check_free

    if arguments.predictions is None:
        return
    if not arguments.predictions.lower().endswith(".csv"):
        raise UsageError(
            f"predictions are written as CSV, not as {arguments.predictions}",
            code="extension-wrong",
            fix="choose a name that ends in .csv",
        )
    check_free(arguments.predictions, force=arguments.force)


def print_result(
    arguments: argparse.Namespace, result: Evaluation, subject: dict[str, Any], path: str
) -> None:
    """Print an evaluation, with per-class results on request, and write the predictions.

    Args:
        arguments: parsed arguments of the command.
        result: the evaluation.
        subject: first fields of the JSON object.
        path: path of the network.
    """
    if arguments.predictions is not None:
        result.write_predictions(arguments.predictions)
    if arguments.json:
        data_fields = {"data": arguments.data, "split": arguments.split}
        class_results: dict[str, Any] = {}
        if arguments.classes and result.confusion is not None:
            class_results["confusion"] = result.confusion.as_json()
            class_results["wrong_samples"] = result.wrong.tolist()
        console.print_json({**subject, **data_fields, **result.as_json(), **class_results})
        return
    runtime = f", run by {result.runtime}" if result.runtime else ""
    for table in result.tables():
        title = f"{path} on {arguments.data} ({arguments.split}){runtime}"
        console.print_table(replace(table, title=title))
    if arguments.classes:
        for table in result.class_tables():
            console.print_table(table)
    if arguments.predictions is not None:
        console.print_line(f"{arguments.predictions} written")
