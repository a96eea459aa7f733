"""Import a graph as a network: wires become synapses, nodes of neurons become populations.

If neurons lead directly to the graph's output, and the readout rule suits them, they are the output
population. Otherwise the import adds an output population. If spiking neurons lead directly to the
output, its membranes count their spikes so far; else they are the output's input in each step.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from nmtool.description import count_synapses
from nmtool.errors import Finding, printable
from nmtool.exporters.nir import checking, kinds
from nmtool.exporters.nir.assembly import Parts
from nmtool.exporters.nir.convolutions import windowed
from nmtool.exporters.nir.graph import Graph, recurrent_edges, whole_steps, wire_order
from nmtool.exporters.nir.neurons import legal_names, population_of, resting_input
from nmtool.exporters.nir.options import ImportOptions
from nmtool.exporters.nir.shapes import Shapes
from nmtool.exporters.nir.synapses import Signal, Synapses, check_synapses
from nmtool.float_simulator import Array, StepPopulation, step_network
from nmtool.network.float_network import Network
from nmtool.network.graph import INPUT, LI, LIF
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
    imported = _Import(*checking.checked(graph, options), options)
    network = imported.network()
    loops = not confirmed and bool(imported.closing)
    resets = not confirmed and bool(graph.of_kind(*kinds.SPIKING))
    if assumed := options.assumed(loops=loops, resets=resets, rule=network.readout.rule):
        _log.warning(f"not in the graph, therefore assumed: {assumed}")
    if lag := network.n_steps - options.steps:
        _log.warning(
            f"remark[nir-steps-more]: a sample has {network.n_steps:,} steps instead of "
            f"{options.steps:,}: the output is {lag} steps later, since a hop takes one step in "
            f"nmtool and none in NIR; for {options.steps:,} steps in total, use "
            f"`n_steps={max(1, options.steps - lag)}`"
        )
    if silent := dict(_silent(network)):
        _log.warning(
            f"remark[nir-silent]: no input makes {', '.join(silent)} spike within "
            f"{network.n_steps:,} steps: with a spike on every synapse in every step, membranes "
            f"reach {max(silent.values()):.2g} of the threshold"
        )
    if unrolled := graph.of_kind(*kinds.WINDOWS):
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
        self.sources, self.targets = graph.sources(), graph.targets()
        self.closing = recurrent_edges(graph)
        self.integrating = graph.of_kind(*kinds.INTEGRATING)
        # An integrating node that leads only to one node of neurons models its synapses.
        self.synapse_nodes = {
            name: self.targets[name][0]
            for name in self.integrating
            if len(self.targets[name]) == 1 and graph.nodes[self.targets[name][0]].is_neurons
        }
        (self.input,), (self.output,) = graph.of_kind(kinds.INPUT), graph.of_kind(kinds.OUTPUT)
        self.direct = self._direct_source()
        self.names = legal_names(graph.of_kind(*kinds.SPIKING, *kinds.INTEGRATING))
        """Names of populations by names of nodes."""
        self.n_synapses = 0

    def network(self) -> Network:
        outputs = self._output_signals()
        arriving = {
            name: self._sum_into(name, outputs)
            for name, node in self.graph.nodes.items()
            if node.is_neurons
        }
        checking.refuse([*self._findings(arriving, outputs[self.output])])
        populations = {name: self._population(name) for name in self.names}
        for pre, post in self.synapse_nodes.items():
            synapses, gain = populations.pop(pre)
            neurons, own_gain = populations[post]
            populations[post] = replace(neurons, lose_u=synapses.lose_v), gain * own_gain
            arriving[post] = arriving[pre].plus_constant(resting_input(self.graph.nodes[pre]))
        neurons_by_name = {self.names[name]: neurons for name, (neurons, _) in populations.items()}
        jumps = {
            self.names[name]: arriving[name].scaled(gain) for name, (_, gain) in populations.items()
        }
        parts = self._read_out(neurons_by_name, jumps, outputs[self.output])
        return parts.network(self.options.step_ms, self.options.steps)

    def _direct_source(self) -> str | None:
        """The node of neurons whose output is the graph's output; None if there is no such node."""
        name, nodes = self.output, self.graph.nodes
        while nodes[name].kind in (kinds.OUTPUT, kinds.IDENTITY, kinds.FLATTEN):
            if len(self.sources[name]) != 1:
                return None
            (name,) = self.sources[name]
        return name if nodes[name].is_neurons else None

    def _output_signals(self) -> dict[str, Signal]:
        """Output signal per node; origins have the names of populations in the network."""
        names = {self.input: INPUT, **self.names}
        outputs = {node: Signal.of(name, self.shapes.size(node)) for node, name in names.items()}
        for name in wire_order(self.graph):
            if name not in outputs:
                outputs[name] = self._wire_output(name, self._sum_into(name, outputs))
        return outputs

    def _sum_into(self, name: str, outputs: Mapping[str, Signal]) -> Signal:
        """The sum of the signals of all edges into a node."""
        signals = [
            outputs[pre].delayed_by_loop() if (pre, name) in self.closing else outputs[pre]
            for pre in self.sources[name]
        ]
        signal = signals[0].plus(signals[1:]) if signals else Signal(self.shapes.size(name))
        self.n_synapses += signal.n_synapses
        check_synapses(self.n_synapses, "all paths between neurons together have")
        return signal

    def _wire_output(self, name: str, signal: Signal) -> Signal:
        """Output signal of a node that is not a neuron, from its input signal."""
        node = self.graph.nodes[name]
        if node.kind in kinds.WINDOWS:
            return windowed(node, signal, self.shapes.input_shapes[name])
        if node.kind in kinds.MATRICES:
            weight = node.values["weight"].astype(np.float64)
            line, post = np.nonzero(weight.T)
            wires = Synapses.to_lines(post, weight[post, line], line)
            signal = signal.through(wires, len(weight))
            return (
                signal.plus_constant(node.values["bias"]) if node.kind == kinds.AFFINE else signal
            )
        if node.kind == kinds.SCALE:
            return signal.scaled(node.values["scale"])
        if node.kind == kinds.DELAY:
            return signal.delayed(whole_steps(node.values["delay"], self.options.step_s))
        assert node.kind in (kinds.IDENTITY, kinds.FLATTEN, kinds.OUTPUT)
        return signal

    def _population(self, name: str) -> tuple[StepPopulation, Array]:
        """The population of a node, and the jump of its u for an input of 1."""
        size = self.shapes.size(name)
        return population_of(self.names[name], self.graph.nodes[name], size, self.options.step_s)

    def _findings(self, arriving: Mapping[str, Signal], output: Signal) -> Iterator[Finding]:
        """Findings for integrating nodes that a network cannot represent."""
        integrating = {self.names[name]: name for name in self.integrating}
        for target, signal in [*arriving.items(), (self.output, output)]:
            shown = printable(self.names.get(target, target))
            for node in (integrating[o] for o in signal.origins if o in integrating):
                is_output = node == self.direct and signal is output
                if node not in self.synapse_nodes and not is_output:
                    what = f"its membrane is the input of {shown}, but in nmtool only spikes can "
                    fix = "replace the node by spiking neurons"
                    yield Finding("nir-potential", printable(node), f"{what}be an input", fix)
        for name, post in self.synapse_nodes.items():
            synapse, neurons = self.graph.nodes[name], self.graph.nodes[post]
            states_synapse = "tau_syn" in (*synapse.values, *neurons.values)
            has_synapse = post in self.synapse_nodes or states_synapse
            if len(self.sources[post]) != 1 or has_synapse:
                what = f"it cannot be the synapse of {printable(post)}: {printable(post)} has "
                what += "further inputs, or one of the two nodes already has a synapse"
                yield Finding("nir-potential", printable(name), what, "use a CubaLIF")
            if not np.isfinite(resting_input(synapse)).all():
                what = "its v_leak cannot be expressed as an input, since r is 0"
                fix = "set its v_leak to 0, or its r to another number"
                yield Finding("nir-potential", printable(name), what, fix)

    def _read_out(
        self, populations: dict[str, StepPopulation], arriving: dict[str, Signal], output: Signal
    ) -> Parts:
        """Choose the output population, and add one if needed. `arriving` is in units of u."""
        rule, window, size = self.options.rule, self.options.window, output.size
        is_direct, integrates = self.direct is not None, self.direct in self.integrating
        if self.direct is not None and (integrates or rule in rules_of(LIF)):
            name = self.names[self.direct]
        else:
            # An `li` population is added as output. If the graph's output is the output of spiking
            # neurons, v of the added population counts their spikes. Otherwise, v is its input in
            # each step.
            name = legal_names([*populations, ANSWER])[ANSWER]
            ones, zeros = np.ones(size), np.zeros(size)
            added = StepPopulation(name, size, LI, ones, zeros if is_direct else ones, zeros, ones)
            populations, arriving = populations | {name: added}, arriving | {name: output}
            rule = rule or (MAX if is_direct else MEAN)
        readout = Readout(name, rule or MEAN, window)
        return Parts(self.shapes.size(self.input), populations, arriving, readout)


def _silent(network: Network) -> Iterator[tuple[str, float]]:
    """Populations that no input makes spike, with the largest share of the threshold."""
    steps = step_network(network)
    for population in steps.populations:
        incoming = [p.jump for p in steps.projections if p.target == population.name]
        if population.kind != LIF or not incoming:
            continue
        excitation = np.sum([np.maximum(jump, 0).sum(axis=0) for jump in incoming], axis=0)
        u, v, share = np.zeros(population.size), np.zeros(population.size), 0.0
        for _ in range(network.n_steps):
            u = u * (1 - population.lose_u) + excitation
            v = v * (1 - population.lose_v) + u + population.drive
            share = max(share, float((v / population.threshold).max()))
            if share > 1:
                break
        else:
            yield population.name, share
