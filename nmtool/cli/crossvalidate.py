"""`nmtool crossvalidate DATA --by NAME|N -o FOLDER`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from nmtool.cli import console
from nmtool.cli.arguments import add_data, add_device, add_json, count
from nmtool.cli.loading import find_data
from nmtool.cli.progress import progress
from nmtool.cli.threads import add_threads_option, use_threads
from nmtool.cli.train_settings import add_config, add_settings, chosen_settings
from nmtool.data.dataset import SPLITS
from nmtool.data.folds import grouping
from nmtool.evaluation.answers import Answers, answers_file
from nmtool.joining import check_readout


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.usage = "nmtool crossvalidate DATA --by NAME|N -o FOLDER [options]"
    parser.description = (
        "Train a network per fold on the samples of all other folds, and ask it about its own. "
        "Samples that validate, and so choose the epoch, are taken out of the other folds. The "
        "same command continues one that was stopped. nmtool compare FOLDER --with FOLDER2 "
        "compares two of them, sample by sample."
    )
    add_data(parser)
    parser.add_argument(
        "-o", "--output", required=True, metavar="FOLDER", help="folder for runs and answers"
    )
    parser.add_argument(
        "--by",
        required=True,
        type=grouping,
        metavar="NAME|N",
        help="what is never divided: a column of the files, such as speaker, or blocks of N "
        "neighbouring samples",
    )
    parser.add_argument(
        "--folds",
        type=count,
        metavar="N",
        help="number of folds, of whole groups that are drawn; by default each group is one",
    )
    parser.add_argument(
        "--fold-seed", type=int, default=0, metavar="N", help="decides that draw (default 0)"
    )
    parser.add_argument(
        "--seeds",
        type=count,
        default=1,
        metavar="N",
        help="networks per fold, seeds from --seed on (default 1); may grow later",
    )
    parser.add_argument(
        "--splits",
        nargs="+",
        choices=SPLITS,
        default=["train"],
        metavar="SPLIT",
        help="splits whose samples are joined and divided (default train); the test split is left "
        "alone unless it is named",
    )
    parser.add_argument(
        "--join",
        action="store_true",
        help="let the networks of each fold answer side by side, too, as one (nmtool join); "
        "FOLDER/joined.npz keeps these answers",
    )
    add_config(parser)
    add_json(parser)
    add_threads_option(parser)
    add_device(parser)
    add_settings(parser)
    parser.epilog = (
        "example: nmtool crossvalidate FOLDER --by speaker -o cv --config fsdd700_integer"
    )


def run(arguments: argparse.Namespace) -> int:
    options = chosen_settings(arguments)
    if arguments.join:
        check_readout(options.readout)
    dataset = find_data(arguments, arguments.data)
    from nmtool.training.crossvalidation import cross_validate, join_folds

    try:
        answers = cross_validate(
            dataset,
            options,
            by=arguments.by,
            folds=arguments.folds,
            fold_seed=arguments.fold_seed,
            seeds=arguments.seeds,
            splits=arguments.splits,
            folder=arguments.output,
            device=arguments.device,
            threads=arguments.threads,
            progress=progress,
        )
        _show(arguments, answers, lambda: join_folds(arguments.output, dataset))
    except KeyboardInterrupt:
        if answers_file(arguments.output).is_file() and Path(arguments.output).is_dir():
            console.print_remark("finished folds and epochs are kept; the same command continues")
        raise
    return 0


def _show(arguments: argparse.Namespace, answers: Answers, join: Callable[[], Answers]) -> None:
    """Print the answers, and those of joined networks; the former even if joining fails."""
    file = str(answers_file(arguments.output))
    content = {"folder": arguments.output, "answers": file, **answers.as_json()}
    if not arguments.json:
        console.print_tables(answers)
    try:
        if arguments.join:
            use_threads(arguments.threads, with_torch=True)
            joined = join()
            content["joined"] = {"answers": str(joined.path), **joined.as_json()}
            if not arguments.json:
                console.print_tables(joined)
    finally:
        if arguments.json:
            console.print_json(content)
