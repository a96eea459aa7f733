"""`Network.layers`: requested shapes, and weights that make neurons spike."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest

import nmtool as nm
from nmtool.errors import NetworkError, UsageError
from nmtool.float_simulator import simulate_floats
from nmtool.network.layers import spelled_layers
from tests.refusals import refused


def test_shapes_and_delays() -> None:
    network = nm.Network.layers([5, 7, 6, 3], recurrent=True, delays=4, class_names=("a", "b", "c"))
    assert [(p.name, p.size, p.kind) for p in network.populations] == [
        ("hidden1", 7, "lif"), ("hidden2", 6, "lif"), ("output", 3, "li"),
    ]  # fmt: skip
    assert [(p.source, p.target) for p in network.projections] == [
        ("input", "hidden1"), ("hidden1", "hidden1"), ("hidden1", "hidden2"),
        ("hidden2", "hidden2"), ("hidden2", "output"),
    ]  # fmt: skip
    assert {int(p.delay.max()) for p in network.projections} == {4}
    assert network.class_names == ("a", "b", "c")
    direct = nm.Network.layers([5, 3], recurrent=False)
    assert [(p.source, p.target) for p in direct.projections] == [("input", "output")]


def test_populations_of_a_layer_feed_each_other() -> None:
    network = nm.Network.layers([5, "4@5+3@12.5/2", 6, 3], tau_mem_ms=20, tau_syn_ms=8)
    fast, slow, second, output = network.populations
    assert [(p.name, p.size) for p in (fast, slow, second, output)] == [
        ("hidden1", 4), ("hidden2", 3), ("hidden3", 6), ("output", 3),
    ]  # fmt: skip
    constants = [(p.values("tau_mem_ms")[0], p.values("tau_syn_ms")[0]) for p in (fast, slow)]
    assert constants == [(5.0, 8.0), (12.5, 2.0)]
    assert {(p.values("tau_mem_ms")[0], p.values("tau_syn_ms")[0]) for p in (second, output)} == {
        (20.0, 8.0)
    }
    edges = [(p.source, p.target) for p in network.projections]
    assert len(edges) == len(set(edges))
    assert set(edges) == {
        *((source, target) for source in ("input", "hidden1", "hidden2")
          for target in ("hidden1", "hidden2")),
        ("hidden1", "hidden3"), ("hidden2", "hidden3"), ("hidden3", "hidden3"),
        ("hidden3", "output"),
    }  # fmt: skip
    apart = nm.Network.layers([5, "4@5+3", 2], recurrent=False)
    assert [(p.source, p.target) for p in apart.projections] == [
        ("input", "hidden1"), ("input", "hidden2"), ("hidden1", "output"), ("hidden2", "output"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("spelled", "layers"),
    [
        (7, (7,)),
        (np.int64(7), (7,)),
        ("7", (7,)),
        ("7,6", (7, 6)),
        ([7, "6"], (7, 6)),
        ("24@5 + 24@10.5/2", ("24@5+24@10.5/2",)),
        (["8@5", 4], ("8@5", 4)),
        ("", None),
        ([], None),
        ("8@", None),
        ("8@-5", None),
        ("8@5@6", None),
        ("-8", None),
        ("8.5", None),
        ("1e3", None),
        ("8@5,", None),
        (2.0, None),
        (True, None),
        (None, None),
    ],
)
def test_notation_of_layers(spelled: Any, layers: Any) -> None:
    assert spelled_layers(spelled) == layers


@pytest.mark.parametrize("readout", ["weighted", "first_spike"])
def test_weights_are_scaled_on_representative_input(readout: str) -> None:
    drawn = np.random.default_rng(0).random((16, 60, 10)) < 0.2
    raster = nm.Raster.from_dense(drawn)
    network = nm.Network.layers(
        [10, 30, 20, 3], example_input=raster, rate=2.0, n_steps=60, readout=readout
    )
    spikes = simulate_floats(network, raster).spikes
    assert len(spikes) == (3 if readout == "first_spike" else 2)
    for train in spikes.values():
        assert train.counts().mean() == pytest.approx(2.0, abs=0.4)


def test_the_search_for_a_drive_is_counted() -> None:
    totals: list[int | None] = []
    counted: list[int] = []

    def progress(label: str, total: int | None = None, remark: str = "") -> Any:
        totals.append(total)
        return nullcontext(lambda n, remark="": counted.append(n))

    nm.Network.layers([6, 8, 7, 2], progress=progress)
    assert totals == [sum(counted)] == [20]


def test_equal_seeds_give_equal_networks() -> None:
    first, same, other = (nm.Network.layers([6, 8, 2], seed=seed) for seed in (1, 1, 2))
    assert first.content_hash == same.content_hash != other.content_hash
    drawn = nm.Network.layers([6, 8, 2], seed=1, rate=None)
    ratio = first.projections[0].weight / drawn.projections[0].weight
    np.testing.assert_allclose(ratio, ratio[0, 0])
    assert drawn.projections[1].weight.std() == pytest.approx(0.02, rel=0.5)


@pytest.mark.parametrize(
    ("sizes", "more", "code"),
    [
        (5, {}, "argument-type"),
        ([5], {}, "layer-sizes"),
        ([5, 0, 2], {}, "layer-sizes"),
        ([5, 2.5], {}, "layer-sizes"),
        (["5@5", 2], {}, "layer-sizes"),
        ([5, "3@5", "2@5"], {}, "layer-sizes"),
        ([5, "3,3", 2], {}, "layer-sizes"),
        ([5, "3@5+0@5", 2], {}, "layer-sizes"),
        ([5, 2], {"delays": -1}, "setting-range"),
        ([5, 2], {"delays": 1 << 32}, "setting-range"),
        ([5, 2], {"delays": 1.5}, "argument-type"),
        ([5, 2], {"example_input": "digits"}, "argument-type"),
    ],
)
def test_invalid_layers_are_refused(sizes: Any, more: dict[str, Any], code: str) -> None:
    with refused(UsageError, code):
        nm.Network.layers(sizes, **more)


def test_invalid_constants_are_refused() -> None:
    with refused(NetworkError, "class-names-count"):
        nm.Network.layers([5, 2], class_names=("a",))
