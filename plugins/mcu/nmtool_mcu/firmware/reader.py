"""`main.c` of a firmware folder: a program that reads events and prints a class per sample.

It reads tables that `nmtool data DATA:test -o events.csv` writes, and prints the same as the check
program of a C file. Times are integers in units of 10^-9 ms. It allocates no memory, and links
neither floating point nor formatted output.
"""

from __future__ import annotations

from pathlib import Path

from nmtool.exporters.c.answers import SHORTEST_CELL
from nmtool.exporters.c.source import program_values
from nmtool.exporters.c.text import renamed
from nmtool.exporters.templates import filled
from nmtool.network.integer_network import IntegerNetwork
from nmtool.rounding import round_half_away

UNITS_PER_MS = 10**9
"""Units of time per ms: times are rounded to 10⁻⁹ ms."""


def main_text(network: IntegerNetwork, prefix: str) -> str:
    """The text of `main.c`.

    Args:
        network: the network.
        prefix: prefix of the names in the network's header.
    """
    channels = network.channels
    longest = max((len(name.encode()) for name in network.class_names), default=0)
    text = filled(
        Path(__file__).with_name("main.c").read_text("ascii"),
        {
            **program_values(network, prefix),
            "cell_size": max(SHORTEST_CELL, longest + 1),
            "last_unit": channels.size * channels.group - 1,
            "units_per_ms": UNITS_PER_MS,
            "units_per_step": max(1, int(round_half_away(network.dt_ms * UNITS_PER_MS))),
        },
    )
    return renamed(text, prefix)
