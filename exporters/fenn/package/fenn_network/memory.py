"""Memory of a core: what a network takes of it, and how many steps it can record at once.

    URAM  512 KiB  states, with a row per recorded step, and weights, unless those are in DRAM
    BRAM  128 KiB  spikes, a bit each, with a row per step
    LLM    64 KiB  slots for what arrives later, in the lanes

Rows hold a multiple of 32 neurons, as many as there are lanes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

LANES = 32
URAM_BYTES, BRAM_BYTES, LLM_BYTES = 512 << 10, 128 << 10, 64 << 10
INSTRUCTIONS = 1024
"""Of a program, in the simulator; branches reach no further either."""

_OF_NEURONS = (20, 17)
"""Instructions of a population, and of each copy of its loop's body."""

_OF_SYNAPSES = {False: (26, 6, 8), True: (53, 26, 15)}
"""Instructions of the search for a source's spikes, of a projection, and of each copy of its loop's
body, by whether weights are in DRAM. Fitted to 248 programs of PyFeNN, to 26 instructions."""

DMA_BYTES = 512 << 10
"""Of the buffer in DRAM that weights lie in, unless they need more."""

_WORD, _STATE = 4, 2
_FIELDS = 4 << 10
"""Bytes of BRAM that are left for addresses of variables, of which each takes 4 or 8."""

_BEYOND = LANES * _STATE
"""The core loads a row before it knows that it was the last: one is left free in the end."""


@dataclass(frozen=True)
class Layer:
    """A population, as far as memory is concerned.

    Attributes:
        name, size: of it.
        max_delay: of all its synapses, in steps.
        synapses: number of source neurons of each of its projections.
        spikes: it does.
        states: number of states that are recorded at every step: 0, v or u and v.
    """

    name: str
    size: int
    max_delay: int
    synapses: Sequence[int]
    spikes: bool
    states: int


@dataclass(frozen=True)
class Plan:
    """Memory that a network gets.

    Attributes:
        steps: that run at once.
        slots: by population, for delayed arrivals; a power of two.
        in_dram: weights lie in DRAM.
        dma_bytes: of the buffer there.
    """

    steps: int
    slots: dict[str, int]
    in_dram: bool
    dma_bytes: int


def layers(network: Any, deep: bool) -> list[Layer]:
    """The populations of a network, as far as memory is concerned.

    Args:
        network: has `populations` and `projections`, of which name, size, kind, target, weight and
            delay are read.
        deep: record u and v of all neurons; otherwise v of populations that do not spike.
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
    """Neurons of a row: the next multiple of the lanes."""
    return -(-size // LANES) * LANES


def slots(max_delay: int) -> int:
    """Slots for delays up to one: a power of two, of 2 at least."""
    return 1 << max(1, max_delay.bit_length())


def shortest_part(layers: Sequence[Layer]) -> int:
    """Steps that run at once at least, unless a sample is shorter: the most slots of all layers.

    Parts of a sample are multiples of it, so that arrivals stay in their slots.
    """
    return max((slots(layer.max_delay) for layer in layers), default=1)


def lanes_bytes(layers: Sequence[Layer]) -> int:
    """Bytes of LLM that the slots of all populations take."""
    return sum(padded(layer.size) * _STATE * slots(layer.max_delay) for layer in layers)


def weights_bytes(layers: Sequence[Layer]) -> int:
    """Bytes of all weights, in padded rows."""
    return sum(padded(layer.size) * _STATE * sum(layer.synapses) for layer in layers)


def longest_part(n_channels: int, layers: Sequence[Layer], in_dram: bool) -> int:
    """Steps that can be recorded at once, of any number; 0 and less where there is no room.

    Args:
        n_channels: of the input.
        layers: all populations.
        in_dram: weights lie in DRAM.
    """
    rows = {layer.name: padded(layer.size) * _STATE for layer in layers}
    # Arrivals, and v or, of each recorded state, the row before the first step.
    fixed = sum(rows[layer.name] * (1 + max(layer.states, 1)) for layer in layers)
    fixed += 2 * max(rows.values(), default=0) if in_dram else weights_bytes(layers)
    per_step = sum(rows[layer.name] * layer.states for layer in layers)
    spikes = sum(padded(layer.size) for layer in layers if layer.spikes) // LANES * _WORD
    channels = padded(n_channels) // LANES * _WORD
    in_uram = (URAM_BYTES - _BEYOND - fixed) // max(per_step, 1)
    in_bram = (BRAM_BYTES - _FIELDS - spikes) // (spikes + channels)
    return min(in_uram, in_bram)


def grouped(projections: Sequence[tuple[str, str]]) -> list[list[int]]:
    """Projections that share the search for spikes, as indices; group after group is run.

    Each target's projections stay in their order. Within a group, an event goes to its targets
    before the next event of the source, so that no target is in a group twice.

    >>> grouped([("input", "a"), ("a", "a"), ("input", "b"), ("input", "a")])
    [[0, 2], [1], [3]]

    Args:
        projections: source and target of each.
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
    """About how many instructions a step has; PyFeNN writes loops over neurons out.

    Args:
        layers: all populations.
        projections: source and target of each.
        in_dram: weights lie in DRAM.
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
    """Times that the body of a loop over neurons is written out."""
    whole, rest = divmod(size, LANES)
    return (whole if whole < 4 else 4 + whole % 4) + (rest > 0)


def plan(n_channels: int, layers: Sequence[Layer], n_steps: int) -> Plan:
    """Memory for a network, and as many steps at once as fit: all, or a multiple of the slots.

    Weights are in URAM, for which programs are shorter, where a part of a sample can be recorded
    beside them.

    Args:
        n_channels: of the input.
        layers: all populations.
        n_steps: of a sample.

    Raises:
        ValueError: no part of a sample fits; names the memory.
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
