"""A graph of others as a network: its wires become synapses, its nodes of neurons populations.

What answers is the node of neurons that leads to the output, or a population that is added: an
output that spikes is counted, and wires between spikes and the output are summed in every step.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

import numpy as np

from nmtool.description import count_synapses
from nmtool.errors import Finding, printable
from nmtool.exporters.nir.graph.loops import recurrent_edges, wire_order
from nmtool.exporters.nir.graph.nodes import (
    DELAY,
    FLATTEN,
    IDENTITY,
    INPUT,
    INTEGRATING,
    OUTPUT,
    SCALE,
    SPIKING,
    WINDOWS,
    Edge,
    Graph,
    whole_steps,
)
from nmtool.exporters.nir.options import ImportOptions
from nmtool.exporters.nir.reading import linear, misfits, synapses as wires
from nmtool.exporters.nir.reading.assembly import Parts, assembled
from nmtool.exporters.nir.reading.constants import begun
from nmtool.exporters.nir.reading.neurons import (
    GraphPopulation,
    behind,
    legal_names,
    population_of,
    resting_input,
)
from nmtool.exporters.nir.reading.shapes import Shapes
from nmtool.exporters.nir.reading.silence import silence
from nmtool.exporters.nir.reading.synapses import Signal
from nmtool.float_simulator import StepPopulation
from nmtool.network import graph as kinds
from nmtool.network.float_network import Network
from nmtool.network.readout import FIRST_SPIKE, Readout

_log = logging.getLogger(__name__)

ANSWER = "answer"
"""Name of a population that is added to answer."""


def network_of(graph: Graph, options: ImportOptions, *, resets_known: bool = False) -> Network:
    """The network that does what a graph does.

    Args:
        graph: of nodes of NIR.
        options: what it does not say.
        resets_known: its neurons are known to reset as it says.

    Raises:
        FileFormatError: something in the graph has no counterpart; all of it is listed.
    """
    network = _Import(*misfits.checked(graph, options.step_s), options).network()
    loops, resets = bool(recurrent_edges(graph)), bool(graph.of_kind(*SPIKING)) and not resets_known
    if assumed := options.assumed(loops=loops, resets=resets, rule=network.readout.rule):
        _log.warning(f"assumed, since the graph does not say it: {assumed}")
    if later := network.n_steps - options.steps:
        _log.warning(
            f"remark[nir-steps-more]: a sample has {network.n_steps:,} steps, not "
            f"{options.steps:,}: its answer comes {later} later, since a hop costs a step here and "
            f"none in NIR; `n_steps={max(1, options.steps - later)}` leaves room for it"
        )
    if silent := silence(network, options.step_s):
        _log.warning(f"remark[nir-silent]: {silent}")
    if unrolled := graph.of_kind(*WINDOWS):
        places = sum(held.weight.size for held in network.projections)
        _log.warning(
            f"convolutions and pools ({len(unrolled)}) are unrolled to synapses, which share no "
            f"weights: {count_synapses(network):,}, in matrices of {places:,}"
        )
    return network


class _Import:
    """A checked graph on its way to a network."""

    def __init__(self, graph: Graph, shapes: Shapes, options: ImportOptions) -> None:
        self.graph, self.shapes, self.options = graph, shapes, options
        self.sizes = {name: shapes.size(name) for name in graph.nodes}
        self.sources, self.targets = graph.sources(), graph.targets()
        self.closing: set[Edge] = set() if options.implied is False else recurrent_edges(graph)
        self.fused = self._synapse_nodes()
        (self.input,), (self.output,) = graph.of_kind(INPUT), graph.of_kind(OUTPUT)
        self.direct = _direct_source(graph)
        self.named = legal_names(graph.of_kind(*SPIKING, *INTEGRATING))
        self.named[self.input] = kinds.INPUT
        self.n_synapses = 0

    def network(self) -> Network:
        passed = self._passed()
        ends = passed[self.output]
        arriving = {
            self.named[name]: self._sum_into(name, passed)
            for name, node in self.graph.nodes.items()
            if node.is_neurons
        }
        misfits.refuse(self._findings(arriving, ends))
        for pre, post in self.fused.items():
            constant = resting_input(self.graph.nodes[pre])
            arriving[self.named[post]] = wires.biased(arriving.pop(self.named[pre]), constant)
        direct = None if self.direct is None else self.named[self.direct]
        populations, arriving, readout = _read_out(
            self._populations(), arriving, ends, direct, self.options
        )
        jumps = {name: wires.scaled(arriving[name], one.gain) for name, one in populations.items()}
        parts = begun(Parts(self.sizes[self.input], populations, jumps, readout))
        return assembled(parts, self.options.step_ms, self.options.steps)

    def _synapse_nodes(self) -> dict[str, str]:
        """Integrating nodes that lead to one node of neurons and nowhere else: its synapses."""
        found = {}
        for name in self.graph.of_kind(*INTEGRATING):
            targets = self.targets[name]
            if len(targets) == 1 and self.graph.nodes[targets[0]].is_neurons:
                found[name] = targets[0]
        return found

    def _passed(self) -> dict[str, Signal]:
        """Per node, what it passes on; origins have their names in the network."""
        passed = {
            name: wires.emitted(self.named[name], self.sizes[name])
            for name, node in self.graph.nodes.items()
            if node.is_neurons or node.kind == INPUT
        }
        for name in wire_order(self.graph):
            if name not in passed:
                passed[name] = self._behind_wire(name, self._sum_into(name, passed))
        return passed

    def _sum_into(self, name: str, passed: Mapping[str, Signal]) -> Signal:
        parts = [
            wires.closing_loop(passed[pre]) if (pre, name) in self.closing else passed[pre]
            for pre in self.sources[name]
        ]
        signal = wires.added(parts, parts[0].size if parts else self.sizes[name])
        self.n_synapses += signal.n_synapses
        wires.check_synapses(self.n_synapses, "its wires hold")
        return signal

    def _behind_wire(self, name: str, signal: Signal) -> Signal:
        node = self.graph.nodes[name]
        if node.kind in linear.PARAMETERS:
            return linear.behind(node, signal, self.shapes.seen.get(name))
        if node.kind == SCALE:
            return wires.scaled(signal, node.values["scale"])
        if node.kind == DELAY:
            steps = whole_steps(np.ravel(node.values["delay"]), self.options.step_s)
            return wires.delayed(signal, steps)
        assert node.kind in (IDENTITY, FLATTEN, OUTPUT)
        return signal

    def _populations(self) -> dict[str, GraphPopulation]:
        """Populations by their names in the network; synapse nodes are part of theirs."""
        own = {
            name: population_of(
                self.named[name],
                self.graph.nodes[name],
                self.sizes[name],
                self.options.step_s,
            )
            for name in self.graph.of_kind(*SPIKING, *INTEGRATING)
        }
        joined = {post: behind(own[pre], own[post]) for pre, post in self.fused.items()}
        return {
            self.named[name]: joined.get(name, one)
            for name, one in own.items()
            if name not in self.fused
        }

    def _findings(self, arriving: dict[str, Signal], ends: Signal) -> list[Finding]:
        """Findings about potentials: they drive something that only spikes can drive."""
        found = []
        silent = {self.named[n]: n for n in self.graph.of_kind(*INTEGRATING)}
        for name, signal in [*arriving.items(), (self.output, ends)]:
            for origin in signal.origins:
                node = silent.get(origin)
                passed_on = node == self.direct and signal is ends
                if node is None or node in self.fused or passed_on:
                    continue
                what = f"its potential drives {printable(name)}; only spikes can"
                fix = "let neurons that spike stand in its place"
                found.append(Finding("nir-potential", printable(node), what, fix))
        for node, post in self.fused.items():
            pair = [self.graph.nodes[name] for name in (node, post)]
            has_synapse = post in self.fused or any("tau_syn" in one.values for one in pair)
            if len(self.sources[post]) != 1 or has_synapse:
                what = f"it drives {printable(post)}, which has other inputs, or one of them has a "
                what += "synapse already"
                found.append(Finding("nir-synapse", printable(node), what, "use a CubaLIF"))
            if not np.isfinite(resting_input(self.graph.nodes[node])).all():
                what = "its v_leak is more than any input could do, since r is 0"
                fix = "set its v_leak to 0, or its r to another number"
                found.append(Finding("nir-bias", printable(node), what, fix))
        return found


def _direct_source(graph: Graph) -> str | None:
    """The node of neurons that a graph's one output passes on as they are."""
    sources = graph.sources()
    (name,) = graph.of_kind(OUTPUT)
    while graph.nodes[name].kind in (OUTPUT, IDENTITY, FLATTEN):
        if len(sources[name]) != 1:
            return None
        (name,) = sources[name]
    return name if graph.nodes[name].is_neurons else None


