"""Delays become whole steps by the tool's one rule."""

from __future__ import annotations

import weakref

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from nmtool.rounding import round_half_away
from nmtool.training.front.functions import whole_steps
from nmtool.training.front.model import SpikingNetwork
from tests.networks.trainable import random_input, random_network

pytestmark = pytest.mark.torch

DELAYS = st.floats(0, 1000) | st.integers(0, 60).map(lambda n: n + 0.5)


@given(arrays(np.float64, (2, 3), elements=DELAYS))
def test_steps_are_rounded_as_everywhere(delay: np.ndarray) -> None:
    steps = whole_steps(torch.from_numpy(delay))
    np.testing.assert_array_equal(steps, round_half_away(delay))
    assert steps.dtype == (torch.uint8 if steps.max() <= 255 else torch.int16)


def test_just_below_a_half_stays_below() -> None:
    delay = torch.tensor([[np.nextafter(0.5, 0), 0.5, 2.5]], dtype=torch.float64)
    assert whole_steps(delay).tolist() == [[0, 1, 3]]


def test_a_kept_loss_keeps_no_tapes() -> None:
    network = random_network("recurrent", seed=1)
    model = SpikingNetwork(network)
    activity = model(random_input(network, 2, seed=1))
    loss = activity.membrane["output"].sum()
    tape = weakref.ref(activity.spikes["hidden"].step)
    del activity
    loss.backward(retain_graph=True)
    assert tape() is None
    with pytest.raises(RuntimeError, match="once per forward pass"):
        loss.backward()
