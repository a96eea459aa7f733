"""Foreign NIR files: the network equals the graph, or an error lists all problems."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from nmtool.errors import FileFormatError, UsageError
from nmtool.exporters.nir.format import Nir
from nmtool.exporters.nir.options import ImportOptions, NirOptions
from nmtool.network.float_network import Network
from nmtool.raster import Raster
from tests.networks.layered import layered_network, noise
from tests.refusals import refused

nir = pytest.importorskip("nir")


def foreign(path: Path) -> Path:
    """Remove nmtool's own group from the file."""
    with h5py.File(path, "r+") as file:
        del file["nmtool"]
    return path


def write(path: Path, nodes: dict[str, Any], edges: list[tuple[str, str]]) -> Path:
    graph = nir.NIRGraph(nodes=nodes, edges=edges, type_check=False)
    nir.write(path, graph)
    return path


def lif(size: int, **changes: Any) -> Any:
    values = {"tau": 2e-3, "r": 20.0, "v_leak": 0.0, "v_threshold": 1.0, "v_reset": 0.0}
    return nir.LIF(**{key: np.full(size, value) for key, value in (values | changes).items()})


def ends(inputs: int, outputs: int) -> dict[str, Any]:
    return {
        "in": nir.Input({"input": np.array([inputs])}),
        "out": nir.Output({"output": np.array([outputs])}),
    }


@pytest.mark.parametrize("max_delay", [0, 5])
def test_spikes_equal_those_of_the_graph(max_delay: int, tmp_path: Path) -> None:
    """nmtool writes the graphs; without its group, their files count as foreign."""
    network, spikes = layered_network(max_delay=max_delay), noise()
    path = Nir.write(network, tmp_path / "x.nir").path
    imported = Nir(foreign(path)).network
    assert isinstance(imported, Network)
    expected, actual = Nir.reference(network, spikes), Nir.reference(imported, spikes)
    for name, raster in expected.spikes.items():
        assert raster.n_spikes > 100
        assert np.array_equal(actual.spikes[name].flat_index(), raster.flat_index())
    np.testing.assert_allclose(actual.membrane["out"], expected.membrane["out"], atol=1e-9)


WEIGHT = np.array([[1.0, 2.0, 0.0], [3.0, 0.0, 4.0]])
DELAY = np.array([[1, 3, 0], [3, 0, 1]])
"""[post, pre]: weights, and delays in steps, of a projection of three channels to two neurons."""


def taps() -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """A chain of delays of one step, with a matrix after each delay that is needed."""
    nodes, edges, before = dict[str, Any](), list[tuple[str, str]](), "in"
    for step in (1, 2, 3):
        nodes[f"tap{step}"] = nir.Delay(np.full(3, 1e-4))
        edges.append((before, f"tap{step}"))
        before = f"tap{step}"
        if (step == DELAY).any():
            nodes[f"w{step}"] = nir.Linear(np.where(step == DELAY, WEIGHT, 0.0))
            edges += [(before, f"w{step}"), (f"w{step}", "n")]
    return nodes, edges


def expanded() -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """A line per synapse: a matrix that copies channels to lines, their delays, and the weights."""
    post, pre = np.nonzero(WEIGHT)
    gather = np.zeros((2, len(pre)))
    gather[post, np.arange(len(pre))] = WEIGHT[post, pre]
    nodes = {
        "spread": nir.Linear(np.eye(3)[pre]),
        "late": nir.Delay(1e-4 * DELAY[post, pre]),
        "gather": nir.Linear(gather),
    }
    return nodes, [("in", "spread"), ("spread", "late"), ("late", "gather"), ("gather", "n")]


@pytest.mark.parametrize("wires", [taps, expanded])
def test_delays_of_synapses_in_any_form(wires: Any, tmp_path: Path) -> None:
    """The projection is that of a graph with a delay and a matrix for each delay."""
    nodes, edges = wires()
    nodes |= {**ends(3, 2), "n": lif(2, r=2e-3 / 1e-4)}
    network = Nir(write(tmp_path / "x.nir", nodes, [*edges, ("n", "out")])).network
    (projection,) = (p for p in network.projections if p.source == "input")
    assert np.array_equal(projection.weight != 0, (WEIGHT != 0).T)
    np.testing.assert_allclose(projection.weight / projection.weight[0, 0], WEIGHT.T)
    hop = 1
    assert np.array_equal((projection.delay + hop)[WEIGHT.T != 0], DELAY.T[WEIGHT.T != 0])


def test_a_graph_with_free_hops_runs_later(tmp_path: Path) -> None:
    network, spikes = layered_network(), noise()
    path = Nir.write(network, tmp_path / "x.nir", options=NirOptions(hops="free")).path
    imported = Nir(foreign(path)).read(ImportOptions(n_steps=60, dt_ms=1.0))
    expected, actual = Nir.reference(network, spikes), Nir.reference(imported, spikes)
    assert (imported.dt_ms, imported.n_steps) == (1.0, 63)
    for name, raster in expected.spikes.items():
        assert np.array_equal(actual.spikes[name].flat_index(), raster.flat_index())


