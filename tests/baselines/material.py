"""Write the data and networks for the recorded commands into the current folder.

The interpreter of the nmtool that is recorded runs this as a script. It only uses public names and
draws all numbers itself, so that every version gets the same material.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import nir
import numpy as np
from numpy.typing import NDArray

import nmtool as nm

CLASSES = ("low", "middle", "high")
N_CHANNELS, N_STEPS = 12, 40
SPEAKERS = 4
LONGEST_DELAY = 61
SILENT = 131072
"""Threshold of populations that do not spike."""

CSV = "sample,label,unit,time_ms\n" + "".join(
    f"{sample},{sample % 3},{(sample * 5 + event * 3) % 7},{event * 2 + sample * 0.25}\n"
    for sample in range(12)
    for event in range(4)
)


def words(n_samples: int, seed: int) -> nm.SpikeEvents:
    """For a class, half of the channels spike, at times that differ by class; sample 2 is empty."""
    random = np.random.default_rng(seed)
    label = np.arange(n_samples) % len(CLASSES)
    times, units = [], []
    for sample in range(n_samples):
        count = 0 if sample == 2 else int(random.integers(8, 20))
        units.append((4 * label[sample] + random.integers(0, 6, count)) % N_CHANNELS)
        times.append(np.round(random.uniform(0, 30, count) + 2 * label[sample], 2))
    speaker = np.arange(n_samples) // len(CLASSES) % SPEAKERS
    return nm.SpikeEvents.from_lists(
        times, units, label, n_units=N_CHANNELS, class_names=CLASSES, groups={"speaker": speaker}
    )


def float_network(seed: int) -> nm.Network:
    """A recurrent network, with a delay that is too long for the chip."""
    random = np.random.default_rng(seed)

    def synapses(source: str, target: str, shape: tuple[int, int], size: float) -> nm.Projection:
        weight = random.normal(size / 3, size, shape)
        return nm.Projection(source, target, weight, random.integers(0, 15, shape))

    recurrent = synapses("hidden", "hidden", (8, 8), 0.4)
    delay = np.array(recurrent.delay)
    delay[0, 1] = LONGEST_DELAY + 9
    return nm.Network(
        nm.InputChannels(N_CHANNELS),
        [nm.Population("hidden", 8), nm.Population("out", 3, "li")],
        [
            synapses("input", "hidden", (N_CHANNELS, 8), 6.0),
            nm.Projection("hidden", "hidden", recurrent.weight, delay),
            synapses("hidden", "out", (8, 3), 1.0),
        ],
        nm.Readout("out", "mean"),
        dt_ms=1.0,
        n_steps=N_STEPS,
        class_names=CLASSES,
    )


class Integers:
    """Draws integer networks.

    Args:
        seed: seed of all random numbers.
        longest: longest delay in steps.
    """

    def __init__(self, seed: int, longest: int = LONGEST_DELAY) -> None:
        self.random = np.random.default_rng(seed)
        self.longest = longest

    def population(self, name: str, size: int, kind: str, vth: int) -> nm.IntegerPopulation:
        """Neurons with biases of both signs."""
        bias = self.random.integers(-9, 10, size)
        du, dv = (int(value) for value in self.random.integers(200, 1500, 2))
        return nm.IntegerPopulation(
            name, size, kind, du=du, dv=dv, vth=vth, scale=1.0, bias_exponent=6, bias_mantissa=bias
        )

    def projection(self, source: str, target: str, shape: tuple[int, int]) -> nm.IntegerProjection:
        """Weights of 8 bits that NetX can represent: multiples of 8 of both signs."""
        weight = self.random.integers(-20, 32, shape) * 8
        weight.flat[:2] = 248, -248
        delay = self.random.integers(0, self.longest + 1, shape)
        return nm.IntegerProjection(source, target, weight, delay, 8, 0)


def chain() -> nm.IntegerNetwork:
    """Two layers without recurrence, which every format can represent."""
    draw = Integers(1, longest=20)
    sizes = {"input": N_CHANNELS, "first": 7, "second": 5, "out": 3}
    edges = [("input", "first"), ("first", "second"), ("second", "out")]
    return nm.IntegerNetwork(
        nm.InputChannels(N_CHANNELS),
        [
            draw.population("first", 7, "lif", 900),
            draw.population("second", 5, "lif", 700),
            draw.population("out", 3, "li", SILENT),
        ],
        [draw.projection(pre, post, (sizes[pre], sizes[post])) for pre, post in edges],
        nm.Readout("out", "max"),
        dt_ms=1.0,
        n_steps=N_STEPS,
        class_names=CLASSES,
    )


def graph(n_steps: int = N_STEPS, seed: int = 2) -> nm.IntegerNetwork:
    """Two recurrent populations, a projection that skips, one back, and outputs that spike."""
    draw = Integers(seed)
    sizes = {"input": N_CHANNELS, "a": 6, "b": 4, "out": 3}
    edges = [
        *(("input", "a"), ("a", "a"), ("a", "b"), ("b", "b")),
        *(("b", "out"), ("input", "out"), ("b", "a")),
    ]
    return nm.IntegerNetwork(
        nm.InputChannels(N_CHANNELS),
        [
            draw.population("a", 6, "lif", 600),
            draw.population("b", 4, "lif", 400),
            draw.population("out", 3, "lif", 500),
        ],
        [draw.projection(pre, post, (sizes[pre], sizes[post])) for pre, post in edges],
        nm.Readout("out", "first_spike"),
        dt_ms=1.0,
        n_steps=n_steps,
        class_names=CLASSES,
    )


def write_foreign_nir(random: np.random.Generator) -> None:
    """Write a recurrent graph with delays like other tools', and one with a delay of 1.5 steps."""
    dt = 1e-3

    def neurons(size: int) -> dict[str, NDArray]:
        values = {"tau_syn": 5 * dt, "tau_mem": 12 * dt, "r": 1.0, "v_leak": 0.0, "w_in": 4.0}
        return {name: value * random.uniform(0.9, 1.1, size) for name, value in values.items()}

    def linear(post: int, pre: int) -> nir.Linear:
        return nir.Linear(random.normal(0.5, 0.8, (post, pre)))

    shared = {"tau_syn": 5 * dt, "tau_mem": 12 * dt, "r": 1.0, "v_leak": 0.0, "w_in": 4.0}
    alike = {name: np.full(6, value) for name, value in shared.items()}
    nodes = {
        "input": nir.Input({"input": np.array([N_CHANNELS])}),
        "w1": linear(6, N_CHANNELS),
        "late": nir.Delay(dt * random.integers(0, 6, 6)),
        "cells": nir.CubaLIF(**alike, v_threshold=np.ones(6), v_reset=np.zeros(6)),
        "back": linear(6, 6),
        "w2": linear(3, 6),
        "sum": nir.CubaLI(**neurons(3)),
        "output": nir.Output({"output": np.array([3])}),
    }
    edges = [
        *(("input", "w1"), ("w1", "late"), ("late", "cells"), ("cells", "back")),
        *(("back", "cells"), ("cells", "w2"), ("w2", "sum"), ("sum", "output")),
    ]
    nir.write("foreign.nir", nir.NIRGraph(nodes, edges, type_check=False))
    nodes["late"] = nir.Delay(dt * np.full(6, 1.5))
    nir.write("unfit.nir", nir.NIRGraph(nodes, edges, type_check=False))


