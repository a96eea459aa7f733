"""What a core takes of an FPGA, from its memories and from what syntheses made of others.

Memories are counted by the rules of Yosys 0.52: each lies in as few blocks as any of their widths
allows, or in look-up tables where that costs less. Look-up tables are a linear model, fitted to
`python -m benchmarks.fpga`; its largest error there is told.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nmtool.errors import Finding
from nmtool.exporters.verilog.answer import answer_block
from nmtool.exporters.verilog.layout import BANK_BITS, SYNAPSES, Layout
from nmtool.integer_network import IntegerNetwork
from nmtool.readout import WEIGHTED, WINDOW
from nmtool.targets.fit import Use
from nmtool.targets.target import Target

ECP5, ICE40UP = "ecp5", "ice40up"

_BLOCKS = {
    ECP5: {1: 16384, 2: 8192, 4: 4096, 9: 2048, 18: 1024, 36: 512},
    ICE40UP: {2: 2048, 4: 1024, 8: 512, 16: 256},
}
"""Words of a block RAM by their width."""

_TABLE_COST, _BLOCK_COST = 4, 129
"""Of a RAM of 16 × 4 bits in look-up tables, of an ECP5, and of a block, as Yosys weighs them."""

_LARGE_WORDS, _LARGE_WIDTH, LARGE_BANK_BITS = 1 << 14, 16, 14

_MULTIPLIERS_PER_NEURON, _MULTIPLIER_OF_ROWS, _MULTIPLIERS_OF_WEIGHTED = 4, 1, 2


@dataclass(frozen=True)
class Shape:
    """One memory.

    Attributes:
        width: bits of a word.
        depth: words.
        is_large: it is one of those with one port where there are such.
    """

    width: int
    depth: int
    is_large: bool = False


def shapes(network: IntegerNetwork, lanes: int, family: str) -> Iterator[Shape]:
    """The memories of a core.

    Args:
        network: what the core runs.
        lanes: of the core.
        family: of the FPGA, which decides how long banks of synapses are.
    """
    layout, answer = Layout(network, lanes), answer_block(network)
    p, a = layout.parameters, answer.parameters
    left = p["SYNAPSES"]
    bank = 1 << (BANK_BITS[lanes] if family == ECP5 else LARGE_BANK_BITS)
    width = layout.memories[SYNAPSES].width
    for first in range(0, left, bank):
        yield Shape(width, min(bank, left - first), is_large=True)
    ring = (p["WORDS"] + 1) // 2 << p["SLOT_BITS"]
    yield from [Shape(p["ACC_BITS"], ring, is_large=True)] * (2 * lanes)
    groups = p["WORDS"] * lanes // layout.slices
    yield Shape(49 * layout.slices, groups)
    yield Shape(layout.slices * p["BIAS_BITS"], groups)
    queued = p["POPULATION_BITS"] + p["INDEX_BITS"] + layout.slices
    yield Shape(queued, 1 << p["QUEUE_BITS"])
    yield Shape(2 + p["POPULATION_BITS"] + p["INDEX_BITS"] + 26 * layout.slices, 32)
    yield from (Shape(one.width, len(one.bits)) for name, one in layout.memories.items()
                if name in ("populations", "sources", "projections"))
    if network.readout.rule != "first_spike":
        yield Shape(a["SCORE_BITS"], 1 << a["CLASS_BITS"])
    if network.readout.rule == WEIGHTED:
        yield Shape(16, a["STEPS"])
    if network.readout.rule == WINDOW:
        yield Shape(24, max(a["WINDOW"], 2) << a["CLASS_BITS"])


def blocks(shape: Shape, family: str) -> int:
    """Block RAMs of a memory; 0 where it lies in look-up tables.

    >>> blocks(Shape(14, 8192), "ecp5"), blocks(Shape(49, 128), "ecp5")
    (7, 2)
    """
    least = min(
        -(-shape.width // width) * -(-shape.depth // depth)
        for width, depth in _BLOCKS[family].items()
    )
    in_tables = _TABLE_COST * -(-shape.width // 4) * -(-shape.depth // 16)
    return 0 if family == ECP5 and in_tables < _BLOCK_COST * least else least
