"""Graphs as others write them, drawn at random, and what they mean, node by node.

Nothing here knows how nmtool reads, imports or runs them: nodes are those of the library `nir`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.strategies import seeds

DT_S = 1e-4
CHANNELS = 3

SPIKING = ("LIF", "CubaLIF", "IF", "Threshold")
INTEGRATING = ("LI", "CubaLI", "I")

Edge = tuple[str, str]
Values = NDArray[np.float64]


@dataclass
class Drawn:
    """A graph without nested ones.

    Attributes:
        nodes: of the library `nir`, each behind those that feed it in the same step.
        edges: between them.
        late: edges that close a loop, which costs a step.
        layers: per layer, the nodes that can be a graph of their own: one edge leads to the first
            of them, and only the last one leads away.
    """

    nodes: dict[str, Any]
    edges: list[Edge] = field(default_factory=list)
    late: set[Edge] = field(default_factory=set)
    layers: dict[str, list[str]] = field(default_factory=dict)

    def add(self, name: str, node: Any, *sources: str) -> str:
        """A node that these feed."""
        self.nodes[name] = node
        self.edges += [(source, name) for source in sources]
        return name

    def loop(self, pre: str, post: str) -> None:
        """An edge that closes a loop."""
        self.edges.append((pre, post))
        self.late.add((pre, post))

    def of(self, *kinds: str) -> list[str]:
        """Names of the nodes of some kinds."""
        return [name for name, node in self.nodes.items() if type(node).__name__ in kinds]


def end(kind: str, size: int) -> Any:
    """An `Input` or `Output` of so many lines."""
    import nir

    shape = {kind.lower(): np.array([size])}
    return nir.Input(shape) if kind == "Input" else nir.Output(shape)


class Numbers:
    """Numbers in general position, for neurons that spike often."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)

    def near(self, value: float, size: int) -> Values:
        return value * self.random.uniform(0.7, 1.3, size)

    def tau(self, size: int) -> Values:
        return DT_S * self.random.uniform(1.01, 15.0, size)

    def matrix(self, post: int, pre: int) -> Values:
        return self.random.normal(0.5, 0.8, (post, pre))

    def delay(self, size: int, least: int = 0) -> Any:
        import nir

        return nir.Delay(DT_S * self.random.integers(least, least + 4, size))

    def neurons(self, kind: str, size: int, v_leak: float = 0.0, v_reset: float = 0.0) -> Any:
        import nir

        near = self.near
        potentials = {"v_threshold": near(1.0, size), "v_reset": near(v_reset, size)}
        leak = {"r": near(3.0, size), "v_leak": near(v_leak, size)}
        taus = {"tau_syn": self.tau(size), "tau_mem": self.tau(size), "w_in": near(1.5, size)}
        make: Mapping[str, Callable[[], Any]] = {
            "LIF": lambda: nir.LIF(tau=self.tau(size), **leak, **potentials),
            "CubaLIF": lambda: nir.CubaLIF(**taus, **leak, **potentials),
            "IF": lambda: nir.IF(r=near(4e3, size), **potentials),
            "Threshold": lambda: nir.Threshold(near(0.7, size)),
            "LI": lambda: nir.LI(tau=self.tau(size), **leak),
            "CubaLI": lambda: nir.CubaLI(**taus, **leak),
            "I": lambda: nir.I(r=near(4e3, size)),
        }
        return make[kind]()


@st.composite
def graphs(draw: st.DrawFn) -> Drawn:
    """Layers in a row, with delays, skipping, recurrent and feedback connections."""
    values = Numbers(draw(seeds))
    drawn = Drawn({"input": end("Input", CHANNELS)})
    names, sizes = ["input"], {"input": CHANNELS}
    feeds_back = draw(st.booleans())
    entries = []
    for number in range(draw(st.integers(1, 3))):
        name = f"n{number}"
        sources = [names[-1]]
        if not feeds_back and len(names) > 1 and draw(st.booleans()):
            sources.append(draw(st.sampled_from(names[:-1])))
        sizes[name] = draw(st.integers(1, 3))
        entries.append(_layer(draw, drawn, values, name, sources, sizes))
        names.append(name)
    if feeds_back:
        _feedback(drawn, values, names[-1], "n0", entries, sizes)
    _ending(draw, drawn, values, names[-1], sizes)
    return drawn


def _layer(
    draw: st.DrawFn,
    drawn: Drawn,
    values: Numbers,
    name: str,
    sources: list[str],
    sizes: dict[str, int],
) -> str:
    """Wires from the sources to neurons, and from those to themselves; the node they lead to."""
    before = set(drawn.nodes)
    kind, size = draw(st.sampled_from([*SPIKING, "LIF behind LI", "IF behind I"])), sizes[name]
    v_leak, v_reset = draw(st.sampled_from([0.0, 0.4])), draw(st.sampled_from([0.0, 0.0, -0.3]))
    wires = [
        _wires(draw, drawn, values, f"{name}_{pre}", pre, (size, sizes[pre])) for pre in sources
    ]
    entry = name
    if " behind " in kind:
        kind, _, synapse = kind.partition(" behind ")
        entry = drawn.add(f"{name}_synapse", values.neurons(synapse, size), *wires)
        wires = [entry]
    drawn.add(name, values.neurons(kind, size, v_leak, v_reset), *wires)
    if draw(st.booleans()):
        drawn.loop(_wires(draw, drawn, values, f"{name}_back", name, (size, size)), entry)
    if len(sources) == 1:
        drawn.layers[f"layer{name}"] = [node for node in drawn.nodes if node not in before]
    return entry


