"""The network a run starts from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nmtool.graph import INPUT, LIF, InputChannels
from nmtool.network import Network, Population, Projection
from nmtool.readout import Readout
from nmtool.training.options import TrainOptions

OUTPUT = "output"


@dataclass(frozen=True)
class _Draw:
    """Distributions of a projection's synapses: weights normal, delays uniform in steps."""

    weight: tuple[float, float]
    longest_delay: int


def initial_network(options: TrainOptions, n_units: int, class_names: Sequence[str]) -> Network:
    """Random synapses in the shape the options ask for.

    Args:
        options: the run's settings; its seed decides the draws.
        n_units: channels of the data, before grouping.
        class_names: one output neuron each.
    """
    channels = InputChannels(-(-n_units // options.group), options.group)
    names = _hidden_names(options)
    readout = Readout(OUTPUT, options.readout, options.window)
    tau_out = options.tau_mem_ms if options.tau_out_ms is None else options.tau_out_ms
    populations = [
        Population(name, options.hidden, LIF, options.tau_mem_ms, options.tau_syn_ms)
        for name in names
    ]
    populations.append(
        Population(OUTPUT, len(class_names), readout.kind, tau_out, options.tau_syn_ms)
    )
    rng = np.random.default_rng([options.seed, 0])
    sizes = {INPUT: channels.size} | {p.name: p.size for p in populations}
    projections = [
        _projection(source, target, sizes, draw, rng)
        for source, target, draw in _edges(options, names)
    ]
    return Network(
        channels, populations, projections, readout, options.dt_ms, options.n_steps, class_names
    )


def _hidden_names(options: TrainOptions) -> list[str]:
    if not options.hidden:
        return []
    if options.layers == 1:
        return ["hidden"]
    return [f"hidden{index + 1}" for index in range(options.layers)]


def _edges(options: TrainOptions, names: list[str]) -> list[tuple[str, str, _Draw]]:
    edges = []
    source, draw = INPUT, _draw(options, "input")
    for name in names:
        edges.append((source, name, draw))
        if options.recurrent:
            edges.append((name, name, _draw(options, "recurrent")))
        source, draw = name, _draw(options, "hidden")
    last = _draw(options, "output") if names else draw
    edges.append((source, OUTPUT, last))
    return edges


def _draw(options: TrainOptions, kind: str) -> _Draw:
    """The initial distributions of a kind of synapses, with no delay that could not run."""
    asked = getattr(options, f"init_delay_{kind}")
    longest = options.longest_delay if asked is None else min(asked, options.longest_delay)
    return _Draw(getattr(options, f"init_{kind}"), longest)


def _projection(
    source: str, target: str, sizes: dict[str, int], draw: _Draw, rng: np.random.Generator
) -> Projection:
    shape = (sizes[source], sizes[target])
    weight = rng.normal(*draw.weight, shape)
    delay = rng.integers(0, draw.longest_delay + 1, shape)
    return Projection(source, target, weight, delay.astype(np.int32))
