"""Convolutions and pools of foreign NIR files: shapes, errors, and resulting networks."""

from __future__ import annotations

import itertools
import logging
import shutil
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import nmtool as nm
from nmtool.errors import FileFormatError, Finding
from nmtool.exporters.nir import shapes
from nmtool.exporters.nir.convolutions import Window
from nmtool.exporters.nir.format import Nir
from nmtool.exporters.nir.graph import Graph, Node
from nmtool.exporters.nir.options import ImportOptions
from nmtool.network.float_network import Network
from nmtool.raster import Raster
from tests.exporters.nir_graphs import DT_S
from tests.refusals import codes, refused

nir = pytest.importorskip("nir")

Changes = dict[str, Any]
"""Replacements of datasets, by `node/name`; None removes a dataset."""

STEPS = 20


def conv2d(*weight: int, places: tuple[int, int] | None = (4, 4), **changes: Any) -> Any:
    """A convolution with weights 1, 2, 3 …"""
    values = np.arange(1.0, 1 + np.prod(weight)).reshape(weight)
    usual = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1, "bias": np.zeros(weight[0])}
    return nir.Conv2d(input_shape=places, weight=values, **(usual | changes))


def pool(kind: str = "SumPool2d", size: int = 2) -> Any:
    return getattr(nir, kind)(np.array([size, size]), np.array([size, size]), np.array([0, 0]))


def fires(*shape: int, threshold: Any = 0.5) -> Any:
    """Neurons without memory: they spike if their input is above the threshold."""
    return nir.Threshold(np.full(shape, threshold))


def lif(*shape: int) -> Any:
    values = {"tau": 20 * DT_S, "r": 20.0, "v_leak": 0.0, "v_threshold": 1.0, "v_reset": 0.0}
    return nir.LIF(**{key: np.full(shape, value) for key, value in values.items()})


def written(
    path: Path, shape: tuple[int, ...], nodes: dict[str, Any], outputs: int, changes: Changes
) -> Path:
    """Write a chain of nodes between an input of a shape and an output."""
    ends = nir.Input({"input": np.array(shape)}), nir.Output({"output": np.array([outputs])})
    nodes = {"in": ends[0], **nodes, "out": ends[1]}
    edges = list(itertools.pairwise(nodes))
    nir.write(path, nir.NIRGraph(nodes, edges, type_check=False))
    with h5py.File(path, "r+") as file:
        for name, value in changes.items():
            file["node/nodes"].pop(name)
            if value is not None:
                file[f"node/nodes/{name}"] = value
    return path


def imported(
    path: Path,
    shape: tuple[int, ...],
    nodes: dict[str, Any],
    outputs: int = 1,
    changes: Changes | None = None,
) -> Network:
    path = written(path, shape, nodes, outputs, changes or {})
    return Nir(path).read(ImportOptions(n_steps=STEPS))


def findings_of(
    path: Path,
    shape: tuple[int, ...],
    nodes: dict[str, Any],
    outputs: int = 1,
    changes: Changes | None = None,
) -> tuple[Finding, ...]:
    with refused(FileFormatError, "nir-graph-unfit") as caught:
        imported(path, shape, nodes, outputs, changes)
    return caught.value.findings


# Tests of the lines of sensors and shapes


class _Camera:
    """A data set like tonic's, with one event of a sensor (width, height, polarities)."""

    sensor_size, classes = (4, 3, 2), ["a"]

    def __init__(self, *place: int) -> None:
        self.event = np.array([(1000, *place)], [(key, "i8") for key in "txyp"])

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> tuple[Any, int]:
        return self.event, 0


@pytest.mark.parametrize("place", [(0, 0, 0), (3, 0, 0), (0, 2, 0), (1, 2, 1), (3, 2, 1)])
def test_lines_of_a_sensor_are_the_units_of_its_events(
    place: tuple[int, int, int], tmp_path: Path
) -> None:
    """Lines are (polarity, height, width), as in `tonic:NAME`; the weight is the index."""
    x, y, p = place
    nodes = {"c": conv2d(1, 2, 3, 4, places=(3, 4))}
    network = imported(tmp_path / "x.nir", (2, 3, 4), nodes)
    (unit,) = nm.SpikeEvents.from_tonic(_Camera(*place)).unit
    dense = np.zeros((1, network.n_steps, 24))
    dense[0, 0, unit] = 1
    (membrane,) = Nir.reference(network, Raster.from_dense(dense)).membrane.values()
    expected = nodes["c"].weight[0, p, y, x]
    np.testing.assert_allclose(membrane.max(), expected)


