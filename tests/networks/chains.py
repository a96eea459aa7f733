"""Chains of layers, which every format can represent."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from nmtool.arithmetic import LOIHI2, Arithmetic
from nmtool.network.graph import INPUT, LI, LIF, InputChannels
from nmtool.network.integer_network import MIXED, IntegerNetwork, sign_mode
from nmtool.network.readout import FIRST_SPIKE, Readout
from nmtool.testing.networks import Maker


def chain_network(
    seed: int,
    *,
    recurrent: bool = False,
    n_hidden: int = 2,
    spiking: bool = False,
    runs_in: Arithmetic = LOIHI2,
) -> IntegerNetwork:
    """A network of layers, with delays or recurrent ones."""
    longest = 0 if recurrent else runs_in.max_delay
    maker = Maker(np.random.default_rng(seed), longest, exponents=(0,), limits=runs_in)
    names = [*(f"h{index}" for index in range(n_hidden)), "out"]
    sizes = {INPUT: 5, **{name: int(maker.random.integers(2, 9)) for name in names}}
    kinds = {**dict.fromkeys(names, LIF), "out": LIF if spiking else LI}
    edges = list(zip([INPUT, *names], names, strict=False))
    edges += [(name, name) for name in names[:-1]] if recurrent else []
    populations = [maker.population(name, sizes[name], kinds[name]) for name in names]
    projections = [maker.projection(*edge, (sizes[edge[0]], sizes[edge[1]])) for edge in edges]
    return IntegerNetwork(
        InputChannels(5, 2),
        [
            replace(population, bias_exponent=min(6, runs_in.max_bias_exponent))
            for population in populations
        ],
        [carried(projection) for projection in projections],
        Readout("out", FIRST_SPIKE if spiking else "max"),
        dt_ms=2.0,
        n_steps=70,
        class_names=[f"class {index}" for index in range(sizes["out"])],
        arithmetic=runs_in.name,
    )


def carried(projection: Any) -> Any:
    """The projection with weights that the reader accepts: multiples of 8, of both signs.

    The reader counts bits from the largest weight down to the common divisor of all weights.
    """
    weight = projection.weight - projection.weight % 8
    weight = np.clip(weight, -248, 248)
    weight.flat[:2] = 248, -248
    assert sign_mode(weight) == MIXED
    return replace(projection, weight=weight, weight_bits=8)
