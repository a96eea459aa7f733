"""Memory of a network's C program on a microcontroller, computed without compiling the program.

Constants and variables are counted. Code and stack have upper bounds, which held for 11 networks
with 2 to 21 populations, and for 14 networks in which the spikes of every population are counted,
compiled by GCC 14.2 with -O2 for two 32-bit processors. Startup code,
drivers and the application are not included.
"""

from __future__ import annotations

from dataclasses import dataclass

from nmtool.errors import Finding
from nmtool.exporters.c.source import memory
from nmtool.network.integer_network import IntegerNetwork
from nmtool.targets.fit import Use
from nmtool.targets.target import Target

_CODE, _CODE_OF_POPULATION, _CODE_OF_PROJECTION, _CODE_OF_COUNTS = 700, 300, 170, 50
"""Bounds of code in bytes: constant part, per population, per projection, and additionally per
population or projection whose spikes are counted."""

_STACK = 256
"""Bound of the stack of `nmtool_step` in bytes."""

_GAPS = 16
"""Bound of the bytes lost to alignment, per population and per projection."""

_POINTER = 4


@dataclass(frozen=True)
class Sizes:
    """Memory of a network's program in bytes.

    Attributes:
        flash: bytes of code and constants.
        ram: bytes of variables.
        stack: bytes of stack of the deepest call chain, without library functions.
    """

    flash: int
    ram: int
    stack: int


def bounds(network: IntegerNetwork) -> Sizes:
    """Compute upper bounds of the memory of a network's C program, which is not compiled."""
    constants, variables = memory(network)
    n_populations, n_projections = len(network.populations), len(network.projections)
    names = sum(len(name.encode()) + 1 + _POINTER for name in network.class_names)
    code = _CODE + _CODE_OF_POPULATION * n_populations + _CODE_OF_PROJECTION * n_projections
    counting = {name for name, most in network.spike_limits.items() if most > 1}
    code += _CODE_OF_COUNTS * sum(p.name in counting for p in network.populations)
    code += _CODE_OF_COUNTS * sum(p.source in counting for p in network.projections)
    gaps = _GAPS * (n_populations + n_projections)
    return Sizes(constants + names + code + gaps, variables + gaps, _STACK)


def uses(network: IntegerNetwork, target: Target) -> list[Use]:
    """Upper bounds of the flash and RAM that a network needs, and the amounts that a target has.

    Args:
        network: an integer network.
        target: a target; without figures of `memory`, nothing is counted.
    """
    limits = bounds(network)
    amounts = [
        ("bytes of flash", limits.flash, target.memory.flash),
        ("bytes of RAM", limits.ram + limits.stack, target.memory.ram),
    ]
    return [
        Use(name, used, available) for name, used, available in amounts if available is not None
    ]


def too_small(use: Use, target: Target) -> Finding:
    """The finding for a memory that a network does not fit into."""
    return Finding(
        "target-memory",
        target.title or target.name,
        f"the network takes {use.used:,} {use.resource}, but there are only {use.available:,}",
        "shorten delays: each step of delay takes 4 bytes of RAM per neuron; or train a smaller "
        "network"
        if use.resource == "bytes of RAM"
        else "train a network with fewer synapses: each synapse takes 2 bytes of flash",
    )
