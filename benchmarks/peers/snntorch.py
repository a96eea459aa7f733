"""snnTorch's recurrent synaptic layer, without delays.

A user would call `fc(x[n])` at every step. This benchmark computes the input of all steps by one
matrix product, and the outputs by `readout.py`; both favour snnTorch. Neurons reset one step after
their spike, which is snnTorch's default.
"""

from __future__ import annotations

import numpy as np
import snntorch
import torch
from numpy.typing import NDArray
from snntorch import surrogate
from torch import Tensor, nn

from benchmarks.peers.bptt import HIDDEN, constants, dense_input
from benchmarks.peers.readout import Readout, jumps
from benchmarks.torch_step import TorchStep
from benchmarks.workload import Workload
from nmtool.network.float_network import Network
from nmtool.network.graph import INPUT
from nmtool.raster import Raster


class SnnTorch(TorchStep):
    """The training step of the network with `snntorch.RSynaptic`.

    Args:
        network: network with the weights; its delays are ignored.
        workload: workload whose options define loss and regulariser.
    """

    def __init__(self, network: Network, workload: Workload) -> None:
        cell = constants(network)
        self.input = nn.Parameter(jumps(network, HIDDEN, INPUT))
        self.layer = snntorch.RSynaptic(
            alpha=cell.beta,
            beta=cell.alpha,
            threshold=cell.theta,
            linear_features=workload.hidden,
            reset_mechanism="zero",
            spike_grad=surrogate.atan(),
        )
        self.layer.recurrent.weight = nn.Parameter(jumps(network, HIDDEN, HIDDEN).T.contiguous())
        self.layer.recurrent.bias = None
        self.readout = Readout(network, workload)
        super().__init__([self.input, self.layer.recurrent.weight, *self.readout.parameters()])

    def load(self, spikes: Raster, labels: NDArray[np.int64]) -> None:
        """Store a batch as dense arrivals."""
        self.dense, self.labels = dense_input(spikes), torch.from_numpy(labels)

    def run(self) -> tuple[Tensor, Tensor]:
        """Compute the loss of the batch and the hidden spikes per sample."""
        current = self.dense @ self.input
        spike, synapse, membrane = self.layer.reset_mem()
        spikes = []
        for x in current:
            spike, synapse, membrane = self.layer(x, spike, synapse, membrane)
            spikes.append(spike)
        return self.readout(torch.stack(spikes), self.labels)


build = SnnTorch
