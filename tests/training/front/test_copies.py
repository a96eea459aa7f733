"""Copies of a model, by `copy`, pickle and `state_dict`, equal the model."""

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Callable

import numpy as np
import pytest
import torch

from nmtool.network.float_network import Network
from nmtool.raster import Raster
from nmtool.training.front.losses import readout_loss
from nmtool.training.front.model import SpikingNetwork

pytestmark = pytest.mark.torch

NETWORK = Network.layers([8, 6, 5, 3], delays=4, n_steps=40)
SPIKES = Raster.from_dense(np.random.default_rng(0).random((5, 40, 8)) < 0.2)
LABELS = torch.tensor([0, 1, 2, 0, 1])


def _stepped(model: SpikingNetwork) -> str:
    """Content hash after one update, which depends on everything in a model."""
    optimiser = torch.optim.Adam(model.parameters(), lr=0.01)
    optimiser.zero_grad()
    readout_loss(NETWORK, gain=10.0)(model(SPIKES), LABELS).backward()
    optimiser.step()
    model.clamp_delays()
    return model.to_network().content_hash


def _saved(model: SpikingNetwork) -> SpikingNetwork:
    file = io.BytesIO()
    torch.save(model.state_dict(), file)
    file.seek(0)
    loaded_model = SpikingNetwork(Network.layers([8, 6, 5, 3], n_steps=40, seed=1))
    loaded_model.load_state_dict(torch.load(file, weights_only=True))
    return loaded_model


@pytest.mark.parametrize(
    "copied",
    [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model)), _saved],
    ids=["deepcopy", "pickle", "state_dict"],
)
def test_a_copy_trains_like_the_model_and_does_not_change_it(
    copied: Callable[[SpikingNetwork], SpikingNetwork],
) -> None:
    model = SpikingNetwork(NETWORK)
    # The model runs before it is copied, so that the copy includes any state that a forward pass
    # leaves.
    model(SPIKES)
    before = model.to_network().content_hash
    twin = copied(model)
    assert twin.to_network().content_hash == before
    after = _stepped(twin)
    assert after != before
    assert model.to_network().content_hash == before
    assert _stepped(model) == after
