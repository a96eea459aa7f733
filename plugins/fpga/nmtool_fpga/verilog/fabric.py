"""FPGA resources of a core, estimated from its memories and from syntheses of other cores.

Block RAMs are counted by the rules of Yosys 0.52: each memory takes the smallest number of blocks
over all block widths, or look-up tables where those are cheaper. The number of look-up tables is a
linear fit to place-and-route results of nextpnr 0.7: five cores for an ECP5, pins and pass-through
included, and one for an iCE40 UP with its serial line. `TABLES_ERROR` is the fit's largest error.
What subtracting resets and counts add are linear fits to Yosys's counts alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from nmtool.network.graph import LI
from nmtool.network.integer_network import IntegerNetwork
from nmtool.targets.fit import Use
from nmtool.targets.target import Target
from nmtool_fpga.targets import ECP5, ICE40UP, Fabric
from nmtool_fpga.verilog.answer import answer_block
from nmtool_fpga.verilog.layout import BANK_BITS, SYNAPSES, Layout, bits_for

_BLOCKS = {
    ECP5: {1: 16384, 2: 8192, 4: 4096, 9: 2048, 18: 1024, 36: 512},
    ICE40UP: {2: 2048, 4: 1024, 8: 512, 16: 256},
}
"""Number of words of a block RAM, by their width in bits."""

_TABLE_COST, _BLOCK_COST = 6, 129
"""Costs on an ECP5: of 16 × 4 bits in look-up tables, multiplexer included, and of a block RAM."""

_BITS_PER_BLOCK = 64
"""On an iCE40, memories with fewer bits per block than this are built from registers."""

_LARGE_WORDS, _LARGE_WIDTH, LARGE_BANK_BITS = 1 << 14, 16, 14

_TABLES = {ECP5: (1740, 250, 150), ICE40UP: (2730, 190, 150)}
"""Number of look-up tables of a core: constant part, per lane, per neuron updated in a clock."""

_SUBTRACTING_TABLES = {ECP5: (48, 115), ICE40UP: (84, 92)}
"""Number of look-up tables that a core has besides if spikes of some population subtract: constant
part, and per neuron updated in a clock."""

_SENDING_TABLES = {ECP5: (17, 8), ICE40UP: (10, 9)}
"""Number of look-up tables that send several spikes of a source, per bit of the largest number of
spikes after the first: constant part, per lane."""

_COUNTING_TABLES = {ECP5: (85, 25), ICE40UP: (60, 17)}
"""Number of look-up tables per neuron updated in a clock if neurons spike several times in a step:
constant part, per bit of the largest number of spikes after the first."""

TABLES_ERROR, BLOCKS_ERROR = 0.1, 0.04
"""Largest relative errors: of look-up tables in placed cores, and of block RAMs in placed cores and
in the syntheses of `python -m plugins.fpga.benchmarks.synthesis`."""

_MULTIPLIERS_PER_NEURON, _MULTIPLIER_OF_ROWS, _MULTIPLIERS_OF_WEIGHTED = 4, 1, 2


@dataclass(frozen=True)
class Shape:
    """Width and depth of one memory.

    Attributes:
        width: number of bits of a word.
        depth: number of words.
        is_large: True if the memory may lie in large single-port RAM, if the FPGA has any.
    """

    width: int
    depth: int
    is_large: bool = False


def shapes(network: IntegerNetwork, lanes: int, family: str) -> Iterator[Shape]:
    """Widths and depths of the memories of a core.

    Args:
        network: the network of the core.
        lanes: number of lanes of the core.
        family: family of the FPGA, which sets the size of synapse banks.
    """
    layout, answer = Layout(network, lanes), answer_block(network)
    p, a = layout.parameters, answer.parameters
    bank_words = 1 << (BANK_BITS[lanes] if family == ECP5 else LARGE_BANK_BITS)
    yield from _banks(layout.memories[SYNAPSES].width, p["SYNAPSES"], bank_words)
    ring = (p["WORDS"] + 1) // 2 << p["SLOT_BITS"]
    yield from [*_banks(p["ACC_BITS"], ring, 1 << LARGE_BANK_BITS)] * (2 * lanes)
    groups = p["WORDS"] * lanes // layout.slices
    spikes = (1 + p["COUNT_BITS"]) * layout.slices
    yield Shape(49 * layout.slices, groups)
    yield Shape(layout.slices * p["BIAS_BITS"], groups)
    queued = p["POPULATION_BITS"] + p["INDEX_BITS"] + spikes
    yield Shape(queued, 1 << p["QUEUE_BITS"])
    yield Shape(2 + p["POPULATION_BITS"] + p["INDEX_BITS"] + 25 * layout.slices + spikes, 32)
    yield from (
        Shape(memory.width, len(memory.bits))
        for name, memory in layout.memories.items()
        if name in ("populations", "sources", "projections")
    )
    if network.readout.kind == LI:
        yield Shape(a["SCORE_BITS"], 1 << a["CLASS_BITS"])
    # On an ECP5, the memory of step weights is built from logic and takes no block RAM.
    if answer.importance is not None and family == ICE40UP:
        yield Shape(16, a["STEPS"])
    if "WINDOW" in a:
        yield Shape(24, max(a["WINDOW"], 2) << a["CLASS_BITS"])


def _banks(width: int, depth: int, bank: int) -> Iterator[Shape]:
    """The banks of a large memory; the number of words in each is a power of two."""
    for first in range(0, depth, bank):
        yield Shape(width, 1 << bits_for(min(bank, depth - first) - 1), is_large=True)


def blocks(shape: Shape, family: str) -> int:
    """Number of block RAMs of a memory; 0 if it is built from look-up tables or registers.

    >>> blocks(Shape(14, 8192), "ecp5"), blocks(Shape(49, 128), "ecp5")
    (7, 2)
    """
    least = min(
        -(-shape.width // width) * -(-shape.depth // depth)
        for width, depth in _BLOCKS[family].items()
    )
    if family == ICE40UP:
        return 0 if shape.width * shape.depth < _BITS_PER_BLOCK * least else least
    table_cost = _TABLE_COST * -(-shape.width // 4) * -(-shape.depth // 16)
    return 0 if table_cost < _BLOCK_COST * least else least


def uses(network: IntegerNetwork, target: Target, lanes: int = 1) -> list[Use]:
    """Amounts of FPGA resources that a core uses, and the amounts that the FPGA has.

    Args:
        network: a network that fits the core.
        target: an FPGA with a `fabric` of a known family.
        lanes: number of lanes of the core.
    """
    fabric = Fabric.of(target)
    family = fabric.family or ECP5
    memories = list(shapes(network, lanes, family))
    has_large = family == ICE40UP and fabric.large_rams != 0
    large_memories = [memory for memory in memories if memory.is_large and has_large]
    small_memories = [memory for memory in memories if memory not in large_memories]
    layout = Layout(network, lanes)
    slices = layout.slices
    multipliers = _MULTIPLIERS_PER_NEURON * slices + _MULTIPLIER_OF_ROWS
    multipliers += _MULTIPLIERS_OF_WEIGHTED * network.readout.weights_steps
    constant, per_lane, per_slice = _TABLES[family]
    tables = constant + per_lane * lanes + per_slice * slices
    if layout.parameters["DROP_BITS"]:
        constant, per_slice = _SUBTRACTING_TABLES[family]
        tables += constant + per_slice * slices
    count_bits = layout.parameters["COUNT_BITS"]
    constant, per_lane = _SENDING_TABLES[family]
    tables += max(count_bits, layout.parameters["IN_COUNT_BITS"]) * (constant + per_lane * lanes)
    if count_bits:
        constant, per_bit = _COUNTING_TABLES[family]
        tables += (constant + per_bit * count_bits) * slices
    amounts = [
        ("look-up tables", tables, fabric.luts, TABLES_ERROR),
        (
            "block RAMs",
            sum(blocks(memory, family) for memory in small_memories),
            fabric.block_rams,
            BLOCKS_ERROR,
        ),
        (
            "large RAMs",
            sum(_large_rams(memory) for memory in large_memories),
            fabric.large_rams,
            0.0,
        ),
        ("multipliers", multipliers, fabric.multipliers, 0.0),
    ]
    return [
        Use(name, used, available, error)
        for name, used, available, error in amounts
        if available is not None
    ]


def _large_rams(shape: Shape) -> int:
    """Number of large single-port RAMs of a memory."""
    return -(-shape.width // _LARGE_WIDTH) * -(-shape.depth // _LARGE_WORDS)
