"""What answers in a foreign graph: neurons that lead to its output, or a population that is added.

An output that spikes is counted; wires between spikes and the output are summed in every step.
"""

from __future__ import annotations

import numpy as np

from nmtool.exporters.nir.float_network import RealPopulation
from nmtool.exporters.nir.graph.nodes import FLATTEN, IDENTITY, OUTPUT, Graph
from nmtool.exporters.nir.reading.neurons import Cell, legal_names
from nmtool.exporters.nir.reading.synapses import Signal
from nmtool.graph import LI
from nmtool.readout import FIRST_SPIKE, Readout

ANSWER = "answer"


def direct_source(graph: Graph) -> str | None:
    """The node of neurons that a graph's one output passes on as they are."""
    sources = graph.sources()
    (name,) = graph.of_kind(OUTPUT)
    while graph.nodes[name].kind in (OUTPUT, IDENTITY, FLATTEN):
        if len(sources[name]) != 1:
            return None
        (name,) = sources[name]
    return name if graph.nodes[name].is_neurons else None


def read_out(
    cells: dict[str, Cell],
    arriving: dict[str, Signal],
    ends: Signal,
    direct: str | None,
    rule: str | None,
) -> tuple[dict[str, Cell], dict[str, Signal], Readout]:
    """Cells and what reaches them, with an output population among them, and its rule.

    Args:
        cells: populations by name.
        arriving: per population, what reaches it.
        ends: what reaches the output of the graph.
        direct: the population that the output passes on as it is.
        rule: of the read-out; None for the usual one.
    """
    if direct is not None and cells[direct].population.kind == LI:
        return cells, arriving, Readout(direct, rule or "mean")
    if direct is not None and rule == FIRST_SPIKE:
        return cells, arriving, Readout(direct, rule)
    name = legal_names([*cells, ANSWER])[ANSWER]
    counts = direct is not None
    answer = _integrating(name, ends.size, counts)
    readout = Readout(name, rule or ("max" if counts else "mean"))
    return cells | {name: answer}, arriving | {name: ends}, readout


def _integrating(name: str, size: int, counts: bool) -> Cell:
    """Neurons whose v is the number of spikes so far, or what arrives in a step."""
    ones = np.ones(size)
    lose_v = np.zeros(size) if counts else ones
    population = RealPopulation(name, size, LI, ones, lose_v, np.zeros(size), ones)
    return Cell(population, ones)
