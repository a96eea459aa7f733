"""Data sets by the words of the command line, and their samples."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from nmtool.cli import console, flags
from nmtool.cli.arguments import DATA, SAMPLES, count, group, validation_amount
from nmtool.cli.flags import flag
from nmtool.cli.progress import progress
from nmtool.errors import UsageError
from nmtool.splits import SPLITS, name_and_split

if TYPE_CHECKING:
    from nmtool.data import Dataset, SpikeEvents
    from nmtool.data.dividing import SplitRule

VALIDATION = "validation"
NO_DATA = "none"
"""DATA where there shall be none, not even those of a run."""


def add_data(parser: argparse.ArgumentParser, text: str = DATA, **settings: Any) -> None:
    """Add the argument DATA and the flags that say how it is found."""
    parser.add_argument("data", metavar="DATA", help=text, **settings)
    add_data_options(parser)


def add_data_options(parser: argparse.ArgumentParser) -> None:
    """Add the flags that say how DATA is found."""
    flags.add(
        group(parser, SAMPLES),
        "load_dataset",
        only=("data_dir", "n_units"),
        data_dir=flag(metavar="DIR"),
        n_units=flag("--units", type=count),
    )


def add_choice_of_samples(parser: argparse.ArgumentParser) -> None:
    """Add `--split`, `--validation` and `--samples`, which choose among the samples of DATA."""
    some = group(parser, SAMPLES)
    some.add_argument("--split", choices=SPLITS, help="default test; DATA:SPLIT says it, too")
    some.add_argument(
        "--validation",
        type=validation_amount,
        metavar="SHARE|N",
        help="validation split of data that have none: a share or a number of the training "
        "samples, drawn per class, or 'last N'; default: the validation samples of the run",
    )
    some.add_argument(
        "--samples",
        type=count,
        metavar="N",
        help="only N samples, drawn so that every class has its share, the same ones each time",
    )


def check_unused(arguments: argparse.Namespace, names: Iterable[str]) -> None:
    """Raise `UsageError` for flags that mean nothing where DATA is not named."""
    for name in names:
        if getattr(arguments, name, None):
            raise UsageError(
                f"{arguments.parser.flag(name)} is for what runs on data, and none are named",
                code="data-missing",
                fix="name them, `data=`, or leave it out",
            )


def find_data(
    arguments: argparse.Namespace, name: str, validation_rule: SplitRule | None = None
) -> Dataset:
    """Find the data set of that name or folder.

    Args:
        arguments: with the flags that say how data are found.
        name: what DATA says.
        validation_rule: training samples for the validation split.

    Raises:
        UsageError: there is no such data set, or it has a validation split already.
    """
    from nmtool.data import load_dataset

    how = flags.given(arguments, "load_dataset")
    return load_dataset(name, **{**how, "validation": validation_rule})


def named_data(arguments: argparse.Namespace) -> Dataset | None:
    """The data set that `--data` names; None where it names none."""
    if not arguments.data or arguments.data == NO_DATA:
        return None
    return find_data(arguments, arguments.data)


def read_samples(
    arguments: argparse.Namespace, networks: Iterable[str], *, draws: bool = True
) -> tuple[Dataset, SpikeEvents]:
    """The data set that DATA names, and the samples of it that a command works on.

    `arguments.data` and `arguments.split` tell the two apart afterwards.

    Args:
        arguments: with DATA and the flags of `add_choice_of_samples`.
        networks: that are to run, whose own validation split is found.
        draws: leave out samples that `--samples` does not draw.

    Raises:
        DataError: there is no sample.
    """
    name, split = name_and_split(arguments.data)
    if split and arguments.split not in (None, split):
        raise UsageError(
            f"{arguments.data} and --split {arguments.split} name two splits",
            code="split-named-twice",
            fix="leave out one of them",
        )
    arguments.data, arguments.split = name, split or arguments.split or "test"
    dataset = chosen_data(arguments, arguments.split, networks)
    return dataset, read_split(dataset, arguments.split, arguments.samples if draws else None)


def chosen_data(arguments: argparse.Namespace, split: str, networks: Iterable[str]) -> Dataset:
    """Find DATA, with the validation split that `--validation` asks for.

    Where the data have none, none is asked for and one is to be read, it is that of the runs the
    networks come from. Other splits are left whole then. What is asked for is drawn as in those
    runs, from their seed and by their groups.
    """
    from nmtool.loading import validated_on

    known = validated_on(networks)
    asked = asked_rule(arguments, known)
    if asked is not None:
        return find_data(arguments, arguments.data, asked)
    dataset = find_data(arguments, arguments.data)
    if split != VALIDATION or VALIDATION in dataset.splits or known is None:
        return dataset
    console.print_remark(f"validation: {known}, as in training")
    return find_data(arguments, arguments.data, known)


def asked_rule(arguments: argparse.Namespace, known: SplitRule | None) -> SplitRule | None:
    """The rule that `--validation` asks for, drawn as the known one; None for none."""
    from nmtool.data.dividing import SplitRule

    asked: str | None = arguments.validation
    if asked is None or known is None or asked.startswith("last"):
        return None if asked is None else SplitRule(asked)
    return SplitRule(asked, known.seed, known.by)


def read_split(dataset: Dataset, split: str, count: int | None = None) -> SpikeEvents:
    """All samples of a split, or some that are drawn, which a remark tells.

    Raises:
        DataError: there is no sample in it.
    """
    with progress(f"reading {dataset.name} ({split})"):
        events = dataset.filled_split(split)
    if count is None or count >= events.n_samples:
        return events
    console.print_remark(
        f"samples: {count:,} of {events.n_samples:,}, drawn per class; their numbers count from 0 "
        f"(in Python: data.{split}.draw({count}))"
    )
    return events.draw(count)
