"""Weights of new networks are scaled until their neurons spike at a given rate."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nmtool.network.balance import MAX_FACTOR, balance_drive
from nmtool.network.float_network import Network
from nmtool.network.float_parts import Population, Projection
from nmtool.network.graph import INPUT, InputChannels
from nmtool.network.readout import Readout
from nmtool.raster import Raster
from nmtool.training.front.model import SpikingNetwork

pytestmark = pytest.mark.torch

RATE = 4.0


def _network(edges: list[tuple[str, str]], seed: int = 0, rule: str = "mean") -> Network:
    rng = np.random.default_rng(seed)
    sizes = {INPUT: 10, "hidden": 40, "second": 30, "output": 3}
    readout = Readout("output", rule)
    names = [n for n in ("hidden", "second", "output") if any(n in edge for edge in edges)]
    projections = [
        Projection(
            a, b, rng.normal(0.01, 0.03, (sizes[a], sizes[b])), np.zeros((sizes[a], sizes[b]))
        )
        for a, b in edges
    ]
    populations = [Population(n, sizes[n], readout.kind if n == "output" else "lif") for n in names]
    return Network(InputChannels(10), populations, projections, readout, 1.0, 60)


def _input(density: float) -> Raster:
    return Raster.from_dense(np.random.default_rng(1).random((12, 60, 10)) < density)


def _rates(network: Network, spikes: Raster) -> dict[str, float]:
    recording = SpikingNetwork(network).record(spikes)
    return {name: float(raster.counts().mean()) for name, raster in recording.spikes.items()}


def _factors(before: Network, after: Network) -> list[float]:
    """The common factor of all weights of each projection."""
    factors = []
    for old, new in zip(before.projections, after.projections, strict=True):
        ratio = new.weight / old.weight
        np.testing.assert_allclose(ratio, ratio[0, 0], rtol=1e-12)
        np.testing.assert_array_equal(old.delay, new.delay)
        factors.append(float(ratio[0, 0]))
    return factors


@pytest.mark.parametrize("density", [0.02, 0.3])
def test_layers_reach_the_rate_one_after_the_other(density: float) -> None:
    edges = [
        (INPUT, "hidden"), ("hidden", "hidden"), ("hidden", "second"), ("second", "output")
    ]  # fmt: skip
    network, spikes = _network(edges), _input(density)
    balanced = balance_drive(network, spikes, RATE)
    rates = _rates(balanced, spikes)
    assert rates["hidden"] == pytest.approx(RATE, abs=0.25)
    assert rates["second"] == pytest.approx(RATE, abs=0.25)
    drive, loop, between, out = _factors(network, balanced)
    assert loop == out == 1.0
    assert drive != 1.0 != between


def test_recurrent_populations_are_scaled_together_by_their_inputs() -> None:
    edges = [
        (INPUT, "hidden"), ("hidden", "second"), ("second", "hidden"), ("second", "output")
    ]  # fmt: skip
    network, spikes = _network(edges), _input(0.2)
    balanced = balance_drive(network, spikes, 1.0)
    drive, *others = _factors(network, balanced)
    assert others == [1.0, 1.0, 1.0]
    assert drive > 1.0
    rates = _rates(balanced, spikes)
    assert (40 * rates["hidden"] + 30 * rates["second"]) / 70 == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize("mean", [0.0, 2.0])
def test_outputs_that_spike_get_another_mean(mean: float) -> None:
    network = _network([(INPUT, "hidden"), ("hidden", "output")], rule="first_spike")
    spikes = _input(0.2)
    drive, out = network.projections
    network = network.with_projections([drive, replace(out, weight=out.weight + mean)])
    balanced = balance_drive(network, spikes, RATE)
    assert _rates(balanced, spikes) == pytest.approx({"hidden": RATE, "output": RATE}, abs=0.25)
    assert (SpikingNetwork(balanced).record(spikes).spikes["output"].counts() > 0).all()
    moved = balanced.projections[1].weight - network.projections[1].weight
    np.testing.assert_allclose(moved, moved[0, 0], rtol=1e-9)
    factor = balanced.projections[0].weight / network.projections[0].weight
    np.testing.assert_allclose(factor, factor[0, 0], rtol=1e-9)


def test_weights_into_outputs_without_spikes_are_not_changed() -> None:
    network = _network([(INPUT, "output")])
    assert _factors(network, balance_drive(network, _input(0.2), RATE)) == [1.0]


def test_silent_input_ends_at_the_largest_factor() -> None:
    network = _network([(INPUT, "hidden"), ("hidden", "output")])
    factor, _ = _factors(network, balance_drive(network, Raster.silent(3, 60, 10), RATE))
    assert 0.98 * MAX_FACTOR < factor <= MAX_FACTOR
