"""Options of `nmtool export` and `nmtool convert` that say how a folder of Verilog is written."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from nmtool.cli.nir_options import nir_options
from nmtool.errors import UsageError

if TYPE_CHECKING:
    from nmtool.exporters.nir.options import NirOptions
    from nmtool.exporters.verilog.options import VerilogOptions


def add_verilog_options(parser: argparse.ArgumentParser) -> None:
    """Add the options; those not given are None."""
    from nmtool.exporters.verilog.layout import LANES
    from nmtool.exporters.verilog.parts import part_names

    group = parser.add_argument_group("Verilog")
    group.add_argument(
        "--lanes",
        type=int,
        choices=LANES,
        help="synapses that are added in one clock, default 1; more are faster and larger",
    )
    group.add_argument(
        "--part",
        choices=part_names(),
        help="refuse a network that does not fit this FPGA, with the reasons",
    )
    group.add_argument(
        "--deep",
        action="store_const",
        const=True,
        help="let the core tell u and v of every neuron, and its benches compare them",
    )


def writing_options(arguments: argparse.Namespace) -> NirOptions | VerilogOptions | None:
    """The options of NIR or of Verilog as given, None without any.

    Raises:
        UsageError: they are out of range, or of both.
    """
    from nmtool.exporters.verilog.options import VerilogOptions

    nir = nir_options(arguments)
    given = {name: getattr(arguments, name) for name in ("lanes", "part", "deep")}
    given = {name: value for name, value in given.items() if value is not None}
    if nir is not None and given:
        raise UsageError(
            "options of NIR files and of Verilog do not go together",
            code="writing-options-mixed",
            why=f"{', '.join(given)} are of Verilog",
            fix="leave out those of the format that you do not write",
        )
    return VerilogOptions(**given) if given else nir
