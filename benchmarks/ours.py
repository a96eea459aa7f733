"""The training step of nmtool, as in a user's own training loop."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.torch_step import TorchStep
from benchmarks.workload import Workload
from nmtool.network.float_network import Network
from nmtool.network.graph import LIF
from nmtool.raster import Raster
from nmtool.training.engines.devices import CPU, Device
from nmtool.training.front.losses import RateTarget, rate_targets, readout_loss
from nmtool.training.front.model import SpikingNetwork


class Ours(TorchStep):
    """The training step of `SpikingNetwork`, with firing-rate regulariser and learnt delays.

    Args:
        network: weights and delays.
        workload: workload whose options define loss and regulariser.
        device: device to train on.
    """

    def __init__(self, network: Network, workload: Workload, device: Device = CPU) -> None:
        options = workload.options()
        self.model = SpikingNetwork(network, max_delay=options.max_delay, device=device)
        self.loss_of = readout_loss(network, options.gain)
        self.push = rate_targets(self.model, RateTarget(options.rate_strength, options.rate))
        self.hidden = [p.name for p in network.populations if p.kind == LIF]
        super().__init__(self.model.parameters())

    def load(self, spikes: Raster, labels: NDArray[np.int64]) -> None:
        """Store a batch on the device."""
        self.spikes = spikes
        self.labels = torch.from_numpy(labels).to(self.model.device.torch)

    def run(self) -> tuple[Tensor, Tensor]:
        """Compute the loss of the batch and the hidden spikes per sample."""
        activity = self.model(self.spikes, self.push)
        hidden = sum(activity.spikes[name].n_spikes for name in self.hidden)
        loss = self.loss_of(activity, self.labels)
        return loss, torch.tensor(hidden / self.spikes.n_samples)

    def update(self) -> None:
        """Update the parameters, and keep delays in their range."""
        super().update()
        self.model.clamp_delays()


build = Ours
