"""DATA of a command: flags for finding it, and the data set that it names."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from nmtool.arguments import count
from nmtool.cli import flags
from nmtool.cli.arguments import DATA, SAMPLES, group, validation_amount
from nmtool.cli.flags import flag
from nmtool.errors import UsageError
from nmtool.splits import NO_DATA

if TYPE_CHECKING:
    from nmtool.data import Dataset

FINDING = ("data_dir", "n_units")
DIVIDING = (*FINDING, "validation")
"""Parameters of `load_dataset` that are flags; `validation` only where samples are chosen."""


def add_data(parser: argparse.ArgumentParser, text: str = DATA, **settings: Any) -> None:
    """Add the argument DATA and the flags for finding it."""
    parser.add_argument("data", metavar="DATA", help=text, **settings)
    add_data_options(parser)


def add_data_options(parser: argparse.ArgumentParser, names: Sequence[str] = FINDING) -> None:
    """Add the flags for finding DATA."""
    changes = {
        "data_dir": flag(metavar="DIR"),
        "n_units": flag("--units", type=count),
        "validation": flag(
            type=validation_amount,
            metavar="SHARE|N",
            help="validation split for data without one: a share or a number of training samples, "
            "drawn per class, or 'last N'; default: the run's own validation samples",
        ),
    }
    chosen: dict[str, Any] = {name: changes[name] for name in names}
    flags.add(group(parser, SAMPLES), "load_dataset", only=names, **chosen)


def find_data(arguments: argparse.Namespace, name: str, names: Sequence[str] = FINDING) -> Dataset:
    """Find a data set by its name or folder.

    Raises:
        UsageError: there is no data set of that name, or it already has a validation split.
    """
    from nmtool.data import load_dataset

    given = flags.given(arguments, "load_dataset")
    return load_dataset(name, **{key: value for key, value in given.items() if key in names})


def open_data(arguments: argparse.Namespace, values: dict[str, Any], name: str = "data") -> None:
    """Replace the name of a data set among the values of a function by the data set.

    Without flags for finding it, the name stays, and the function finds the data set.

    Args:
        arguments: parsed arguments with the flags of `add_data_options`.
        values: arguments of the function, by parameter.
        name: the parameter that takes the data.

    Raises:
        UsageError: there is no data set of that name, or a flag needs data, but none are named.
    """
    finding = flags.given(arguments, "load_dataset")
    if finding and values.get(name, NO_DATA) == NO_DATA:
        raise UsageError(
            f"{arguments.parser.flag(next(iter(finding)))} needs data, but none are named",
            code="data-missing",
            fix="name the data, `data=`, or leave the flag out",
        )
    if finding:
        values[name] = find_data(arguments, values[name], DIVIDING)


def name_data(arguments: argparse.Namespace, networks: Sequence[str]) -> None:
    """Set `arguments.data` and `arguments.split` to the names of the samples that networks ran on.

    Args:
        arguments: parsed arguments with DATA and the flags of `add_data_options`.
        networks: paths of the networks.
    """
    from nmtool.loading import with_validation_of

    dataset = with_validation_of(networks, find_data(arguments, arguments.data, DIVIDING))
    arguments.data, arguments.split = dataset.name, dataset.default_split
