"""Axonal delays: one per source neuron of a projection."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import nmtool as nm
from nmtool.errors import NetworkError, UsageError
from nmtool.training.front.model import SpikingNetwork
from nmtool.training.loop.initial import initial_network
from tests.networks.trainable import random_input, random_network
from tests.refusals import refused
from tests.training.small_data import CLASSES, N_UNITS, small_dataset, small_options

pytestmark = pytest.mark.torch


def _one_per_source(network: nm.Network) -> nm.Network:
    """The network in which all synapses of a source neuron have the delay of its first one."""
    rows = [replace(p, delay=np.broadcast_to(p.delay[:, :1], p.shape)) for p in network.projections]
    return network.with_projections(rows)


@pytest.mark.parametrize("topology", ["recurrent", "feedback and skips"])
def test_gradients_are_sums_over_the_synapses_of_a_source(topology: str) -> None:
    network = _one_per_source(random_network(topology, seed=1))
    spikes = random_input(network, 5, seed=2)
    gradients = []
    for axonal in (False, True):
        model = SpikingNetwork(network, axonal=axonal, dtype=torch.float64)
        activity = model(spikes)
        (activity.membrane["output"] ** 2).sum().backward()
        gradients.append([projection.delay.grad for projection in model.synapses])
    for synaptic, summed in zip(*gradients, strict=True):
        assert summed.shape == (synaptic.shape[0], 1)
        assert summed.abs().max() > 0
        torch.testing.assert_close(summed, synaptic.sum(dim=1, keepdim=True))


@pytest.mark.parametrize("arithmetic", ["float", "integer"])
def test_a_run_keeps_one_delay_per_source(arithmetic: str, tmp_path: Path) -> None:
    options = small_options(axonal=True, arithmetic=arithmetic, epochs=3)
    before = initial_network(options, N_UNITS, CLASSES)
    run = nm.train(small_dataset(), options, folder=tmp_path / "run")
    moved = 0
    for first, last in zip(before.projections, run.network.projections, strict=True):
        np.testing.assert_array_equal(last.delay, np.broadcast_to(last.delay[:, :1], last.shape))
        moved += int((first.delay != last.delay).sum())
    assert moved > 0
    if run.integers is not None:
        for projection in run.integers.projections:
            assert (projection.delay == projection.delay[:, :1]).all()
    again = nm.finetune(run, {"epochs": 1}, small_dataset())
    delays = again.network.projections[0].delay
    np.testing.assert_array_equal(delays, np.broadcast_to(delays[:, :1], delays.shape))


def test_delays_that_differ_are_refused() -> None:
    with refused(NetworkError, "network-untrainable"):
        SpikingNetwork(random_network("recurrent", seed=1), axonal=True)


def test_a_run_keeps_its_kind_of_delays(tmp_path: Path) -> None:
    run = nm.train(small_dataset(), small_options(epochs=1), folder=tmp_path / "run")
    with refused(UsageError, "network-shape-fixed"):
        nm.finetune(run, {"axonal": True}, small_dataset())
