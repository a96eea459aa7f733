"""Convolutions and pools of foreign NIR files, compared with torch."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from numpy.typing import NDArray
from torch.nn import functional

from nmtool.exporters.nir.format import Nir
from nmtool.exporters.nir.options import ImportOptions
from nmtool.network.float_network import Network
from nmtool.raster import Raster
from tests.networks.drawn import seeds
from tests.thorough import examples

pytestmark = pytest.mark.torch

nir = pytest.importorskip("nir")

DT_S = 1e-4
STEPS = 16

Shape = tuple[int, ...]
Tensor = torch.Tensor


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("nir") / "x.nir"


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Use one thread: small convolutions would mostly wait for threads."""
    usual = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(usual)


# The nodes as functions of torch


def convolved(node: Any, x: Tensor) -> Tensor:
    """The convolution of a node in torch, with the node's parameters."""
    weight = torch.as_tensor(node.weight, dtype=torch.float64)
    padding = node.padding if isinstance(node.padding, str) else pair(node.padding)
    run = functional.conv1d if weight.ndim == 3 else functional.conv2d
    bias = torch.as_tensor(node.bias, dtype=torch.float64)
    options = {"stride": pair(node.stride), "dilation": pair(node.dilation)}
    return run(x[None], weight, bias, padding=padding, groups=node.groups, **options)[0]


def pair(value: Any) -> Any:
    return tuple(int(number) for number in np.ravel(value))


def pooled(node: Any, x: Tensor) -> Tensor:
    size, stride, padding = map(pair, (node.kernel_size, node.stride, node.padding))
    if isinstance(node, nir.AvgPool2d):
        return functional.avg_pool2d(x[None], size, stride, padding)[0]
    padded = functional.pad(x[None], (padding[1], padding[1], padding[0], padding[0]))
    # Other tools also compute a sum pool with `lp_pool2d`.
    return functional.lp_pool2d(padded, 1.0, size, stride)[0]


def flattened(node: Any, x: Tensor) -> Tensor:
    """Flatten the axes of an array without an axis of samples."""
    return torch.flatten(x, node.start_dim, node.end_dim)


def neurons(node: Any) -> Callable[[Tensor], Tensor]:
    """Run neurons by Euler steps in torch; states start at 0."""
    values = {
        key: torch.as_tensor(value)
        for key, value in vars(node).items()
        if isinstance(value, np.ndarray)
    }
    tau, state = values.get("tau", values.get("tau_mem")), {"v": torch.zeros(()), "i": 0.0}

    def step(x: Tensor) -> Tensor:
        if "tau_syn" in values:
            state["i"] = state["i"] + DT_S / values["tau_syn"] * (values["w_in"] * x - state["i"])
            x = state["i"]
        change = values["r"] * x
        change = DT_S * change if tau is None else DT_S / tau * (change - state["v"])
        v = state["v"] + change
        state["v"] = torch.where(v > values["v_threshold"], 0.0, v)
        return (v > values["v_threshold"]).double()

    return step


def node_model(node: Any) -> Callable[[Tensor], Tensor]:
    if isinstance(node, nir.Conv1d | nir.Conv2d):
        return lambda x: convolved(node, x)
    if isinstance(node, nir.SumPool2d | nir.AvgPool2d):
        return lambda x: pooled(node, x)
    if isinstance(node, nir.Flatten):
        return lambda x: flattened(node, x)
    if isinstance(node, nir.Scale):
        return lambda x: x * torch.as_tensor(node.scale)
    if isinstance(node, nir.Affine):
        return lambda x: functional.linear(x, *map(torch.as_tensor, (node.weight, node.bias)))
    return neurons(node)


def run_row(nodes: list[Any], frames: NDArray) -> list[NDArray]:
    """Output of every node, [steps, lines], for frames [steps, *input shape]."""
    steps = [node_model(node) for node in nodes]
    outputs: list[list[NDArray]] = [[] for _ in nodes]
    for frame in frames:
        x = torch.as_tensor(frame, dtype=torch.float64)
        for step, rows in zip(steps, outputs, strict=True):
            x = step(x)
            rows.append(x.numpy().ravel())
    return [np.array(rows) for rows in outputs]


# Files with windows, and the networks that are read from them