def test_spikes_of_a_spiking_output_are_counted(tmp_path: Path) -> None:
    nodes = {**ends(3, 2), "w": nir.Linear(np.full((2, 3), [[0.9], [0.3]])), "2.lif": lif(2)}
    edges = [("in", "w"), ("w", "2.lif"), ("2.lif", "out")]
    network = Nir(write(tmp_path / "x.nir", nodes, edges)).read(ImportOptions())
    spikes = Raster.from_dense(np.ones((1, 30, 3)))
    recording = Nir.reference(network, spikes)
    counts = recording.spikes["n2_lif"].counts()[0]
    assert counts[0] > counts[1] > 0
    np.testing.assert_allclose(recording.membrane["answer"][0, -1], counts, atol=2)
    assert (network.readout.rule, recording.predictions.tolist()) == ("max", [0])


def test_parallel_edges_scales_thresholds_and_nested_graphs(tmp_path: Path) -> None:
    inner = nir.NIRGraph(
        nodes={
            "input": nir.Input({"input": np.array([2])}),
            "scale": nir.Scale(np.array([1.0, 3.0])),
            "output": nir.Output({"output": np.array([2])}),
        },
        edges=[("input", "scale"), ("scale", "output")],
        type_check=False,
    )
    nodes = {
        **ends(2, 2),
        "nested": inner,
        "late": nir.Delay(np.array([2e-4, 1e-4])),
        "fires": nir.Threshold(np.array([0.5, 3.5])),
    }
    edges = [("in", "nested"), ("in", "late"), ("nested", "fires"), ("late", "fires")]
    path = write(tmp_path / "x.nir", nodes, [*edges, ("fires", "out")])
    network = Nir(path).read(ImportOptions())
    delays = sorted(p.delay.diagonal().tolist() for p in network.projections if p.source == "input")
    assert delays == [[0, 0], [2, 1]]
    dense = np.zeros((1, 8, 2))
    dense[0, [1, 2], 1] = 1
    spikes = Nir.reference(network, Raster.from_dense(dense)).spikes["fires"]
    assert np.argwhere(spikes.dense()[0]).tolist() == [[3, 1]]


def test_all_unsupported_parts_are_listed(tmp_path: Path) -> None:
    nodes = {
        **ends(4, 4),
        "pool": nir.SumPool2d(np.array([1, 1]), np.array([1, 1]), np.array([0, 0])),
        "fast": lif(4, tau=1e-6),
        "low": lif(4, v_threshold=-1.0),
        "between": nir.Delay(np.full(4, 1.5e-4)),
    }
    edges = [("in", "pool"), ("pool", "fast"), ("fast", "low"), ("low", "between")]
    path = write(tmp_path / "x.nir", nodes, [*edges, ("between", "out")])
    with refused(FileFormatError, "nir-graph-unfit") as caught:
        Nir(path).read()
    assert [(finding.where, finding.code) for finding in caught.value.findings] == [
        ("between", "nir-step"),
        ("fast", "nir-step"),
        ("low", "nir-values"),
        ("pool", "nir-shape"),
    ]


def test_a_loop_that_is_too_short_is_refused(tmp_path: Path) -> None:
    square = nir.Linear(np.ones((2, 2)))
    nodes = {**ends(2, 2), "w": square, "a": lif(2), "b": lif(2), "back": square, "on": square}
    edges = [("in", "w"), ("w", "a"), ("a", "on"), ("on", "b"), ("b", "back"), ("back", "a")]
    path = write(tmp_path / "x.nir", nodes, [*edges, ("b", "out")])
    with refused(FileFormatError, "nir-loop") as caught:
        Nir(path).read()
    assert str(path) in caught.value.what


@pytest.mark.parametrize("step", [0.0, -1e-3, float("nan"), float("inf")])
def test_invalid_steps_are_refused(step: float) -> None:
    for options in ({"nir_dt_s": step}, {"dt_ms": step}):
        with refused(UsageError, "nir-step-range"):
            ImportOptions(**options)


def test_assumptions_are_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    nodes = {**ends(3, 2), "w": nir.Linear(np.ones((2, 3))), "n": lif(2)}
    path = write(tmp_path / "x.nir", nodes, [("in", "w"), ("w", "n"), ("n", "out")])
    Nir(path).read()
    assumed, _ = [record.getMessage() for record in caplog.records]
    for part in ("0.1 ms", "nir_dt_s=", "10,000", "n_steps=", "`rule=max`", "a reset to v_reset"):
        assert part in assumed
    caplog.clear()
    Nir(path).read(ImportOptions(1e-4, n_steps=30, rule="max"))
    assumed, _ = [record.getMessage() for record in caplog.records]
    assert "=" not in assumed
    assert "a reset to v_reset" in assumed


