"""Random foreign NIR graphs: the imported network has the spikes that the nodes define."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from numpy.typing import NDArray

from nmtool.exporters.nir.file import read_graph
from nmtool.exporters.nir.format import Nir
from nmtool.exporters.nir.interpreter import interpret
from nmtool.exporters.nir.options import ImportOptions
from nmtool.raster import Raster
from nmtool.recording import Recording
from tests.exporters.nir_drawing import CHANNELS, graphs
from tests.exporters.nir_graphs import DT_S, SPIKING, Drawn, as_nir, meaning
from tests.thorough import examples

nir = pytest.importorskip("nir")

STEPS = 40
MOST_HOPS = 4


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("nir")


def noise() -> NDArray[np.bool_]:
    return np.random.default_rng(0).random((STEPS, CHANNELS)) < 0.2


def written(drawn: Drawn, path: Path, *, nested: bool) -> Path:
    nir.write(path, as_nir(drawn, nested))
    return path


def imported(path: Path, spikes: NDArray[np.bool_]) -> tuple[Recording, int]:
    """Recording of the imported network, and number of steps by which its output is later."""
    network = Nir(path).read(ImportOptions(n_steps=STEPS))
    later = network.n_steps - STEPS
    more = np.zeros((later, CHANNELS), np.bool_)
    raster = Raster.from_dense(np.concatenate([spikes, more])[None])
    return Nir.reference(network, raster), later


def shifts(expected: NDArray, actual: NDArray) -> list[int]:
    """All numbers of steps by which shifted expected spikes equal the actual spikes."""
    return [
        later
        for later in range(MOST_HOPS + 1)
        if not actual[:later].any()
        and np.array_equal(actual[later:][:STEPS], expected[: len(actual) - later])
    ]


def answer_of(drawn: Drawn, outputs: dict[str, NDArray]) -> NDArray:
    """[steps, size]: expected membranes of the output population, which may count spikes."""
    (last,) = [pre for pre, post in drawn.edges if post == "output"]
    counts = last in drawn.of(*SPIKING)
    return np.cumsum(outputs[last], axis=0) if counts else outputs[last]


@settings(max_examples=examples(2))
@given(drawn=graphs(), nested=st.booleans())
def test_imported_networks_equal_the_definition_of_their_graph(
    folder: Path, drawn: Drawn, nested: bool
) -> None:
    spikes = noise()
    expected = meaning(drawn, spikes)
    actual, later = imported(written(drawn, folder / "x.nir", nested=nested), spikes)
    inside = {name: layer for layer, names in drawn.layers.items() for name in names if nested}
    for name in drawn.of(*SPIKING):
        population = f"{inside[name]}_{name}" if name in inside else name
        assert shifts(expected[name] > 0, actual.spikes[population].dense()[0]), name
    (membrane,) = actual.membrane.values()
    wanted = answer_of(drawn, expected)
    np.testing.assert_allclose(
        membrane[0][later:], wanted, atol=1e-9 * np.abs(wanted).max(initial=1)
    )


@settings(max_examples=examples(1.5))
@given(drawn=graphs())
def test_the_interpreter_equals_the_definition_of_the_graph(folder: Path, drawn: Drawn) -> None:
    """The interpreter, with which exports are compared, starts at 0."""
    for name in drawn.of("LIF", "CubaLIF", "IF"):
        drawn.nodes[name].v_reset *= 0
    spikes = noise()
    expected = meaning(drawn, spikes)
    graph = read_graph(written(drawn, folder / "y.nir", nested=False))
    actual = interpret(graph, spikes[None], list(expected), dt_s=DT_S)
    for name, values in expected.items():
        # In a loop, the values of this node appear in its target a step later, and are compared
        # there.
        if name in drawn.looping:
            continue
        np.testing.assert_allclose(actual[name][0], values, rtol=1e-9, atol=1e-9, err_msg=name)


def test_most_graphs_spike() -> None:
    """Comparisons of silent graphs would prove nothing."""
    counts = []

    @settings(max_examples=examples(5), database=None)
    @given(drawn=graphs())
    def collect(drawn: Drawn) -> None:
        outputs = meaning(drawn, noise())
        counts.extend(outputs[n].sum() for n in drawn.of(*SPIKING))

    collect()
    assert np.mean(np.array(counts) > 3) > 0.5
