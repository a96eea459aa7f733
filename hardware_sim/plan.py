"""`Plan`: an integer or float network as flat arrays, for the compiled time loop.

Neurons are numbered across all populations, in the order of the populations.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from nmtool.arithmetic import place_in_sum
from nmtool.dynamics import HOP_LATENCY
from nmtool.network.graph import INPUT, LIF, MOST_SPIKES, RESET, RESET_BY, Graph
from nmtool.network.integer_network import IntegerNetwork, IntegerPopulation
from nmtool.network.properties import check_expressed
from nmtool.raster import Raster
from nmtool.values import frozen

if TYPE_CHECKING:
    from nmtool.float_simulator import StepNetwork, StepPopulation


class Plan(NamedTuple):
    """A network as flat arrays: int64 constants and int32 weights, or float64 for real numbers.

    Attributes:
        keep_u, keep_v, vth, bias: [neurons] constants of each neuron's step.
        drop: [neurons] what a spike subtracts from v, negative if in the next step; 0: v becomes 0.
        silent: [neurons] largest v at which a neuron does not spike again within a step.
        most_spikes: [neurons] int64, largest number of spikes in a step.
        source: [projections] int64, first neuron of the projection's source; −1 for the input.
        pre: [projections] int64, number of source neurons.
        target: [projections] int64, first neuron of the projection's target.
        post: [projections] int64, number of target neurons.
        row: [projections] int64, index in `weight` and `delay` at which the projection's
            [pre, post] synapses begin.
        weight: [synapses] shifted weights, or jumps of u for real numbers; by projection.
        delay: [synapses] delays in steps, uint8, or int64 for real numbers; by projection.
        slots: length of the ring buffer in steps, a power of two beyond the largest delay.
    """

    keep_u: NDArray
    keep_v: NDArray
    vth: NDArray
    bias: NDArray
    drop: NDArray
    silent: NDArray
    most_spikes: NDArray[np.int64]
    source: NDArray[np.int64]
    pre: NDArray[np.int64]
    target: NDArray[np.int64]
    post: NDArray[np.int64]
    row: NDArray[np.int64]
    weight: NDArray
    delay: NDArray
    slots: int


def lay_out(network: IntegerNetwork | StepNetwork) -> Plan:
    """Convert a network to flat arrays.

    Raises:
        DoesNotFitError: the network has a property that the time loops do not have.
    """
    projections = network.projections
    if isinstance(network, IntegerNetwork):
        check_expressed(network, (RESET, RESET_BY, MOST_SPIKES), "the simulator")
        of_populations: list[dict[str, NDArray]] = [
            neuron_constants(p) for p in network.populations
        ]
        weight = _flattened([p.shifted_weight for p in network.projections], np.int32)
        delay = _flattened([p.delay for p in projections], np.uint8)
    else:
        of_populations = [_float_constants(p) for p in network.populations]
        weight = _flattened([p.jump for p in network.projections], np.float64)
        delay = _flattened([p.delay for p in projections], np.int64)
    constants = {
        key: np.concatenate([of_population[key] for of_population in of_populations])
        for key in _CONSTANTS
    }
    first = {INPUT: -1} | {name: part.start for name, part in columns(network).items()}
    shapes = np.array([p.delay.shape for p in projections], np.int64).reshape(-1, 2)
    (pre, post), sizes = shapes.T.copy(), shapes.prod(axis=1)
    return Plan(
        **constants,
        source=np.array([first[p.source] for p in projections], np.int64),
        pre=pre,
        target=np.array([first[p.target] for p in projections], np.int64),
        post=post,
        row=np.cumsum(sizes) - sizes,
        weight=weight,
        delay=delay,
        slots=1 << (int(delay.max(initial=0)) + HOP_LATENCY).bit_length(),
    )


_CONSTANTS = Plan._fields[:7]


def neuron_constants(population: IntegerPopulation) -> dict[str, NDArray[np.int64]]:
    """The constants of a population's neurons, [neurons] int64, by their field of `Plan`."""
    p = population
    silent = p.runs_in.firing_level(p.vth) - 1
    return _of_neurons(p.keep_u, p.keep_v, p.vth, p.bias, p.drop, silent, p.most_spikes)


def _float_constants(p: StepPopulation) -> dict[str, NDArray[np.float64]]:
    """The constants of a float population's neurons, [neurons] float64, by their field."""
    threshold = p.threshold if p.kind == LIF else np.inf
    lost = 1 - p.lose_u, 1 - p.lose_v
    of_neurons = _of_neurons(*lost, threshold, p.drive, p.drop, threshold, p.most_spikes)
    return of_neurons | {"most_spikes": of_neurons["most_spikes"].astype(np.int64)}


def _of_neurons(*values: ArrayLike) -> dict[str, NDArray]:
    """Constants, by their field of `Plan`, each with a value for every neuron."""
    return dict(zip(_CONSTANTS, np.stack(np.broadcast_arrays(*values)), strict=True))


def in_order_of_sums(
    spikes: Raster, word: int = 1
) -> tuple[NDArray[np.integer], NDArray[np.uint8]]:
    """Neurons of the filled bins, those of a step in the order in which their weights are added.

    Args:
        spikes: the spikes.
        word: number of sources per word, see `place_in_sum`.

    Returns:
        The neurons, [filled] int32, and their numbers of spikes, [filled] uint8.
    """
    if word == 1:
        return spikes.neuron, spikes.bin_counts()
    row = spikes.sample_index() * spikes.n_steps + spikes.step
    order = np.lexsort((place_in_sum(spikes.neuron, word), row))
    return frozen(spikes.neuron[order]), frozen(spikes.bin_counts()[order])


def columns(network: Graph) -> dict[str, slice]:
    """The slice of each population, by name, in arrays over all neurons of the network."""
    ends = np.cumsum([p.size for p in network.populations]).tolist()
    return {p.name: slice(e - p.size, e) for p, e in zip(network.populations, ends, strict=True)}


def _flattened(blocks: list[NDArray], dtype: DTypeLike) -> NDArray:
    """Concatenate the elements of several matrices, one matrix after another."""
    return np.concatenate([np.zeros(0, dtype), *(block.ravel() for block in blocks)])
