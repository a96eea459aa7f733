"""The time loop of mutually recurrent populations: one ONNX `Scan` per group.

A single population without recurrence needs no synapses inside its loop. For recurrent spikes, each
population has a window of future steps: row r is the input due in r steps, and all rows move up by
one in each step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nmtool.exporters.onnx import neuron
from nmtool.exporters.onnx.nodes import Nodes
from nmtool.exporters.onnx.synapses import Events, NamedProjection, add_arrivals, add_counts
from nmtool.network.graph import LIF, InputChannels
from nmtool.network.integer_network import IntegerPopulation

NOW = "[n]"
"""Suffix of the names of values inside the loop, at step n."""

BEFORE = "[n-1]"

BATCH = "batch"
"""Symbolic dimension: the number of samples."""


def recorded_quantities(population: IntegerPopulation) -> dict[str, type]:
    """Recorded quantities of a population and their dtypes; only spiking ones have `spikes`."""
    spikes = {"spikes": spikes_dtype(population)} if population.kind == LIF else {}
    return {**spikes, "v": np.int32, "u": np.int32}


def spikes_dtype(source: IntegerPopulation | InputChannels) -> type:
    """Type of the spikes of a population or of the input: bool, or uint8 numbers of spikes."""
    return np.uint8 if source.most_spikes > 1 else np.bool_


@dataclass(frozen=True)
class Loop:
    """A group of mutually recurrent populations, and the projections inside it.

    Attributes:
        populations: populations of the group.
        projections: projections between populations of the group.
    """

    populations: Sequence[IntegerPopulation]
    projections: Sequence[NamedProjection]

    @property
    def label(self) -> str:
        """Name of the `Scan` node."""
        return "+".join(population.name for population in self.populations)

    @property
    def sources(self) -> list[str]:
        """Names of the group's populations that project to populations of the group."""
        return list(dict.fromkeys(p.projection.source for p in self.projections))

    def into(self, population: IntegerPopulation) -> list[NamedProjection]:
        """Projections of the group to one of its populations."""
        return [p for p in self.projections if p.projection.target == population.name]

    def window(self, population: IntegerPopulation) -> int:
        """Number of future steps at which recurrent spikes can arrive at a population."""
        delays = [int(p.projection.delay.max()) for p in self.into(population)]
        return max(delays) + 1 if delays else 0


def add_loop(
    nodes: Nodes, loop: Loop, external_input: dict[str, str], batch: str
) -> dict[str, str]:
    """Append the `Scan` of a group.

    Args:
        nodes: nodes of the graph around the loop.
        loop: the group.
        external_input: per population, input from outside the group, int32 [time, batch, neurons].
        batch: int64 [1], the number of samples.

    Returns:
        Names of the recordings [time, batch, neurons], by `<population>.<quantity>`.
    """
    body = _Body(loop)
    starts = [_zeros(nodes, batch, *state) for state in body.states]
    recorded = [f"{stem}.by_time" for stem in body.records]
    last = [f"{stem}.last" for stem, _ in body.states]
    text = f"time steps of {loop.label}; state starts at zero in every sample"
    nodes.add_many(
        "Scan",
        [*starts, *(external_input[p.name] for p in loop.populations)],
        [*last, *recorded],
        f"{loop.label}.steps",
        text,
        body=body.graph(),
        num_scan_inputs=len(loop.populations),
    )
    return dict(zip(body.records, recorded, strict=True))


def _zeros(nodes: Nodes, batch: str, stem: str, shape: tuple[int, ...]) -> str:
    """Append the nodes of a state of zeros, and return its name."""
    from onnx import numpy_helper

    sizes = nodes.add("Concat", [batch, nodes.list(*shape)], f"{stem}.shape", axis=0)
    zero = numpy_helper.from_array(np.zeros(1, np.int32))
    return nodes.add("ConstantOfShape", [sizes], f"{stem}.start", value=zero)


