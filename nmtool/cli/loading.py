"""Data sets by the words of the command line, and their samples."""

from __future__ import annotations

import argparse
from collections.abc import Iterable

from nmtool.cli import console
from nmtool.cli.progress import working
from nmtool.data import Dataset, SpikeEvents, load_dataset
from nmtool.data.validation_split import SplitRule
from nmtool.loading import validated_on
from nmtool.quantisation.quantising import NO_DATA

VALIDATION = "validation"


def find_data(
    arguments: argparse.Namespace, name: str, validation_rule: SplitRule | None = None
) -> Dataset:
    """Find the data set of that name or folder.

    Args:
        arguments: with the options that say how data are found.
        name: what DATA says.
        validation_rule: training samples for the validation split.

    Raises:
        UsageError: there is no such data set, or it has a validation split already.
    """
    return load_dataset(
        name, validation=validation_rule, data_dir=arguments.data_dir, n_units=arguments.units
    )


def named_data(arguments: argparse.Namespace) -> Dataset | None:
    """The data set that `--data` names; None where it names none."""
    if not arguments.data or arguments.data == NO_DATA:
        return None
    return find_data(arguments, arguments.data)


def chosen_data(arguments: argparse.Namespace, split: str, networks: Iterable[str]) -> Dataset:
    """Find DATA, with the validation split that `--validation` asks for.

    Where the data have none, none is asked for and one is to be read, it is that of the runs the
    networks come from. Other splits are left whole then. What is asked for is drawn as in those
    runs, from their seed and by their groups.
    """
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
    asked: str | None = arguments.validation
    if asked is None or known is None or asked.startswith("last"):
        return None if asked is None else SplitRule(asked)
    return SplitRule(asked, known.seed, known.by)


def read_split(dataset: Dataset, split: str, count: int | None = None) -> SpikeEvents:
    """All samples of a split, or some that are drawn, which a remark tells.

    Raises:
        DataError: there is no sample in it.
    """
    with working(f"reading {dataset.name} ({split})"):
        events = dataset.filled_split(split)
    if count is None or count >= events.n_samples:
        return events
    console.print_remark(
        f"samples: {count:,} of {events.n_samples:,}, drawn per class; their numbers count from 0 "
        f"(in Python: data.{split}.draw({count}))"
    )
    return events.draw(count)