def imported(nodes: list[Any], shape: Shape, path: Path, *, explicit: bool = True) -> Network:
    """Import a chain of nodes; with `explicit`, convolutions state their input shape."""
    ends = {"input": nir.Input({"input": np.array(shape)}), "output": nir.Output({"output": ONE})}
    graph = {"input": ends["input"], **{f"n{i}": node for i, node in enumerate(nodes)}}
    graph["output"] = ends["output"]
    names = list(graph)
    edges = list(itertools.pairwise(names))
    nir.write(path, nir.NIRGraph(graph, edges, type_check=False))
    with h5py.File(path, "r+") as file:
        size = run_row(nodes, np.zeros((1, *shape)))[-1].size
        file["node/nodes/output/shape"][...] = size
        for name in [] if explicit else names:
            file[f"node/nodes/{name}"].pop("input_shape", None)
    return Nir(path).read(ImportOptions(n_steps=STEPS))


ONE = np.array([1])


def noise(shape: Shape, seed: int, rate: float = 0.3) -> NDArray[np.bool_]:
    return np.random.default_rng(seed).random((STEPS, *shape)) < rate


def recording_of(network: Network, frames: NDArray[np.bool_]) -> Any:
    flat = frames.reshape(STEPS, -1)
    more = np.zeros((network.n_steps - STEPS, flat.shape[1]), np.bool_)
    return Nir.reference(network, Raster.from_dense(np.concatenate([flat, more])[None]))


# Tests of single windows