class _Body:
    """The graph of one step of a group.

    Attributes:
        states: name and shape (without batch) of every state variable.
        records: names of the quantities recorded in each step.
    """

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        self.nodes = Nodes(NOW)
        self.states: list[tuple[str, tuple[int, ...]]] = []
        self.records: list[str] = []
        for population in loop.populations:
            self._declare(population)

    def _declare(self, population: IntegerPopulation) -> None:
        """Add the states and the recorded quantities of a population."""
        name, size = population.name, population.size
        self.states += [(f"{name}.u", (size,)), (f"{name}.v", (size,))]
        if window := self.loop.window(population):
            self.states.append((f"{name}.coming", (window, size)))
        self.records += [f"{name}.{quantity}" for quantity in recorded_quantities(population)]

    def graph(self) -> Any:
        from onnx import helper

        for population in self.loop.populations:
            self._step(population)
        populations = {population.name: population for population in self.loop.populations}
        lists = {source: self._spike_indices(populations[source]) for source in self.loop.sources}
        for population in self.loop.populations:
            if self.loop.window(population):
                self._send(population, lists)
        return helper.make_graph(
            self.nodes.nodes,
            f"one step of {self.loop.label}",
            self._inputs(),
            [*self._next_states(), *self._recorded()],
            list(self.nodes.constants.values()),
        )

    def _inputs(self) -> list[Any]:
        """The inputs of the step: states, and input from outside the group."""
        states = [_value_info(stem + BEFORE, np.int32, shape) for stem, shape in self.states]
        return states + [
            _value_info(_outside_input(population), np.int32, (population.size,))
            for population in self.loop.populations
        ]

    def _next_states(self) -> list[Any]:
        return [_value_info(stem + NOW, np.int32, shape) for stem, shape in self.states]

    def _recorded(self) -> list[Any]:
        """Recorded outputs; they are copies, since a graph cannot output a value twice."""
        infos = []
        for population in self.loop.populations:
            for quantity, dtype in recorded_quantities(population).items():
                stem = f"{population.name}.{quantity}"
                copy = self.nodes.add("Identity", [stem + NOW], f"{stem}.recorded")
                infos.append(_value_info(copy, dtype, (population.size,)))
        return infos

    def _step(self, population: IntegerPopulation) -> None:
        """Append the nodes for u, v and spikes of a population."""
        name, nodes, arriving = population.name, self.nodes, _outside_input(population)
        if self.loop.window(population):
            first = nodes.number(0, np.int64)
            due = nodes.add("Gather", [f"{name}.coming{BEFORE}", first], f"{name}.due", axis=1)
            arriving = nodes.add("Add", [arriving, due], f"{name}.a", "what arrives at this step")
        u = neuron.add_current(nodes, population, arriving, f"{name}.u{BEFORE}")
        v = neuron.add_membrane(nodes, population, u, f"{name}.v{BEFORE}")
        if population.kind == LIF:
            neuron.add_spikes(nodes, population, v)

    def _spike_indices(self, population: IntegerPopulation) -> tuple[str, str, str]:
        """Sample, neuron and count of every filled bin of this step; '' without counts."""
        nodes, source = self.nodes, population.name
        text = "sample and neuron of every spike"
        indices = nodes.add("NonZero", [f"{source}.spikes{NOW}"], f"{source}.found", text)
        sample, neuron_ = (
            nodes.add("Gather", [indices, nodes.number(row, np.int64)], f"{source}.{part}", axis=0)
            for row, part in enumerate(("sample", "neuron"))
        )
        counts = population.most_spikes > 1
        count = add_counts(nodes, f"{source}.spikes{NOW}", indices, source) if counts else ""
        return sample, neuron_, count

    def _send(self, population: IntegerPopulation, lists: dict[str, tuple[str, str, str]]) -> None:
        """Append the nodes that move the window up by a step and add the recurrent spikes."""
        name, nodes, window = population.name, self.nodes, self.loop.window(population)
        before = f"{name}.coming{BEFORE}"
        unit, end = nodes.list(1), nodes.list(window)
        rest = nodes.add("Slice", [before, unit, end, unit], f"{name}.coming_rest")
        moved = nodes.add("Pad", [rest, nodes.list(0, 0, 0, 0, 1, 0)], f"{name}.coming_moved")
        rows = nodes.add("Reshape", [moved, nodes.list(-1, population.size)], f"{name}.coming_rows")
        for named_projection in self.loop.into(population):
            sample, neuron_, count = lists[named_projection.projection.source]
            place = self._first_row(named_projection, sample, window)
            events = Events(place, neuron_, count=count)
            rows = add_arrivals(nodes, named_projection, events, rows)
        shape = nodes.list(-1, window, population.size)
        nodes.add("Reshape", [rows, shape], f"{name}.coming", "what is due in the coming steps")

    def _first_row(self, named_projection: NamedProjection, sample: str, window: int) -> str:
        """Row at which the window of each spike's sample starts, int64 [spikes, 1]."""
        nodes, stem = self.nodes, f"{named_projection.name}.window"
        first = nodes.add("Mul", [sample, nodes.number(window, np.int64)], stem)
        return nodes.add("Unsqueeze", [first, nodes.list(1)], f"{stem}_rows")


def _outside_input(population: IntegerPopulation) -> str:
    """Name of the input to a population from outside the group."""
    return f"{population.name}.from_outside{NOW}"


def _value_info(name: str, dtype: type, shape: tuple[int, ...]) -> Any:
    """The `ValueInfoProto` of a value [batch, …]."""
    from onnx import helper

    kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    return helper.make_tensor_value_info(name, kind, [BATCH, *shape])
