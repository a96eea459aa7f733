"""Scores, losses and predictions, from membranes and from first spikes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis.extra.numpy import arrays

from nmtool.errors import UsageError
from nmtool.network.float_network import Network
from nmtool.network.float_parts import Population, Projection
from nmtool.network.graph import INPUT, LI, InputChannels
from nmtool.network.readout import RULES, membrane_scores as plain_scores, rules_of
from nmtool.raster import Raster
from nmtool.training.engines.spike_trains import SpikeTrains
from nmtool.training.front import losses
from nmtool.training.front.model import Activity, SpikingNetwork
from tests.networks.trainable import random_input, readout
from tests.refusals import refused

pytestmark = pytest.mark.torch

DT_MS = 0.5
N_STEPS = 7


def _trains(dense: np.ndarray) -> SpikeTrains:
    raster = Raster.from_dense(dense)
    time_ms = torch.tensor(raster.step * DT_MS, dtype=torch.float64, requires_grad=True)
    return replace(SpikeTrains.from_raster(raster), time_ms=time_ms)


def _network(rule: str, mean_weight: float = 6.0) -> Network:
    rng = np.random.default_rng(0)
    answer = readout("output", rule)
    synapses = Projection(
        INPUT, "output", rng.normal(mean_weight, 1, (4, 3)), rng.integers(0, 4, (4, 3))
    )
    return Network(
        InputChannels(4), [Population("output", 3, answer.kind)], [synapses], answer, DT_MS, 40
    )


@pytest.mark.parametrize("n_steps", [9, 50])
@pytest.mark.parametrize("rule", rules_of(LI))
def test_membrane_scores_equal_those_of_numpy(rule: str, n_steps: int) -> None:
    membrane = np.random.default_rng(1).normal(size=(4, n_steps, 3))
    by = readout("output", rule)
    actual = losses.membrane_scores(torch.from_numpy(membrane), by)
    np.testing.assert_allclose(actual.numpy(), plain_scores(membrane, by), rtol=1e-13)


@given(arrays(np.bool_, (3, N_STEPS, 2)))
def test_first_spike_is_that_of_the_raster(dense: np.ndarray) -> None:
    first = losses.first_spike_ms(_trains(dense), DT_MS)
    expected = Raster.from_dense(dense).first_step() * DT_MS
    np.testing.assert_array_equal(first.detach().numpy(), expected)


def test_only_first_spikes_get_gradients() -> None:
    dense = np.zeros((2, N_STEPS, 2), np.bool_)
    dense[0, [1, 4], 0] = True
    dense[0, [2, 3], 1] = True
    dense[1, [0, 5], 1] = True
    trains = _trains(dense)
    scale = torch.tensor([[1.0, 10.0], [100.0, 1000.0]], dtype=torch.float64)
    (losses.first_spike_ms(trains, DT_MS) * scale).sum().backward()
    assert trains.time_ms is not None
    assert trains.time_ms.grad is not None
    # Spikes are sorted by sample, then by step. In sample 0, neuron 0 spikes in step 1, neuron 1 in
    # steps 2 and 3, and neuron 0 in step 4. In sample 1, neuron 1 spikes in steps 0 and 5.
    np.testing.assert_array_equal(trains.time_ms.grad, [1, 10, 0, 0, 1000, 0])


def test_silence_lasts_to_the_end_without_a_gradient() -> None:
    trains = _trains(np.zeros((2, N_STEPS, 3), np.bool_))
    first = losses.first_spike_ms(trains, DT_MS)
    assert (first == N_STEPS * DT_MS).all()
    first.sum().backward()
    assert trains.time_ms is not None
    assert trains.time_ms.grad is not None
    assert trains.time_ms.grad.numel() == 0


def test_cross_entropy_by_hand() -> None:
    scores = torch.tensor([[1.0, 2.0], [0.5, 0.5]], dtype=torch.float64)
    loss = losses.cross_entropy(scores, torch.tensor([0, 1]), gain=3.0)
    assert loss.item() == pytest.approx((np.log1p(np.exp(3.0)) + np.log(2.0)) / 2)


@pytest.mark.parametrize("rule", RULES)
def test_predictions_are_those_of_a_recording(rule: str) -> None:
    network = _network(rule)
    model = SpikingNetwork(network)
    spikes = random_input(network, 30, seed=2)
    recording = model.record(spikes)
    predicted = losses.predictions(model(spikes), network)
    np.testing.assert_array_equal(predicted, recording.predictions)
    assert len(set(recording.predictions)) > 1


@pytest.mark.parametrize("rule", ["mean", "first_spike"])
def test_following_the_gradient_lowers_the_loss(rule: str) -> None:
    network = _network(rule)
    model = SpikingNetwork(network)
    spikes, labels = random_input(network, 20, seed=3), torch.arange(20) % 3
    loss_of = losses.readout_loss(network, 1.0)
    optimiser = torch.optim.Adam([model.synapses[0].weight], lr=0.1)
    values = []
    for _ in range(15):
        loss = loss_of(model(spikes), labels)
        values.append(loss.item())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert values[-1] < 0.98 * values[0]


def test_readout_loss_follows_the_rule_of_the_readout() -> None:
    labels = torch.tensor([0])
    trains = _trains(np.eye(N_STEPS, dtype=np.bool_)[None, :, :3])
    activity = Activity({"output": trains}, {"output": torch.ones((1, N_STEPS, 3)).cumsum(2)})
    first_ms = losses.first_spike_ms(trains, DT_MS)
    by_rule = {
        "max": losses.cross_entropy(torch.tensor([[1.0, 2.0, 3.0]]), labels, 2.0),
        "first_spike": losses.cross_entropy(-first_ms, labels, 2.0),
    }
    for rule, expected in by_rule.items():
        loss = losses.readout_loss(_network(rule), 2.0)(activity, labels)
        assert loss.item() == pytest.approx(expected.item())


@pytest.mark.parametrize(
    "targets",
    [
        np.array([0, 1, 1], np.int64),
        np.array([0, 1, 1, 3]),
        np.array([0, -1, 1, 1]),
        np.array([0.0, 1.0, 1.0, 1.0]),
        np.array([True, False, True, False]),
        np.ones((4, 2)),
    ],
)
@pytest.mark.parametrize("rule", ["mean", "first_spike"])
def test_targets_that_fit_no_batch(targets: np.ndarray, rule: str) -> None:
    network = Network.layers([5, 4, 3], readout=rule)
    activity = SpikingNetwork(network)(Raster.silent(4, 10, 5))
    loss = losses.readout_loss(network, 10.0)
    with refused(UsageError, "loss-targets"):
        loss(activity, targets)


def test_labels_from_1() -> None:
    network = Network.layers([5, 4, 3])
    activity = SpikingNetwork(network)(Raster.silent(4, 10, 5))
    with refused(UsageError, "loss-targets") as caught:
        losses.readout_loss(network, 10.0)(activity, torch.tensor([1, 2, 3, 3]))
    assert caught.value.what == "the label 3 is not one of the 3 classes, 0 … 2"
    assert "labels - 1" in caught.value.fix


def test_labels_of_numpy_are_labels() -> None:
    network = Network.layers([5, 4, 3])
    activity = SpikingNetwork(network)(Raster.silent(2, 10, 5))
    loss = losses.readout_loss(network, 10.0)
    expected = loss(activity, torch.tensor([0, 2])).item()
    assert loss(activity, np.array([0, 2], np.int32)).item() == expected


@pytest.mark.parametrize("gain", [0, -1.0, float("nan"), "x", True])
def test_invalid_gains_are_refused(gain: object) -> None:
    with pytest.raises(UsageError):
        losses.readout_loss(Network.layers([5, 3]), gain)