@pytest.mark.parametrize(
    ("shape", "places", "explicit"),
    [
        ((1, 4, 4), (4, 4), True),
        ((1, 4, 4), None, False),
        ((1, 1, 4, 4), None, False),
        ((16,), (4, 4), True),
    ],
)
def test_shapes_come_from_the_input_or_the_node(
    shape: tuple[int, ...], places: Any, explicit: bool, tmp_path: Path
) -> None:
    nodes = {"c": conv2d(2, 1, 3, 2), "t": fires(1), "p": pool("AvgPool2d"), "u": fires(2)}
    changes: Changes = {} if explicit else {"c/input_shape": None}
    network = imported(tmp_path / "x.nir", shape, nodes, 2, changes)
    assert network.channels.size == 16
    assert [network.population(name).size for name in "tu"] == [2 * 2 * 3, 2]
    assert [p.weight.shape for p in network.projections][:2] == [(16, 12), (12, 2)]


def test_constants_of_channels(tmp_path: Path) -> None:
    """A number per channel, (channels, 1, 1), is used for every neuron of the channel."""
    threshold = nir.Threshold(np.array([1.5, 2.5]).reshape(2, 1, 1))
    nodes = {"s": nir.Scale(np.array([3.0, 1.0]).reshape(2, 1, 1)), "t": threshold}
    nodes |= {"c": conv2d(1, 2, 2, 2, places=(2, 2))}
    network = imported(tmp_path / "x.nir", (2, 2, 2), nodes)
    assert network.population("t").threshold.tolist() == [1.5] * 4 + [2.5] * 4
    dense = np.zeros((1, network.n_steps, 8))
    dense[0, 0] = 1
    spikes = Nir.reference(network, Raster.from_dense(dense)).spikes["t"]
    assert np.argwhere(spikes.dense()[0]).tolist() == [[1, line] for line in range(4)]


def test_constants_per_channel_and_per_neuron_in_one_node(tmp_path: Path) -> None:
    reset = np.array([-1.0, 0.5]).reshape(2, 1, 1)
    nodes = {"t": lif(2, 2, 2)}
    network = imported(tmp_path / "x.nir", (2, 2, 2), nodes, 8, {"t/v_reset": reset})
    assert network.population("t").threshold.tolist() == [2.0] * 4 + [0.5] * 4


def test_constants_for_another_number_of_channels_are_refused(tmp_path: Path) -> None:
    nodes = {"t": nir.Threshold(np.full((3, 1, 1), 0.5)), "p": pool()}
    findings = findings_of(tmp_path / "x.nir", (2, 4, 4), nodes, 8)
    assert ("nir-shape", "in → t") in [(finding.code, finding.where) for finding in findings]


@pytest.mark.parametrize(
    ("start", "end", "shape"),
    [(0, -1, (24,)), (1, -1, (2, 12)), (0, 1, (6, 4)), (-2, -1, (2, 12)), (7, -1, (2, 3, 4))],
)
def test_flattening_joins_axes(start: int, end: int, shape: tuple[int, ...]) -> None:
    node = Node("Flatten", {"start_dim": np.array(start), "end_dim": np.array(end)})
    nodes = {"in": Node("Input", {"shape": np.array([2, 3, 4])}), "f": node}
    inference = shapes.shapes_of(Graph(nodes, [("in", "f")]))
    assert inference.output_shapes["f"] == shape


def test_an_isolated_loop_has_the_shape_of_its_convolution() -> None:
    conv = conv2d(1, 1, 3, 3, padding=1)
    names = ("weight", "bias", "stride", "padding", "dilation", "groups", "input_shape")
    values = {key: np.asarray(getattr(conv, key)) for key in names}
    constants = {key: np.ones(1) for key in ("r", "v_threshold")}
    nodes = {"cell": Node("IF", constants), "conv": Node("Conv2d", values)}
    inference = shapes.shapes_of(Graph(nodes, [("cell", "conv"), ("conv", "cell")]))
    assert inference.findings == []
    assert inference.output_shapes == {"cell": (1, 4, 4), "conv": (1, 4, 4)}


