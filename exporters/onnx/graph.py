"""Write the network as an ONNX graph: time loops of populations, and projections outside them.

A feedforward projection needs no loop: all spikes of its source are known before the first step of
its target. One scatter operator adds the weights of all these spikes at their steps of arrival.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nmtool.dynamics import HOP_LATENCY
from nmtool.exporters.onnx.loop import BATCH, Loop, add_loop, recorded_quantities, spikes_dtype
from nmtool.exporters.onnx.nodes import Nodes
from nmtool.exporters.onnx.synapses import (
    Events,
    NamedProjection,
    add_arrivals,
    add_counts,
    named_projections,
)
from nmtool.network.graph import INPUT, LATE, SUBTRACT, TO_ZERO, strongly_connected
from nmtool.network.integer_network import IntegerNetwork, IntegerPopulation
from nmtool.tables import exact

TIME = "time"
"""Symbolic dimension: the number of steps."""

SPIKES = "spikes"
"""Name of the graph's input."""


def make_graph(network: IntegerNetwork) -> Any:
    """Convert a network to an ONNX graph, a `GraphProto`.

    The graph has one input, `spikes`: bool [batch, time, channels]. Each population has outputs of
    the shape [batch, time, neurons]: `<name>.u` (int32), `<name>.v` (int32, after the reset of a
    spike), and `<name>.spikes` (bool) if the population spikes. Every sample starts from a fresh
    state. Where channels or neurons can spike several times in a step, their spikes are uint8
    numbers instead of bool.
    """
    from onnx import helper

    builder = _Builder(network)
    for loop in _loops(network):
        builder.add(loop)
    return helper.make_graph(
        builder.nodes.nodes,
        "spiking_network",
        [_input(network)],
        builder.outputs(),
        list(builder.nodes.constants.values()),
        _about(network),
    )


def _loops(network: IntegerNetwork) -> list[Loop]:
    """Groups of mutually recurrent populations in feedforward order.

    Each has the projections between its own populations.
    """
    projections = named_projections(network)
    edges = [(p.source, p.target) for p in network.projections]
    groups = strongly_connected([p.name for p in network.populations], edges)
    return [
        Loop(
            [network.population(name) for name in group],
            [p for p in projections if {p.projection.source, p.projection.target} <= set(group)],
        )
        for group in groups
    ]


