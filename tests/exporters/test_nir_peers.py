"""Written files that run in other libraries, compared with the currents into the output.

`make peers` installs the libraries and runs this file, which fails if a library is missing.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nmtool.arithmetic import SILENT_THRESHOLD
from nmtool.exporters.nir.file import read_embedded_data, read_graph, settings_of
from nmtool.exporters.nir.format import Nir
from nmtool.exporters.nir.interpreter import interpret
from nmtool.exporters.nir.options import (
    CURRENT,
    FREE,
    HOPS,
    NIR_DT_S,
    POPULATION,
    NirOptions,
)
from nmtool.float_simulator import arriving, step_network
from nmtool.network.float_network import Network
from nmtool.network.float_parts import Population, Projection
from nmtool.network.graph import INPUT, LI, LIF, InputChannels
from nmtool.network.integer_network import IntegerNetwork, IntegerPopulation, IntegerProjection
from nmtool.network.readout import Readout
from tests.networks.layered import CHANNELS, layered_network, noise

pytestmark = [
    pytest.mark.peers,
    pytest.mark.filterwarnings("ignore"),  # The imported libraries give warnings.
]

Run = Callable[[Path, NDArray], NDArray]


def _steps(model: Any, spikes: NDArray) -> NDArray:
    """[samples, steps, neurons]: output of a torch module that runs step by step from rest."""
    import torch

    answers = []
    with torch.no_grad():
        for sample in torch.as_tensor(spikes, dtype=torch.float32):
            state, rows = None, []
            for row in sample:
                output, state = model(row[None], state)
                rows.append(output[0].numpy())
            answers.append(rows)
    return np.array(answers)


def _whole(model: Any, sample: NDArray) -> NDArray:
    """Output of a torch module for whole samples."""
    import torch

    with torch.no_grad():
        output, _ = model(torch.as_tensor(sample, dtype=torch.float32))
    return output.numpy()


def norse(path: Path, spikes: NDArray) -> NDArray:
    import nir
    import norse.torch as library

    return _steps(library.from_nir(nir.read(path), dt=NIR_DT_S), spikes)


def spikingjelly(path: Path, spikes: NDArray) -> NDArray:
    if sys.version_info < (3, 11):
        pytest.skip("spikingjelly 2 is for Python 3.11 and newer")
    from spikingjelly.activation_based import nir_exchange

    return _steps(nir_exchange.import_from_nir(path, dt=NIR_DT_S), spikes)


def snntorch(path: Path, spikes: NDArray) -> NDArray:
    """Run snnTorch; its modules have hidden state, so every sample gets new modules."""
    import nir
    import snntorch.import_nir as library

    models = [library.import_from_nir(nir.read(path)) for _ in spikes]
    return np.concatenate(
        [_steps(model, sample[None]) for model, sample in zip(models, spikes, strict=True)]
    )


def rockpool(path: Path, spikes: NDArray) -> NDArray:
    """Run rockpool, whose modules take whole samples."""
    import rockpool.nn.modules.torch.nir as library

    return np.array([_whole(library.from_nir(path), sample[None])[0] for sample in spikes])


def sinabs(path: Path, spikes: NDArray) -> NDArray:
    """Run sinabs, for which a sample is a batch of steps."""
    import nir
    import sinabs.nir as library

    graph = nir.read(path)
    return np.array([_whole(library.from_nir(graph, batch_size=1), sample) for sample in spikes])


def sc_neurocore(path: Path, spikes: NDArray) -> NDArray:
    from sc_neurocore import nir_bridge as bridge

    answers = []
    for sample in spikes.astype(np.float64):
        model = bridge.from_nir(path, dt=NIR_DT_S)
        (name,) = model.output_nodes
        answers.append([model.step({INPUT: row})[name] for row in sample])
    return np.array(answers)


def written(network: Network | IntegerNetwork, path: Path, **options: Any) -> Path:
    """Write a file that ends with the current into the output, with free hops."""
    options = {"readout": CURRENT, "hops": FREE, **options}
    return Nir.write(network, path, options=NirOptions(**options), force=True).path


def different(network: Network | IntegerNetwork, path: Path, run: Run) -> int:
    """Number of bins in which currents into the population `out` differ."""
    spikes = noise()
    rasters = {INPUT: spikes, **Nir.reference(network, spikes).spikes}
    emitted = {name: raster.dense_counts() for name, raster in rasters.items()}
    projections = [p for p in step_network(network).projections if p.target == "out"]
    expected = arriving(projections, emitted)
    assert (expected != 0).sum() > 100
    actual = run(path, spikes.dense())
    extra = read_embedded_data(path)
    assert extra is not None
    ahead = settings_of(extra.about).ahead["out"]
    late = np.zeros_like(expected)
    late[:, ahead:] = actual[:, : actual.shape[1] - ahead]
    return int((~np.isclose(late, expected, rtol=1e-5, atol=1e-5)).sum())


def integer_network(max_delay: int = 0) -> IntegerNetwork:
    """An integer network like `layered_network`; a NIR file represents its decays exactly."""
    random = np.random.default_rng(2)

    def synapses(source: str, target: str, shape: tuple[int, int], mean: int) -> IntegerProjection:
        weight = 2 * np.clip(np.round(random.normal(mean, 20, shape)), -127, 127).astype(int)
        return IntegerProjection(source, target, weight, random.integers(0, max_delay + 1, shape))

    return IntegerNetwork(
        InputChannels(CHANNELS),
        [
            IntegerPopulation("first", 8, LIF, du=740, dv=200, vth=300, scale=1.0),
            IntegerPopulation("second", 5, LIF, du=740, dv=390, vth=300, scale=1.0),
            IntegerPopulation("out", 3, LI, du=740, dv=200, vth=SILENT_THRESHOLD, scale=1.0),
        ],
        [
            synapses(INPUT, "first", (CHANNELS, 8), 40),
            synapses("first", "first", (8, 8), 0),
            synapses("first", "second", (8, 5), 30),
            synapses("second", "second", (5, 5), 0),
            synapses("second", "out", (5, 3), 0),
        ],
        Readout("out", "mean"),
        dt_ms=1.0,
        n_steps=60,
    )


@pytest.mark.parametrize("run", [norse, spikingjelly], ids=lambda run: run.__name__)
@pytest.mark.parametrize("network", [layered_network(), integer_network()], ids=["float", "int"])
def test_recurrent_networks(network: Network | IntegerNetwork, run: Run, tmp_path: Path) -> None:
    path = written(network, tmp_path / "network.nir")
    assert different(network, path, run) == 0


@pytest.mark.parametrize("hops", HOPS)
@pytest.mark.parametrize(
    "network", [layered_network(max_delay=9), integer_network(max_delay=9)], ids=["float", "int"]
)
def test_delays(hops: str, network: Network | IntegerNetwork, tmp_path: Path) -> None:
    """sc-neurocore is the only known library that supports the node `Delay`."""
    path = written(network, tmp_path / "network.nir", hops=hops)
    assert different(network, path, sc_neurocore) == 0


def skipping_network() -> Network:
    """A feed-forward network with two paths from the input to the population `second`."""
    network = layered_network(recurrent=False)
    delays = np.ones((CHANNELS, 5), int)
    skip = Projection(INPUT, "second", np.full((CHANNELS, 5), 4.0), delays)
    return network.with_projections([*network.projections, skip])


@pytest.mark.parametrize("run", [spikingjelly, snntorch], ids=lambda run: run.__name__)
def test_skipping_projections(run: Run, tmp_path: Path) -> None:
    path = written(skipping_network(), tmp_path / "network.nir")
    assert different(skipping_network(), path, run) == 0


def test_norse_runs_skipping_projections_incorrectly(tmp_path: Path) -> None:
    """Its output is that of the node that runs last, here the population `second`."""
    path = written(skipping_network(), tmp_path / "network.nir")
    assert [p.size for p in skipping_network().populations] == [8, 5, 3]
    assert norse(path, noise().dense()).shape[-1] == 5


def with_tau_mem(tau_mem_ms: Any) -> Network:
    """A feed-forward network whose first population has other membrane time constants."""
    _, *others = layered_network().populations
    first = Population("first", 8, tau_mem_ms=tau_mem_ms)
    return layered_network(recurrent=False, populations=[first, *others])


FORWARD, WITH_DELAYS = (layered_network(recurrent=False, max_delay=steps) for steps in (0, 3))


@pytest.mark.parametrize(
    ("run", "network", "readout", "reason"),
    [
        *((run, WITH_DELAYS, CURRENT, "[Dd]elay") for run in (norse, snntorch, spikingjelly)),
        (rockpool, WITH_DELAYS, CURRENT, "Delay"),
        *((run, FORWARD, POPULATION, "CubaLI") for run in (snntorch, spikingjelly, rockpool)),
        (snntorch, with_tau_mem(np.inf), CURRENT, "r != 1"),
        (spikingjelly, with_tau_mem(np.inf), CURRENT, "LI"),
        (rockpool, with_tau_mem(np.inf), CURRENT, "IF"),
        (spikingjelly, with_tau_mem(np.arange(5, 13)), CURRENT, "uniform"),
    ],
)
def test_networks_that_libraries_refuse(
    run: Run, network: Network, readout: str, reason: str, tmp_path: Path
) -> None:
    path = written(network, tmp_path / "network.nir", readout=readout)
    with pytest.raises(Exception, match=reason):
        run(path, noise().dense())


@pytest.mark.parametrize("run", [norse, spikingjelly, snntorch], ids=lambda run: run.__name__)
def test_currents_into_the_output(run: Run, tmp_path: Path) -> None:
    path = written(FORWARD, tmp_path / "x.nir", readout=CURRENT)
    spikes = noise().dense()
    expected = interpret(read_graph(path), spikes, ["output"], dt_s=NIR_DT_S)["output"]
    np.testing.assert_allclose(run(path, spikes), expected, rtol=1e-6, atol=1e-6)


def test_norse_runs_integrators_incorrectly(tmp_path: Path) -> None:
    path = written(FORWARD, tmp_path / "x.nir", readout=POPULATION)
    spikes = noise().dense()
    expected = interpret(read_graph(path), spikes, ["out"], dt_s=NIR_DT_S)["out"]
    assert np.abs(norse(path, spikes) - expected).max() > 0.5 * np.abs(expected).max()


def direct_network(weight: float, rule: str = "mean", **constants: Any) -> Network:
    """A network with only an output."""
    synapses = weight * np.eye(CHANNELS)
    return Network(
        InputChannels(CHANNELS),
        [Population("out", CHANNELS, **constants)],
        [Projection(INPUT, "out", synapses, 0 * synapses)],
        Readout("out", rule),
        dt_ms=1.0,
        n_steps=60,
    )


def test_rockpool_runs_graphs_without_neurons(tmp_path: Path) -> None:
    path = written(direct_network(3.0, kind=LI), tmp_path / "x.nir", readout=CURRENT)
    spikes = noise().dense()
    expected = interpret(read_graph(path), spikes, ["output"], dt_s=NIR_DT_S)
    np.testing.assert_allclose(rockpool(path, spikes), expected["output"], rtol=1e-6)


def test_rockpool_runs_graphs_with_neurons_incorrectly(tmp_path: Path) -> None:
    path = written(layered_network(), tmp_path / "x.nir")
    assert different(layered_network(), path, rockpool) > 10


def test_sinabs_ignores_weights(tmp_path: Path) -> None:
    """sinabs treats weights as 1, and fails on two consecutive nodes that it does not support."""
    constants = {"tau_mem_ms": np.inf, "tau_syn_ms": 0.0}
    answers = []
    for weight in (0.1, 100.0):
        network = direct_network(weight, "first_spike", **constants)
        path = written(network, tmp_path / f"{weight}.nir", readout=POPULATION)
        answers.append(sinabs(path, noise().dense()))
    assert answers[0].sum() > 100
    assert np.array_equal(*answers)
    with pytest.raises(KeyError):
        sinabs(written(layered_network(), tmp_path / "x.nir"), noise().dense())
