"""Random networks of `fenn16`, and results of FeNN's simulator for some of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from nmtool.known_answers import KnownAnswers
from nmtool.network.graph import INPUT, LI, LIF, InputChannels
from nmtool.network.integer_network import IntegerNetwork, IntegerProjection
from nmtool.network.readout import FIRST_SPIKE, Readout
from nmtool.raster import Raster
from nmtool.testing.networks import Maker, random_raster
from nmtool_chips.fenn.fenn16 import FENN16

VECTORS = Path(__file__).with_name("fenn_vectors.npz")
"""Recorded in the simulator by `python -m plugins.chips.tests.fenn --record`."""


def fenn_network(seed: int, largest: int = 100) -> IntegerNetwork:
    """A chain of one to three populations and an output, with projections between any of them.

    Sizes are arbitrary. The longest delay is 0, 1, 7, 30 or 63 steps.

    Args:
        seed: seed of all random numbers.
        largest: largest number of neurons of a population.
    """
    random = np.random.default_rng(seed)
    maker = Maker(random, int(random.choice([0, 1, 7, 30, 63])), limits=FENN16)
    hidden = [f"h{index}" for index in range(random.integers(1, 4))]
    spikes = bool(random.random() < 0.3)
    sizes = {name: int(random.integers(1, largest + 1)) for name in (INPUT, *hidden, "out")}
    edges = [*zip([INPUT, *hidden], [*hidden, "out"], strict=True)]
    for _ in range(random.integers(0, 4)):
        edge = (str(random.choice([INPUT, *hidden])), str(random.choice([*hidden, "out"])))
        edges += [edge] * (edge not in edges)
    kinds = {**dict.fromkeys(hidden, LIF), "out": LIF if spikes else LI}
    return IntegerNetwork(
        InputChannels(sizes[INPUT]),
        [maker.population(name, sizes[name], kind) for name, kind in kinds.items()],
        [maker.projection(*edge, (sizes[edge[0]], sizes[edge[1]])) for edge in edges],
        Readout("out", FIRST_SPIKE if spikes else "max"),
        dt_ms=1.0,
        n_steps=100,
        arithmetic=FENN16.name,
    )


def crowded_network(seed: int, largest: int = 400) -> IntegerNetwork:
    """So many sources, with large weights of both signs, that sums clip and their order matters.

    Args:
        seed: seed of all random numbers.
        largest: largest number of channels and of hidden neurons, 130 or more.
    """
    random = np.random.default_rng(seed)
    maker = Maker(random, int(random.choice([0, 1, 7, 30, 63])), limits=FENN16)
    sizes = {name: int(random.integers(130, largest + 1)) for name in (INPUT, "h0")}
    sizes["out"] = int(random.integers(1, 65))
    more = [edge for edge in (("h0", "h0"), (INPUT, "out")) if random.random() < 0.5]

    def projection(source: str, target: str) -> IntegerProjection:
        shape = sizes[source], sizes[target]
        sign = np.where(random.random(shape) < random.choice([0.05, 0.5, 0.9, 0.95]), 1, -1)
        weight = sign * random.integers(192, FENN16.weight_limit, shape)
        delay = random.integers(0, maker.max_delay + 1, shape)
        return IntegerProjection(source, target, weight, delay, 9, arithmetic=FENN16.name)

    hidden = maker.population("h0", sizes["h0"], LIF)
    if random.random() < 0.5:
        # v is the sum of the arriving weights, and spikes show whether it is just below its limit.
        vth = int(random.integers(32300, 32768))
        hidden = replace(hidden, du=FENN16.max_du, dv=FENN16.max_dv, vth=vth)
    return IntegerNetwork(
        InputChannels(sizes[INPUT]),
        [hidden, maker.population("out", sizes["out"], LI)],
        [projection(*edge) for edge in ((INPUT, "h0"), ("h0", "out"), *more)],
        Readout("out", "max"),
        dt_ms=1.0,
        n_steps=100,
        arithmetic=FENN16.name,
    )


def fenn_raster(seed: int, network: IntegerNetwork, n_samples: int = 2) -> Raster:
    """Samples from silent to dense, of any number of steps."""
    steps = int(np.random.default_rng(seed).integers(2, 150))
    return random_raster(seed, n_samples, steps, network.channels.size)


def crowded_raster(seed: int, network: IntegerNetwork, n_samples: int = 2) -> Raster:
    """Samples of up to 150 steps, in which most channels spike at every step."""
    random = np.random.default_rng(seed)
    shape = n_samples, int(random.integers(2, 150)), network.channels.size
    return Raster.from_dense(random.random(shape) < random.uniform(0.7, 1, (n_samples, 1, 1)))


def drawn(seed: int) -> tuple[IntegerNetwork, Raster]:
    """The network of a seed, and its input; every fourth network is crowded."""
    if seed % 4 == 3:
        network = crowded_network(seed)
        return network, crowded_raster(seed, network)
    network = fenn_network(seed)
    return network, fenn_raster(seed, network)


def vectors() -> Iterator[tuple[IntegerNetwork, KnownAnswers]]:
    """Networks, with the results of FeNN's simulator: spikes, u and v of every neuron."""
    with np.load(VECTORS, allow_pickle=False) as archive:
        for index in range(len(archive.files) // 2):
            network = IntegerNetwork.from_bytes(archive[f"network.{index}"].tobytes(), VECTORS)
            answers = archive[f"answers.{index}"].tobytes()
            yield network, KnownAnswers.from_bytes(answers, VECTORS)
