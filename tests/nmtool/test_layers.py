"""`Network.layers`: shapes that were asked for, weights that make neurons spike."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nmtool as nm
from nmtool.errors import NetworkError, UsageError
from nmtool.float_simulator import simulate_reals
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


@pytest.mark.parametrize("readout", ["weighted", "first_spike"])
def test_neurons_spike_on_what_they_hear(readout: str) -> None:
    drawn = np.random.default_rng(0).random((16, 60, 10)) < 0.2
    heard = nm.Raster.from_dense(drawn)
    network = nm.Network.layers([10, 30, 20, 3], heard=heard, rate=2.0, n_steps=60, readout=readout)
    spikes = simulate_reals(network, heard).spikes
    assert len(spikes) == (3 if readout == "first_spike" else 2)
    for raster in spikes.values():
        assert raster.counts().mean() == pytest.approx(2.0, abs=0.4)


def test_a_seed_decides_everything() -> None:
    one, same, other = (nm.Network.layers([6, 8, 2], seed=seed) for seed in (1, 1, 2))
    assert one.content_hash == same.content_hash != other.content_hash
    drawn = nm.Network.layers([6, 8, 2], seed=1, rate=None)
    ratio = one.projections[0].weight / drawn.projections[0].weight
    np.testing.assert_allclose(ratio, ratio[0, 0])
    assert drawn.projections[1].weight.std() == pytest.approx(0.02, rel=0.5)


@pytest.mark.parametrize(
    ("sizes", "more", "code"),
    [
        (5, {}, "argument-type"),
        ([5], {}, "layer-sizes"),
        ([5, 0, 2], {}, "layer-sizes"),
        ([5, 2.5], {}, "layer-sizes"),
        ([5, 2], {"delays": -1}, "setting-range"),
        ([5, 2], {"delays": 1.5}, "argument-type"),
        ([5, 2], {"heard": "digits"}, "argument-type"),
    ],
)
def test_what_is_refused(sizes: Any, more: dict[str, Any], code: str) -> None:
    with refused(UsageError, code):
        nm.Network.layers(sizes, **more)


def test_numbers_that_no_network_has() -> None:
    with refused(NetworkError, "class-names-count"):
        nm.Network.layers([5, 2], class_names=("a",))
