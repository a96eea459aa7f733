"""An `IntegerNetwork` as flat arrays, for the compiled simulator.

Neurons are numbered across all populations, in the order of the populations.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nmtool.dynamics import HOP_LATENCY
from nmtool.network.graph import INPUT
from nmtool.network.integer_network import IntegerNetwork

if TYPE_CHECKING:
    from nmtool.float_simulator import StepNetwork


class Plan(NamedTuple):
    """An integer network as flat arrays.

    Attributes:
        keep_u, keep_v, vth, bias: [neurons] int64, constants of each neuron's step.
        source: [projections] int64, first neuron of the projection's source; −1 for the input.
        pre: [projections] int64, number of source neurons.
        target: [projections] int64, first neuron of the projection's target.
        post: [projections] int64, number of target neurons.
        row: [projections] int64, where the projection's [pre, post] block starts.
        weight: [synapses] int32, shifted weights, block after block.
        delay: [synapses] uint8, steps.
        slots: length of the ring buffer in steps, a power of two beyond the largest delay.
    """

    keep_u: NDArray[np.int64]
    keep_v: NDArray[np.int64]
    vth: NDArray[np.int64]
    bias: NDArray[np.int64]
    source: NDArray[np.int64]
    pre: NDArray[np.int64]
    target: NDArray[np.int64]
    post: NDArray[np.int64]
    row: NDArray[np.int64]
    weight: NDArray[np.int32]
    delay: NDArray[np.uint8]
    slots: int


def lay_out(network: IntegerNetwork) -> Plan:
    """A network as flat arrays."""
    populations = network.populations
    sizes = [population.size for population in populations]
    first = {INPUT: -1} | {name: part.start for name, part in columns(network).items()}
    projections = network.projections
    return Plan(
        keep_u=np.repeat([p.keep_u for p in populations], sizes).astype(np.int64),
        keep_v=np.repeat([p.keep_v for p in populations], sizes).astype(np.int64),
        vth=np.repeat([p.vth for p in populations], sizes).astype(np.int64),
        bias=np.concatenate([p.bias for p in populations]),
        source=np.array([first[p.source] for p in projections], np.int64),
        pre=np.array([p.shape[0] for p in projections], np.int64),
        target=np.array([first[p.target] for p in projections], np.int64),
        post=np.array([p.shape[1] for p in projections], np.int64),
        row=_offsets([p.weight.size for p in projections])[:-1],
        weight=_joined([p.shifted_weight.ravel() for p in projections], np.int32),
        delay=_joined([p.delay.ravel() for p in projections], np.uint8),
        slots=1 << (network.max_delay + HOP_LATENCY).bit_length(),
    )


def columns(network: IntegerNetwork | StepNetwork) -> dict[str, slice]:
    """Slice of each population's neurons among all."""
    ends = np.cumsum([p.size for p in network.populations]).tolist()
    return {p.name: slice(e - p.size, e) for p, e in zip(network.populations, ends, strict=True)}


def _offsets(lengths: list[int]) -> NDArray[np.int64]:
    return np.concatenate(([0], np.cumsum(np.array(lengths, np.int64)))).astype(np.int64)


def _joined(parts: list[NDArray], dtype: type) -> NDArray:
    return np.concatenate([np.zeros(0, dtype), *parts]).astype(dtype)
