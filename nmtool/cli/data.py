"""`nmtool data DATA`: describe a data set; with `-o`, write it in SHD layout or as CSV."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nmtool.arguments import count
from nmtool.cli import console, flags
from nmtool.cli.arguments import SAMPLES, add_force, add_json, group, validation_amount
from nmtool.cli.flags import flag
from nmtool.cli.loading import add_data_options, find_data
from nmtool.cli.progress import progress
from nmtool.errors import UsageError, listed
from nmtool.splits import name_and_split

if TYPE_CHECKING:
    from nmtool.data.dataset import Dataset

MAX_NAMES = 100
"""Largest number of classes whose names are printed."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.usage = "nmtool data DATA [-o FOLDER|FILE.csv] [options]"
    parser.description = (
        "Describe a data set and propose a time step and a number of steps for it. With -o FOLDER, "
        "make a data set from files of other tools: CSV (columns sample, label, unit, time_ms, "
        "optionally split), npz (dense spikes [samples, steps, channels] and labels, optionally as "
        "train_spikes, train_labels, ...; or numbers, as values or train_values, ...), or a folder "
        "of such files. With -o FILE.csv, write samples as a table "
        "with a row per event, which exports to C and Lava read as input."
    )
    parser.add_argument(
        "data",
        metavar="DATA",
        help="digits, yinyang, shd, ssc, tonic:NAME, a folder in SHD layout, or FILE.csv, "
        "FILE.npz; DATA:SPLIT is one split of it",
    )
    add_data_options(parser)
    group(parser, SAMPLES).add_argument(
        "--samples",
        type=count,
        metavar="N",
        help="use only N samples of each split, drawn in proportion to the classes; every call "
        "draws the same samples",
    )
    add_json(parser)
    conversion = parser.add_argument_group("conversion")
    conversion.add_argument(
        "-o",
        "--output",
        metavar="FOLDER|FILE.csv",
        help="write the data set to a folder in SHD layout, or to a table with a row per event",
    )
    flags.add(
        conversion,
        "FileConventions",
        n_units=None,
        columns=flag(metavar="NAME=COLUMN,…"),
        sensor_size=flag(metavar="W,H,P"),
    )
    conversion.add_argument(
        "--test",
        type=validation_amount,
        metavar="SHARE|N",
        help="if there is no test split, draw one from the training samples: a share or a number, "
        "in proportion to the classes",
    )
    conversion.add_argument(
        "--test-by",
        metavar="NAME",
        help="column of groups that --test does not divide, such as speaker",
    )
    conversion.add_argument(
        "--seed", type=int, default=0, metavar="N", help="seed of the draw by --test (default 0)"
    )
    add_force(conversion, "FILE.csv, or files of the same name in FOLDER")
    parser.epilog = (
        "examples: nmtool data spikes.csv -o spikes --test 0.2; "
        "nmtool data digits:test -o events.csv --samples 10"
    )


def run(arguments: argparse.Namespace) -> int:
    from nmtool.data.dataset import with_test
    from nmtool.data.description import groups_in_several, table_of
    from nmtool.data.dividing import SplitRule
    from nmtool.data.grid import propose_grid
    from nmtool.data.incoming import write_dataset
    from nmtool.data.remarks import remarks

    if arguments.test_by is not None and arguments.test is None:
        raise UsageError(
            "--test-by has no effect without --test",
            code="option-unused",
            fix="add --test 0.2, or leave out --test-by",
        )
    name, split = name_and_split(arguments.data)
    dataset = _find_or_read(arguments, name)
    with progress(f"reading {dataset.name}"):
        if arguments.test is not None:
            dataset = with_test(
                dataset, SplitRule(arguments.test, arguments.seed, arguments.test_by)
            )
        is_whole = split is None and arguments.samples is None
        if not is_whole:
            dataset = _chosen(dataset, (split,) if split else dataset.splits, arguments.samples)
        content = dataset.describe()
        grid = propose_grid(dataset.train) if is_whole and "train" in dataset.splits else None
        findings = list(remarks(dataset)) if is_whole else []
    for remark in findings:
        console.print_remark(remark.as_line("remark"))
    files: list[str] = []
    if arguments.output is not None:
        path = Path(arguments.output)
        with progress(f"writing {path}"):
            written = write_dataset(dataset, path, path.resolve().name, force=arguments.force)
        files = [str(file) for file in written]
    if arguments.json:
        result: dict[str, Any] = {"data": dataset.name, "splits": content}
        result["remarks"] = [vars(remark) for remark in findings]
        if files:
            result["files"] = files
        console.print_json(result)
        return 0
    console.print_table(table_of(dataset.name, content))
    names = [*next(iter(content.values()))["classes"]]
    console.print_line(f"classes: {listed(names, MAX_NAMES)}")
    splits = {split: dataset.split(split) for split in dataset.splits}
    for column, shared in groups_in_several(splits).items() if len(splits) > 1 else ():
        console.print_line(f"{column}: {shared or 'no'} groups have samples in several splits")
    if grid is not None:
        console.print_line(
            f"proposed: --dt {grid.dt_ms:g} --steps {grid.n_steps} (99.5 % of the samples end "
            f"within these steps, {grid.merged:.1%} of the events share a bin with another)"
        )
    for file in files:
        console.print_line(f"{file} written")
    return 0


def _chosen(dataset: Dataset, splits: Sequence[str], n_samples: int | None) -> Dataset:
    """A data set with only the chosen splits, each with all samples or with `n_samples` drawn."""
    from nmtool.data.dataset import Dataset

    chosen = {split: dataset.filled_split(split) for split in splits}
    if n_samples is not None:
        chosen = {split: events.draw(n_samples) for split, events in chosen.items()}
    return Dataset(dataset.name, tuple(splits), chosen.__getitem__)


def _find_or_read(arguments: argparse.Namespace, name: str) -> Dataset:
    """Find a data set by name or folder, or read it from files of other tools."""
    from nmtool.data.incoming import FileConventions, is_incoming, read_incoming
    from nmtool.loading import check_exists

    conventions = FileConventions(**flags.given(arguments, "FileConventions"))
    has_conventions = conventions != FileConventions(n_units=conventions.n_units)
    if is_incoming(name):
        with progress(f"reading {name}"):
            return read_incoming(name, conventions)
    if has_conventions and Path(name).suffix:
        check_exists(name)
    if has_conventions:
        raise UsageError(
            f"'{name}' already defines its times and labels",
            code="data-options-unused",
            fix="leave out --dt, --columns, --sensor-size, --bits, --scale and --delta",
        )
    return find_data(arguments, name)
