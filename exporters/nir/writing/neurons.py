"""Write a population as NIR neurons, with the discretisation that importers use.

With a = 1 − dt/τ, NIR's simulators take Euler steps I ← a·I + (dt/τ_syn)·w_in·x and
v ← a·v + (dt/τ_mem)·(v_leak + r·I). `nmtool.float_simulator` takes the same steps for

    τ = dt/lose        w_in = τ_syn/dt        r = τ_mem/dt        v_leak = drive/lose_v

Without a leak, τ and thus r would be ∞: such a synapse or membrane is written as a separate
integrator (`I`, `IF`) with r = 1/dt.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from nmtool.exporters.nir.graph.nodes import (
    AFFINE,
    CUBA_LI,
    CUBA_LIF,
    IF,
    INTEGRATOR,
    LI,
    LIF,
    Edge,
    Node,
)
from nmtool.float_simulator import Array, StepPopulation
from nmtool.network import graph as kinds


def mixes_leaks(population: StepPopulation) -> bool:
    """True if some neurons leak and others do not, which no NIR node can represent."""
    return any(
        (lose == 0).any() and (lose != 0).any() for lose in (population.lose_u, population.lose_v)
    )


def is_split(population: StepPopulation) -> bool:
    """True if synapses and membranes must be written as separate nodes."""
    return bool((population.lose_u == 0).any() or (population.lose_v == 0).any())


@dataclass(frozen=True)
class NodeNames:
    """Names of a population's nodes.

    Attributes:
        entry: node to which incoming synapses lead; equals `membrane` for a single node.
        membrane: node with the population's spikes or potentials.
        drive: node with the biases, if v_leak cannot represent them.
    """

    entry: str
    membrane: str
    drive: str

    @property
    def all(self) -> set[str]:
        """All names, as a set."""
        return {self.entry, self.membrane, self.drive}


def names_of(population: StepPopulation, taken: Collection[str]) -> NodeNames:
    """Unused names for a population's nodes; `membrane` is the population's own name."""
    name = population.name
    entry = unused(f"{name}_synapse", taken) if is_split(population) else name
    return NodeNames(entry, name, unused(f"{name}_drive", taken))


def unused(name: str, taken: Collection[str]) -> str:
    """The name, with underscores appended until it is unused."""
    while name in taken:
        name += "_"
    return name


def neurons(
    population: StepPopulation, names: NodeNames, dt_s: float
) -> tuple[dict[str, Node], list[Edge]]:
    """Nodes of a population and the edges between them.

    Args:
        population: the population.
        names: names of the population's nodes.
        dt_s: time step of the file in s.
    """
    if not is_split(population):
        return {names.membrane: Node(*_single_node(population, dt_s))}, []
    nodes = {
        names.entry: _synapse(population, dt_s),
        names.membrane: _membrane(population, dt_s),
    }
    edges = [(names.entry, names.membrane)]
    if population.drive.any() and not population.lose_v.any():
        zero_weight = np.zeros((population.size, population.size))
        nodes[names.drive] = Node(AFFINE, {"weight": zero_weight, "bias": population.drive})
        edges += [(names.entry, names.drive), (names.drive, names.membrane)]
    return nodes, edges


def _single_node(population: StepPopulation, dt_s: float) -> tuple[str, dict[str, Array]]:
    """Kind and arrays of the node of a population that is written as a single node."""
    tau_syn, leak = dt_s / population.lose_u, _leaky(population.lose_v, population.drive, dt_s)
    values = {
        "tau_syn": tau_syn,
        "tau_mem": leak["tau"],
        "r": leak["r"],
        "v_leak": leak["v_leak"],
        "w_in": tau_syn / dt_s,
    }
    if population.kind == kinds.LI:
        return CUBA_LI, values
    return CUBA_LIF, values | _spiking(population)


def _synapse(population: StepPopulation, dt_s: float) -> Node:
    """The node of the synapses of a population that has separate nodes."""
    if not population.lose_u.any():
        return Node(INTEGRATOR, {"r": _per_step(population, dt_s)})
    return Node(LI, _leaky(population.lose_u, np.zeros(population.size), dt_s))


def _membrane(population: StepPopulation, dt_s: float) -> Node:
    """The node of the membranes of a population that has separate nodes."""
    spikes = population.kind == kinds.LIF
    threshold = _spiking(population) if spikes else {}
    if not population.lose_v.any():
        return Node(IF if spikes else INTEGRATOR, {"r": _per_step(population, dt_s)} | threshold)
    return Node(
        LIF if spikes else LI, _leaky(population.lose_v, population.drive, dt_s) | threshold
    )


def _leaky(lose: Array, drive: Array, dt_s: float) -> dict[str, Array]:
    """Arrays of neurons that leak: time constant, resistance and resting potential."""
    tau = dt_s / lose
    return {"tau": tau, "r": tau / dt_s, "v_leak": drive / lose}


def _per_step(population: StepPopulation, dt_s: float) -> Array:
    """Factor 1/dt on the input of integrators, [size]."""
    return np.full(population.size, 1 / dt_s)


def _spiking(population: StepPopulation) -> dict[str, Array]:
    """Arrays of the threshold and the reset potential of spiking neurons."""
    return {"v_threshold": population.threshold, "v_reset": np.zeros(population.size)}
