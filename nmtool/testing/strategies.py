"""Hypothesis strategies: graphs of populations, and integer and float networks on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from nmtool.arithmetic import LOIHI2, Limits
from nmtool.network.float_network import Network
from nmtool.network.float_parts import Population, Projection
from nmtool.network.graph import INPUT, KINDS, LIF, SUBTRACT, InputChannels
from nmtool.network.integer_network import EXCITATORY, INHIBITORY, MIXED, IntegerNetwork
from nmtool.network.properties import Property
from nmtool.network.readout import WINDOW, Readout, rules_of
from nmtool.testing.networks import SIGNS, Maker, with_properties

seeds = st.integers(0, 2**32 - 1)


@dataclass(frozen=True)
class Layout:
    """A graph without weights and delays: sizes of input and populations, kinds, edges, readout."""

    sizes: dict[str, int]
    kinds: dict[str, str]
    edges: list[tuple[str, str]]
    readout: Readout

    def shape(self, edge: tuple[str, str]) -> tuple[int, int]:
        """(pre, post)."""
        return self.sizes[edge[0]], self.sizes[edge[1]]


@st.composite
def layouts(draw: st.DrawFn, channels: tuple[int, ...] = (1, 2, 5)) -> Layout:
    """Any graph: with parallel, skip, feedback and self-connections, without input or hidden
    populations."""
    names = ["a", "b", "c"][: draw(st.integers(1, 3))]
    kinds = {name: draw(st.sampled_from(KINDS)) for name in names}
    sizes = {name: draw(st.integers(1, 4)) for name in names}
    sources = [INPUT, *(name for name in names if kinds[name] == LIF)]
    edge = st.tuples(st.sampled_from(sources), st.sampled_from(names))
    output = draw(st.sampled_from(names))
    return Layout(
        {INPUT: draw(st.sampled_from(channels)), **sizes},
        kinds,
        draw(st.lists(edge, max_size=6)),
        draw(readouts(output, rules_of(kinds[output]))),
    )


@st.composite
def readouts(draw: st.DrawFn, output: str, rules: Sequence[str]) -> Readout:
    """Any rule, with any window."""
    rule = draw(st.sampled_from(rules))
    window = st.integers(1, 80) if rule == WINDOW else st.none()
    return Readout(output, rule, draw(window))


@st.composite
def integer_networks(
    draw: st.DrawFn, limits: Limits = LOIHI2, *, properties: Sequence[Property] = ()
) -> IntegerNetwork:
    """Any integer network of up to three populations.

    Args:
        draw: Hypothesis' function.
        limits: an arithmetic, or the narrower ranges of a target.
        properties: the properties that are drawn, with the values that they may have. In some
            networks, whole numbers keep their defaults.
    """
    layout, random = draw(layouts()), np.random.default_rng(draw(seeds))
    maker = Maker(random, limits.max_delay, limits=limits)
    network = IntegerNetwork(
        InputChannels(layout.sizes[INPUT], draw(st.integers(1, 3))),
        [maker.population(name, layout.sizes[name], kind) for name, kind in layout.kinds.items()],
        [maker.projection(*edge, layout.shape(edge)) for edge in layout.edges],
        layout.readout,
        dt_ms=draw(st.sampled_from([0.5, 1.0, 4.0])),
        n_steps=draw(st.integers(1, 70)),
        source_hash=draw(st.sampled_from(["", "abc"])),
        arithmetic=limits.runs_in.name,
    )
    few = [declared for declared in properties if not isinstance(declared.values, range)]
    drawn = draw(st.sampled_from([few, properties]))
    return with_properties(network, draw(seeds), drawn) if properties else network


@st.composite
def float_networks(
    draw: st.DrawFn, channels: tuple[int, ...] = (1, 2, 5), most_spikes: int = 1
) -> Network:
    """Any float network: weights of all sizes and signs, all kinds of constants, long delays.

    Args:
        draw: Hypothesis' function.
        channels: possible numbers of input channels.
        most_spikes: limit of the spikes of neurons and channels in a step. Neurons with more than
            one subtract their threshold.
    """
    layout, random = draw(layouts(channels)), np.random.default_rng(draw(seeds))
    limits = st.sampled_from([1, most_spikes]) if most_spikes > 1 else st.just(1)

    def population(name: str, kind: str) -> Population:
        made = _population(random, name, layout.sizes[name], kind)
        most = draw(limits) if kind == LIF else 1
        return made if most == 1 else replace(made, reset=SUBTRACT, most_spikes=most)

    return Network(
        InputChannels(layout.sizes[INPUT], most_spikes=draw(limits)),
        [population(name, kind) for name, kind in layout.kinds.items()],
        [_projection(random, edge, layout.shape(edge)) for edge in layout.edges],
        layout.readout,
        dt_ms=draw(st.sampled_from([0.5, 1.0, 4.0])),
        n_steps=draw(st.integers(1, 70)),
    )


def _population(random: np.random.Generator, name: str, size: int, kind: str) -> Population:
    def constants(choices: list[float]) -> NDArray | float:
        constant = float(random.choice(choices))
        return constant * random.uniform(0.5, 1.5, size) if random.random() < 0.2 else constant

    return Population(
        name,
        size,
        kind,
        tau_mem_ms=constants([0.0, 0.1, 5.0, 20.0, 20.0, 1e9, np.inf]),
        tau_syn_ms=constants([0.0, 0.1, 5.0, 5.0, 10.0, 1e9, np.inf]),
        threshold=constants([1e-3, 1.0, 1.0, 40.0]),
        bias=random.choice([0.0, 0.0, -0.3, 1.5], size),
    )


def _projection(
    random: np.random.Generator, edge: tuple[str, str], shape: tuple[int, int]
) -> Projection:
    weight = {
        "normal": random.normal(size=shape),
        "equal": np.ones(shape),
        "none": np.zeros(shape),
    }[random.choice(["normal", "normal", "equal", "none"])]
    signs = random.choice(SIGNS)
    weight = {MIXED: weight, EXCITATORY: abs(weight), INHIBITORY: -abs(weight)}[signs]
    size = float(random.choice([1e-3, 0.05, 1.0, 30.0]))
    delay = random.integers(0, random.choice([1, 62, 90]), shape, dtype=np.int32)
    return Projection(*edge, weight * size, delay)