def write_checkpoint(random: np.random.Generator) -> None:
    """Write checkpoints of two epochs like mlGeNN's."""
    folder = Path("checkpoints")
    folder.mkdir()
    sizes = {"In": N_CHANNELS, "Hid": 6, "Out": 3}
    for epoch in (4, 5):
        for pre, post in (("In", "Hid"), ("Hid", "Out"), ("Hid", "Hid")):
            weight = random.normal(1, 3, sizes[pre] * sizes[post]).astype(np.float32)
            np.save(folder / f"{epoch}-Conn_{pre}_{post}-g.npy", weight)
        delay = random.uniform(0, 9, sizes["In"] * sizes["Hid"]).astype(np.float32)
        np.save(folder / f"{epoch}-Conn_In_Hid-d.npy", delay)


def write_foreign_netx(random: np.random.Generator) -> None:
    """Write two dense layers like lava-dl's."""
    neuron = {"iDecay": 1024, "vDecay": 128, "vThMant": 80, "refDelay": 1}
    with h5py.File("foreign.net", "w") as file:
        for index, (pre, post) in enumerate([(N_CHANNELS, 5), (5, 3)]):
            layer = file.create_group(f"layer/{index}")
            layer.create_dataset("type", (1,), "S10", [b"dense"])
            layer["shape"] = np.array([post, 1, 1])
            layer["inFeatures"], layer["outFeatures"] = pre, post
            layer["weight"] = (random.integers(-60, 100, (post, pre)) * 2).astype(np.float32)
            kind = h5py.special_dtype(vlen=bytes)
            layer.create_dataset("neuron/type", data=b"CUBA", dtype=kind)
            for name, value in neuron.items():
                layer[f"neuron/{name}"] = value
        file["simulation/Ts"], file["simulation/tSample"] = 1, N_STEPS


def write_recordings(network: Any, events: nm.SpikeEvents) -> None:
    """Write recordings: in nmtool's format, as a plain archive, and one that lacks a spike."""
    recording = nm.simulate(network, events, deep=True)
    recording.save("simulated.npz")
    arrays = {name: raster.dense() for name, raster in recording.spikes.items()}
    arrays |= recording.membrane
    arrays |= {f"v.{name}": values for name, values in recording.potential.items()}
    arrays |= {f"u.{name}": values for name, values in recording.current.items()}
    np.savez("recording.npz", axes="samples steps neurons", **arrays)
    sample, step, neuron = (index[0] for index in np.nonzero(arrays["second"]))
    arrays["second"] = arrays["second"].copy()
    arrays["second"][sample, step, neuron] = 0
    np.savez("faulty.npz", axes="samples steps neurons", **arrays)


def main() -> None:
    """Write everything."""
    random = np.random.default_rng(7)
    Path("words").mkdir()
    nm.write_shd("words/words_train.h5", words(90, 1))
    nm.write_shd("words/words_test.h5", words(36, 2))
    float_network(3).save("floats.npz")
    float_network(4).save("floats2.npz")
    chain().save("chain.npz")
    graph().save("graph.npz")
    graph(seed=5).save("graph2.npz")
    write_foreign_nir(random)
    write_checkpoint(random)
    write_foreign_netx(random)
    write_recordings(chain(), words(36, 2))
    dense = random.random((12, 20, 5)) < 0.1
    np.savez("dense.npz", spikes=dense, labels=np.arange(12) % 3)
    Path("spikes.csv").write_text(CSV)
    Path("damaged.npz").write_bytes(Path("chain.npz").read_bytes()[:300])
    Path("text.nir").write_text("no graph\n")


if __name__ == "__main__":
    main()