@pytest.mark.parametrize("groups", [1, 2])
def test_synapses_are_counted_before_they_are_made(groups: int, tmp_path: Path) -> None:
    weight = np.ones((4, 2, 3, 2))
    conv = nir.Conv2d((5, 4), weight, (2, 1), (1, 2), (1, 2), groups, np.zeros(4))
    nodes = {"c": conv, "t": fires(4, 3, 6)}
    network = imported(tmp_path / "x.nir", (2 * groups, 5, 4), nodes, 72)
    synapses = np.count_nonzero(network.projections[0].weight)
    assert synapses == 4 * 2 * (2 + 3 + 2) * (1 + 1 + 2 + 2 + 1 + 1)
    window = Window.of(Node("Conv2d", {key: np.asarray(v) for key, v in vars(conv).items()}))
    assert window.n_synapses((2 * groups, 5, 4)) == synapses


def test_a_convolution_in_a_nested_graph(tmp_path: Path) -> None:
    """The outer graph gives its shape; the shapes in the inner input and output are ignored."""
    ends = {
        "input": nir.Input({"input": np.array([16])}),
        "output": nir.Output({"output": np.array([1])}),
    }
    wires = [("input", "c"), ("c", "p"), ("p", "output")]
    nodes = ends | {"c": conv2d(2, 1, 3, 3, places=(4, 4)), "p": pool()}
    inner = nir.NIRGraph(nodes, wires, type_check=False)
    changes: Changes = {"g/nodes/c/input_shape": None}
    network = imported(tmp_path / "x.nir", (1, 4, 4), {"g": inner, "t": fires(2, 1, 1)}, 2, changes)
    expected = np.zeros((2, 4, 4))
    for y, x in np.ndindex(2, 2):
        expected[:, y : y + 3, x : x + 3] += inner.nodes["c"].weight[:, 0]
    np.testing.assert_allclose(network.projections[0].weight.T.reshape(2, 4, 4), expected)


def test_a_convolution_after_a_flatten(tmp_path: Path) -> None:
    """Flattening two of three axes leaves channels and positions for a Conv1d."""
    conv = nir.Conv1d(6, np.ones((1, 2, 3)), 3, 0, 1, 1, np.zeros(1))
    nodes = {"f": nir.Flatten(np.array([2, 2, 3])), "c": conv, "t": fires(1, 2)}
    network = imported(tmp_path / "x.nir", (2, 2, 3), nodes, 2)
    weight = network.projections[0].weight
    assert [np.flatnonzero(column).tolist() for column in weight.T] == [
        [0, 1, 2, 6, 7, 8],
        [3, 4, 5, 9, 10, 11],
    ]


# Tests of graphs that are refused

WINDOWS: dict[str, tuple[str, Changes]] = {
    "no stride": ("nir-values stride", {"stride": 0}),
    "half a stride": ("nir-values stride", {"stride": 0.5}),
    "three strides": ("nir-values stride", {"stride": np.ones(3, int)}),
    "a huge stride": ("nir-values stride", {"stride": 1 << 62}),
    "a stride of text": ("nir-values stride", {"stride": "one"}),
    "negative padding": ("nir-values padding", {"padding": [-1, 0]}),
    "huge padding": ("nir-values padding", {"padding": 1 << 62}),
    "padding in other words": ("nir-values reflect", {"padding": "reflect"}),
    "padding with control characters": (r"nir-values \x1b[31m", {"padding": "\x1b[31m"}),
    "padding to the same with a stride": ("nir-values same", {"padding": "same", "stride": 2}),
    "no dilation": ("nir-values dilation", {"dilation": [0, 1]}),
    "a dilation beyond the input": ("nir-shape larger", {"dilation": [1, 9]}),
    "no groups": ("nir-values groups", {"groups": 0}),
    "groups that do not divide": ("nir-values groups", {"groups": 2}),
    "more channels by groups": ("nir-shape 3", {"groups": 3}),
    "no weight": ("nir-values weight", {"weight": None}),
    "an empty weight": ("nir-values weight", {"weight": np.zeros((3, 1, 0, 2))}),
    "a weight of one place": ("nir-values 3", {"weight": np.ones((3, 1, 2))}),
    "a weight that is not finite": ("nir-values weight", {"weight": np.full((3, 1, 2, 2), np.nan)}),
    "a kernel larger than the input": ("nir-shape larger", {"weight": np.ones((3, 1, 5, 2))}),
    "channels that differ": ("nir-shape 2 × 4 × 4", {"weight": np.ones((3, 2, 2, 2))}),
    "no bias": ("nir-values bias", {"bias": None}),
    "biases that differ": ("nir-values bias", {"bias": np.zeros(2)}),
    "places that differ": ("nir-shape 5 × 4", {"input_shape": [5, 4]}),
    "places below none": ("nir-values input_shape", {"input_shape": [-4, -4]}),
}
"""Changes of a convolution, with the code of the finding and the names in it."""


