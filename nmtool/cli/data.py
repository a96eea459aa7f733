"""`nmtool data DATA`: what a data set holds; with `-o FOLDER`, the same in SHD layout."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nmtool.cli import console, flags
from nmtool.cli.arguments import add_force, add_json, count, validation_amount
from nmtool.cli.flags import flag
from nmtool.cli.loading import add_data_options, find_data
from nmtool.cli.progress import progress
from nmtool.errors import UsageError, listed

if TYPE_CHECKING:
    from nmtool.data.dataset import Dataset

SHOWN = 100
"""Classes whose names are printed."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.usage = "nmtool data DATA [-o FOLDER] [options]"
    parser.description = (
        "What a data set holds, and a grid that fits it. With -o FOLDER, files of others become a "
        "data set: CSV (columns sample, label, unit, time_ms, perhaps split), npz (dense spikes "
        "[samples, steps, channels] and labels, perhaps as train_spikes, train_labels, ...), or a "
        "folder of such files or of HDF5 files in SHD layout."
    )
    parser.add_argument(
        "data",
        metavar="DATA",
        help="digits, yinyang, shd, ssc, tonic:NAME, a folder in SHD layout, or FILE.csv, FILE.npz",
    )
    add_data_options(parser)
    add_json(parser)
    group = parser.add_argument_group("conversion")
    group.add_argument("-o", "--output", metavar="FOLDER", help="write it there in SHD layout")
    flags.add(
        group,
        "Meaning",
        time_unit=flag(choices=flags.words("nmtool.data.shd.TIME_UNITS_MS")),
        dt_ms=flag("--dt", metavar="MS"),
        n_units=None,
        columns=flag(metavar="NAME=COLUMN,…"),
        sensor_size=flag(metavar="W,H,P", type=_sizes, action="store"),
    )
    group.add_argument(
        "--test",
        type=validation_amount,
        metavar="SHARE|N",
        help="draw a test split per class from training samples, where there is none",
    )
    group.add_argument("--seed", type=int, default=0, metavar="N", help="of that draw (default 0)")
    add_force(group, "files of the same name in FOLDER")
    parser.epilog = "example: nmtool data spikes.csv -o spikes --test 0.2"


def run(arguments: argparse.Namespace) -> int:
    from nmtool.data.dataset import with_test
    from nmtool.data.description import table_of
    from nmtool.data.dividing import SplitRule
    from nmtool.data.grid import propose_grid
    from nmtool.data.incoming import write_dataset
    from nmtool.data.remarks import remarks

    dataset = _dataset(arguments)
    with progress(f"reading {dataset.name}"):
        if arguments.test is not None:
            dataset = with_test(dataset, SplitRule(arguments.test, arguments.seed))
        content = dataset.describe()
        grid = propose_grid(dataset.train) if "train" in dataset.splits else None
        findings = list(remarks(dataset))
    for remark in findings:
        console.print_remark(f"remark[{remark.code}]: {remark.what}; {remark.fix}")
    files: list[str] = []
    if arguments.output is not None:
        folder = Path(arguments.output)
        written = write_dataset(dataset, folder, folder.resolve().name, force=arguments.force)
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
    console.print_line(f"classes: {listed(names, SHOWN)}")
    if grid is not None:
        console.print_line(
            f"a grid for it: --dt {grid.dt_ms:g} --steps {grid.n_steps} (99.5 % of the samples end "
            f"within, {grid.merged:.1%} of the events share a bin with another)"
        )
    for file in files:
        console.print_line(f"{file} written")
    return 0


def _sizes(text: str) -> list[int]:
    return [count(part) for part in text.split(",")]


def _dataset(arguments: argparse.Namespace) -> Dataset:
    """A data set by name or folder, or one in files of others."""
    from nmtool.data.incoming import Meaning, is_incoming, read_incoming

    name, meaning = arguments.data, Meaning(**flags.given(arguments, "Meaning"))
    changes = meaning != Meaning(n_units=meaning.n_units)
    converts = Path(name).exists() and (changes or arguments.output is not None)
    if converts or is_incoming(name):
        with progress(f"reading {name}"):
            return read_incoming(name, meaning)
    if changes:
        raise UsageError(
            f"'{name}' says itself what its times and labels mean",
            code="data-options-unused",
            fix="leave out --time-unit, --dt, --labels-from, --columns and --sensor-size",
        )
    return find_data(arguments, name)