def test_the_lag_of_the_output_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    nodes = {**ends(3, 2), "w": nir.Linear(np.ones((2, 3))), "n": lif(2)}
    path = write(tmp_path / "x.nir", nodes, [("in", "w"), ("w", "n"), ("n", "out")])
    network = Nir(path).read(ImportOptions(n_steps=25))
    remark = next(r.getMessage() for r in caplog.records if "nir-steps-more" in r.getMessage())
    assert network.n_steps == 27
    for part in ("27 steps instead of 25", "2 steps later", "`n_steps=23`"):
        assert part in remark


@pytest.mark.parametrize(("tau", "of_norse"), [(1e-5, True), (1e-6, True), (2e-4, False)])
def test_the_step_of_norse_is_named(tau: float, of_norse: bool, tmp_path: Path) -> None:
    nodes = {**ends(2, 2), "n": lif(2, tau=tau)}
    path = write(tmp_path / "x.nir", nodes, [("in", "n"), ("n", "out")])
    with refused(FileFormatError, "nir-graph-unfit") as caught:
        Nir(path).read(ImportOptions(nir_dt_s=1e-3))
    (finding,) = caught.value.findings
    assert finding.code == "nir-step"
    assert ("`nir_dt_s=1e-06`" in finding.fix) == of_norse


@pytest.mark.parametrize(("weight", "silent"), [(0.01, "n"), (0.02, ""), (-0.02, "n")])
def test_silent_populations_are_logged(
    weight: float, silent: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """In 26 steps, three channels bring an integrator to 25 · 3 times the weight."""
    neurons = nir.IF(r=np.ones(2), v_threshold=np.ones(2), v_reset=np.zeros(2))
    nodes = {**ends(3, 2), "w": nir.Linear(np.full((2, 3), weight)), "n": neurons}
    path = write(tmp_path / "x.nir", nodes, [("in", "w"), ("w", "n"), ("n", "out")])
    Nir(path).read(ImportOptions(nir_dt_s=1.0, dt_ms=1.0, n_steps=25))
    remarks = [r.getMessage() for r in caplog.records if "nir-silent" in r.getMessage()]
    assert bool(remarks) == bool(silent)
    if silent:
        assert f"no input makes {silent} spike within 27 steps" in remarks[0]


def gains_of_1(path: Path, tau_syn: tuple[float, float]) -> Path:
    """A file whose nodes have a gain of 1: IF, and CubaLIF with these time constants."""
    values = {"tau_mem": 1e-2, "r": 1.0, "v_leak": 0.0, "v_threshold": 0.3}
    cuba = {"tau_syn": np.array(tau_syn), **{key: np.full(2, x) for key, x in values.items()}}
    nodes = {**ends(2, 2), "c": nir.CubaLIF(**cuba), "n": nir.IF(np.ones(2), np.full(2, 0.0025))}
    return write(path, nodes, [("in", "c"), ("c", "n"), ("n", "out")])


@pytest.mark.parametrize(
    ("dt_s", "tau_syn", "nodes", "gain"),
    [
        (1e-3, (5e-3, 5e-3), ["c", "n"], "here 5;"),
        (1e-3, (1e-3, 4e-3), ["c", "n"], "here 1 … 4;"),
        (1e-3, (1e-3, np.float32(1e-3)), ["n"], "here 1000;"),
    ],
)
def test_gains_that_may_mean_two_things_are_refused(
    dt_s: float, tau_syn: tuple[float, float], nodes: list[str], gain: str, tmp_path: Path
) -> None:
    """A CubaLIF whose current lasts one step computes the same either way."""
    with refused(FileFormatError, "nir-graph-unfit") as caught:
        Nir(gains_of_1(tmp_path / "x.nir", tau_syn)).read(ImportOptions(nir_dt_s=dt_s))
    findings = caught.value.findings
    assert [(f.code, f.where) for f in findings] == [("nir-input-gain", node) for node in nodes]
    assert gain in findings[0].fix
    assert all("`gains_as_written=True`" in finding.fix for finding in findings)
    assert "`nir_dt_s=1`" in findings[-1].fix


def test_gains_can_be_declared_to_be_as_nir_defines_them(tmp_path: Path) -> None:
    """The spikes are those of an equivalent file, in which no gain is 1."""
    path = gains_of_1(tmp_path / "x.nir", (5e-3, 4e-3))
    network = Nir(path).read(ImportOptions(nir_dt_s=1e-3, n_steps=60, gains_as_written=True))
    with h5py.File(path, "r+") as file:
        nodes = file["node/nodes"]
        nodes["c/w_in"][:], nodes["c/r"][:] = 2.0, 0.5
        nodes["n/r"][:], nodes["n/v_threshold"][:] = 2.0, 0.005
    equivalent = Nir(path).read(ImportOptions(nir_dt_s=1e-3, n_steps=60))
    spikes = Raster.from_dense(np.ones((1, 60, 2)))
    expected = Nir.reference(equivalent, spikes).spikes
    for name, raster in Nir.reference(network, spikes).spikes.items():
        assert raster.n_spikes > 4
        assert np.array_equal(raster.flat_index(), expected[name].flat_index())