@pytest.mark.parametrize(("expected", "changes"), WINDOWS.values(), ids=WINDOWS)
def test_impossible_convolutions_are_refused(
    expected: str, changes: Changes, tmp_path: Path
) -> None:
    nodes = {"c": conv2d(3, 1, 2, 2), "t": fires(3, 3, 3)}
    changes = {f"c/{name}": value for name, value in changes.items()}
    (finding,) = findings_of(tmp_path / "x.nir", (1, 4, 4), nodes, 27, changes)
    code, _, detail = expected.partition(" ")
    assert (finding.code, finding.where) == (code, "c")
    assert detail in finding.what
    assert finding.what.isprintable()
    assert finding.fix


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("nir-values", {"kernel_size": [0, 2]}),
        ("nir-values", {"kernel_size": 1 << 40}),
        ("nir-values", {"stride": [0, 1]}),
        ("nir-values", {"padding": [0, -1]}),
        ("nir-values", {"stride": np.nextafter(2, 3)}),
        ("nir-values", {"padding": "same"}),
        ("nir-values", {"kernel_size": None}),
        ("nir-shape", {"kernel_size": 5}),
    ],
)
def test_impossible_pools_are_refused(code: str, changes: Changes, tmp_path: Path) -> None:
    changes = {f"p/{name}": value for name, value in changes.items()}
    nodes = {"p": pool(), "t": fires(1, 2, 2)}
    (finding,) = findings_of(tmp_path / "x.nir", (1, 4, 4), nodes, 4, changes)
    assert (finding.code, finding.where) == (code, "p")


def test_a_pool_without_a_known_input_shape(tmp_path: Path) -> None:
    nodes = {"t": fires(16), "p": pool(), "u": fires(4), "q": pool()}
    findings = findings_of(tmp_path / "x.nir", (1, 4, 4), nodes, 1)
    assert [(finding.code, finding.where) for finding in findings] == [
        ("nir-shape", "p"),
        ("nir-shape", "q"),
    ]
    assert "16" in findings[0].what


def test_two_inputs_of_different_shapes_are_refused(tmp_path: Path) -> None:
    """Both have the same number of lines, but other channels and positions."""
    nodes = {
        "in": nir.Input({"input": np.array([2, 2, 4])}),
        "a": fires(2, 2, 4),
        "b": fires(2, 4, 2),
        "p": pool(),
        "out": nir.Output({"output": np.array([4])}),
    }
    edges = [("in", "a"), ("in", "b"), ("a", "p"), ("b", "p"), ("p", "out")]
    path = tmp_path / "x.nir"
    nir.write(path, nir.NIRGraph(nodes, edges, type_check=False))
    with refused(FileFormatError, "nir-graph-unfit") as caught:
        Nir(path).read()
    (finding,) = caught.value.findings
    assert finding.code == "nir-shape"
    assert finding.where in ("a → p", "b → p")


def test_all_problems_of_windows_are_listed(tmp_path: Path) -> None:
    nodes = {
        "a": conv2d(2, 1, 2, 2),
        "b": fires(2, 3, 3, threshold=-1.0),
        "c": conv2d(2, 3, 2, 2, places=(3, 3)),
        "d": pool(),
        "e": fires(4),
        "f": pool(size=3),
        "g": nir.Linear(np.ones((2, 3))),
    }
    findings = findings_of(tmp_path / "x.nir", (1, 4, 4), nodes, 2, {"a/stride": [0, 1]})
    assert [(finding.where, finding.code) for finding in findings] == [
        ("a", "nir-values"),
        ("b", "nir-values"),
        ("c", "nir-shape"),
        ("f", "nir-shape"),
    ]