def _read_out(
    populations: dict[str, GraphPopulation],
    arriving: dict[str, Signal],
    ends: Signal,
    direct: str | None,
    options: ImportOptions,
) -> tuple[dict[str, GraphPopulation], dict[str, Signal], Readout]:
    """Populations and what reaches them, with an output population among them, and its rule.

    Args:
        populations: by name.
        arriving: per population, what reaches it.
        ends: what reaches the output of the graph.
        direct: the population that the output passes on as it is.
        options: say the rule of the read-out, or nothing for the usual one.
    """
    rule, window = options.rule, options.window
    if direct is not None and populations[direct].population.kind == kinds.LI:
        return populations, arriving, Readout(direct, rule or "mean", window)
    if direct is not None and rule == FIRST_SPIKE:
        return populations, arriving, Readout(direct, rule, window)
    name = legal_names([*populations, ANSWER])[ANSWER]
    counts = direct is not None  # v is the number of spikes so far, else what arrives in a step
    ones = np.ones(ends.size)
    lose_v = np.zeros(ends.size) if counts else ones
    added = StepPopulation(name, ends.size, kinds.LI, ones, lose_v, np.zeros(ends.size), ones)
    readout = Readout(name, rule or ("max" if counts else "mean"), window)
    return populations | {name: GraphPopulation(added, ones)}, arriving | {name: ends}, readout