@st.composite
def convolutions(draw: st.DrawFn, axes: int, padding: Any) -> tuple[Any, Shape]:
    """A convolution and its input shape; `padding` is a word, or `numbers` for random numbers."""
    groups = draw(st.integers(1, 3))
    ins, outs = groups * draw(st.integers(1, 2)), groups * draw(st.integers(1, 2))
    taps, dilation = _each(draw, axes, 1, 4), _each(draw, axes, 1, 2)
    stride = (1,) * axes if padding == "same" else _each(draw, axes, 1, 3)
    if padding == "numbers":
        padding = _each(draw, axes, 0, 3)
    reach = [apart * (many - 1) + 1 for many, apart in zip(taps, dilation, strict=True)]
    places = tuple(draw(st.integers(most, most + 4)) for most in reach)
    random = np.random.default_rng(draw(seeds))
    weight = random.normal(0.0, 1.0, (outs, ins // groups, *taps))
    weight[random.random(weight.shape) < 0.2] = 0.0
    bias = random.normal(0.0, 1.0, outs) * draw(st.booleans())
    if axes == 1:
        (stride,), (dilation,), (size,) = stride, dilation, places
        padding = padding if isinstance(padding, str) else padding[0]
        node = nir.Conv1d(size, weight, stride, padding, dilation, groups, bias)
    else:
        node = nir.Conv2d(places, weight, stride, padding, dilation, groups, bias)
    return node, (ins, *places)


def _each(draw: st.DrawFn, axes: int, low: int, high: int) -> tuple[int, ...]:
    return tuple(draw(st.integers(low, high)) for _ in range(axes))


@st.composite
def pools(draw: st.DrawFn, kind: str) -> tuple[Any, Shape]:
    """A pool and its input shape; torch allows padding of at most half a window."""
    kernel = _each(draw, 2, 1, 4)
    padding = tuple(draw(st.integers(0, size // 2)) for size in kernel)
    places = tuple(draw(st.integers(size, size + 4)) for size in kernel)
    node = getattr(nir, kind)(*map(np.array, (kernel, _each(draw, 2, 1, 4), padding)))
    return node, (draw(st.integers(1, 3)), *places)


def assert_alike(node: Any, shape: Shape, path: Path, *, explicit: bool, seed: int) -> None:
    """Assert that the imported window has the same output as in torch, in each step."""
    frames = noise(shape, seed)
    network = imported([node], shape, path, explicit=explicit)
    (expected,) = run_row([node], frames)
    later = network.n_steps - STEPS
    actual = recording_of(network, frames).membrane["answer"][0][later:]
    np.testing.assert_allclose(actual, expected, rtol=1e-12, atol=1e-12)


# In torch, a convolution of this kind is slow and gives this warning.
@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
@pytest.mark.parametrize("padding", ["same", "valid", "numbers"])
@pytest.mark.parametrize("axes", [1, 2])
@settings(max_examples=examples(0.7))
@given(data=st.data(), explicit=st.booleans(), seed=seeds)
def test_convolutions_equal_torch(
    path: Path, axes: int, padding: str, data: st.DataObject, explicit: bool, seed: int
) -> None:
    node, shape = data.draw(convolutions(axes, padding))
    assert_alike(node, shape, path, explicit=explicit, seed=seed)


@pytest.mark.parametrize("kind", ["SumPool2d", "AvgPool2d"])
@settings(max_examples=examples(0.7))
@given(data=st.data(), seed=seeds)
def test_pools_equal_torch(path: Path, kind: str, data: st.DataObject, seed: int) -> None:
    node, shape = data.draw(pools(kind))
    assert_alike(node, shape, path, explicit=False, seed=seed)


# Tests of whole networks


class _Row:
    """Builds a random chain of nodes; `shape` is the shape of its output."""

    def __init__(self, draw: st.DrawFn, shape: Shape) -> None:
        self.draw, self.shape, self.nodes = draw, shape, list[Any]()
        self.random = np.random.default_rng(draw(seeds))

    def add(self, node: Any) -> None:
        self.nodes.append(node)
        self.shape = tuple(node_model(node)(torch.zeros(self.shape, dtype=torch.float64)).shape)

    def convolution(self) -> None:
        outs, stride = self.draw(st.integers(1, 3)), self.draw(st.integers(1, 2))
        weight = self.random.normal(0.4, 0.6, (outs, self.shape[0], 3, 2))
        bias = self.random.normal(0.0, 0.1, outs) * self.draw(st.booleans())
        self.add(nir.Conv2d(self.shape[1:], weight, stride, (1, 1), 1, 1, bias))

    def pool(self) -> None:
        make = self.draw(st.sampled_from([nir.SumPool2d, nir.AvgPool2d]))
        self.add(make(np.array([2, 2]), np.array([1, 2]), np.array([1, 0])))

    def scale(self) -> None:
        """Add a scale per channel."""
        self.add(nir.Scale(self.random.uniform(0.5, 1.5, (self.shape[0], 1, 1))))

    def affine(self) -> None:
        self.add(nir.Flatten({"input": np.array(self.shape)}, start_dim=0, end_dim=-1))
        weight = self.random.normal(0.3, 0.6, (3, self.shape[0]))
        self.add(nir.Affine(weight, self.random.normal(0.0, 0.1, 3)))

    def neurons(self) -> None:
        """Add neurons with scalar constants, constants per channel, or constants per neuron."""
        shapes = [(1,), self.shape, (self.shape[0], *(1 for _ in self.shape[1:]))]
        shape = self.draw(st.sampled_from(shapes))

        def near(value: float) -> NDArray:
            return np.asarray(value * self.random.uniform(0.7, 1.3, shape))

        values = {"r": near(4.0), "v_leak": np.zeros(shape), "v_threshold": near(1.0)}
        tau = {"tau": near(6 * DT_S)}
        kind = self.draw(st.sampled_from([nir.LIF, nir.CubaLIF, nir.IF]))
        if kind is nir.CubaLIF:
            tau = {"tau_mem": near(6 * DT_S), "tau_syn": near(3 * DT_S), "w_in": near(2.0)}
        if kind is nir.IF:
            tau, values = {}, {"r": near(5e3), "v_threshold": near(1.0)}
        self.add(kind(**tau, **values, v_reset=np.zeros(shape)))


@st.composite
def rows(draw: st.DrawFn) -> tuple[list[Any], Shape]:
    """Chains of linear nodes, each followed by neurons, and the shape of the input."""
    shape = 2, draw(st.integers(3, 6)), draw(st.integers(3, 6))
    row = _Row(draw, shape)
    for _ in range(draw(st.integers(1, 2))):
        for kind in draw(st.lists(st.sampled_from(["convolution", "pool", "scale"]), max_size=3)):
            if kind != "pool" or row.shape[-1] > 1:
                getattr(row, kind)()
        row.neurons()
    if draw(st.booleans()):
        row.affine()
        row.neurons()
    return row.nodes, shape


@given(drawn=rows(), explicit=st.booleans(), seed=seeds)
def test_networks_have_the_spikes_of_torch(
    path: Path, drawn: tuple[list[Any], Shape], explicit: bool, seed: int
) -> None:
    """Every population has the spikes of its node, one step later per hop."""
    nodes, shape = drawn
    frames = noise(shape, seed)
    network = imported(nodes, shape, path, explicit=explicit)
    actual, outputs = recording_of(network, frames), run_row(nodes, frames)
    spiking = [i for i, node in enumerate(nodes) if hasattr(node, "v_threshold")]
    for later, index in enumerate(spiking, start=1):
        trains = actual.spikes[f"n{index}"].dense()[0] != 0
        assert not trains[:later].any()
        np.testing.assert_array_equal(
            trains[later:][:STEPS], outputs[index][: len(trains) - later] > 0
        )


def test_most_networks_spike() -> None:
    """Comparisons of silent networks would prove nothing."""
    rates = []

    @settings(max_examples=examples(0.7), database=None)
    @given(drawn=rows(), seed=seeds)
    def collect(drawn: tuple[list[Any], Shape], seed: int) -> None:
        nodes, shape = drawn
        rates.append(run_row(nodes, noise(shape, seed))[-1].mean())

    collect()
    assert np.mean((np.array(rates) > 0.02) & (np.array(rates) < 0.98)) > 0.6


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
def test_a_recurrent_convolution(path: Path) -> None:
    """Neurons with scalar constants have the shape of their input; a loop costs a step."""
    random = np.random.default_rng(0)
    usual = {"stride": 1, "padding": "same", "dilation": 1, "groups": 1, "bias": np.zeros(3)}
    forward = nir.Conv2d((5, 4), random.normal(0.2, 0.4, (3, 2, 3, 3)), **usual)
    back = nir.Conv2d((5, 4), random.normal(-0.1, 0.3, (3, 3, 2, 3)), **usual)
    tau, r, rest, threshold = (np.array([value]) for value in (5 * DT_S, 5.0, 0.0, 1.0))
    cell = nir.LIF(tau=tau, r=r, v_leak=rest, v_threshold=threshold, v_reset=rest)
    nodes = {
        "input": nir.Input({"input": np.array([2, 5, 4])}),
        "there": forward,
        "cell": cell,
        "back": back,
        "output": nir.Output({"output": np.array([60])}),
    }
    edges = [("input", "there"), ("there", "cell"), ("cell", "back"), ("back", "cell")]
    nir.write(path, nir.NIRGraph(nodes, [*edges, ("cell", "output")], type_check=False))
    network = Nir(path).read(ImportOptions(n_steps=STEPS))
    frames, step, spikes = noise((2, 5, 4), seed=1), neurons(cell), torch.zeros(3, 5, 4).double()
    expected = []
    for frame in frames:
        spikes = step(convolved(forward, torch.as_tensor(frame).double()) + convolved(back, spikes))
        expected.append(spikes.numpy().ravel())
    trains = recording_of(network, frames).spikes["cell"].dense()[0] != 0
    assert 0.05 < np.mean(expected) < 0.95
    np.testing.assert_array_equal(trains[1:][:STEPS], np.array(expected)[: len(trains) - 1] > 0)


# Test of the published graph 02_cnn (from NIR's folder `paper/`) with other weights


@pytest.mark.parametrize("channels", [4, pytest.param(16, marks=pytest.mark.long)])
def test_the_published_convolutional_graph(channels: int, path: Path) -> None:
    """The published graph has 16 channels; fewer take less time."""
    random, half = np.random.default_rng(0), channels // 2

    def convolution(post: int, pre: int, width: int, size: int, stride: int) -> Any:
        weight = random.normal(0.1, 0.4, (post, pre, width, width))
        return nir.Conv2d((size, size), weight, stride, 1, 1, 1, np.zeros(post))

    def affine(post: int, pre: int) -> Any:
        return nir.Affine(random.normal(0.05, 0.2, (post, pre)), np.zeros(post))

    def fires(*shape: int) -> Any:
        r, threshold, reset = np.full(shape, 1 / DT_S), np.ones(shape), np.zeros(shape)
        return nir.IF(r=r, v_threshold=threshold, v_reset=reset)

    def pool() -> Any:
        return nir.SumPool2d(np.array([2, 2]), np.array([2, 2]), np.array([0, 0]))

    nodes = [
        *(convolution(channels, 2, 5, 34, 2), fires(channels, 16, 16)),
        *(convolution(channels, channels, 3, 16, 1), fires(channels, 16, 16), pool()),
        *(convolution(half, channels, 3, 8, 1), fires(half, 8, 8), pool()),
        nir.Flatten({"input": np.array([half, 4, 4])}, start_dim=0),
        *(affine(256, half * 16), fires(256), affine(10, 256), fires(10)),
    ]
    frames = noise((2, 34, 34), seed=0, rate=0.02)[:8]
    network = imported(nodes, (2, 34, 34), path)
    assert (
        sum(population.size for population in network.populations)
        == (2 * 256 + 32) * channels + 276
    )
    outputs = run_row(nodes, frames)
    more = np.zeros((STEPS - len(frames), 2, 34, 34), np.bool_)
    actual = recording_of(network, np.concatenate([frames, more]))
    for later, index in enumerate((1, 3, 6, 10, 12), start=1):
        trains = actual.spikes[f"n{index}"].dense()[0] != 0
        assert outputs[index].any()
        np.testing.assert_array_equal(trains[later:][: len(frames)], outputs[index] > 0)
