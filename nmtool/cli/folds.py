"""`nmtool train DATA --folds N --by NAME|N -o FOLDER`: cross-validation."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from nmtool.cli import console, flags
from nmtool.cli.arguments import group, grouping
from nmtool.cli.flags import flag
from nmtool.cli.loading import find_data
from nmtool.cli.progress import progress
from nmtool.cli.threads import use_threads
from nmtool.cli.train_settings import chosen_settings
from nmtool.errors import UsageError
from nmtool.splits import SPLITS

if TYPE_CHECKING:
    from nmtool.evaluation.answers import Answers

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
    folds.add_argument(
        "--join",
        action="store_true",
        help="also test the networks of each fold as an ensemble, and write the answers to "
        "FOLDER/joined.npz",
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
    if others or arguments.join:
        name = arguments.parser.flag(others[0]) if others else "--join"
        raise UsageError(
            f"{name} applies to cross-validation only",
            code="folds-missing",
            fix="define the folds: --folds N or --by NAME; or leave it out",
        )
    return False


def run(arguments: argparse.Namespace) -> int:
    """Run the cross-validation, and print its result."""
    from nmtool.evaluation.answers import answers_file
    from nmtool.training.studies.ensembles import check_readout

    if arguments.tensorboard is not None:
        raise UsageError(
            "--tensorboard applies to a single run only",
            code="option-unused",
            fix="leave out --tensorboard, or the cross-validation",
        )
    options = chosen_settings(arguments)
    if arguments.join:
        check_readout(options.readout)
    dataset = find_data(arguments, arguments.data)
    values = {"by": 1, **flags.given(arguments, VERB)}
    from nmtool.training.studies.folds import cross_validate, join_folds

    try:
        answers = cross_validate(
            **{**values, "data": dataset, "options": options},
            folder=arguments.output,
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
    """Print the answers, even if joining fails; with `--join`, also the ensembles' answers."""
    from nmtool.evaluation.answers import answers_file

    file = str(answers_file(arguments.output))
    content = {"folder": arguments.output, "answers": file, **answers.as_json()}
    if not arguments.json:
        console.print_tables(answers)
    try:
        if arguments.join:
            use_threads(arguments.threads)
            joined = join()
            content["joined"] = {"answers": str(joined.path), **joined.as_json()}
            if not arguments.json:
                console.print_tables(joined)
    finally:
        if arguments.json:
            console.print_json(content)