def test_too_large_projections_are_refused_with_their_size(tmp_path: Path) -> None:
    """The size is that of the projection: 2·64·64 lines times 4·64·64 neurons."""
    nodes = {
        "a": conv2d(4, 2, 3, 3, places=(64, 64), padding="same"),
        "b": fires(4, 64, 64),
        "c": pool(size=32),
        "d": lif(4, 2, 2),
    }
    with refused(FileFormatError, "nir-too-large") as caught:
        imported(tmp_path / "x.nir", (2, 64, 64), nodes, 16)
    for part in ("input → b", "8,192 × 16,384", f"{1 << 27:,}", f"{1 << 25}"):
        assert part in str(caught.value)


def test_windows_with_too_many_outputs_or_synapses_are_refused(tmp_path: Path) -> None:
    """The windows are refused before unrolling, because of their outputs or their synapses."""
    nodes = {
        "a": conv2d(1, 1, 1, 1, places=(4, 4), padding=1 << 12),
        "b": fires(1),
        "c": conv2d(64, 1, 32, 32, places=(512, 512), padding="valid"),
        "d": conv2d(8, 1, 32, 32, places=(256, 256), padding="valid"),
    }
    findings = findings_of(tmp_path / "x.nir", (1, 4, 4), {"a": nodes["a"], "b": nodes["b"]})
    assert codes(findings) == ["nir-unrolled"]
    assert f"{(4 + (1 << 13)) ** 2:,} outputs" in findings[0].what
    for name, size, outputs in (("c", 512, 64 * 481**2), ("d", 256, 8 * 225**2)):
        nodes_ = {name: nodes[name], "t": fires(1)}
        lines = min(outputs, shapes.MAX_LINES)
        findings = findings_of(tmp_path / "x.nir", (1, size, size), nodes_, lines)
        assert codes(findings) == ["nir-unrolled"]
        assert f"{outputs:,} outputs" in findings[0].what
    assert f"{8 * 225**2 * 1024:,} synapses" in findings[0].what


def test_windows_that_exceed_the_limit_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nodes = {"a": conv2d(2, 1, 2, 2), "b": pool(size=1), "c": conv2d(2, 2, 2, 2, places=(3, 3))}
    assert imported(tmp_path / "x.nir", (1, 4, 4), nodes, 8).channels.size == 16
    monkeypatch.setattr(shapes, "MAX_UNROLLED", 153)
    findings = findings_of(tmp_path / "x.nir", (1, 4, 4), nodes, 8)
    assert [(finding.code, finding.where) for finding in findings] == [("nir-unrolled", "a")]
    assert "72 synapses" in findings[0].what
    assert "154" in findings[0].what


def test_a_shape_of_too_many_axes(tmp_path: Path) -> None:
    nodes = {"c": conv2d(2, 1, 2, 2)}
    changes = {"in/shape": np.ones(1 << 20, int)}
    findings = findings_of(tmp_path / "x.nir", (1, 4, 4), nodes, 8, changes)
    assert [(finding.code, finding.where) for finding in findings] == [("nir-shape", "in")]


# Tests of networks with unrolled convolutions


def test_the_number_of_unrolled_synapses_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    nodes = {"c": conv2d(2, 1, 3, 3), "t": fires(2, 2, 2)}
    with caplog.at_level(logging.WARNING, "nmtool"):
        network = imported(tmp_path / "x.nir", (1, 4, 4), nodes, 8)
    message = caplog.messages[-1]
    counts = [np.count_nonzero(p.weight) for p in network.projections]
    assert counts == [2 * 4 * 9, 8]
    assert f"{sum(counts)}," in message


@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")
def test_an_unrolled_network_runs_on_a_chip(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    nodes = {
        "c": conv2d(3, 2, 3, 3, places=(6, 6), padding=1, bias=np.full(3, 0.01)),
        "t": lif(3, 6, 6),
        "p": pool("AvgPool2d"),
        "f": nir.Flatten(np.array([3, 3, 3]), start_dim=0),
        "w": nir.Linear(random.normal(0.1, 0.4, (4, 27))),
        "u": lif(4),
    }
    nodes["c"].weight = random.normal(0.02, 0.1, (3, 2, 3, 3))
    network = imported(tmp_path / "x.nir", (2, 6, 6), nodes, 4)
    noise = Raster.from_dense(random.random((3, network.n_steps, 72)) < 0.2)
    integers = nm.quantise(network, calibrate_on=noise).network
    certificate = nm.verify(integers, noise, against=["c"])
    assert certificate.identical
    recording = nm.simulate(integers, noise)
    assert recording.spikes["t"].n_spikes > 100
    assert recording.spikes["u"].n_spikes > 10
