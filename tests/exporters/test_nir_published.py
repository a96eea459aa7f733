"""Graphs like those published with NIR (neuromorphs/NIR, `paper/`), rebuilt from their description.

The published files themselves are not used. The rebuilt graphs have the same nodes, constants and
sizes, but other weights.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from nmtool.errors import FileFormatError
from nmtool.exporters.nir.format import Nir
from nmtool.exporters.nir.options import ImportOptions
from nmtool.raster import Raster
from tests.exporters.nir_graphs import DT_S, Drawn, as_nir, end, meaning
from tests.refusals import refused

nir = pytest.importorskip("nir")


def written(graph: Any, path: Path) -> Path:
    """Write a file without `v_reset`, which early versions of NIR lacked."""
    nir.write(path, graph)
    resets: list[str] = []
    with h5py.File(path, "r+") as file:
        file.visit(lambda name: resets.append(name) if name.endswith("/v_reset") else None)
        for name in resets:
            del file[name]
    return path


# Test of the published graph 01_lif: a neuron that all tools of the paper simulated

LIF_INPUT = [6, 22, 27, 31, 32, 35, 37, 40, 41, *range(43, 54), *range(67, 79), 84, 85]
LIF_STEPS, STEPS_PER_INPUT = 1000, 10
LIF_SPIKES = [460, 510, 710, 760]
"""Steps at which norse's trace in the paper spikes."""


def test_the_neuron_spikes_at_the_times_of_the_paper(tmp_path: Path) -> None:
    ones = np.ones(1, np.float32)
    nodes = {
        "input": end("Input", 1),
        "0": nir.Affine(np.ones((1, 1), np.float32), 0 * ones),
        "1": nir.LIF(tau=0.0025 * ones, r=ones, v_leak=0 * ones, v_threshold=0.1 * ones),
        "output": end("Output", 1),
    }
    graph = nir.NIRGraph(nodes, [("input", "0"), ("0", "1"), ("1", "output")])
    path = written(graph, tmp_path / "lif.nir")
    network = Nir(path).read(ImportOptions(n_steps=LIF_STEPS))
    spikes = np.zeros((1, LIF_STEPS, 1), np.bool_)
    spikes[0, STEPS_PER_INPUT * np.array(LIF_INPUT), 0] = True
    raster = Nir.reference(network, Raster.from_dense(spikes)).spikes["n1"]
    # In nmtool, the hop from the input takes a step.
    assert (raster.step - 1).tolist() == LIF_SPIKES


# Test of the published graph 03_rnn: a recurrent network that reads letters in Braille

TAXELS, HIDDEN, LETTERS, BRAILLE_STEPS = 12, 38, 7, 256


def cuba(size: int, alpha: float, beta: float) -> Any:
    """Neurons like those of snnTorch, from the decay factors of current and membrane."""
    tau_syn, tau_mem = DT_S / (1 - alpha), DT_S / (1 - beta)
    constants = {
        "tau_syn": tau_syn,
        "tau_mem": tau_mem,
        "r": tau_mem / DT_S,
        "w_in": tau_syn / DT_S,
        "v_leak": 0.0,
        "v_threshold": 1.0,
        "v_reset": 0.0,
    }
    return nir.CubaLIF(**{key: np.full(size, value) for key, value in constants.items()})


def braille(*, biased: bool) -> Drawn:
    random = np.random.default_rng(0)

    def weights(post: int, pre: int, mean: float, spread: float) -> Any:
        bias = random.normal(0.0, 0.02, post) * biased
        return nir.Affine(random.normal(mean, spread, (post, pre)), bias)

    drawn = Drawn({"input": end("Input", TAXELS)})
    drawn.nodes["input"].input_type["input"] = np.array([1, TAXELS])
    drawn.add("fc1", weights(HIDDEN, TAXELS, 0.05, 0.15), "input")
    drawn.add("lif1.lif", cuba(HIDDEN, 0.55, 0.9), "fc1")
    drawn.add("lif1.w_rec", weights(HIDDEN, HIDDEN, 0.0, 0.05), "lif1.lif")
    drawn.loop("lif1.w_rec", "lif1.lif")
    drawn.add("fc2", weights(LETTERS, HIDDEN, 0.05, 0.1), "lif1.lif")
    drawn.add("lif2", cuba(LETTERS, 0.5, 0.55), "fc2")
    drawn.add("output", end("Output", LETTERS), "lif2")
    return drawn


@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize("nested", [False, True])
def test_braille_runs(biased: bool, nested: bool, tmp_path: Path) -> None:
    drawn = braille(biased=biased)
    drawn.layers["lif1"] = ["lif1.lif", "lif1.w_rec"]
    hidden = "lif1_lif1_lif" if nested else "lif1_lif"
    spikes = np.random.default_rng(1).random((BRAILLE_STEPS, TAXELS)) < 0.1
    path = written(as_nir(drawn, nested), tmp_path / "braille.nir")
    network = Nir(path).read(ImportOptions(n_steps=BRAILLE_STEPS))
    actual = Nir.reference(network, Raster.from_dense(spikes[None]))
    expected = meaning(drawn, spikes)
    for name, population, later in (("lif1.lif", hidden, 1), ("lif2", "lif2", 2)):
        trains = actual.spikes[population].dense()[0][later:] != 0
        assert trains.sum() > 100
        assert np.array_equal(trains, expected[name][:-later] != 0)
    assert network.readout.rule == "max"


def test_input_through_the_recurrent_matrix_is_refused(tmp_path: Path) -> None:
    """As in `extras/`: the input and the feedback pass through the same matrix."""
    drawn = braille(biased=False)
    drawn.edges[drawn.edges.index(("fc1", "lif1.lif"))] = ("fc1", "lif1.w_rec")
    path = written(as_nir(drawn, nested=False), tmp_path / "braille_subgraph.nir")
    with refused(FileFormatError, "nir-loop") as caught:
        Nir(path).read(ImportOptions())
    assert "'lif1.lif'" in caught.value.what