class _Builder:
    """Builds the graph, one loop after the other.

    Attributes:
        recorded: names of the recordings [time, batch, neurons], by `<population>.<quantity>`.
        events: names of the lists of spikes, by source.
    """

    def __init__(self, network: IntegerNetwork) -> None:
        self.network = network
        self.nodes = Nodes()
        self.recorded: dict[str, str] = {}
        self.events: dict[str, Events] = {}
        shape = self.nodes.add("Shape", [SPIKES], "shape")
        self.batch, self.time = (
            self.nodes.add("Gather", [shape, self.nodes.list(axis)], name, axis=0)
            for axis, name in enumerate(("n_samples", "n_steps"))
        )
        self.rows = self.nodes.add("Mul", [self.time, self.batch], "n_rows", "steps × samples")

    def add(self, loop: Loop) -> None:
        """Append the nodes of a group, after those of all groups that project to it."""
        inside = {projection.name for projection in loop.projections}
        outside = [p for p in named_projections(self.network) if p.name not in inside]
        external_input = {
            population.name: self._outside_input(
                population, [p for p in outside if p.projection.target == population.name]
            )
            for population in loop.populations
        }
        self.recorded |= add_loop(self.nodes, loop, external_input, self.batch)

    def _outside_input(
        self, population: IntegerPopulation, projections: list[NamedProjection]
    ) -> str:
        """int32 [time, batch, neurons]: input to a population from other groups.

        Weights are added to rows: all samples of step 0, all samples of step 1 and so on, until the
        last arrival.
        """
        nodes, name, size = self.nodes, population.name, population.size
        rows = self._zero_rows(population, projections)
        for named_projection in projections:
            rows = add_arrivals(
                nodes, named_projection, self._events_of(named_projection.projection.source), rows
            )
        bounds = [nodes.list(0), self.rows, nodes.list(0)]
        within = nodes.add("Slice", [rows, *bounds], f"{name}.within", "arrivals within the sample")
        shape = nodes.add(
            "Concat", [self.time, self.batch, nodes.list(size)], f"{name}.shape_by_time", axis=0
        )
        return nodes.add("Reshape", [within, shape], f"{name}.from_outside", allowzero=1)

    def _zero_rows(self, population: IntegerPopulation, projections: list[NamedProjection]) -> str:
        """int32 [rows, neurons] of zeros, for all steps of a sample and for later arrivals."""
        from onnx import numpy_helper

        nodes, name = self.nodes, population.name
        reach = max((int(p.projection.delay.max()) for p in projections), default=0) + HOP_LATENCY
        steps = nodes.add("Add", [self.time, nodes.list(reach)], f"{name}.horizon")
        rows = nodes.add("Mul", [steps, self.batch], f"{name}.horizon_rows")
        shape = nodes.add(
            "Concat", [rows, nodes.list(population.size)], f"{name}.rows_shape", axis=0
        )
        zero = numpy_helper.from_array(np.zeros(1, np.int32))
        return nodes.add("ConstantOfShape", [shape], f"{name}.silence", value=zero)

    def _events_of(self, source: str) -> Events:
        """All spikes of a source as lists, with the rows of their arrivals."""
        if source not in self.events:
            self.events[source] = self._new_events(source)
        return self.events[source]

    def _new_events(self, source: str) -> Events:
        """Append the nodes that list the spikes of a source."""
        nodes = self.nodes
        raster = SPIKES if source == INPUT else self.recorded[f"{source}.spikes"]
        order = ("sample", "step", "neuron") if source == INPUT else ("step", "sample", "neuron")
        indices = nodes.add("NonZero", [raster], f"{source}.found", ", ".join(order) + " of spikes")
        part = {
            name: nodes.add(
                "Gather", [indices, nodes.number(row, np.int64)], f"{source}.{name}", axis=0
            )
            for row, name in enumerate(order)
        }
        text = "one step for every hop"
        latency = nodes.number(HOP_LATENCY, np.int64)
        arrival = nodes.add("Add", [part["step"], latency], f"{source}.arrival", text)
        first = nodes.add("Mul", [arrival, self.batch], f"{source}.arrival_rows")
        row = nodes.add("Add", [first, part["sample"]], f"{source}.row")
        place = nodes.add("Unsqueeze", [row, nodes.list(1)], f"{source}.rows")
        counts = self.network.spike_limits[source] > 1
        count = add_counts(nodes, raster, indices, source) if counts else ""
        return Events(place, part["neuron"], self.batch, count)

    def outputs(self) -> list[Any]:
        """Append the nodes of the graph's outputs, and return the outputs as `ValueInfoProto`."""
        from onnx import helper

        infos = []
        for population in self.network.populations:
            for quantity, dtype in recorded_quantities(population).items():
                name = f"{population.name}.{quantity}"
                self.nodes.add("Transpose", [self.recorded[name]], name, perm=[1, 0, 2])
                kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
                shape: Sequence[str | int] = [BATCH, TIME, population.size]
                text = _OUTPUTS[quantity]
                if quantity == "v":
                    text += _V_AFTER_SPIKES[population.reset]
                infos.append(helper.make_tensor_value_info(name, kind, shape, text))
        return infos


_OUTPUTS = {
    "spikes": "spikes of every step",
    "v": "membrane after every step",
    "u": "synaptic current of every step",
}

_V_AFTER_SPIKES = {
    TO_ZERO: ", 0 after a spike",
    SUBTRACT: ", reduced by a spike",
    LATE: ", which a spike reduces in the next step",
}


def _input(network: IntegerNetwork) -> Any:
    from onnx import helper

    channels = network.channels
    shape: Sequence[str | int] = [BATCH, TIME, channels.size]
    text = f"input spikes, one step is {exact(network.dt_ms)} ms"
    if channels.most_spikes > 1:
        text += f"; at most {channels.most_spikes} per channel and step"
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(spikes_dtype(channels)))
    return helper.make_tensor_value_info(SPIKES, kind, shape, text)


def _about(network: IntegerNetwork) -> str:
    """Description of the network, for the graph's documentation."""
    readout = network.readout
    return (
        f"A spiking network in the arithmetic {network.arithmetic}. {network.channels.size} input "
        f"channels, steps of {exact(network.dt_ms)} ms, meant for {network.n_steps} of them. "
        f"'{readout.population}' answers by the rule '{readout.words}'. A spike of step n over a "
        f"delay d arrives at step n + {HOP_LATENCY} + d."
    )
