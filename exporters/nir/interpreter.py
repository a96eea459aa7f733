"""Interpreter for NIR graphs in float64, nmtool's reference for the meaning of a file.

Conventions, the same as in importers as far as these agree:

    Euler steps of dt; membranes and currents start at 0; a `Delay` is a whole number of steps
    edges take no step; an edge that closes a loop carries the spikes of the previous step, 0 in the
        first step; constants on its wires are added in every step
    spike if v > v_threshold, once per step; then v = v_reset

The interpreter is independent of the code that writes graphs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from nmtool import float_simulator
from nmtool.batches import in_batches, samples_at_once
from nmtool.errors import printable
from nmtool.exporters.nir import kinds
from nmtool.exporters.nir.file import Settings, not_as_written
from nmtool.exporters.nir.graph import (
    Graph,
    Node,
    check_size,
    in_order,
    reached,
    recurrent_edges,
    whole_steps,
)
from nmtool.exporters.nir.options import CURRENT
from nmtool.float_simulator import Array, step_network
from nmtool.network.float_network import Network
from nmtool.network.graph import LIF
from nmtool.network.integer_network import IntegerNetwork
from nmtool.raster import Raster
from nmtool.recording import Recording

MAX_VALUES = 1 << 27
"""Largest number of values that all delays keep, per sample."""

Step = Callable[[Array], Array]
"""Computes the output [samples, size] of a node from its input [samples, lines]."""


def record(
    graph: Graph,
    network: Network | IntegerNetwork,
    settings: Settings,
    spikes: Raster,
    on_progress: Callable[[int], None] | None,
) -> Recording:
    """Run a graph that nmtool has written, and record the populations of its network.

    Args:
        graph: the graph; every sample starts from rest.
        network: the graph's network, for names, sizes and readout, and for the output population
            if the file ends with the current into it.
        settings: settings with which the graph was written.
        spikes: the input, one neuron per channel.
        on_progress: called with the number of samples finished since the last call.

    Raises:
        FileFormatError: the graph cannot be run, or does not belong to the network.
    """
    if missing := sorted({*settings.recorded.values()} - {*graph.nodes}):
        raise not_as_written(f"the graph has no node '{printable(missing[0])}'")
    dt_s, output = settings.options.nir_dt_s, network.readout.population
    integrator = next(p for p in step_network(network).populations if p.name == output)
    spiking = {p.name for p in network.populations if p.kind == LIF}

    def run(samples: Raster) -> Recording:
        dense = samples.dense_counts()
        outputs = interpret(graph, dense, list(settings.recorded.values()), dt_s=dt_s)
        activity = {}
        for population in network.populations:
            values = outputs[settings.recorded[population.name]]
            if values.shape != (*dense.shape[:2], population.size):
                what = f"'{population.name}' has another size in the graph than in the network"
                raise not_as_written(what)
            # A population may spike `ahead` steps earlier in the graph than in the network. Its
            # values are therefore shifted to later steps, and the first `ahead` steps stay silent.
            ahead = settings.ahead[population.name]
            activity[population.name] = late = np.zeros_like(values)
            late[:, ahead:] = values[:, : max(0, values.shape[1] - ahead)]
        if settings.options.readout == CURRENT:
            activity[output] = float_simulator.membrane(integrator, activity[output])
        return Recording(
            network.readout,
            {n: Raster.from_dense(v) for n, v in activity.items() if n in spiking},
            {n: v for n, v in activity.items() if n not in spiking},
        )

    n_delayed = sum(slots * size for slots, size in _kept(graph, _delays(graph, dt_s)).values())
    sizes = spikes.n_neurons + sum(p.size for p in network.populations)
    at_once = samples_at_once(n_delayed + spikes.n_steps * sizes)
    return in_batches(run, spikes, at_once, on_progress)


def interpret(
    graph: Graph,
    spikes: NDArray,
    record: Sequence[str],
    *,
    dt_s: float,
) -> dict[str, Array]:
    """Run a graph on samples, each from rest.

    Args:
        graph: a graph with one `Input`.
        spikes: [samples, steps, channels], 0 or 1.
        record: names of the nodes to record.
        dt_s: length of a step in s.

    Returns:
        Output of each recorded node, [samples, steps, size] float64.

    Raises:
        FileFormatError: a kind of node cannot be run, arrays do not fit, or a loop has no delay.
    """
    inputs = graph.of_kind(kinds.INPUT)
    if len(inputs) != 1:
        raise not_as_written(f"the graph has {len(inputs)} inputs, but only one is supported")
    graph = _needed(_with_late_loops(graph, dt_s), [*record, *inputs])
    delays, sources = _delays(graph, dt_s), graph.sources()
    histories = {name: _History(*kept) for name, kept in _kept(graph, delays).items()}
    # A delay of at least one step on every line may run before its source.
    late = {name for name, steps in delays.items() if steps.min() > 0}
    order = in_order(graph.nodes, [edge for edge in graph.edges if edge[1] not in late])
    models = {
        name: _model(node, dt_s)
        for name, node in graph.nodes.items()
        if name not in delays and name not in inputs
    }
    outputs: dict[str, Array] = {}
    recorded: dict[str, list[Array]] = {name: [] for name in record}
    for n, step_spikes in enumerate(np.moveaxis(np.asarray(spikes, np.float64), 1, 0)):
        n_samples = len(step_spikes)
        for name in order:
            if name in delays:
                parts = [histories[pre].read(n, delays[name], n_samples) for pre in sources[name]]
            else:
                parts = [outputs[pre] for pre in sources[name]]
            total = parts[0] if parts else np.zeros((n_samples, 1))
            for part in parts[1:]:
                total = total + part
            if name in inputs:
                total = step_spikes
            outputs[name] = models[name](total) if name in models else total
            if name in histories:
                histories[name].store(n, outputs[name])
        for name, rows in recorded.items():
            rows.append(np.array(outputs[name]))
    return {name: np.stack(rows, axis=1) for name, rows in recorded.items()}


def _with_late_loops(graph: Graph, dt_s: float) -> Graph:
    """Write out the step of connections that close a loop.

    Their wires run a second time, on the spikes of the previous step. Thus the spikes are delayed,
    and constants on the wires are not.
    """
    closing, nodes, sources = recurrent_edges(graph), dict(graph.nodes), graph.sources()
    copies: dict[str, str] = {}
    ready, edges = [pre for pre, _ in closing], list[tuple[str, str]]()
    while ready:
        name = ready.pop()
        if name in copies:
            continue
        copies[name] = f"{name}/late"  # Names of nodes in a file contain no slash.
        if graph.nodes[name].is_neurons:
            size = max(value.size for value in graph.nodes[name].values.values())
            nodes[copies[name]] = Node(kinds.DELAY, {"delay": np.full(size, dt_s)})
            edges.append((name, copies[name]))
        else:
            nodes[copies[name]] = graph.nodes[name]
            ready += sources[name]
    for pre, post in graph.edges:
        edges.append((copies[pre] if (pre, post) in closing else pre, post))
        if post in copies and not graph.nodes[post].is_neurons:
            edges.append((copies[pre], copies[post]))
    return Graph(nodes, edges)


def _needed(graph: Graph, names: Sequence[str]) -> Graph:
    """The part of a graph on which the outputs of some nodes depend."""
    needed = reached(names, [(post, pre) for pre, post in graph.edges])
    nodes = {name: node for name, node in graph.nodes.items() if name in needed}
    return Graph(nodes, [edge for edge in graph.edges if edge[1] in needed])


def _delays(graph: Graph, dt_s: float) -> dict[str, NDArray[np.int64]]:
    """Delays of each line in steps, per `Delay` node."""
    delays = {
        name: whole_steps(graph.nodes[name].values["delay"], dt_s).ravel()
        for name in graph.of_kind(kinds.DELAY)
    }
    if any(steps.min() < 0 for steps in delays.values()):
        raise not_as_written("a delay of the graph is negative")
    return delays


def _kept(graph: Graph, delays: Mapping[str, NDArray[np.int64]]) -> dict[str, tuple[int, int]]:
    """Numbers of steps and of lines for which delays need the output of a node, per such node."""
    kept: dict[str, tuple[int, int]] = {}
    for pre, post in graph.edges:
        if post in delays:
            slots, size = kept.get(pre, (0, 0))
            kept[pre] = max(slots, int(delays[post].max()) + 1), max(size, delays[post].size)
    count = sum(slots * size for slots, size in kept.values())
    what = f"delays of the graph would store {count} values per sample"
    check_size(count, MAX_VALUES, what, "use shorter delays, or fewer neurons")
    return kept


class _History:
    """Ring buffer of a node's latest outputs, with a slot per step; outputs before step 0 are 0."""

    def __init__(self, slots: int, size: int) -> None:
        self.slots, self.size, self.buffer = slots, size, np.zeros((0, 0, 0))

    def store(self, n: int, values: Array) -> None:
        """Store the values of step n, [samples, size]."""
        if not len(self.buffer):
            size = max(self.size, values.shape[1])
            self.buffer = np.zeros((self.slots, len(values), size))
        self.buffer[n % self.slots] = values

    def read(self, n: int, steps: NDArray[np.int64], n_samples: int) -> Array:
        """[samples, size]: value of each line, `steps` [size] before step n."""
        if not len(self.buffer):
            return np.zeros((n_samples, steps.size))
        slots = (n - steps) % self.slots
        if (slots == slots[0]).all():
            return self.buffer[slots[0]]
        return self.buffer[slots, :, np.arange(steps.size)].T


