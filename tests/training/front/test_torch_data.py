"""Samples of nmtool in torch's loaders, and back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, random_split

import nmtool as nm
from nmtool.errors import DataError, UsageError
from nmtool.training.front.torch_data import TONIC
from nmtool.training.mathematics import reference
from tests.refusals import refused
from tests.training.small_data import CLASSES, N_UNITS, small_events

pytestmark = pytest.mark.torch

EVENTS = small_events(10, 1)


def test_tensors_of_a_grid() -> None:
    dataset = nm.torch_dataset(EVENTS, 2.0, 30)
    expected = nm.bin_events(EVENTS, 2.0, 30).raster.dense()
    assert len(dataset) == 10
    for (sample, label), dense, klass in zip(dataset, expected, EVENTS.label, strict=False):
        assert (sample.dtype, label) == (torch.float32, klass)
        assert (sample.numpy() == dense).all()
    several = replace(EVENTS, count=np.arange(EVENTS.n_events) % 4 + 1)
    for most, limit in ((None, 255), (2, 2), (1, 1)):
        binned = nm.bin_events(several, 2.0, 30, most_spikes=limit).raster.dense_counts()
        samples = [x.numpy() for x, _ in nm.torch_dataset(several, 2.0, 30, most_spikes=most)]
        assert (np.stack(samples) == binned).all()
    with refused(UsageError, "bin-spikes-range"):
        nm.torch_dataset(several, 2.0, 30, most_spikes=0)
    grouped, _ = nm.torch_dataset(EVENTS, 2.0, 30, group=4, transform=torch.Tensor.double)[-1]
    assert (grouped.shape, grouped.dtype) == ((30, 3), torch.float64)


def test_samples_survive_a_round_trip() -> None:
    raster = nm.bin_events(EVENTS, 2.0, 30).raster
    for source in (
        nm.torch_dataset(EVENTS, 2.0, 30),
        DataLoader(nm.torch_dataset(EVENTS, 2.0, 30), batch_size=4),
        nm.torch_dataset(EVENTS),
    ):
        back = nm.SpikeEvents.from_torch(source, dt_ms=2.0)
        assert (back.n_units, back.class_names) == (N_UNITS, CLASSES)
        assert back.label.tolist() == EVENTS.label.tolist()
        again = nm.bin_events(back, 2.0, 30).raster
        assert (again.flat_index() == raster.flat_index()).all()
    part = random_split(nm.torch_dataset(EVENTS), [3, 7])[0]
    assert nm.SpikeEvents.from_torch(part).n_samples == 3


def test_tensors_are_accepted_like_arrays() -> None:
    dense = torch.zeros(2, 4, 3, requires_grad=True) + 0
    dense[0, 1, 2] = 1
    for spikes in (dense, dense.to_sparse()):
        events = nm.SpikeEvents.from_dense(spikes, torch.tensor([0, 1]))
        assert (events.time_ms.tolist(), events.unit.tolist()) == ([1.0], [2])
    assert nm.SpikeEvents.from_lists([torch.tensor([2.0, 1.0])], [[0, 1]], [0]).unit.tolist() == [
        *(1, 0)
    ]


def test_a_network_accepts_batches_of_a_loader() -> None:
    network = nm.Network.layers([N_UNITS, 8, 3], n_steps=30, dt_ms=2.0)
    model = nm.SpikingNetwork(network)
    (batch, _), *_ = DataLoader(nm.torch_dataset(EVENTS, 2.0, 30), batch_size=10)
    expected = model(network.bin(EVENTS).raster).membrane["output"]
    for spikes in (batch, batch.to_sparse(), batch.bool(), batch.clone().requires_grad_()):
        assert torch.equal(model(spikes).membrane["output"], expected)
    with refused(DataError, "raster-dimensions"):
        model(batch[0])
    with refused(DataError, "dense-not-spikes"):
        model(batch / 2)
    with refused(DataError, "input-channels-differ"):
        model(batch[:, :, :4])
    with refused(UsageError, "argument-type"):
        model(batch.numpy())


def test_counts_of_a_loader_multiply_weights() -> None:
    network = nm.Network.layers([2, 3, 2], n_steps=5, reset="subtract", most_spikes=4)
    network = replace(network, channels=nm.InputChannels(2, most_spikes=3))
    model = nm.SpikingNetwork(network)
    spikes = torch.tensor([[[0, 3], [1, 0], [0, 0], [2, 1], [0, 0]]])
    activity = model(spikes.float())
    expected = reference.forward(network, nm.Raster.from_dense(spikes.numpy()))
    assert expected.spikes["hidden"].most_spikes > 1
    assert activity.spikes["hidden"].raster() == expected.spikes["hidden"]
    np.testing.assert_allclose(
        activity.membrane["output"].detach(), expected.membrane["output"], atol=1e-6
    )
    with refused(DataError, "input-counts"):
        model(2 * spikes)


def test_activities_are_shown_in_a_line() -> None:
    activity = nm.SpikingNetwork(nm.Network.layers([2, 3, 2], n_steps=5))(torch.ones(1, 5, 2))
    count = activity.spikes["hidden"].n_spikes
    assert repr(activity) == f"<Activity: hidden {count} spikes, output [1, 5, 2] membranes>"
    shown = f"<SpikeTrains: 1 sample × 5 steps × 3 neurons, {count} spikes>"
    assert repr(activity.spikes["hidden"]) == shown
    assert (
        repr(nm.torch_dataset(EVENTS))
        == f"<EventDataset: {len(EVENTS)} samples, {EVENTS.n_units} units>"
    )


def test_events_in_the_format_of_tonic() -> None:
    sample, label = nm.torch_dataset(EVENTS)[0]
    assert (sample.dtype, label) == (TONIC, EVENTS.label[0])
    assert (sample["t"] == np.rint(1000 * EVENTS[0].time_ms)).all()
    with refused(UsageError, "grid-incomplete"):
        nm.torch_dataset(EVENTS, dt_ms=1.0)
