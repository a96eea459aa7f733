"""Foreign NIR graphs as networks: what is in them, and everything that a network cannot hold.

Wires become synapses, nodes of neurons become cells; `nmtool.exporters.nir.reading.assembly` makes
the network.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np

from nmtool import graph as kinds
from nmtool.errors import FileFormatError, Finding
from nmtool.exporters.hdf5 import printable
from nmtool.exporters.nir.graph.loops import recurrent_edges, wire_order
from nmtool.exporters.nir.graph.nodes import (
    AFFINE,
    DELAY,
    FLATTEN,
    IDENTITY,
    INPUT,
    INTEGRATING,
    LINEAR,
    OUTPUT,
    SCALE,
    SPIKING,
    Edge,
    Graph,
    whole_steps,
)
from nmtool.exporters.nir.import_options import ImportOptions
from nmtool.exporters.nir.reading import synapses as wires
from nmtool.exporters.nir.reading.assembly import Parts, assembled
from nmtool.exporters.nir.reading.constants import begun
from nmtool.exporters.nir.reading.misfits import known_values, node_findings
from nmtool.exporters.nir.reading.neurons import Cell, behind, cell, legal_names, resting_input
from nmtool.exporters.nir.reading.readout import direct_source, read_out
from nmtool.exporters.nir.reading.sizes import line_counts, misfits
from nmtool.exporters.nir.reading.synapses import MAX_SYNAPSES, Signal
from nmtool.network import Network

SHOWN = 50
"""Findings that an error carries; the others are counted."""


def network_of(graph: Graph, options: ImportOptions) -> Network:
    """The network that does what a graph does.

    Raises:
        FileFormatError: something in the graph has no counterpart; all of it is listed.
    """
    findings = node_findings(graph, options.nir_dt_s) + _port_findings(graph)
    _refuse(findings)
    graph = known_values(graph)
    sizes = line_counts(graph)
    _refuse(misfits(graph, sizes))
    return _Import(graph, sizes, options).network()


def _port_findings(graph: Graph) -> list[Finding]:
    found = []
    for kind in (INPUT, OUTPUT):
        names = graph.of_kind(kind)
        if len(names) != 1:
            what = f"it has {len(names)} nodes of the kind {kind}, a network has one"
            found.append(Finding("nir-ports", "graph", what, f"keep one {kind}"))
    return found


def _refuse(findings: list[Finding]) -> None:
    if findings:
        things = "something" if len(findings) == 1 else f"{len(findings)} things"
        raise FileFormatError(
            f"the graph holds {things} that a network cannot",
            code="nir-graph-unfit",
            findings=_bounded(findings),
        )


def _bounded(findings: list[Finding]) -> list[Finding]:
    """As many findings as people read, and one that counts the others by their codes."""
    left = Counter(one.code for one in findings[SHOWN:])
    if not left:
        return findings
    what = ", ".join(f"{count} more of {code}" for code, count in sorted(left.items()))
    return [*findings[:SHOWN], Finding("nir-more", "graph", what, "mend those above first")]


class _Import:
    """A checked graph on its way to a network."""

    def __init__(self, graph: Graph, sizes: dict[str, int], options: ImportOptions) -> None:
        self.graph, self.sizes, self.options = graph, sizes, options
        self.sources, self.targets = graph.sources(), graph.targets()
        self.closing: set[Edge] = recurrent_edges(graph) if options.implied else set()
        self.fused = self._synapse_nodes()
        (self.input,), (self.output,) = graph.of_kind(INPUT), graph.of_kind(OUTPUT)
        self.direct = direct_source(graph)
        self.named = legal_names(graph.of_kind(*SPIKING, *INTEGRATING))
        self.named[self.input] = kinds.INPUT
        self.held = 0

    def network(self) -> Network:
        passed = self._passed()
        arriving, ends = self._arriving(passed), passed[self.output]
        _refuse(self._findings(arriving, ends))
        arriving = self._through_synapses(arriving)
        direct = None if self.direct is None else self.named[self.direct]
        rule = self.options.rule
        cells, arriving, readout = read_out(self._cells(), arriving, ends, direct, rule)
        jumps = {name: wires.scaled(arriving[name], one.gain) for name, one in cells.items()}
        parts = begun(Parts(self.sizes[self.input], cells, jumps, readout))
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

    def _arriving(self, passed: Mapping[str, Signal]) -> dict[str, Signal]:
        """Per node of neurons, by its name in the network, what reaches it."""
        return {
            self.named[name]: self._sum_into(name, passed)
            for name, node in self.graph.nodes.items()
            if node.is_neurons
        }

    def _through_synapses(self, arriving: Mapping[str, Signal]) -> dict[str, Signal]:
        """Per population, what reaches it, or the node that is its synapse."""
        found = dict(arriving)
        for pre, post in self.fused.items():
            constant = resting_input(self.graph.nodes[pre])
            found[self.named[post]] = wires.biased(found.pop(self.named[pre]), constant)
        return found

    def _sum_into(self, name: str, passed: Mapping[str, Signal]) -> Signal:
        parts = [
            wires.delayed(passed[pre], int((pre, name) in self.closing))
            for pre in self.sources[name]
        ]
        signal = wires.added(parts, parts[0].size if parts else self.sizes[name])
        self.held += signal.n_synapses
        if self.held > MAX_SYNAPSES:
            raise FileFormatError(
                f"its wires hold more than {MAX_SYNAPSES} synapses", code="nir-too-many-synapses"
            )
        return signal

    def _behind_wire(self, name: str, signal: Signal) -> Signal:
        node = self.graph.nodes[name]
        if node.kind in (LINEAR, AFFINE):
            signal = wires.spread(signal, node.values["weight"].astype(np.float64))
            return wires.biased(signal, node.values["bias"]) if node.kind == AFFINE else signal
        if node.kind == SCALE:
            return wires.scaled(signal, node.values["scale"])
        if node.kind == DELAY:
            steps = whole_steps(np.ravel(node.values["delay"]), self.options.nir_dt_s)
            return wires.delayed(signal, steps)
        assert node.kind in (IDENTITY, FLATTEN, OUTPUT)
        return signal

    def _cells(self) -> dict[str, Cell]:
        """Populations by their names in the network; synapse nodes are part of theirs."""
        own = {
            name: cell(
                self.named[name],
                self.graph.nodes[name],
                self.sizes[name],
                self.options.nir_dt_s,
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
        """What potentials drive, which only spikes can."""
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
            is_chained = post in self.fused or "tau_syn" in self.graph.nodes[post].values
            if len(self.sources[post]) != 1 or is_chained:
                what = f"it drives {printable(post)}, which has other inputs or another synapse"
                found.append(Finding("nir-synapse", printable(node), what, "use a CubaLIF"))
            if not np.isfinite(resting_input(self.graph.nodes[node])).all():
                what = "its v_leak is more than any input could do, since r is 0"
                fix = "set its v_leak to 0, or its r to another number"
                found.append(Finding("nir-bias", printable(node), what, fix))
        return found
