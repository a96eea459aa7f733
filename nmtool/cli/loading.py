"""Data sets by the words of the command line, and their samples."""

from __future__ import annotations

import argparse
from collections.abc import Iterable

from nmtool.cli import console
from nmtool.cli.progress import working
from nmtool.data import Dataset, SpikeEvents, load_dataset
from nmtool.verbs.loading import NO_DATA

VALIDATION = "validation"


def find_data(arguments: argparse.Namespace, name: str, validation: int | None = None) -> Dataset:
    """Find the data set of that name or folder.

    Args:
        arguments: with the options that say how data are found.
        name: what DATA says.
        validation: number of training samples, the last ones, for the validation split.

    Raises:
        UsageError: there is no such data set, or it has a validation split already.
    """
    return load_dataset(
        name, validation=validation, data_dir=arguments.data_dir, n_units=arguments.units
    )


def named_data(arguments: argparse.Namespace) -> Dataset | None:
    """The data set that `--data` names; None where it names none."""
    if not arguments.data or arguments.data == NO_DATA:
        return None
    return find_data(arguments, arguments.data)


def chosen_data(arguments: argparse.Namespace, split: str, networks: Iterable[str]) -> Dataset:
    """Find DATA, with the validation split that `--validation` asks for.

    Where the data have none, none is asked for and one is to be read, it is that of the runs the
    networks come from. Other splits are left whole then.
    """
    from nmtool.training.loop.run_folder import validation_size

    dataset = find_data(arguments, arguments.data, arguments.validation)
    if split != VALIDATION or VALIDATION in dataset.splits:
        return dataset
    count = validation_size(networks)
    if count is None:
        return dataset
    console.say(f"validation: the last {count} training samples, as in training")
    return find_data(arguments, arguments.data, count)


def read_split(dataset: Dataset, split: str, count: int | None = None) -> SpikeEvents:
    """The first samples of a split, or all.

    Raises:
        DataError: there is no sample in it.
    """
    with working(f"reading {dataset.name} ({split})"):
        events = dataset.filled_split(split)
    return events if count is None else events[:count]
