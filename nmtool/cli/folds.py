"""`nmtool train DATA --folds N --by NAME|N -o FOLDER`: cross-validation."""

from __future__ import annotations

import argparse
from pathlib import Path

from nmtool.cli import console, flags
from nmtool.cli.arguments import group, grouping
from nmtool.cli.flags import flag
from nmtool.cli.loading import find_data
from nmtool.cli.progress import progress
from nmtool.cli.train_settings import chosen_settings
from nmtool.errors import UsageError
from nmtool.splits import SPLITS

VERB = "cross_validate"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the flags of a cross-validation."""
    folds = group(parser, "cross-validation")
    flags.add(
        folds,
        VERB,
        only=("by", "folds", "fold_seed", "seeds", "splits"),
        by=flag("--by", type=grouping, metavar="NAME|N"),
        splits=flag(nargs="+", action=None, choices=SPLITS, metavar="SPLIT"),
    )


def are_requested(arguments: argparse.Namespace) -> bool:
    """True if a cross-validation is requested.

    Raises:
        UsageError: there are flags of cross-validation, but neither `--folds` nor `--by`.
    """
    values = flags.given(arguments, VERB)
    if values.keys() & {"folds", "by"}:
        return True
    others = [name for name in ("fold_seed", "seeds", "splits") if name in values]
    if others:
        raise UsageError(
            f"{arguments.parser.flag(others[0])} applies to cross-validation only",
            code="folds-missing",
            fix="define the folds: --folds N or --by NAME; or leave it out",
        )
    return False


def run(arguments: argparse.Namespace) -> int:
    """Run the cross-validation, and print its result."""
    from nmtool.evaluation.answers import answers_file

    if arguments.tensorboard is not None:
        raise UsageError(
            "--tensorboard applies to a single run only",
            code="option-unused",
            fix="leave out --tensorboard, or the cross-validation",
        )
    options = chosen_settings(arguments)
    dataset = find_data(arguments, arguments.data)
    values = {"by": 1, **flags.given(arguments, VERB)}
    from nmtool.training.studies.folds import cross_validate

    try:
        answers = cross_validate(
            **{**values, "data": dataset, "options": options},
            folder=arguments.output,
            threads=arguments.threads,
            progress=progress,
        )
    except KeyboardInterrupt:
        if answers_file(arguments.output).is_file() and Path(arguments.output).is_dir():
            console.print_remark("finished folds and epochs are kept; the same command continues")
        raise
    if arguments.json:
        file = str(answers_file(arguments.output))
        console.print_json({"folder": arguments.output, "answers": file, **answers.as_json()})
    else:
        console.print_tables(answers)
    return 0
