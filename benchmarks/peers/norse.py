"""Norse's recurrent layer of leaky integrate-and-fire neurons, without delays.

`LIFRecurrent` gets the spikes of all steps, multiplies them by the input weights step by step, and
integrates by Euler's method. `readout.py` computes the outputs, which favours Norse.
"""

from __future__ import annotations

import numpy as np
import torch
from norse.torch import LIFParameters, LIFRecurrent
from numpy.typing import NDArray
from torch import Tensor, nn

from benchmarks.peers.bptt import HIDDEN, dense_input
from benchmarks.peers.readout import Readout
from benchmarks.torch_step import TorchStep
from benchmarks.workload import Workload
from nmtool.network.float_network import Network
from nmtool.network.graph import INPUT
from nmtool.raster import Raster

_MS_PER_S = 1000.0


class Norse(TorchStep):
    """The training step of the network with `norse.torch.LIFRecurrent`.

    Args:
        network: network with weights in the paper's units, as in Norse; its delays are ignored.
        workload: workload whose options define loss and regulariser.
    """

    def __init__(self, network: Network, workload: Workload) -> None:
        hidden = network.population(HIDDEN)
        parameters = LIFParameters(
            tau_syn_inv=torch.tensor(_MS_PER_S / hidden.values("tau_syn_ms")[0]),
            tau_mem_inv=torch.tensor(_MS_PER_S / hidden.values("tau_mem_ms")[0]),
            v_th=torch.tensor(hidden.values("threshold")[0]),
        )
        self.layer = LIFRecurrent(
            network.channels.size,
            hidden.size,
            parameters,
            input_weights=_weights(network, INPUT),
            recurrent_weights=_weights(network, HIDDEN),
            autapses=True,
            dt=network.dt_ms / _MS_PER_S,
        )
        self.readout = Readout(network, workload)
        super().__init__([*self.layer.parameters(), *self.readout.parameters()])

    def load(self, spikes: Raster, labels: NDArray[np.int64]) -> None:
        """Store a batch as dense arrivals."""
        self.dense, self.labels = dense_input(spikes), torch.from_numpy(labels)

    def run(self) -> tuple[Tensor, Tensor]:
        """Compute the loss of the batch and the hidden spikes per sample."""
        spikes, _ = self.layer(self.dense)
        return self.readout(spikes, self.labels)


def _weights(network: Network, source: str) -> nn.Parameter:
    """Weights into the hidden neurons as a parameter, [post, pre] float32."""
    (weight,) = (p.weight for p in network.projections if (p.source, p.target) == (source, HIDDEN))
    return nn.Parameter(torch.tensor(weight.T.copy(), dtype=torch.float32))


build = Norse