def _model(node: Node, dt_s: float) -> Step:
    """Make the step function of a node; for neurons it contains their state, at first 0."""
    values = {key: np.ravel(value) for key, value in node.values.items()}
    if node.kind in (kinds.LINEAR, kinds.AFFINE):
        bias, linear = values.get("bias", 0.0), _linear(node.values["weight"].T.astype(np.float64))
        return lambda x: linear(x) + bias
    if node.kind == kinds.SCALE:
        return lambda x: x * values["scale"]
    if node.kind == kinds.THRESHOLD:
        return lambda x: (x > values["threshold"]).astype(np.float64)
    if node.kind in (kinds.OUTPUT, kinds.IDENTITY, kinds.FLATTEN):
        return lambda x: x
    if node.is_neurons:
        return _neurons(values, dt_s)
    raise not_as_written(f"nodes of the kind {printable(node.kind)} cannot be run")


def _linear(weight: Array) -> Step:
    """Make the product with a matrix [lines, size], which skips lines and weights that are 0."""
    pre, post = np.nonzero(weight)
    value, size = weight[pre, post], weight.shape[1]
    count = np.bincount(pre, minlength=len(weight))
    first = np.cumsum(count) - count

    def step(x: Array) -> Array:
        active = np.flatnonzero(x != 0)
        sample, line = np.divmod(active, x.shape[1])
        fan = count[line]
        synapse = np.repeat(first[line] - np.cumsum(fan) + fan, fan)
        synapse += np.arange(synapse.size)
        target = np.repeat(sample * size, fan) + post[synapse]
        sent = np.repeat(x.ravel()[active], fan) * value[synapse]
        total = np.zeros(len(x) * size)
        np.add.at(total, target, sent)
        return total.reshape(len(x), size)

    return step


