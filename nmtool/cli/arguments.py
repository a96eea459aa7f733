"""Flags that commands share, and their titles in the help."""

from __future__ import annotations

import argparse

SAMPLES, ROUNDING, MACHINE = "data", "rounding to integers", "output and machine"
"""Titles of help groups that several commands share."""

NETWORK = "run folder, network file, integer network file or export"
DATA = "digits, yinyang, shd, ssc, tonic:NAME or a folder in SHD layout"


def validation_amount(text: str) -> str:
    """Parse a share or number of validation samples; for `type=`."""
    from nmtool.data.dividing import amount

    share = amount(text)
    if share is None or share == "0":
        raise argparse.ArgumentTypeError(f"must be like 0.2, 300 or 'last 300', not '{text}'")
    return share


def grouping(text: str) -> str | int:
    """Parse a column's name, or the size of blocks of neighbouring samples; for `type=`."""
    from nmtool.data.dividing import grouping

    return grouping(text)


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add `--json`."""
    group(parser, MACHINE).add_argument(
        "--json", action="store_true", help="one JSON object on stdout"
    )


def add_force(parser: argparse._ActionsContainer, what: str) -> None:
    """Add `--force`, which replaces an earlier result."""
    parser.add_argument("--force", action="store_true", help=f"replace {what}")


def group(parser: argparse._ActionsContainer, title: str) -> argparse._ArgumentGroup:
    """The group with this title in a command's help; a missing group is created."""
    groups = {titled.title: titled for titled in parser._action_groups}
    return groups.get(title) or parser.add_argument_group(title)
