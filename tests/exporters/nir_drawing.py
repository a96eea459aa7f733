"""Random graphs like those of other tools: chains of layers with all kinds of connections."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from hypothesis import strategies as st

from tests.exporters.nir_graphs import DT_S, INTEGRATING, SPIKING, Drawn, Values, end
from tests.networks.drawn import seeds

CHANNELS = 3


@st.composite
def graphs(draw: st.DrawFn) -> Drawn:
    """Layers with delays, skip, recurrent and feedback connections, and any kind of output."""
    drawing = _Drawing(draw)
    feeds_back = draw(st.booleans())
    for number in range(draw(st.integers(1, 3))):
        drawing.layer(f"n{number}", skips=not feeds_back and draw(st.booleans()))
    if feeds_back:
        drawing.feedback()
    drawing.ending()
    return drawing.drawn


class _Numbers:
    """Draws numbers in general position, for neurons that spike often."""

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

        near, tau = self.near, self.tau
        potentials = {"v_threshold": near(1.0, size), "v_reset": near(v_reset, size)}
        leak = {"r": near(3.0, size), "v_leak": near(v_leak, size)}
        cuba = {"tau_syn": tau(size), "tau_mem": tau(size), "w_in": near(1.5, size), **leak}
        make: Mapping[str, Callable[[], Any]] = {
            "LIF": lambda: nir.LIF(tau=tau(size), **leak, **potentials),
            "CubaLIF": lambda: nir.CubaLIF(**cuba, **potentials),
            "IF": lambda: nir.IF(r=near(4e3, size), **potentials),
            "Threshold": lambda: nir.Threshold(near(0.7, size)),
            "LI": lambda: nir.LI(tau=tau(size), **leak),
            "CubaLI": lambda: nir.CubaLI(**cuba),
            "I": lambda: nir.I(r=near(4e3, size)),
        }
        return make[kind]()


class _Drawing:
    """Builds a random graph from the input to the output.

    Attributes:
        sizes: number of lines of the input and of every layer, by name, in order.
        entries: per layer, the node to which wires lead.
    """

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw, self.numbers = draw, _Numbers(draw(seeds))
        self.drawn = Drawn({"input": end("Input", CHANNELS)})
        self.sizes = {"input": CHANNELS}
        self.entries: list[str] = []

    def layer(self, name: str, *, skips: bool) -> None:
        """Add neurons after the last layer, perhaps with a skip connection or recurrence."""
        before, *earlier = reversed(self.sizes)
        skipped = [self.draw(st.sampled_from(earlier))] if skips and earlier else []
        seen, size = {*self.drawn.nodes}, self.draw(st.integers(1, 3))
        wires = [self.wires(f"{name}_{pre}", pre, size) for pre in (before, *skipped)]
        self.sizes[name] = size
        self.entries.append(self.neurons(name, wires))
        if self.draw(st.booleans()):
            self.drawn.loop(self.wires(f"{name}_back", name, size), self.entries[-1])
        if not skipped:
            self.drawn.layers[f"layer{name}"] = [n for n in self.drawn.nodes if n not in seen]

    def neurons(self, name: str, wires: list[str]) -> str:
        """Add neurons, perhaps with a node for their synapses, and return the first new node."""
        kind = self.draw(st.sampled_from([*SPIKING, "LIF behind LI", "IF behind I"]))
        v_leak = self.draw(st.sampled_from([0.0, 0.4]))
        v_reset = self.draw(st.sampled_from([0.0, 0.0, -0.3]))
        kind, _, synapse = kind.partition(" behind ")
        if synapse:
            node = self.numbers.neurons(synapse, self.sizes[name])
            wires = [self.drawn.add(f"{name}_synapse", node, *wires)]
        self.drawn.add(name, self.numbers.neurons(kind, self.sizes[name], v_leak, v_reset), *wires)
        return wires[0] if synapse else name

    def wires(self, name: str, pre: str, size: int) -> str:
        """Add a matrix, perhaps with delays and factors, and return the last new node."""
        import nir

        draw, numbers, add = self.draw, self.numbers, self.drawn.add
        matrix, last = numbers.matrix(size, self.sizes[pre]), pre
        if draw(st.booleans()):
            last = add(f"{name}_before", numbers.delay(self.sizes[pre]), last)
        bias = numbers.near(0.1, size)
        node = nir.Affine(matrix, bias) if draw(st.booleans()) else nir.Linear(matrix)
        last = add(f"{name}_w", node, last)
        if draw(st.booleans()):
            last = add(f"{name}_scale", nir.Scale(numbers.near(1.0, size)), last)
        if draw(st.booleans()):
            last = add(f"{name}_behind", numbers.delay(size), last)
        return last

    def feedback(self) -> None:
        """Add a connection from the last layer to the first, with a delay of a step per hop."""
        import nir

        _, *layers = self.sizes
        first, last = layers[0], layers[-1]
        delay = self.numbers.delay(self.sizes[last], least=len(self.entries))
        size = self.sizes[first]
        matrix, bias = self.numbers.matrix(size, self.sizes[last]), self.numbers.near(0.1, size)
        node = nir.Affine(matrix, bias) if self.draw(st.booleans()) else nir.Linear(matrix)
        late = self.drawn.add("feedback_late", delay, last)
        self.drawn.loop(self.drawn.add("feedback", node, late), self.entries[0])
        self.drawn.layers.clear()

    def ending(self) -> None:
        """Add an output of spikes, currents or potentials."""
        last = next(reversed(self.sizes))
        kind, size = self.draw(st.sampled_from(["spikes", "current", *INTEGRATING])), 2
        if kind == "spikes":
            size = self.sizes[last]
        else:
            last = self.wires("end", last, size)
        if kind in INTEGRATING:
            last = self.drawn.add("potential", self.numbers.neurons(kind, size), last)
        self.drawn.add("output", end("Output", size), last)