def _neurons(values: Mapping[str, Array], dt_s: float) -> Step:
    """Make the step function of neurons; they have a synapse, a leak or a threshold if stated."""
    tau, tau_syn = values.get("tau", values.get("tau_mem")), values.get("tau_syn")
    membrane = _leak(tau, values["r"], values.get("v_leak", 0.0), dt_s)
    synapse = _leak(tau_syn, values.get("w_in", np.ones(1)), 0.0, dt_s)
    threshold, reset = values.get("v_threshold"), values.get("v_reset", np.zeros(1))
    u: Array | float = 0.0
    v: Array | float = 0.0

    def step(x: Array) -> Array:
        nonlocal u, v
        if tau_syn is not None:
            u = x = synapse(u, x)
        v = potential = membrane(v, x)
        if threshold is None:
            return potential
        spikes = potential > threshold
        v = np.where(spikes, reset, potential)
        return spikes.astype(np.float64)

    return step


def _leak(
    tau: Array | None, gain: Array, rest: Array | float, dt_s: float
) -> Callable[[Array | float, Array], Array]:
    """Make an Euler step of τ·y' = rest − y + gain·x; without τ, of y' = gain·x."""
    if tau is None:
        return lambda y, x: y + dt_s * gain * x
    share = dt_s / tau
    return lambda y, x: (1 - share) * y + share * gain * x + share * rest
