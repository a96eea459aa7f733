"""Options of `nmtool convert` that say how the graph of a NIR file is to be understood."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from nmtool.cli.arguments import count
from nmtool.errors import UsageError

if TYPE_CHECKING:
    from exporters.nir import ImportOptions

_FIELDS = {
    "in_nir_dt": "nir_dt_s",
    "in_dt_ms": "dt_ms",
    "in_steps": "n_steps",
    "in_rule": "rule",
    "in_recurrent_step": "implied",
}
"""What options set in `ImportOptions`."""


def add_nir_import_options(parser: argparse.ArgumentParser) -> None:
    """Add the options; those not given are None."""
    from exporters.nir import options
    from nmtool.readout import RULES

    group = parser.add_argument_group(
        "NIR files of others",
        "One of these has the graph read even from a file that carries nmtool's own network.",
    )
    group.add_argument(
        "--in-nir-dt",
        type=float,
        metavar="S",
        help=f"step in s that IN was made for, which NIR does not tell; default "
        f"{options.NIR_DT_S:g}",
    )
    group.add_argument(
        "--in-dt-ms",
        type=float,
        metavar="MS",
        help="step of the network in ms; by default the same",
    )
    group.add_argument(
        "--in-steps", type=count, metavar="N", help="steps of a sample; by default those of 1 s"
    )
    group.add_argument(
        "--in-rule",
        choices=RULES,
        help="of the read-out; by default max of the counts of outputs that spike, mean of the "
        "membranes of others",
    )
    group.add_argument(
        "--in-recurrent-step",
        choices=options.RECURRENT_STEPS,
        help="implied (default): a connection that closes a loop costs a step by itself; "
        "explicit: only a Delay does",
    )


def nir_import_options(arguments: argparse.Namespace) -> ImportOptions | None:
    """The options as given, None where none is; raises `UsageError` where one is out of range."""
    from exporters.nir import ImportOptions
    from exporters.nir.options import IMPLIED

    given: dict[str, Any] = {
        field: value
        for name, field in _FIELDS.items()
        if (value := getattr(arguments, name)) is not None
    }
    if not given:
        return None
    if "implied" in given:
        given["implied"] = given["implied"] == IMPLIED
    return ImportOptions(**given)


def refuse_nir_import_options(arguments: argparse.Namespace) -> None:
    """Raise `UsageError` if one is given, for an input that is no NIR file."""
    for name in _FIELDS:
        if getattr(arguments, name) is not None:
            raise UsageError(
                f"--{name.replace('_', '-')} is for NIR files, which {arguments.network} is not",
                fix="leave it out",
            )
