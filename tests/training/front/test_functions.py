"""Rounding of delays to whole steps, copies of models, and release of memory after a pass."""

from __future__ import annotations

import copy
import pickle
import weakref

import numpy as np
import pytest
import torch
from hypothesis import given, strategies as st
from hypothesis.extra.numpy import arrays

from nmtool.errors import UsageError
from nmtool.rounding import round_half_away
from nmtool.training.front.layers import whole_steps
from nmtool.training.front.model import SpikingNetwork
from tests.networks.trainable import random_input, random_network
from tests.refusals import refused

pytestmark = pytest.mark.torch

DELAYS = st.floats(0, 1000) | st.integers(0, 60).map(lambda n: n + 0.5)


@given(arrays(np.float64, (2, 3), elements=DELAYS))
def test_delays_are_rounded_by_the_common_rule(delay: np.ndarray) -> None:
    steps = whole_steps(torch.from_numpy(delay))
    np.testing.assert_array_equal(steps, round_half_away(delay))
    assert steps.dtype == (torch.uint8 if steps.max() <= 255 else torch.int16)


def test_numbers_just_below_a_half_are_rounded_down() -> None:
    delay = torch.tensor([[np.nextafter(0.5, 0), 0.5, 2.5]], dtype=torch.float64)
    assert whole_steps(delay).tolist() == [[0, 1, 3]]


@pytest.mark.parametrize("delay", [-0.6, 40_000.0, float("nan"), float("inf")])
def test_delays_that_an_optimiser_has_moved_too_far_are_refused(delay: float) -> None:
    model = SpikingNetwork(random_network("recurrent", seed=1))
    with torch.no_grad():
        model.synapses[0].delay[0, 0] = delay
    with refused(UsageError, "delay-out-of-range"):
        model(random_input(model.network, 2, seed=1))
    assert whole_steps(torch.tensor([-0.4, 32767.4])).tolist() == [0, 32767]


def test_a_model_can_be_copied_pickled_and_loaded() -> None:
    model = SpikingNetwork(random_network("recurrent", seed=1))
    spikes = random_input(model.network, 2, seed=1)
    expected = model(spikes).membrane["output"]
    for duplicate in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert torch.equal(duplicate(spikes).membrane["output"], expected)
    fresh = SpikingNetwork(random_network("recurrent", seed=2))
    fresh.load_state_dict(model.state_dict())
    assert [name for name, _ in fresh.named_parameters()] == list(model.state_dict())


def test_a_loss_releases_the_spikes_of_its_forward_pass() -> None:
    network = random_network("recurrent", seed=1)
    model = SpikingNetwork(network)
    activity = model(random_input(network, 2, seed=1))
    loss = activity.membrane["output"].sum()
    spike_steps = weakref.ref(activity.spikes["hidden"].step)
    del activity
    loss.backward(retain_graph=True)
    assert spike_steps() is None
    with pytest.raises(RuntimeError, match="once per forward pass"):
        loss.backward()
