"""Training samples that validate: as asked for, or as the run that is looked at was trained."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path

from nmtool.cli import console
from nmtool.cli.loading import RUN_INTEGERS, RUN_NETWORK, find_data, read_split
from nmtool.data import Dataset

VALIDATION = "validation"

LAST = 300
"""Training samples that are compared on, from the end, where nothing says what was held out."""


def chosen_data(arguments: argparse.Namespace, split: str, networks: Iterable[str]) -> Dataset:
    """The data set, with the validation split that `--validation` asks for.

    Where the data have none, none is asked for and one is to be read, it is that of the networks.
    Other splits are left whole then.
    """
    dataset = find_data(arguments, arguments.data, arguments.validation)
    if split != VALIDATION or VALIDATION in dataset.splits:
        return dataset
    count = validated_on(networks)
    if count is None:
        return dataset
    console.say(f"validation: the last {count} training samples, as in training")
    return find_data(arguments, arguments.data, count)


def keep_apart(dataset: Dataset, held_out: int | None) -> tuple[Dataset, str]:
    """The data with a validation split to compare on, which calibration never sees.

    Without one of its own these are the last training samples: those held out, or at most half.

    Args:
        dataset: with training samples.
        held_out: how many of them, the last ones, the network did not learn from, if that is
            known.

    Returns:
        The data, and what to call that split.
    """
    if VALIDATION in dataset.splits:
        return dataset, "samples of the validation split"
    events = read_split(dataset, "train")
    known = held_out is not None and held_out < events.n_samples
    count = held_out if known else min(LAST, events.n_samples // 2)
    name = "samples held out of training" if known else "training samples, the last ones"
    splits = {"train": events}
    return Dataset(dataset.name, tuple(splits), splits.__getitem__, tail=count or None), name


def validated_on(networks: Iterable[str]) -> int | None:
    """How many training samples, the last ones, validated the runs that networks come from.

    Args:
        networks: run folders, or what training wrote in them; others say nothing.

    Returns:
        None where none says so, or they contradict each other.

    Raises:
        FileFormatError: the manifest of a run is damaged.
    """
    said = {_count(Path(network)) for network in networks} - {None}
    return said.pop() if len(said) == 1 else None


def _count(path: Path) -> int | None:
    from nmtool.training.run_folder import RunFolder

    run = RunFolder(path.parent if path.name in (RUN_NETWORK, RUN_INTEGERS) else path)
    return run.options().validation or None if run.manifest_file.is_file() else None
