"""Foreign NIR graphs as networks.

A graph's edges cost no step and a network's do, so populations run some steps later here than in
the graph (`exporters.nir.shifts`); spikes are otherwise the same at the same steps.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from exporters.nir import synapses as wires
from exporters.nir.cells import Cell, behind, cell
from exporters.nir.checks import known_values, node_findings
from exporters.nir.graph import (
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
from exporters.nir.hdf5 import printable
from exporters.nir.loops import recurrent_edges, wire_order
from exporters.nir.options import NIR_DT_S
from exporters.nir.real import RealPopulation
from exporters.nir.shifts import steps_behind
from exporters.nir.sizes import line_counts, misfits
from exporters.nir.synapses import Signal, Synapses
from nmtool import dynamics
from nmtool import graph as kinds
from nmtool.dynamics import HOP_LATENCY
from nmtool.errors import FileFormatError, UsageError
from nmtool.graph import InputChannels
from nmtool.network import Network, Population, Projection
from nmtool.readout import FIRST_SPIKE, Readout
from nmtool.targets import Finding

SHOWN = 50
"""Findings that are listed; the others are counted."""

DURATION_MS = 1000.0


@dataclass(frozen=True)
class ImportOptions:
    """How a foreign file is to be understood.

    Attributes:
        nir_dt_s: the step in s that it was made for, which NIR does not tell.
        dt_ms: the step of the network in ms; by default the same.
        n_steps: steps of a sample; by default 1000 ms.
        rule: of the read-out; by default `max` of spike counts for an output that spikes, `mean`
            of the membranes for others.
        implied: whether a connection that closes a loop costs a step by itself.
    """

    nir_dt_s: float = NIR_DT_S
    dt_ms: float | None = None
    n_steps: int | None = None
    rule: str | None = None
    implied: bool = True

    def __post_init__(self) -> None:
        for value in (self.nir_dt_s, self.step_ms):
            if not (math.isfinite(value) and value > 0):
                raise UsageError(f"a time step must be positive and finite, not {value}")

    @property
    def step_ms(self) -> float:
        """The step of the network in ms."""
        return self.nir_dt_s * 1e3 if self.dt_ms is None else self.dt_ms


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
            found.append(Finding("ports", "graph", what, f"keep one {kind}"))
    return found


def _refuse(findings: list[Finding]) -> None:
    if not findings:
        return
    lines = [f"{one.where}: {one.what}" for one in findings[:SHOWN]]
    if len(findings) > SHOWN:
        lines.append(f"and {len(findings) - SHOWN} more")
    raise FileFormatError("\n".join(lines))


class _Import:
    """A checked graph on its way to a network."""

    def __init__(self, graph: Graph, sizes: dict[str, int], options: ImportOptions) -> None:
        self.graph, self.sizes, self.options = graph, sizes, options
        self.sources, self.targets = graph.sources(), graph.targets()
        self.closing: set[Edge] = recurrent_edges(graph) if options.implied else set()
        self.fused = self._synapse_nodes()
        self.named = _legal_names(graph.of_kind(*SPIKING, *INTEGRATING))
        self.named[graph.of_kind(INPUT)[0]] = kinds.INPUT

    def network(self) -> Network:
        arriving = self._arriving()
        cells = self._cells()
        _refuse(self._findings(arriving))
        output = self.graph.of_kind(OUTPUT)[0]
        cells, arriving, readout = self._with_readout(cells, arriving, output)
        behind_by = self._behind(cells, arriving)
        dt_ms = self.options.step_ms
        populations = [_population(one, dt_ms) for one in cells.values()]
        projections = [
            projection
            for name, one in cells.items()
            for source, found in arriving[name].origins.items()
            for projection in self._projections(source, found, one, behind_by)
        ]
        steps = self.options.n_steps or math.ceil(DURATION_MS / dt_ms)
        return Network(
            InputChannels(self.sizes[self.graph.of_kind(INPUT)[0]]),
            populations,
            projections,
            readout,
            dt_ms=dt_ms,
            n_steps=steps + behind_by[readout.population],
        )

    def _synapse_nodes(self) -> dict[str, str]:
        """Integrating nodes that lead to one node of neurons and nowhere else: its synapses."""
        found = {}
        for name in self.graph.of_kind(*INTEGRATING):
            targets = self.targets[name]
            if len(targets) == 1 and self.graph.nodes[targets[0]].is_neurons:
                found[name] = targets[0]
        return found

    def _arriving(self) -> dict[str, Signal]:
        """Per population (by its name in the network) and per output, what reaches it."""
        passed: dict[str, Signal] = {}
        arriving: dict[str, Signal] = {}
        order = wire_order(self.graph)
        for name, node in self.graph.nodes.items():
            if node.kind == INPUT or node.kind in SPIKING or node.kind in INTEGRATING:
                passed[name] = wires.emitted(self.named[name], self.sizes[name])
        for name in order:
            if name not in passed:
                passed[name] = self._behind_wire(name, self._sum_into(name, passed))
        for name, node in self.graph.nodes.items():
            if node.is_neurons:
                arriving[self.named[name]] = self._sum_into(name, passed)
            elif node.kind == OUTPUT:
                arriving[name] = passed[name]
        return arriving

    def _sum_into(self, name: str, passed: Mapping[str, Signal]) -> Signal:
        parts = [
            wires.delayed(passed[pre], int((pre, name) in self.closing))
            for pre in self.sources[name]
        ]
        return wires.added(parts, parts[0].size if parts else self.sizes[name])

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

    def _findings(self, arriving: dict[str, Signal]) -> list[Finding]:
        """What potentials drive, and constants that come later than a bias would."""
        found = []
        direct = self._direct_source()
        silent = {self.named[n]: n for n in self.graph.of_kind(*INTEGRATING)}
        for name, signal in arriving.items():
            for origin in signal.origins:
                node = silent.get(origin)
                passed_on = node == direct and name in self.graph.of_kind(OUTPUT)
                if node is None or node in self.fused or passed_on:
                    continue
                what = f"its potential drives {printable(name)}; only spikes can"
                found.append(Finding("potential", printable(node), what, "let a LIF answer"))
            if signal.constant is not None and signal.constant.any():
                what = "a bias reaches it over wires, through its synapse or after a delay"
                found.append(Finding("bias", printable(name), what, "put it into v_leak"))
        for node, post in self.fused.items():
            is_chained = post in self.fused or "tau_syn" in self.graph.nodes[post].values
            if len(self.sources[post]) != 1 or is_chained:
                what = f"it drives {printable(post)}, which has other inputs or another synapse"
                found.append(Finding("potential", printable(node), what, "use a CubaLIF"))
            if np.any(self.graph.nodes[node].values.get("v_leak", 0.0)):
                what = "its v_leak is a constant that grows in a synapse"
                found.append(Finding("bias", printable(node), what, "put it into the membrane"))
        return found

    def _direct_source(self) -> str | None:
        """The neurons that the output passes on as they are."""
        name = self.graph.of_kind(OUTPUT)[0]
        while self.graph.nodes[name].kind in (OUTPUT, IDENTITY, FLATTEN):
            if len(self.sources[name]) != 1:
                return None
            (name,) = self.sources[name]
        return name if self.graph.nodes[name].is_neurons else None

    def _with_readout(
        self, cells: dict[str, Cell], arriving: dict[str, Signal], output: str
    ) -> tuple[dict[str, Cell], dict[str, Signal], Readout]:
        """With an output population, which counts or passes on what the output does."""
        ends, rule, before = arriving[output], self.options.rule, arriving
        arriving = {name: signal for name, signal in arriving.items() if name in cells}
        for pre, post in self.fused.items():
            arriving[self.named[post]] = before[self.named[pre]]
        direct = self._direct_source()
        if direct is not None and self.graph.nodes[direct].kind in INTEGRATING:
            return cells, arriving, Readout(self.named[direct], rule or "mean")
        if direct is not None and rule == FIRST_SPIKE:
            return cells, arriving, Readout(self.named[direct], rule)
        name = _legal_names([*cells, "answer"])["answer"]
        counts = direct is not None
        cells[name] = _integrating(name, ends.size, counts)
        arriving[name] = ends
        return cells, arriving, Readout(name, rule or ("max" if counts else "mean"))

    def _behind(self, cells: dict[str, Cell], arriving: dict[str, Signal]) -> dict[str, int]:
        least = {
            (source, name): int(found.delay.min())
            for name in cells
            for source, found in arriving[name].origins.items()
            if found.delay.size
        }
        shifts = steps_behind(list(cells), least, kinds.INPUT)
        if shifts is None:
            raise FileFormatError("a loop costs fewer steps than the populations on it")
        return shifts

    def _projections(
        self, source: str, found: Synapses, target: Cell, behind_by: Mapping[str, int]
    ) -> list[Projection]:
        name, size = target.population.name, target.population.size
        shape = self._size_of(source), size
        shift = behind_by[name] - behind_by[source] - HOP_LATENCY
        scale = _drive_scale(target, self.options.step_ms)
        factor = target.gain / scale
        return [
            Projection(source, name, weight * factor, np.where(weight != 0, delay + shift, 0))
            for weight, delay in wires.layers(found, shape)
        ]

    def _size_of(self, name: str) -> int:
        nodes = {legal: node for node, legal in self.named.items()}
        return self.sizes[nodes[name]]


def _integrating(name: str, size: int, counts: bool) -> Cell:
    """Neurons whose v is the number of spikes so far, or what arrives in a step."""
    ones = np.ones(size)
    lose_v = np.zeros(size) if counts else ones
    population = RealPopulation(name, size, kinds.LI, ones, lose_v, np.zeros(size), ones)
    return Cell(population, ones)


def _taus(lose: NDArray[np.float64], dt_ms: float) -> NDArray[np.float64]:
    """Time constants in ms for which a step takes that much."""
    with np.errstate(divide="ignore"):
        return -dt_ms / np.log1p(-lose)


def _drive_scale(one: Cell, dt_ms: float) -> NDArray[np.float64]:
    held = one.population
    return dynamics.drive_scale(_taus(held.lose_v, dt_ms), _taus(held.lose_u, dt_ms), dt_ms)


def _population(one: Cell, dt_ms: float) -> Population:
    held = one.population
    tau_mem = _taus(held.lose_v, dt_ms)
    return Population(
        held.name,
        held.size,
        held.kind,
        tau_mem_ms=tau_mem,
        tau_syn_ms=_taus(held.lose_u, dt_ms),
        threshold=held.threshold,
        bias=held.drive / dynamics.membrane_gain(tau_mem, dt_ms),
    )


def _legal_names(names: list[str]) -> dict[str, str]:
    """Names that populations can have, each once, like those of the nodes."""
    found: dict[str, str] = {}
    for name in names:
        legal = re.sub(r"[^A-Za-z0-9_]", "_", name)
        legal = legal if re.match(r"[A-Za-z]", legal) else f"n{legal}"
        while legal in found.values() or legal == kinds.INPUT:
            legal += "_"
        found[name] = legal
    return found
