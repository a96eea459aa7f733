"""Plan a core's memory: where weights are stored, and how many steps it can record at once.

    URAM  512 KiB  states, with a row per recorded step; weights, unless they are in DRAM
    BRAM  128 KiB  spikes, with a row per step and a bit per neuron
    LLM    64 KiB  memory of the lanes: slots for sums of weights that arrive in later steps

The core has 32 lanes, and the length of a row is padded to a multiple of 32 neurons.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

LANES = 32
URAM_BYTES, BRAM_BYTES, LLM_BYTES = 512 << 10, 128 << 10, 64 << 10
INSTRUCTIONS = 1024
"""Largest number of instructions of a program in the simulator. Branches reach equally far."""

_OF_NEURONS = (20, 17)
"""Instructions of a population, and of each copy of the body of its loop over neurons."""

_OF_SYNAPSES = {False: (26, 6, 8), True: (53, 26, 15)}
"""Three numbers of instructions, by whether weights are in DRAM: of the search for a source's
spikes, of a projection, and of each copy of the body of its loop over neurons. The numbers were
fitted to 248 programs of PyFeNN; the largest error is 26 instructions."""

DMA_BYTES = 512 << 10
"""Smallest size of the buffer in DRAM for weights."""

_WORD, _STATE = 4, 2
_FIELDS = 4 << 10
"""Bytes of BRAM that are reserved for addresses of variables; an address takes 4 or 8 bytes."""

_BEYOND = LANES * _STATE
"""Bytes of a row that stays free at the end of the memory: after the last row, the core loads one
more before it stops."""


@dataclass(frozen=True)
class Layer:
    """The numbers of a population that determine how much memory it takes.

    Attributes:
        name, size: name of the population, and number of its neurons.
        max_delay: longest delay of the synapses onto its neurons, in steps.
        synapses: number of source neurons of each projection to the population.
        spikes: True if its neurons spike.
        states: number of states that are recorded at every step: 0, 1 (v) or 2 (u and v).
    """

    name: str
    size: int
    max_delay: int
    synapses: Sequence[int]
    spikes: bool
    states: int


@dataclass(frozen=True)
class Plan:
    """The chosen use of a core's memory: steps per run, slots for arrivals, place of the weights.

    Attributes:
        steps: number of steps that the core runs and records at once.
        slots: number of slots for delayed arrivals, a power of two, by population.
        in_dram: True if weights are in DRAM.
        dma_bytes: size of the buffer in DRAM.
    """

    steps: int
    slots: dict[str, int]
    in_dram: bool
    dma_bytes: int


def layers(network: Any, deep: bool) -> list[Layer]:
    """Make one `Layer` per population, with the numbers on which its memory depends.

    Args:
        network: object with `populations` (name, size, kind) and `projections` (target, weight,
            delay).
        deep: record u and v of all neurons; otherwise only v of populations that do not spike.
    """
    listed = []
    for entry in network.populations:
        own = [p for p in network.projections if p.target == entry.name]
        longest = max((int(p.delay.max(initial=0)) for p in own), default=0)
        spikes = entry.kind != "li"
        states = 2 if deep else int(not spikes)
        sources = [len(p.weight) for p in own]
        listed.append(Layer(entry.name, entry.size, longest, sources, spikes, states))
    return listed


def padded(size: int) -> int:
    """Number of neurons in a row for `size` neurons: the next multiple of `LANES`."""
    return -(-size // LANES) * LANES


def slots(max_delay: int) -> int:
    """Number of slots for delays up to `max_delay` steps: a power of two, at least 2."""
    return 1 << max(1, max_delay.bit_length())


def shortest_part(layers: Sequence[Layer]) -> int:
    """Smallest number of steps in a part of a sample: the largest number of slots of a layer.

    The length of a part is a multiple of this number, so that arrivals stay in their slots. Samples
    with fewer steps run as a whole.
    """
    return max((slots(layer.max_delay) for layer in layers), default=1)


def lanes_bytes(layers: Sequence[Layer]) -> int:
    """Number of bytes in the LLM for the slots of all populations."""
    return sum(padded(layer.size) * _STATE * slots(layer.max_delay) for layer in layers)


def weights_bytes(layers: Sequence[Layer]) -> int:
    """Number of bytes of all weights, in padded rows."""
    return sum(padded(layer.size) * _STATE * sum(layer.synapses) for layer in layers)


def longest_part(n_channels: int, layers: Sequence[Layer], in_dram: bool) -> int:
    """Largest number of steps that the core can record at once; 0 or less if nothing fits.

    Args:
        n_channels: number of input channels.
        layers: all populations.
        in_dram: True if weights are in DRAM.
    """
    rows = {layer.name: padded(layer.size) * _STATE for layer in layers}
    # Rows of a population that do not depend on the number of steps: a row of arrivals, and for
    # each recorded state the row before the first step. Without recorded states, v has one row.
    fixed = sum(rows[layer.name] * (1 + max(layer.states, 1)) for layer in layers)
    fixed += 2 * max(rows.values(), default=0) if in_dram else weights_bytes(layers)
    per_step = sum(rows[layer.name] * layer.states for layer in layers)
    spikes = sum(padded(layer.size) for layer in layers if layer.spikes) // LANES * _WORD
    channels = padded(n_channels) // LANES * _WORD
    in_uram = (URAM_BYTES - _BEYOND - fixed) // max(per_step, 1)
    in_bram = (BRAM_BYTES - _FIELDS - spikes) // (spikes + channels)
    return min(in_uram, in_bram)


def grouped(projections: Sequence[tuple[str, str]]) -> list[list[int]]:
    """Group projections with the same source, so that they share one search for its spikes.

    Each group is a list of indices of projections, and groups run one after another. All
    projections to the same target keep their order, and no group has the same target twice.
    Otherwise weights would be added in another order, because a group sends a spike to all its
    targets before the next spike.

    >>> grouped([("input", "a"), ("a", "a"), ("input", "b"), ("input", "a")])
    [[0, 2], [1], [3]]

    Args:
        projections: source and target of each projection.
    """
    groups: list[list[int]] = []
    for index, (source, target) in enumerate(projections):
        after = [n for n, g in enumerate(groups) if any(projections[i][1] == target for i in g)]
        free = range(after[-1] + 1 if after else 0, len(groups))
        own = [n for n in free if projections[groups[n][0]][0] == source]
        if own:
            groups[own[0]].append(index)
        else:
            groups.append([index])
    return groups


def instructions(
    layers: Sequence[Layer], projections: Sequence[tuple[str, str]], in_dram: bool
) -> int:
    """Estimate the number of instructions of a step; PyFeNN unrolls loops over neurons.

    Args:
        layers: all populations.
        projections: source and target of each projection.
        in_dram: True if weights are in DRAM.
    """
    copies = {layer.name: _copies(layer.size) for layer in layers}
    search, projection, of_synapses = _OF_SYNAPSES[in_dram]
    population, of_neurons = _OF_NEURONS
    return (
        search * len(grouped(projections))
        + sum(projection + of_synapses * copies[target] for _, target in projections)
        + sum(population + of_neurons * copies[layer.name] for layer in layers)
    )


def _copies(size: int) -> int:
    """Number of copies of the body of a loop over `size` neurons, after PyFeNN has unrolled it."""
    whole, rest = divmod(size, LANES)
    return (whole if whole < 4 else 4 + whole % 4) + (rest > 0)


def plan(n_channels: int, layers: Sequence[Layer], n_steps: int) -> Plan:
    """Plan the memory of a core, so that it runs as many steps at once as possible.

    These are all steps of a sample, or a multiple of `shortest_part`. Programs are shorter if
    weights are in URAM. Weights are therefore in DRAM only if URAM cannot also record a part of a
    sample.

    Args:
        n_channels: number of input channels.
        layers: all populations.
        n_steps: number of steps of a sample.

    Raises:
        ValueError: no part of a sample fits into the memory.
    """
    if (llm := lanes_bytes(layers)) > LLM_BYTES:
        raise ValueError(f"delayed arrivals take {llm} bytes of lane memory, of {LLM_BYTES}")
    least = shortest_part(layers)
    parts = {}
    for in_dram in (False, True):
        longest = longest_part(n_channels, layers, in_dram)
        parts[in_dram] = n_steps if longest >= n_steps else max(longest, 0) // least * least
    in_dram = not parts[False]
    if not parts[in_dram]:
        raise ValueError(f"states and spikes of {min(n_steps, least)} steps do not fit into a core")
    buffer = max(DMA_BYTES, weights_bytes(layers))
    return Plan(
        parts[in_dram], {layer.name: slots(layer.max_delay) for layer in layers}, in_dram, buffer
    )
