"""Options of `nmtool export` and `nmtool convert` that say how a NIR file is written."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nmtool.exporters.nir import NirOptions

_NAMES = ("form", "readout", "recurrent_step", "hops", "nir_dt", "profile")


def add_nir_options(parser: argparse.ArgumentParser) -> None:
    """Add the options; those not given are None."""
    from nmtool.exporters.nir import options

    group = parser.add_argument_group("NIR files")
    group.add_argument(
        "--form",
        choices=options.FORMS,
        help="of delays that differ between the synapses of a neuron: grouped (default): a Delay "
        "and a Linear per delay; tapped: a line of one-step Delays; expander: Linear, Delay, "
        "Linear; axonal: refuse them. Where they do not differ, one Delay does",
    )
    group.add_argument(
        "--readout",
        choices=options.READOUTS,
        help="how the graph ends: population (default): with the output population; current: with "
        "its input; spikes: with the spikes that feed it",
    )
    group.add_argument(
        "--recurrent-step",
        choices=options.RECURRENT_STEPS,
        help="implied (default): a connection that closes a loop costs a step by itself; "
        "explicit: only a Delay costs steps",
    )
    group.add_argument(
        "--hops",
        choices=options.HOPS,
        help="delayed: the step of every hop is written as a Delay; free: populations run ahead "
        "instead, only differences of delays are written (default with --profile)",
    )
    group.add_argument(
        "--nir-dt",
        type=float,
        metavar="S",
        help=f"step in s that time constants are written for, default {options.NIR_DT_S:g}",
    )
    group.add_argument(
        "--profile",
        choices=options.PROFILES,
        help="refuse what this peer would drop or break, with the reasons",
    )


def nir_options(arguments: argparse.Namespace) -> NirOptions | None:
    """The options as given, None without any; raises `UsageError` where they are out of range."""
    from nmtool.exporters.nir import NirOptions

    given = {name: getattr(arguments, name) for name in _NAMES}
    given["nir_dt_s"] = given.pop("nir_dt")
    given = {name: value for name, value in given.items() if value is not None}
    return NirOptions(**given) if given else None
