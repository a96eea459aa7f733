"""Chains of layers, and NetX files as lava-dl writes them, for the tests of the NetX exporter."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from nmtool.arithmetic import LOIHI2, Arithmetic
from nmtool.network.graph import INPUT, LI, LIF, InputChannels
from nmtool.network.integer_network import MIXED, IntegerNetwork, sign_mode
from nmtool.network.readout import FIRST_SPIKE, Readout
from nmtool.testing.networks import Maker

NEURON = {"type": b"CUBA", "iDecay": 1024, "vDecay": 128, "vThMant": 80, "refDelay": 1}


def chain_network(
    seed: int,
    *,
    recurrent: bool = False,
    n_hidden: int = 2,
    spiking: bool = False,
    runs_in: Arithmetic = LOIHI2,
) -> IntegerNetwork:
    """A network that NetX can represent: layers with delays, or recurrent ones."""
    longest = 0 if recurrent else runs_in.max_delay
    maker = Maker(np.random.default_rng(seed), longest, exponents=(0,), runs_in=runs_in)
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


def write_foreign(path: Path, *layers: dict[str, Any], simulation: bool = True) -> Path:
    """Write a file of layers like lava-dl's; a dictionary is a group."""
    with h5py.File(path, "w") as file:
        for index, layer in enumerate(layers):
            fill(file.create_group(f"layer/{index}"), layer)
        if simulation:
            file["simulation/Ts"], file["simulation/tSample"] = 2, 60
    return path


def fill(group: h5py.Group, values: dict[str, Any]) -> None:
    for name, value in values.items():
        if isinstance(value, dict):
            fill(group.create_group(name), value)
        elif name == "type" and group.name.endswith("neuron"):
            group.create_dataset(name, data=value, dtype=h5py.special_dtype(vlen=bytes))
        elif name == "type":
            group.create_dataset(name, (1,), "S10", [value])
        else:
            group[name] = value


def dense(n_pre: int, n_post: int, seed: int = 0, **more: Any) -> dict[str, Any]:
    """A dense layer with float32 weights like lava-dl's, completed by the other datasets."""
    weight = np.random.default_rng(seed).integers(-60, 100, (n_post, n_pre)) * 2
    layer = {
        "type": b"dense",
        "shape": np.array([n_post, 1, 1]),
        "inFeatures": n_pre,
        "outFeatures": n_post,
        "weight": weight.astype(np.float32),
        "neuron": NEURON,
    }
    return {key: value for key, value in {**layer, **more}.items() if value is not None}
