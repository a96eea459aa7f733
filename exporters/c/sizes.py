"""Memory of a network's C program on a microcontroller.

`uses` gives it without compiling: constants and variables are counted, and code and stack have an
upper bound, which held for 11 networks with 2 to 21 populations, compiled with -O2 for a Cortex-M4
and an RV32IMC by GCC 14.2. `measured` gives the sizes after compiling. Startup code, drivers and
the application are not included.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nmtool.errors import Finding
from nmtool.exporters.c import file
from nmtool.exporters.c.compiler import compile_program
from nmtool.exporters.c.program import NETWORK
from nmtool.exporters.c.source import memory
from nmtool.exporters.processors import Processor
from nmtool.network.integer_network import IntegerNetwork
from nmtool.targets.fit import Use
from nmtool.targets.target import Target

_CODE, _CODE_OF_POPULATION, _CODE_OF_PROJECTION = 700, 300, 170
"""Bounds of code in bytes: constant part, per population, and per projection."""

_STACK = 256
"""Bound of the stack of `nmtool_step` in bytes."""

_GAPS = 16
"""Bytes lost to alignment, per population or projection."""

_POINTER = 4

_SECTION = re.compile(r"^\.s?(text|rodata|data|bss)\S*\s+(\d+)", re.MULTILINE)
_FLASH, _RAM = ("text", "rodata", "data"), ("data", "bss")
_NODE = re.compile(r'^node: \{ title: "([^"]+)" label: "[^"]*?(\d+) bytes \(', re.MULTILINE)
_CALL = re.compile(r'^edge: \{ sourcename: "([^"]+)" targetname: "([^"]+)"', re.MULTILINE)


@dataclass(frozen=True)
class Sizes:
    """Memory of a network's program in bytes.

    Attributes:
        flash: code and constants.
        ram: variables.
        stack: stack of the deepest call chain, without library functions.
    """

    flash: int
    ram: int
    stack: int


def bounds(network: IntegerNetwork) -> Sizes:
    """Upper bounds for a network, without compiling it."""
    constants, variables = memory(network)
    n_populations, n_projections = len(network.populations), len(network.projections)
    names = sum(len(name.encode()) + 1 + _POINTER for name in network.class_names)
    code = _CODE + _CODE_OF_POPULATION * n_populations + _CODE_OF_PROJECTION * n_projections
    gaps = _GAPS * (n_populations + n_projections)
    return Sizes(constants + names + code + gaps, variables + gaps, _STACK)


def uses(network: IntegerNetwork, target: Target) -> list[Use]:
    """Upper bounds of a network's memory, with the memory of a target.

    Args:
        network: an integer network.
        target: a target with figures of `memory`.
    """
    most = bounds(network)
    amounts = [
        ("bytes of flash", most.flash, target.memory.flash),
        ("bytes of RAM", most.ram + most.stack, target.memory.ram),
    ]
    return [
        Use(name, used, available) for name, used, available in amounts if available is not None
    ]


def too_small(target: Target, taken: Sequence[Use]) -> list[Finding]:
    """A finding for every memory that a network does not fit into."""
    return [
        Finding(
            "target-memory",
            target.title or target.name,
            f"the network takes {use.used:,} {use.resource}, but there are {use.available:,}",
            "shorten delays, each step of which takes 4 bytes of RAM per neuron; or train a "
            "smaller network"
            if use.resource == "bytes of RAM"
            else "train a network with fewer synapses, each of which takes 2 bytes of flash",
        )
        for use in taken
        if use.used > use.available
    ]


def measured(network: IntegerNetwork, processor: Processor) -> Sizes:
    """Compile a network for a processor, and read the sizes.

    Args:
        network: an integer network.
        processor: a processor whose compiler is GCC.

    Raises:
        MissingError: the compiler is not installed.
        BackendError: the compiler failed.
    """
    processor.require()
    with tempfile.TemporaryDirectory(prefix="nmtool-sizes-") as name:
        source, compiled = Path(name, NETWORK), Path(name, "network.o")
        source.write_bytes(file.file_bytes(network, None))
        compile_program(source, compiled, processor, "-c", "-fcallgraph-info=su")
        program = processor.compiler.removesuffix("gcc") + "size"
        output = subprocess.run(
            [program, "-A", compiled], capture_output=True, text=True, check=True
        )
        sections = [(kind, int(size)) for kind, size in _SECTION.findall(output.stdout)]
        calls = compiled.with_suffix(".ci").read_text(encoding="utf-8")
    flash, ram = (sum(size for kind, size in sections if kind in kinds) for kinds in (_FLASH, _RAM))
    return Sizes(flash, ram, deepest(calls))


def deepest(calls: str) -> int:
    """Stack of the deepest call chain in bytes.

    Args:
        calls: text of a file by GCC's option -fcallgraph-info=su, without recursion.
    """
    frames = {name: int(size) for name, size in _NODE.findall(calls)}
    callees: dict[str, list[str]] = {}
    for caller, callee in _CALL.findall(calls):
        callees.setdefault(caller, []).append(callee)

    def depth(name: str) -> int:
        return frames.get(name, 0) + max(map(depth, callees.get(name, [])), default=0)

    return max(map(depth, frames), default=0)
