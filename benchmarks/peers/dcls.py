"""Learnable delays by dilated convolutions with learnable spacings (DCLS), feed-forward.

Each synapse is a kernel over time with one non-zero entry, whose position is learnt by linear
interpolation (version `v1`, cheaper than the Gaussian one), at a resolution of one step. The
neurons are those of `bptt.py`. The synapses from hidden neurons to outputs
are such kernels, too. Output membranes are linear in the sums of arriving weights, so that
`arrival_weights` gives the scores.
"""

from __future__ import annotations

import numpy as np
import torch
from DCLS.construct.modules import Dcls1d
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from benchmarks.peers.bptt import HIDDEN, SpikingLoop, constants, dense_input
from benchmarks.peers.readout import Readout, jumps
from benchmarks.torch_step import TorchStep
from benchmarks.workload import Workload
from nmtool.network.float_network import Network
from nmtool.network.graph import INPUT
from nmtool.raster import Raster

_OFF_GRID = 1e-3
"""Smallest distance of initial delays from whole steps, where the interpolation has no slope."""


class Delays(Dcls1d):
    """Synapses with learnable delays.

    Args:
        network: weights and delays.
        source, target: populations that the synapses connect.
        max_delay: largest delay in steps.
    """

    def __init__(self, network: Network, source: str, target: str, max_delay: int) -> None:
        weight = jumps(network, target, source)
        size = max_delay + 1
        super().__init__(*weight.shape, 1, dilated_kernel_size=size, bias=False, version="v1")
        (delay,) = (
            p.delay for p in network.projections if (p.source, p.target) == (source, target)
        )
        # Entry k of a kernel stands for a delay of size − 1 − k steps. DCLS counts positions from
        # the middle of the kernel.
        position = size - 1 - torch.tensor(delay.T.copy(), dtype=torch.float32) - size // 2
        position += _OFF_GRID
        with torch.no_grad():
            self.weight.copy_(weight.T[..., None])
            self.P.copy_(position[None, ..., None])
        self.latency = size

    def forward(self, spikes: Tensor) -> Tensor:
        """Arriving currents, [T, batch, post], from spikes, [T, batch, pre]."""
        past = functional.pad(spikes.permute(1, 2, 0), (self.latency, -1))
        return super().forward(past).permute(2, 0, 1).contiguous()


class Dcls(TorchStep):
    """The training step of the feed-forward network with DCLS layers.

    Args:
        network: weights and delays, without recurrent synapses.
        workload: workload whose options define loss and regulariser.
    """

    def __init__(self, network: Network, workload: Workload) -> None:
        self.cell = constants(network)
        output = network.readout.population
        self.layers = [
            Delays(network, INPUT, HIDDEN, workload.max_delay),
            Delays(network, HIDDEN, output, workload.max_delay),
        ]
        self.readout = Readout(network, workload)
        super().__init__([p for layer in self.layers for p in layer.parameters()])

    def load(self, spikes: Raster, labels: NDArray[np.int64]) -> None:
        """Store a batch as dense arrivals."""
        self.dense, self.labels = dense_input(spikes, latency=0), torch.from_numpy(labels)

    def run(self) -> tuple[Tensor, Tensor]:
        """Compute the loss of the batch and the hidden spikes per sample."""
        first, last = self.layers
        spikes = SpikingLoop.apply(first(self.dense), None, self.cell)
        return self.readout.from_arrivals(last(spikes), spikes, self.labels)

    def update(self) -> None:
        """Update the parameters, and keep delays in their range."""
        super().update()
        for layer in self.layers:
            layer.clamp_parameters()


build = Dcls
