"""Spikes encoded by snnTorch as data, and our rasters in its layers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nmtool as nm

pytestmark = [
    pytest.mark.peers,
    pytest.mark.filterwarnings("ignore"),  # The imported libraries give warnings.
]

STEPS, CHANNELS = 30, 7
VALUES = np.random.default_rng(0).random((12, CHANNELS)).astype(np.float32)
LABELS = np.arange(12) % 3


def _encoded(pairs: list[tuple[Any, Any]]) -> tuple[Any, Any]:
    """A batch of snnTorch's encoders: [steps, samples, channels]."""
    import torch
    from snntorch import spikegen

    values = torch.stack([torch.as_tensor(sample) for sample, _ in pairs])
    labels = torch.tensor([int(label) for _, label in pairs])
    return spikegen.latency(values, num_steps=STEPS, normalize=True, linear=True), labels


def test_a_loader_of_encoded_batches() -> None:
    from torch.utils.data import DataLoader

    pairs = list(zip(VALUES, LABELS, strict=True))
    loader = DataLoader(pairs, batch_size=5, collate_fn=_encoded)  # type: ignore[arg-type]
    events = nm.SpikeEvents.from_torch(loader, dt_ms=2.0, time_first=True)
    dense = _encoded(pairs)[0].numpy().astype(bool)
    assert events.label.tolist() == LABELS.tolist()
    assert events.n_units == CHANNELS
    ours = nm.bin_events(events, 2.0, STEPS).raster.dense()
    assert np.array_equal(ours, np.moveaxis(dense, 0, 1))
    again = nm.SpikeEvents.from_dense(np.moveaxis(dense, 0, 1), LABELS, dt_ms=2.0)
    assert again.time_ms.tolist() == events.time_ms.tolist()


def test_tensors_of_nmtool_drive_neurons_of_snntorch() -> None:
    import snntorch
    import torch
    from torch.utils.data import DataLoader

    times = [[float(step) for step in range(0, 20, 1 + label)] for label in LABELS]
    units = [[label for _ in sample] for label, sample in zip(LABELS, times, strict=True)]
    events = nm.SpikeEvents.from_lists(times, units, LABELS)
    loader = DataLoader(nm.torch_dataset(events, dt_ms=1.0, n_steps=20), batch_size=4)
    neuron = snntorch.Leaky(beta=0.0, threshold=0.5, reset_mechanism="none")
    counted = []
    for inputs, labels in loader:
        membrane = neuron.reset_mem()
        spikes = []
        for step in inputs.unbind(1):
            spike, membrane = neuron(step, membrane)
            spikes.append(spike)
        assert torch.equal(torch.stack(spikes, 1), inputs)
        counted += labels.tolist()
    assert counted == LABELS.tolist()
