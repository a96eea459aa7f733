"""The ONNX graph of a network: its results in two runtimes, and its nodes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, given, settings, strategies as st

from nmtool.arithmetic import STATE_LIMIT
from nmtool.exporters.onnx.file import OPSET, model_bytes
from nmtool.exporters.onnx.format import Onnx
from nmtool.exporters.onnx.runtime import output_names, recording, run
from nmtool.hardware_sim.reference import run_reference
from nmtool.hardware_sim.simulator import simulate
from nmtool.network.integer_network import IntegerNetwork
from nmtool.raster import Raster
from nmtool.recording import Recording
from nmtool.testing.networks import random_input, random_network, random_raster
from nmtool.verification.comparison import compare_recordings
from tests.networks.drawn import integer_networks, seeds
from tests.networks.edges import word_network
from tests.networks.resets import counting
from tests.thorough import examples

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

EVALUATES_LOOPS = (1, 22)
"""Oldest version of onnx whose evaluator runs a `Scan` with several states correctly."""


def in_onnxruntime(network: IntegerNetwork, spikes: Raster) -> Recording:
    return run(model_bytes(network, None), network, spikes, True, None)


def in_evaluator(network: IntegerNetwork, spikes: Raster) -> Recording:
    from onnx.reference import ReferenceEvaluator

    names = output_names(network, deep=True)
    counts = network.channels.most_spikes > 1
    dense = spikes.dense_counts() if counts else spikes.dense()
    values = ReferenceEvaluator(parsed(network)).run(names, {"spikes": dense})
    return recording(network, dict(zip(names, values, strict=True)))


def parsed(network: IntegerNetwork) -> Any:
    return onnx.load_from_string(model_bytes(network, None))


def assert_same(expected: Recording, actual: Recording) -> None:
    """Assert that every u, v and spike of two deep recordings is equal."""
    comparison = compare_recordings(expected, actual)
    assert comparison.identical, comparison.first_divergence
    for group in ("membrane", "current", "potential"):
        assert all(array.dtype == np.int32 for array in getattr(actual, group).values())


# Tests of spikes, u and v


@settings(max_examples=examples(2))
@given(
    network=integer_networks(properties=Onnx.expresses),
    seed=seeds,
    n_samples=st.integers(1, 5),
    n_steps=st.integers(1, 90),
)
def test_onnxruntime_equals_the_simulator(
    network: IntegerNetwork, seed: int, n_samples: int, n_steps: int
) -> None:
    spikes = random_input(network, seed, n_samples, n_steps)
    actual = in_onnxruntime(network, spikes)
    assert_same(simulate(network, spikes, deep=True), actual)
    assert_same(run_reference(network, spikes), actual)


@pytest.mark.parametrize("n_hidden", [1, 2, 4])
@pytest.mark.parametrize("spiking_output", [False, True])
def test_recurrent_layers_with_feedback(n_hidden: int, spiking_output: bool) -> None:
    network = random_network(n_hidden, n_hidden, spiking_output)
    spikes = random_raster(9, 4, 200, network.channels.size)
    expected = simulate(network, spikes, deep=True)
    assert sum(raster.n_spikes for raster in expected.spikes.values()) > 200
    assert_same(expected, in_onnxruntime(network, spikes))


@pytest.mark.skipif(
    tuple(map(int, onnx.__version__.split(".")[:2])) < EVALUATES_LOOPS,
    reason=f"onnx {onnx.__version__} evaluates no Scan with several states",
)
@settings(max_examples=examples(1.5), phases=[Phase.generate])
@given(network=integer_networks(properties=Onnx.expresses), seed=seeds, n_steps=st.integers(1, 40))
def test_the_evaluator_of_onnx_equals_the_simulator(
    network: IntegerNetwork, seed: int, n_steps: int
) -> None:
    spikes = random_input(network, seed, 2, n_steps)
    assert_same(simulate(network, spikes, deep=True), in_evaluator(network, spikes))


@pytest.mark.parametrize("sign", [1, -1])
def test_sums_beyond_32_bits_wrap(sign: int) -> None:
    network = word_network(sign)
    dense = np.zeros((2, 12, 1200), bool)
    dense[0, [0, 1, 2, 5]], dense[1, 3, :900] = True, True
    spikes = Raster.from_dense(dense)
    expected = simulate(network, spikes, deep=True)
    assert (abs(expected.current["out"].astype(np.int64)) > STATE_LIMIT).any()
    assert_same(expected, in_onnxruntime(network, spikes))


# Tests of the structure of the graph


NETWORK = random_network(3, n_hidden=2, spiking_output=False)


def all_graphs(graph: Any) -> list[Any]:
    """A graph and the graphs in its nodes."""
    inside = [a.g for node in graph.node for a in node.attribute if a.HasField("g")]
    return [graph, *(descendant for child in inside for descendant in all_graphs(child))]


def test_operators_are_standard() -> None:
    model = parsed(NETWORK)
    onnx.checker.check_model(model, full_check=True)
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", OPSET)]
    nodes = [node for graph in all_graphs(model.graph) for node in graph.node]
    assert {node.domain for node in nodes} == {""}
    assert not model.functions


def test_every_node_has_a_unique_name() -> None:
    graphs = all_graphs(parsed(NETWORK).graph)
    assert len(graphs) == 3, "h0 and h1 feed back on each other, out follows"
    for graph in graphs:
        names = [node.name for node in graph.node]
        assert all(names)
        assert len(set(names)) == len(names)
        assert any(node.doc_string for node in graph.node)
    assert "arrives at step n + 1 + d" in graphs[0].doc_string


def test_samples_and_steps_are_symbolic() -> None:
    graph = parsed(NETWORK).graph
    for value in [*graph.input, *graph.output]:
        sizes = value.type.tensor_type.shape.dim
        assert [size.dim_param for size in sizes[:2]] == ["batch", "time"]
        assert sizes[2].dim_value > 0
    assert [value.name for value in graph.input] == ["spikes"]
    assert [value.name for value in graph.output] == [
        *("h0.spikes", "h0.v", "h0.u", "h1.spikes", "h1.v", "h1.u", "out.v", "out.u")
    ]


def test_counts_are_bytes() -> None:
    """Only of sources that count: spikes of all others remain true or false."""
    both, types = counting(NETWORK), {}
    for network in (
        replace(both, populations=NETWORK.populations),
        replace(both, channels=NETWORK.channels),
    ):
        graph = parsed(network).graph
        for value in (*graph.input, *graph.output):
            types.setdefault(value.name, []).append(value.type.tensor_type.elem_type)
    byte, flag = onnx.TensorProto.UINT8, onnx.TensorProto.BOOL
    assert types["spikes"] == [byte, flag]
    assert types["h0.spikes"] == [flag, byte]
    assert types["h1.spikes"] == [flag, flag]


def test_synapses_are_stored_in_bytes() -> None:
    graphs = all_graphs(parsed(NETWORK).graph)
    types = {t.name.split("[")[0]: t.data_type for g in graphs for t in g.initializer}
    stored = {name: kind for name, kind in types.items() if "->" in name and "factor" not in name}
    bytes_ = {onnx.TensorProto.INT8, onnx.TensorProto.UINT8}
    assert len(stored) == 2 * len(NETWORK.projections)
    assert set(stored.values()) == bytes_
    delays = {kind for name, kind in stored.items() if name.endswith(".delay")}
    assert delays == {onnx.TensorProto.UINT8}


def test_a_bare_runtime_needs_nothing_of_nmtool(tmp_path: Path) -> None:
    import onnxruntime

    (tmp_path / "network.onnx").write_bytes(model_bytes(NETWORK, None))
    session = onnxruntime.InferenceSession(
        tmp_path / "network.onnx", providers=["CPUExecutionProvider"]
    )
    spikes = random_raster(1, 2, 50, 5)
    (membrane,) = session.run(["out.v"], {"spikes": spikes.dense()})
    assert np.array_equal(membrane, simulate(NETWORK, spikes).membrane["out"])
