"""Random networks that spike often, for the tests of training."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from nmtool.network.float_network import Network
from nmtool.network.float_parts import Population, Projection
from nmtool.network.graph import LIF, InputChannels
from nmtool.network.readout import FIRST_SPIKE, WINDOW, Readout
from nmtool.raster import Raster

TOPOLOGIES = {
    "feed-forward": [("input", "hidden"), ("hidden", "output")],
    "recurrent": [("input", "hidden"), ("hidden", "hidden"), ("hidden", "output")],
    "two layers": [
        ("input", "hidden"),
        ("hidden", "hidden"),
        ("hidden", "second"),
        ("second", "second"),
        ("second", "output"),
    ],
    "two layers, forward": [("input", "hidden"), ("hidden", "second"), ("second", "output")],
    "feedback and skips": [
        ("input", "hidden"),
        ("hidden", "second"),
        ("second", "hidden"),
        ("second", "second"),
        ("hidden", "output"),
        ("second", "output"),
        ("input", "output"),
    ],
    "parallel": [("input", "hidden"), ("input", "hidden"), ("hidden", "output")],
    "none hidden": [("input", "output")],
}


def random_network(
    topology: str,
    seed: int,
    *,
    channels: int = 12,
    hidden: int = 19,
    second: int = 17,
    classes: int = 3,
    n_steps: int = 40,
    max_delay: int = 9,
    dt_ms: float = 1.0,
) -> Network:
    """A network of the given topology with per-neuron constants, biases and delays."""
    rng = np.random.default_rng(seed)
    edges = TOPOLOGIES[topology]
    sizes = {"input": channels, "hidden": hidden, "second": second, "output": classes}
    names = [name for name in ("hidden", "second", "output") if any(name in e for e in edges)]

    def population(name: str) -> Population:
        n = sizes[name]
        return Population(
            name,
            n,
            "li" if name == "output" else "lif",
            tau_mem_ms=rng.uniform(10, 25, n),
            tau_syn_ms=rng.uniform(3, 9, n),
            threshold=rng.uniform(0.8, 1.2, n),
            bias=rng.uniform(-0.1, 1.6, n),
        )

    def projection(source: str, target: str) -> Projection:
        shape = (sizes[source], sizes[target])
        mean, spread = (0.5, 0.6) if source == "input" else (0.05, 0.5)
        weight = rng.normal(mean, spread, shape) * 6 / np.sqrt(shape[0])
        return Projection(source, target, weight, rng.integers(0, max_delay + 1, shape))

    return Network(
        InputChannels(channels),
        [population(name) for name in names],
        [projection(source, target) for source, target in edges],
        Readout("output", "mean"),
        dt_ms,
        n_steps,
    )


def readout(population: str, rule: str) -> Readout:
    """A readout with any rule; a window has 20 steps."""
    return Readout(population, rule, 20 if rule == WINDOW else None)


def with_readout(network: Network, rule: str) -> Network:
    """The network with another readout; spiking outputs spike spontaneously unless inhibited."""

    def output(population: Population) -> Population:
        if population.name != "output" or rule != FIRST_SPIKE:
            return population
        bias = np.maximum(population.values("bias"), 1.2)
        return replace(population, kind=LIF, threshold=0.5, bias=bias)

    populations = [output(population) for population in network.populations]
    return replace(network, populations=populations, readout=readout("output", rule))


def random_input(network: Network, n_samples: int, seed: int, density: float = 0.08) -> Raster:
    """Input spikes up to the last step; the second of several samples is empty.

    Channels that carry counts have up to their `most_spikes` spikes in a step.
    """
    rng = np.random.default_rng(seed)
    dense = rng.random((n_samples, network.n_steps, network.channels.size)) < density
    dense[:, -1, 0] = True
    if n_samples > 2:
        dense[1] = False
    if network.channels.most_spikes == 1:
        return Raster.from_dense(dense)
    counts = rng.integers(1, network.channels.most_spikes, dense.shape, endpoint=True)
    return Raster.from_dense(dense * counts)
