"""Find the data set that a command names, and read its samples."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from nmtool.arguments import count
from nmtool.cli import console, flags
from nmtool.cli.arguments import DATA, SAMPLES, group, validation_amount
from nmtool.cli.flags import flag
from nmtool.cli.progress import progress
from nmtool.errors import UsageError
from nmtool.splits import NO_DATA, SPLITS, VALIDATION, name_and_split

if TYPE_CHECKING:
    from nmtool.data import Dataset, SpikeEvents
    from nmtool.data.dividing import SplitRule


def add_data(parser: argparse.ArgumentParser, text: str = DATA, **settings: Any) -> None:
    """Add the argument DATA and the flags for finding it."""
    parser.add_argument("data", metavar="DATA", help=text, **settings)
    add_data_options(parser)


def add_data_options(parser: argparse.ArgumentParser) -> None:
    """Add the flags for finding DATA."""
    flags.add(
        group(parser, SAMPLES),
        "load_dataset",
        only=("data_dir", "n_units"),
        data_dir=flag(metavar="DIR"),
        n_units=flag("--units", type=count),
    )


def add_choice_of_samples(parser: argparse.ArgumentParser) -> None:
    """Add `--split`, `--validation` and `--samples`, which choose samples of DATA."""
    sample_flags = group(parser, SAMPLES)
    sample_flags.add_argument("--split", choices=SPLITS, help="split of DATA; default test")
    sample_flags.add_argument(
        "--validation",
        type=validation_amount,
        metavar="SHARE|N",
        help="validation split for data without one: a share or a number of training samples, "
        "drawn per class, or 'last N'; default: the run's own validation samples",
    )
    sample_flags.add_argument(
        "--samples",
        type=count,
        metavar="N",
        help="use only N samples, drawn in proportion to the classes; every call draws the same "
        "samples",
    )


def check_unused(arguments: argparse.Namespace, names: Iterable[str]) -> None:
    """Raise `UsageError` if a flag that needs DATA is given, but DATA is not."""
    for name in names:
        if getattr(arguments, name, None):
            raise UsageError(
                f"{arguments.parser.flag(name)} needs data, but none are named",
                code="data-missing",
                fix="name the data, `data=`, or leave the flag out",
            )


def find_data(
    arguments: argparse.Namespace, name: str, validation_rule: SplitRule | None = None
) -> Dataset:
    """Find a data set by its name or folder.

    Args:
        arguments: parsed arguments with the flags for finding data.
        name: the value of DATA.
        validation_rule: rule that draws a validation split from the training samples.

    Raises:
        UsageError: there is no data set of that name, or it already has a validation split.
    """
    from nmtool.data import load_dataset

    values = flags.given(arguments, "load_dataset")
    return load_dataset(name, **{**values, "validation": validation_rule})


def named_data(arguments: argparse.Namespace) -> Dataset | None:
    """The data set that `--data` names; None if `--data` is `none` or not given."""
    if not arguments.data or arguments.data == NO_DATA:
        return None
    return find_data(arguments, arguments.data)


def read_samples(
    arguments: argparse.Namespace, networks: Iterable[str], *, draws: bool = True
) -> tuple[Dataset, SpikeEvents]:
    """The data set that DATA names, and the samples that the command works on.

    Afterwards `arguments.data` is the data set's name and `arguments.split` the split.

    Args:
        arguments: parsed arguments with DATA and the flags of `add_choice_of_samples`.
        networks: paths of the networks to run; their runs' validation split is the default.
        draws: keep only the samples that `--samples` draws.

    Raises:
        DataError: the split has no samples.
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
    """Find DATA, with the validation split that `--validation` requests.

    The requested split is drawn with the seed and the groups of the networks' runs. Without
    `--validation`, the split of these runs is drawn if the command reads the validation split and
    the data have none. In all other cases, the training samples are not divided.
    """
    from nmtool.loading import shared_validation_rule

    rule_of_runs = shared_validation_rule(networks)
    rule = validation_rule_of(arguments, rule_of_runs)
    if rule is not None:
        return find_data(arguments, arguments.data, rule)
    dataset = find_data(arguments, arguments.data)
    if split != VALIDATION or VALIDATION in dataset.splits or rule_of_runs is None:
        return dataset
    console.print_remark(f"validation: {rule_of_runs}, as in training")
    return find_data(arguments, arguments.data, rule_of_runs)


def validation_rule_of(
    arguments: argparse.Namespace, rule_of_runs: SplitRule | None
) -> SplitRule | None:
    """The rule for the validation split that `--validation` requests; None without the flag.

    The rule takes seed and groups from `rule_of_runs`, the rule of the runs, unless that is None or
    `--validation` requests the last samples.
    """
    from nmtool.data.dividing import SplitRule

    rule: str | None = arguments.validation
    if rule is None or rule_of_runs is None or rule.startswith("last"):
        return None if rule is None else SplitRule(rule)
    return SplitRule(rule, rule_of_runs.seed, rule_of_runs.by)


def read_split(dataset: Dataset, split: str, count: int | None = None) -> SpikeEvents:
    """All samples of a split, or `count` drawn samples; a remark announces the draw.

    Raises:
        DataError: the split is empty.
    """
    with progress(f"reading {dataset.name} ({split})"):
        events = dataset.filled_split(split)
    if count is None or count >= events.n_samples:
        return events
    console.print_remark(
        f"samples: {count:,} of {events.n_samples:,}, drawn per class and numbered from 0 "
        f"(in Python: data.{split}.draw({count}))"
    )
    return events.draw(count)
