"""Synapses in ONNX: every spike adds its weights to the target at the step of its arrival.

The file stores each weight in one byte (`nmtool.exporters.stored_weights`). A spike adds the stored
weight times `factor` to the input a; `factor` includes the weight exponent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from nmtool.exporters.onnx.nodes import Nodes
from nmtool.exporters.stored_weights import stored_factor, stored_weight
from nmtool.network.integer_network import IntegerNetwork, IntegerProjection


@dataclass(frozen=True)
class NamedProjection:
    """A projection and its name in the file.

    Attributes:
        name: `source->target`, with a number if several projections connect the same populations.
        projection: the projection.
    """

    name: str
    projection: IntegerProjection

    @property
    def weight_name(self) -> str:
        """Name of the constant with the weights."""
        return f"{self.name}.weight"

    @property
    def delay_name(self) -> str:
        """Name of the constant with the delays."""
        return f"{self.name}.delay"


def named_projections(network: IntegerNetwork) -> list[NamedProjection]:
    """The projections of a network with their names, in the network's order."""
    ends = [(p.source, p.target) for p in network.projections]
    pairs = zip(projection_names(ends), network.projections, strict=True)
    return [NamedProjection(name, projection) for name, projection in pairs]


def projection_names(ends: Iterable[tuple[str, str]]) -> list[str]:
    """Names of projections, from pairs of source and target."""
    names: list[str] = []
    seen: Counter[str] = Counter()
    for source, target in ends:
        name = f"{source}->{target}"
        seen[name] += 1
        names.append(f"{name}#{seen[name]}" if seen[name] > 1 else name)
    return names


@dataclass(frozen=True)
class Events:
    """Names of lists in a graph, with one entry per neuron that spikes in a step, int64 [filled].

    Attributes:
        place: row of the target in which the spike arrives with delay 0, [filled, 1].
        neuron: the source neuron that spiked.
        stride: number of rows from the arrivals of one step to those of the next; '' for 1.
        count: number of spikes of the neuron in the step, int32 [filled, 1]; '' for 1.
    """

    place: str
    neuron: str
    stride: str = ""
    count: str = ""


def add_arrivals(nodes: Nodes, named_projection: NamedProjection, events: Events, rows: str) -> str:
    """Add the weights of all spikes of a projection to the input of its target.

    Args:
        nodes: the graph's nodes; new nodes are added.
        named_projection: the projection and its name.
        events: spikes of its source.
        rows: the target's input so far, int32 [rows, post], one row per sample and step.

    Returns:
        Name of the rows to which the projection's weights have been added.
    """
    weight = _weights(nodes, named_projection, events)
    row = _rows(nodes, named_projection, events)
    text = (
        f"every spike of {named_projection.projection.source} adds its synapses where they arrive"
    )
    inputs = [rows, row, weight]
    return nodes.add(
        "ScatterElements",
        inputs,
        f"{named_projection.name}.arrivals",
        text,
        axis=0,
        reduction="add",
    )


def add_counts(nodes: Nodes, spikes: str, indices: str, source: str) -> str:
    """Add the nodes that read the numbers of spikes of filled bins.

    Args:
        nodes: nodes of the graph.
        spikes: name of the numbers of spikes, uint8.
        indices: name of the indices of filled bins, as from `NonZero`.
        source: name of the source.

    Returns:
        Name of the numbers, int32 [filled, 1].
    """
    bins = nodes.add("Transpose", [indices], f"{source}.bins", perm=[1, 0])
    small = nodes.add("GatherND", [spikes, bins], f"{source}.counts8", "how often they spike")
    wide = nodes.cast(small, np.int32, f"{source}.counts32")
    return nodes.add("Unsqueeze", [wide, nodes.list(1)], f"{source}.counts")


def _weights(nodes: Nodes, named_projection: NamedProjection, events: Events) -> str:
    """int32 [filled, post]: what the spikes of each neuron in a step add."""
    projection, name = named_projection.projection, named_projection.name
    signs = projection.sign_mode
    text = f"{signs} {projection.weight_bits}-bit weights [pre, post] in units of `factor`"
    stored = stored_weight(projection)
    weight = nodes.constant(named_projection.weight_name, stored, stored.dtype.type, text)
    factor = stored_factor(projection)
    text = "synapses of the spikes"
    small = nodes.add("Gather", [weight, events.neuron], f"{name}.rows", text, axis=0)
    wide = nodes.cast(small, np.int32, f"{name}.rows32")
    scale = nodes.constant(f"{name}.factor", factor, np.int32, "weight step and exponent")
    added = nodes.add("Mul", [wide, scale], f"{name}.added")
    if not events.count:
        return added
    return nodes.add("Mul", [added, events.count], f"{name}.added_often", "once for every spike")


def _rows(nodes: Nodes, named_projection: NamedProjection, events: Events) -> str:
    """int64 [filled, post]: the row in which each spike arrives at each target neuron."""
    name = named_projection.name
    delays = nodes.constant(
        named_projection.delay_name,
        named_projection.projection.delay,
        np.uint8,
        "delays [pre, post] in steps",
    )
    small = nodes.add("Gather", [delays, events.neuron], f"{name}.delays", axis=0)
    delay = nodes.cast(small, np.int64, f"{name}.delays64")
    if events.stride:
        delay = nodes.add("Mul", [delay, events.stride], f"{name}.delay_rows")
    return nodes.add("Add", [delay, events.place], f"{name}.arrival_rows")
