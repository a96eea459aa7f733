"""Import a graph as a network: wires become synapses, nodes of neurons become populations.

If neurons lead directly to the graph's output, and the readout rule suits them, they are the output
population. Otherwise the import adds an output population. If spiking neurons lead directly to the
output, its membranes count their spikes so far; else they are the output's input in each step.
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
    Graph,
    whole_steps,
)
from nmtool.exporters.nir.options import ImportOptions
from nmtool.exporters.nir.reading import linear, misfits, synapses as wires
from nmtool.exporters.nir.reading.assembly import Parts, assembled
from nmtool.exporters.nir.reading.constants import with_constants
from nmtool.exporters.nir.reading.neurons import (
    GraphPopulation,
    legal_names,
    merged_population,
    population_of,
    resting_input,
)
from nmtool.exporters.nir.reading.shapes import Shapes
from nmtool.exporters.nir.reading.silence import silence
from nmtool.exporters.nir.reading.synapses import Signal
from nmtool.float_simulator import StepPopulation
from nmtool.network import graph as kinds
from nmtool.network.float_network import Network
from nmtool.network.readout import MAX, MEAN, Readout, rules_of

_log = logging.getLogger(__name__)

ANSWER = "answer"
"""Name of the output population if the import adds one."""


def network_of(graph: Graph, options: ImportOptions, *, confirmed: bool = False) -> Network:
    """The network that is equivalent to a graph.

    Args:
        graph: a graph of NIR nodes.
        options: properties that are not in the graph.
        confirmed: True if neurons are known to reset as the graph states, and loops to take a step.

    Raises:
        FileFormatError: a network cannot represent parts of the graph; all are listed.
    """
    network = _Import(*misfits.checked(graph, options), options).network()
    loops = not confirmed and bool(recurrent_edges(graph))
    resets = not confirmed and bool(graph.of_kind(*SPIKING))
    if assumed := options.assumed(loops=loops, resets=resets, rule=network.readout.rule):
        _log.warning(f"not in the graph, therefore assumed: {assumed}")
    if lag := network.n_steps - options.steps:
        _log.warning(
            f"remark[nir-steps-more]: a sample has {network.n_steps:,} steps instead of "
            f"{options.steps:,}: the output is {lag} steps later, since a hop takes one step in "
            f"nmtool and none in NIR; for {options.steps:,} steps in total, use "
            f"`n_steps={max(1, options.steps - lag)}`"
        )
    if silent := silence(network):
        _log.warning(f"remark[nir-silent]: {silent}")
    if unrolled := graph.of_kind(*WINDOWS):
        places = sum(projection.weight.size for projection in network.projections)
        _log.warning(
            f"convolutions and pools ({len(unrolled)}) are unrolled to synapses without shared "
            f"weights: {count_synapses(network):,}, in matrices of {places:,}"
        )
    return network


class _Import:
    """Converts a checked graph to a network."""

    def __init__(self, graph: Graph, shapes: Shapes, options: ImportOptions) -> None:
        self.graph, self.shapes, self.options = graph, shapes, options
        self.sizes = {name: shapes.size(name) for name in graph.nodes}
        self.sources, self.targets = graph.sources(), graph.targets()
        self.closing = recurrent_edges(graph)
        self.fused = self._neurons_by_synapse_node()
        (self.input,), (self.output,) = graph.of_kind(INPUT), graph.of_kind(OUTPUT)
        self.direct = _direct_source(graph)
        self.population_names = legal_names(graph.of_kind(*SPIKING, *INTEGRATING))
        self.population_names[self.input] = kinds.INPUT
        self.n_synapses = 0

    def network(self) -> Network:
        outputs = self._output_signals()
        output_signal = outputs[self.output]
        arriving = {
            self.population_names[name]: self._sum_into(name, outputs)
            for name, node in self.graph.nodes.items()
            if node.is_neurons
        }
        misfits.refuse(self._findings(arriving, output_signal))
        for pre, post in self.fused.items():
            constant = resting_input(self.graph.nodes[pre])
            arriving[self.population_names[post]] = wires.biased(
                arriving.pop(self.population_names[pre]), constant
            )
        direct = None if self.direct is None else self.population_names[self.direct]
        populations, arriving, readout = _read_out(
            self._populations(), arriving, output_signal, direct, self.options
        )
        jumps = {
            name: wires.scaled(arriving[name], population.gain)
            for name, population in populations.items()
        }
        parts = with_constants(Parts(self.sizes[self.input], populations, jumps, readout))
        return assembled(parts, self.options.step_ms, self.options.steps)

    def _neurons_by_synapse_node(self) -> dict[str, str]:
        """Find the integrating nodes that model the synapses of a node of neurons.

        An integrating node models synapses if it leads to a single node, and this node is a node of
        neurons. Returns the name of the node of neurons, by name of the integrating node.
        """
        neurons = {}
        for name in self.graph.of_kind(*INTEGRATING):
            targets = self.targets[name]
            if len(targets) == 1 and self.graph.nodes[targets[0]].is_neurons:
                neurons[name] = targets[0]
        return neurons

    def _output_signals(self) -> dict[str, Signal]:
        """Output signal per node; origins have the names of populations in the network."""
        outputs = {
            name: wires.emitted(self.population_names[name], self.sizes[name])
            for name, node in self.graph.nodes.items()
            if node.is_neurons or node.kind == INPUT
        }
        for name in wire_order(self.graph):
            if name not in outputs:
                outputs[name] = self._wire_output(name, self._sum_into(name, outputs))
        return outputs

    def _sum_into(self, name: str, outputs: Mapping[str, Signal]) -> Signal:
        """The sum of the signals of all edges into a node."""
        parts = [
            wires.delayed_by_loop(outputs[pre]) if (pre, name) in self.closing else outputs[pre]
            for pre in self.sources[name]
        ]
        signal = wires.added(parts, parts[0].size if parts else self.sizes[name])
        self.n_synapses += signal.n_synapses
        wires.check_synapses(self.n_synapses, "all paths between neurons together have")
        return signal

    def _wire_output(self, name: str, signal: Signal) -> Signal:
        """Output signal of a node that is not a neuron, from its input signal."""
        node = self.graph.nodes[name]
        if node.kind in linear.PARAMETERS:
            return linear.output_signal(node, signal, self.shapes.input_shapes.get(name))
        if node.kind == SCALE:
            return wires.scaled(signal, node.values["scale"])
        if node.kind == DELAY:
            steps = whole_steps(np.ravel(node.values["delay"]), self.options.step_s)
            return wires.delayed(signal, steps)
        assert node.kind in (IDENTITY, FLATTEN, OUTPUT)
        return signal

    def _populations(self) -> dict[str, GraphPopulation]:
        """Populations by name in the network, merged with their synapse nodes."""
        by_node = {
            name: population_of(
                self.population_names[name],
                self.graph.nodes[name],
                self.sizes[name],
                self.options.step_s,
            )
            for name in self.graph.of_kind(*SPIKING, *INTEGRATING)
        }
        merged = {
            post: merged_population(by_node[pre], by_node[post]) for pre, post in self.fused.items()
        }
        return {
            self.population_names[name]: merged.get(name, population)
            for name, population in by_node.items()
            if name not in self.fused
        }

    def _findings(self, arriving: dict[str, Signal], output_signal: Signal) -> list[Finding]:
        """Findings for integrating nodes that a network cannot represent."""
        findings = []
        integrating = {self.population_names[n]: n for n in self.graph.of_kind(*INTEGRATING)}
        for name, signal in [*arriving.items(), (self.output, output_signal)]:
            for origin in signal.origins:
                node = integrating.get(origin)
                is_output = node == self.direct and signal is output_signal
                if node is None or node in self.fused or is_output:
                    continue
                what = (
                    f"its membrane is the input of {printable(name)}, but in nmtool only spikes "
                    "can be an input"
                )
                fix = "replace the node by spiking neurons"
                findings.append(Finding("nir-potential", printable(node), what, fix))
        for node, post in self.fused.items():
            pair = [self.graph.nodes[name] for name in (node, post)]
            has_synapse = post in self.fused or any("tau_syn" in member.values for member in pair)
            if len(self.sources[post]) != 1 or has_synapse:
                what = (
                    f"it cannot be the synapse of {printable(post)}: {printable(post)} has further "
                    "inputs, or one of the two nodes already has a synapse"
                )
                findings.append(Finding("nir-synapse", printable(node), what, "use a CubaLIF"))
            if not np.isfinite(resting_input(self.graph.nodes[node])).all():
                what = "its v_leak cannot be expressed as an input, since r is 0"
                fix = "set its v_leak to 0, or its r to another number"
                findings.append(Finding("nir-bias", printable(node), what, fix))
        return findings


def _direct_source(graph: Graph) -> str | None:
    """The node of neurons whose output is the graph's output; None if there is no such node."""
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
    output_signal: Signal,
    direct: str | None,
    options: ImportOptions,
) -> tuple[dict[str, GraphPopulation], dict[str, Signal], Readout]:
    """Choose the output population, and add one if needed.

    Returns populations, their input signals, and the readout.

    Args:
        populations: populations by name.
        arriving: input signal per population.
        output_signal: input signal of the graph's `Output`.
        direct: population whose output is the graph's output; None if there is none.
        options: reading options, with the readout rule (None: the default rule).
    """
    rule, window = options.rule, options.window
    if direct is not None and populations[direct].population.kind == kinds.LI:
        return populations, arriving, Readout(direct, rule or MEAN, window)
    if direct is not None and rule in rules_of(kinds.LIF):
        return populations, arriving, Readout(direct, rule, window)
    name = legal_names([*populations, ANSWER])[ANSWER]
    # An `li` population is added as output. If the graph's output is the output of spiking neurons,
    # v of the added population counts their spikes. Otherwise, v is its input in each step.
    counts = direct is not None
    ones = np.ones(output_signal.size)
    lose_v = np.zeros(output_signal.size) if counts else ones
    added = StepPopulation(
        name, output_signal.size, kinds.LI, ones, lose_v, np.zeros(output_signal.size), ones
    )
    readout = Readout(name, rule or (MAX if counts else MEAN), window)
    return (
        populations | {name: GraphPopulation(added, ones)},
        arriving | {name: output_signal},
        readout,
    )