def _wires(
    draw: st.DrawFn, drawn: Drawn, values: Numbers, name: str, pre: str, shape: tuple[int, int]
) -> str:
    """A matrix, and perhaps delays before or behind it and factors; the last node of them."""
    import nir

    post_size, pre_size = shape
    matrix = values.matrix(post_size, pre_size)
    if draw(st.booleans()):
        pre = drawn.add(f"{name}_before", values.delay(pre_size), pre)
    if draw(st.booleans()):
        last = drawn.add(f"{name}_w", nir.Affine(matrix, values.near(0.1, post_size)), pre)
    else:
        last = drawn.add(f"{name}_w", nir.Linear(matrix), pre)
    if draw(st.booleans()):
        last = drawn.add(f"{name}_scale", nir.Scale(values.near(1.0, post_size)), last)
    if draw(st.booleans()):
        last = drawn.add(f"{name}_behind", values.delay(post_size), last)
    return last


def _feedback(
    drawn: Drawn,
    values: Numbers,
    last: str,
    first: str,
    entries: list[str],
    sizes: dict[str, int],
) -> None:
    """A connection from the last layer to the first, as late as a network's hops need it."""
    import nir

    hops = len(entries)
    pre = drawn.add("feedback_late", values.delay(sizes[last], hops), last)
    matrix = nir.Linear(values.matrix(sizes[first], sizes[last]))
    drawn.loop(drawn.add("feedback", matrix, pre), entries[0])
    drawn.layers.clear()


def _ending(
    draw: st.DrawFn, drawn: Drawn, values: Numbers, last: str, sizes: dict[str, int]
) -> None:
    """Spikes, currents or potentials that the output passes on."""
    kind, size = draw(st.sampled_from(["spikes", "current", *INTEGRATING])), sizes[last]
    if kind != "spikes":
        size = draw(st.integers(1, 3))
        last = _wires(draw, drawn, values, "end", last, (size, sizes[last]))
    if kind in INTEGRATING:
        last = drawn.add("potential", values.neurons(kind, size), last)
    drawn.add("output", end("Output", size), last)


def as_nir(drawn: Drawn, nested: bool) -> Any:
    """The graph of the library `nir`; layers as graphs of their own, if they shall be nested."""
    import nir

    nodes, edges = dict(drawn.nodes), list(drawn.edges)
    for layer, members in drawn.layers.items() if nested else ():
        inside = [edge for edge in edges if set(edge) <= set(members)]
        (entering,) = [edge for edge in edges if edge[1] in members and edge[0] not in members]
        leaving = [edge for edge in edges if edge[0] in members and edge[1] not in members]
        (last,) = {pre for pre, _ in leaving}
        pre, first = entering
        kept = [edge for edge in edges if not {*edge} & {*members}]
        edges = [*kept, (pre, layer), *((layer, post) for _, post in leaving)]
        inner = {name: nodes.pop(name) for name in members}
        ends = {
            "input": end("Input", _lines(inner[first])),
            "output": end("Output", _lines(inner[last])),
        }
        wires = [*inside, ("input", first), (last, "output")]
        nodes[layer] = nir.NIRGraph(ends | inner, wires, type_check=False)
    return nir.NIRGraph(nodes, edges, type_check=False)


def _lines(node: Any) -> int:
    """How many lines enter a node."""
    return int(np.prod(next(iter(node.input_type.values()))))


def meaning(drawn: Drawn, spikes: NDArray) -> dict[str, Values]:
    """Per node [steps, size], what it passes on for spikes [steps, channels]."""
    behaviours = {name: _behaviour(node) for name, node in drawn.nodes.items()}
    out: dict[str, list[Values]] = {name: [] for name in drawn.nodes}
    for n, now in enumerate(np.asarray(spikes, np.float64)):
        for name, behaviour in behaviours.items():
            arriving = np.zeros(1)
            for pre, post in drawn.edges:
                if post == name and (pre, post) not in drawn.late:
                    arriving = arriving + out[pre][n]
                elif post == name and n > 0:
                    arriving = arriving + out[pre][n - 1]
            out[name].append(now if name == "input" else behaviour(arriving))
    return {name: np.array(rows) for name, rows in out.items()}


def _behaviour(node: Any) -> Callable[[Values], Values]:
    kind = type(node).__name__
    if kind in ("Linear", "Affine"):
        bias = getattr(node, "bias", 0.0)
        return lambda x: node.weight @ np.broadcast_to(x, node.weight.shape[1]) + bias
    if kind == "Scale":
        return lambda x: node.scale * x
    if kind == "Threshold":
        return lambda x: (x > node.threshold).astype(float)
    if kind == "Delay":
        return _delay(np.round(node.delay / DT_S).astype(int))
    if kind in ("Input", "Output"):
        return lambda x: x
    return _neurons(node)


def _delay(steps: NDArray) -> Callable[[Values], Values]:
    past: list[Values] = []

    def pass_on(x: Values) -> Values:
        past.append(np.broadcast_to(x, steps.shape))
        n = len(past) - 1
        return np.array([past[n - d][line] if d <= n else 0.0 for line, d in enumerate(steps)])

    return pass_on


def _neurons(node: Any) -> Callable[[Values], Values]:
    """Euler steps of NIR's equations; neurons start from where they reset to."""
    reset = getattr(node, "v_reset", None)
    v, current = (0.0 if reset is None else np.array(reset)), 0.0
    tau = getattr(node, "tau", getattr(node, "tau_mem", None))

    def step(x: Values) -> Values:
        nonlocal v, current
        if hasattr(node, "tau_syn"):
            current = current + DT_S / node.tau_syn * (-current + node.w_in * x)
            x = current
        if tau is None:
            v = v + DT_S * node.r * x
        else:
            v = v + DT_S / tau * (node.v_leak - v + node.r * x)
        if reset is None:
            return v
        fired = v > node.v_threshold
        v = np.where(fired, reset, v)
        return fired.astype(float)

    return step
