"""The firing-rate regulariser and the rescue of silent neurons."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from nmtool.errors import UsageError
from nmtool.network.float_network import Network
from nmtool.network.float_parts import Population, Projection
from nmtool.network.graph import INPUT, InputChannels
from nmtool.network.readout import Readout
from nmtool.raster import Raster
from nmtool.training.front.losses import RateTarget, WholeBatch, rate_targets
from nmtool.training.front.model import SpikingNetwork
from nmtool.training.loop.optimise import rescue_silent
from tests.networks.trainable import random_input, random_network

pytestmark = pytest.mark.torch


def _spiking_readout() -> Network:
    rng = np.random.default_rng(0)
    return Network(
        InputChannels(6),
        [Population("hidden", 8), Population("output", 2)],
        [
            Projection(INPUT, "hidden", rng.uniform(1, 3, (6, 8)), np.zeros((6, 8))),
            Projection("hidden", "hidden", rng.normal(0, 0.3, (8, 8)), np.zeros((8, 8))),
            Projection("hidden", "output", rng.uniform(0, 2, (8, 2)), np.zeros((8, 2))),
        ],
        Readout("output", "first_spike"),
        1.0,
        50,
    )


def test_push_is_the_strength_times_the_excess_per_sample() -> None:
    push = RateTarget(strength=0.6, spikes_per_sample=2.0)(torch.tensor([0, 8, 20]), 4)
    np.testing.assert_allclose(push, 0.6 / 4 * np.array([-2.0, 0.0, 3.0]))


def test_only_hidden_populations_are_regularised() -> None:
    target = RateTarget(1.0, 3.0)
    assert rate_targets(SpikingNetwork(_spiking_readout()), target) == {"hidden": target}
    two = SpikingNetwork(random_network("two layers", seed=0))
    assert set(rate_targets(two, target)) == {"hidden", "second"}
    assert rate_targets(two, RateTarget(0.0, 3.0)) == {}


@pytest.mark.parametrize("wanted", [1.0, 12.0])
def test_training_on_the_push_alone_brings_neurons_to_the_target(wanted: float) -> None:
    network = random_network("recurrent", seed=2, hidden=30)
    model, spikes = SpikingNetwork(network, max_delay=9), random_input(network, 10, seed=3)
    push = rate_targets(model, RateTarget(1.0, wanted))
    optimiser = torch.optim.Adam([model.synapses[0].weight], lr=0.05)

    def distance() -> float:
        counts = model.record(spikes).spikes["hidden"].counts()
        return float(np.abs(counts.mean(axis=0) - wanted).mean())

    before = distance()
    for _ in range(30):
        optimiser.zero_grad()
        (0 * model(spikes, push).membrane["output"]).sum().backward()
        optimiser.step()
    assert distance() < 0.5 * before


def test_a_regulariser_counts_the_spikes_of_the_whole_batch() -> None:
    regulariser = WholeBatch({"hidden": RateTarget(strength=0.6, spikes_per_sample=2.0)})
    regulariser.set_batch({"hidden": np.array([0, 8, 20])}, 4)
    push = regulariser.push["hidden"](torch.tensor([0, 1, 2]), 1)
    np.testing.assert_allclose(push, 0.6 / 4 * np.array([-2.0, 0.0, 3.0]))


def test_rescue_lifts_every_weight_into_a_silent_neuron_and_no_other() -> None:
    model = SpikingNetwork(_spiking_readout(), dtype=torch.float64)
    before = [p.weight.detach().clone() for p in model.synapses]
    counts = {"hidden": np.array([0, 1, 1, 0, 1, 1, 1, 1]), "output": np.array([3, 0])}
    assert rescue_silent(model, counts, 0.25) == 3
    silent = {"hidden": [0, 3], "output": [1]}
    for projection, old in zip(model.synapses, before, strict=True):
        expected = old.clone()
        expected[:, silent[projection.target]] += 0.25
        torch.testing.assert_close(projection.weight.detach(), expected, rtol=0, atol=0)


def test_rescue_brings_dead_neurons_back() -> None:
    network = _spiking_readout()
    dead = [Projection(p.source, p.target, np.zeros(p.shape), p.delay) for p in network.projections]
    model = SpikingNetwork(network.with_projections(dead))
    spikes = Raster.from_dense(np.ones((2, 50, 6), np.bool_))
    rescued = []
    for _ in range(5):
        counts = {n: r.counts().sum(axis=0) for n, r in model.record(spikes).spikes.items()}
        rescued.append(rescue_silent(model, counts, 0.5))
    assert rescued[0] == 10
    assert rescued[-1] == 0


@pytest.mark.parametrize("strength", [-1.0, float("nan"), float("inf"), "1"])
def test_invalid_strengths_are_refused(strength: object) -> None:
    with pytest.raises(UsageError):
        RateTarget(strength, 1.0)
    with pytest.raises(UsageError):
        RateTarget(1.0, strength)
