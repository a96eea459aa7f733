"""Constants in foreign NIR files (biases of `Affine`, v_leak) act from the right step on."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from nmtool.errors import FileFormatError
from nmtool.exporters.c.format import C
from nmtool.exporters.nir.file import read_graph
from nmtool.exporters.nir.format import Nir
from nmtool.exporters.nir.interpreter import interpret
from nmtool.exporters.nir.options import ImportOptions
from nmtool.hardware_sim.simulator import simulate
from nmtool.network.float_network import Network
from nmtool.quantisation import round_network
from nmtool.raster import Raster
from tests.networks.drawn import seeds
from tests.refusals import refused
from tests.thorough import examples

nir = pytest.importorskip("nir")

STEPS, DT_S = 40, 1e-4
SIZES = {"in": 3, "a": 4, "b": 2}
KINDS = ("LIF", "CubaLIF", "IF", "Threshold")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("nir")


def neurons(kind: str, size: int, random: np.random.Generator, v_leak: float) -> Any:
    """Neurons of a kind, which spike often for inputs near 1."""

    def around(value: float) -> np.ndarray:
        return value * random.uniform(0.8, 1.2, size)

    potentials = {"v_threshold": around(1.0), "v_reset": np.zeros(size)}
    leak = {"v_leak": around(v_leak), **potentials}
    if kind == "LIF":
        return nir.LIF(tau=around(8e-4), r=around(4.0), **leak)
    if kind == "CubaLIF":
        taus = {"tau_syn": around(4e-4), "tau_mem": around(8e-4)}
        return nir.CubaLIF(**taus, r=around(4.0), w_in=around(1.5), **leak)
    if kind == "IF":
        return nir.IF(r=around(3e3), **potentials)
    return nir.Threshold(around(0.6))


def affine(post: str, pre: str, random: np.random.Generator) -> Any:
    """A matrix, and biases of both signs, some of which are 0."""
    shape = SIZES[post], SIZES[pre]
    bias = random.normal(0.1, 0.2, shape[0])
    bias[1:] *= random.integers(0, 2, shape[0] - 1)
    return nir.Affine(random.normal(0.3, 0.6, shape), bias)


def write(
    path: Path, nodes: dict[str, Any], edges: list[tuple[str, str]], outputs: int = SIZES["b"]
) -> Path:
    ends = {
        "in": nir.Input({"input": np.array([SIZES["in"]])}),
        "out": nir.Output({"output": np.array([outputs])}),
    }
    graph = nir.NIRGraph(nodes=ends | nodes, edges=edges, type_check=False)
    nir.write(path, graph)
    return path


def two_layers(random: np.random.Generator, kinds: tuple[str, str], v_leak: float = 0.0) -> dict:
    """Nodes of a feed-forward graph with biases."""
    return {
        "w": affine("a", "in", random),
        "a": neurons(kinds[0], SIZES["a"], random, v_leak),
        "x": affine("b", "a", random),
        "b": neurons(kinds[1], SIZES["b"], random, v_leak),
    }


FORWARD = [("in", "w"), ("w", "a"), ("a", "x"), ("x", "b"), ("b", "out")]


def runs(path: Path, seed: int = 0, rate: float = 0.15) -> tuple[Network, dict, Any]:
    """The imported network, the outputs of the graph's nodes, and the network's recording."""
    spikes = np.random.default_rng(seed).random((1, STEPS, SIZES["in"])) < rate
    graph = read_graph(path)
    expected = interpret(graph, spikes, list(graph.nodes), dt_s=DT_S)
    network = Nir(path).read(ImportOptions(n_steps=STEPS))
    more = np.zeros((1, network.n_steps - STEPS, SIZES["in"]), np.bool_)
    raster = Raster.from_dense(np.concatenate([spikes, more], axis=1))
    return network, expected, Nir.reference(network, raster)


def assert_same(expected: dict, actual: Any, later: dict[str, int]) -> None:
    """Assert that spikes are those of the graph, a number of steps later, with none before."""
    for name, steps in later.items():
        trains = actual.spikes[name].dense()[0]
        assert np.array_equal(trains[steps : steps + STEPS], expected[name][0] != 0)
        assert not trains[:steps].any()


@settings(max_examples=examples(1.5), deadline=None)
@given(
    seed=seeds,
    kinds=st.tuples(st.sampled_from(KINDS), st.sampled_from(KINDS)),
    delays=st.tuples(st.integers(0, 2), st.integers(0, 2)),
    v_leak=st.sampled_from([0.0, 0.7]),
    recurrent=st.booleans(),
)
def test_spikes_equal_those_of_the_graph(
    folder: Path,
    seed: int,
    kinds: tuple[str, str],
    delays: tuple[int, int],
    v_leak: float,
    recurrent: bool,
) -> None:
    random = np.random.default_rng(seed)
    nodes, edges = two_layers(random, kinds, v_leak), list(FORWARD)
    for steps, wire, name in zip(delays, "wx", "ab", strict=True):
        if steps:
            lines = steps + random.permutation([0, *random.integers(0, 3, SIZES[name] - 1)])
            nodes[f"late_{name}"] = nir.Delay(lines * DT_S)
            edges.remove((wire, name))
            edges += [(wire, f"late_{name}"), (f"late_{name}", name)]
    if recurrent:
        nodes["back"] = affine("a", "a", random)
        edges += [("a", "back"), ("back", "a")]
    _, expected, actual = runs(write(folder / "x.nir", nodes, edges), seed)
    # If a constant takes effect from step 0 on and another constant later, a population is added.
    # This population spikes in every step, and its hop takes a step.
    first = int(recurrent or not delays[0])
    assert_same(expected, actual, {"a": first, "b": max(0, first + 1 - delays[1])})


@pytest.mark.parametrize("kind", ["LIF", "CubaLIF"])
@pytest.mark.parametrize("v_leak", [0.0, 1.5])
def test_constants_without_input_make_neurons_spike(
    kind: str, v_leak: float, tmp_path: Path
) -> None:
    random = np.random.default_rng(1)
    nodes = two_layers(random, (kind, kind), v_leak)
    nodes["w"] = nir.Affine(np.ones((4, 3)), np.full(4, 0.0 if v_leak else 0.6))
    _, expected, actual = runs(write(tmp_path / "x.nir", nodes, FORWARD), rate=0.0)
    assert actual.spikes["a"].n_spikes > 10
    assert_same(expected, actual, {"a": 1, "b": 2})


@pytest.mark.parametrize(
    ("before", "behind", "begins"), [(0, 0, 0), (2, 0, 0), (0, 2, 2), (1, 2, 2)]
)
def test_a_loop_delays_spikes_by_a_step_but_not_constants(
    before: int, behind: int, begins: int, tmp_path: Path
) -> None:
    """A bias of 0.4 reaches 1 in every third step; `Delay`s after the bias delay it."""
    nodes = {
        "w": nir.Linear(np.ones((1, 3))),
        "a": nir.IF(r=np.array([1 / DT_S]), v_threshold=np.ones(1), v_reset=np.zeros(1)),
        "back": nir.Affine(np.zeros((1, 1)), np.array([0.4])),
    }
    chain = ["a", "back", "a"]
    for place, steps in ((2, behind), (1, before)):
        if steps:
            nodes[f"late{place}"] = nir.Delay(np.array([steps * DT_S]))
            chain.insert(place, f"late{place}")
    edges = [("in", "w"), ("w", "a"), *pairwise(chain), ("a", "out")]
    path = write(tmp_path / "x.nir", nodes, edges, outputs=1)
    silence = np.zeros((1, STEPS, 3), np.bool_)
    spikes = [begins + 2, begins + 5, begins + 8]
    (ran,) = interpret(read_graph(path), silence, ["a"], dt_s=DT_S).values()
    assert np.flatnonzero(ran[0])[:3].tolist() == spikes
    network = Nir(path).read(ImportOptions(n_steps=STEPS))
    later = 1  # In nmtool, the first hop takes a step.
    imported = Nir.reference(network, Raster.silent(1, network.n_steps, 3)).spikes["a"]
    assert (imported.step[:3] - later).tolist() == spikes


@pytest.mark.parametrize("kind", ["LIF", "CubaLIF"])
def test_a_constant_becomes_a_bias_if_equivalent(kind: str, tmp_path: Path) -> None:
    """After a delay, populations run as in the graph, and constants act from step 0 on."""
    nodes = {
        "w": nir.Linear(np.ones((2, 3))),
        "late": nir.Delay(np.full(2, DT_S)),
        "nothing": nir.Affine(np.zeros((2, 3)), np.array([0.4, -0.2])),
        "b": neurons(kind, 2, np.random.default_rng(0), 0.3),
    }
    edges = [("in", "w"), ("w", "late"), ("late", "b"), ("in", "nothing"), ("nothing", "b")]
    network, expected, actual = runs(write(tmp_path / "x.nir", nodes, [*edges, ("b", "out")]))
    smoothed = kind == "CubaLIF"
    assert_same(expected, actual, {"b": int(smoothed)})
    assert ("clock" in actual.spikes) == smoothed
    assert network.population("b").values("bias").any() != smoothed


def test_a_constant_input_of_the_output(tmp_path: Path) -> None:
    nodes = two_layers(np.random.default_rng(0), ("LIF", "LIF"))
    del nodes["b"]
    edges = [*FORWARD[:3], ("x", "out")]
    network, expected, actual = runs(write(tmp_path / "x.nir", nodes, edges))
    later = network.n_steps - STEPS
    assert np.abs(expected["out"]).max() > 0.1
    membrane = actual.membrane["answer"][:, later:]
    np.testing.assert_allclose(membrane, expected["out"], atol=1e-12)


def test_an_output_that_integrates(tmp_path: Path) -> None:
    nodes = two_layers(np.random.default_rng(0), ("LIF", "LIF"))
    taus = {"tau_syn": np.full(2, 3e-4), "tau_mem": np.full(2, 9e-4)}
    nodes["b"] = nir.CubaLI(**taus, r=np.ones(2), v_leak=np.array([0.5, 0.0]), w_in=np.ones(2))
    _, expected, actual = runs(write(tmp_path / "x.nir", nodes, FORWARD))
    membrane = actual.membrane["b"][:, 2:]
    np.testing.assert_allclose(membrane, expected["b"], atol=1e-12)
    assert not actual.membrane["b"][:, :2].any()


def test_a_node_that_is_called_clock(tmp_path: Path) -> None:
    nodes = two_layers(np.random.default_rng(0), ("LIF", "CubaLIF"))
    nodes["clock"] = nodes.pop("a")
    edges = [tuple("clock" if end == "a" else end for end in edge) for edge in FORWARD]
    network, expected, actual = runs(write(tmp_path / "x.nir", nodes, edges))
    assert [p.name for p in network.populations] == ["b", "clock", "answer", "clock_"]
    assert_same(expected, actual, {"clock": 1, "b": 2})


def test_quantised_networks_keep_the_clock(tmp_path: Path) -> None:
    nodes = two_layers(np.random.default_rng(0), ("LIF", "CubaLIF"))
    network, _, _ = runs(write(tmp_path / "x.nir", nodes, FORWARD))
    integers = round_network(network).network
    spikes = Raster.from_dense(np.random.default_rng(0).random((2, network.n_steps, 3)) < 0.15)
    simulated = simulate(integers, spikes)
    assert simulated.spikes["clock"].n_spikes == spikes.n_samples * spikes.n_steps
    path = C.write(integers, tmp_path / "network.c").path
    assert C(path).network.content_hash == integers.content_hash


def with_synapse(r: float) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """A graph whose second layer has a separate synapse node with a v_leak."""
    nodes = two_layers(np.random.default_rng(0), ("LIF", "LIF"))
    nodes["synapse"] = nir.LI(tau=np.full(2, 4e-4), r=np.full(2, r), v_leak=np.array([0.8, 0.0]))
    return nodes, [*FORWARD[:3], ("x", "synapse"), ("synapse", "b"), ("b", "out")]


def test_a_synapse_node_with_a_leak_potential(tmp_path: Path) -> None:
    _, expected, actual = runs(write(tmp_path / "x.nir", *with_synapse(r=1.3)))
    assert actual.spikes["b"].n_spikes > 5
    assert_same(expected, actual, {"a": 1, "b": 2})


def test_a_leak_potential_that_no_input_can_express_is_refused(tmp_path: Path) -> None:
    with refused(FileFormatError, "nir-graph-unfit") as caught:
        Nir(write(tmp_path / "x.nir", *with_synapse(r=0.0))).read(ImportOptions())
    (finding,) = caught.value.findings
    assert (finding.code, finding.where) == ("nir-potential", "synapse")
