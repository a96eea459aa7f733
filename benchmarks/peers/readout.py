"""The outputs of the peers in torch, computed as a linear function of the spikes that arrive.

The outputs do not spike, and a score is a weighted mean of a membrane, so it is linear in the
arrivals. If h[j] is the membrane j steps after an arrival of size 1,

    g[m] = Σ_n w[n]·h[n − m],   score = Σ_m g[m]·a[m],   a[m] = s[m − 1]·W_out

Without delays, W_out is applied last: one small matrix product replaces a loop over time, which
favours the peers.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.workload import Workload
from nmtool import dynamics
from nmtool.network import readout as rules
from nmtool.network.float_network import Network
from nmtool.network.float_parts import Population


def arrival_weights(
    output: Population, dt_ms: float, readout: rules.Readout, n_steps: int
) -> NDArray[np.float64]:
    """Effect g[m] of a jump of u by 1 at step m on a score, [T] float64."""
    alpha, beta = (
        float(dynamics.decay(output.values(key)[0], dt_ms)) for key in ("tau_mem_ms", "tau_syn_ms")
    )
    weights, g = rules.time_weights(readout, n_steps), np.zeros(n_steps)
    # The loop runs backward in time, as gradients do: d_v[n] = w[n] + α·d_v[n + 1], and d_u[n] =
    # d_v[n] + β·d_u[n + 1].
    d_v = d_u = 0.0
    for n in range(n_steps - 1, -1, -1):
        d_v = weights[n] + alpha * d_v
        d_u = d_v + beta * d_u
        g[n] = d_u
    return g


class Readout(nn.Module):
    """Computes scores, loss and firing-rate regulariser from hidden spikes.

    Args:
        network: the network with the output population and the weights into it.
        workload: workload whose options define loss and regulariser.
    """

    def __init__(self, network: Network, workload: Workload) -> None:
        super().__init__()
        options = workload.options()
        self.gain, self.rate, self.strength = options.gain, options.rate, options.rate_strength
        name = network.readout.population
        output = network.population(name)
        g = arrival_weights(output, network.dt_ms, network.readout, network.n_steps)
        self.arrival = torch.tensor(g, dtype=torch.float32)
        spike = torch.cat([self.arrival[1:], torch.zeros(1)])
        self.rows = torch.stack([spike, torch.ones(network.n_steps)])
        self.weight = nn.Parameter(jumps(network, name))

    def forward(self, spikes: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the loss from hidden spikes, which arrive at the outputs one step later.

        Args:
            spikes: [T, batch, hidden] float.
            labels: [batch] int64.

        Returns:
            The loss, and the number of hidden spikes per sample, both scalars.
        """
        weighted, counts = (self.rows @ spikes.flatten(1)).unflatten(1, spikes.shape[1:])
        return self.loss(weighted @ self.weight, counts, labels)

    def from_arrivals(
        self, arrivals: Tensor, spikes: Tensor, labels: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Compute the results of `forward` from the currents that arrive at the outputs.

        Args:
            arrivals: [T, batch, classes] float, currents that arrive at the outputs.
            spikes: [T, batch, hidden] float.
            labels: [batch] int64.
        """
        scores = (self.arrival @ arrivals.flatten(1)).unflatten(0, arrivals.shape[1:])
        return self.loss(scores, spikes.sum(dim=0), labels)

    def loss(self, scores: Tensor, counts: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Compute cross-entropy plus ½·k·Σ (spikes per sample − target)², and spikes per sample.

        Args:
            scores: [batch, classes] float.
            counts: [batch, hidden] float, numbers of spikes.
            labels: [batch] int64.
        """
        per_sample = counts.mean(dim=0)
        penalty = 0.5 * self.strength * ((per_sample - self.rate) ** 2).sum()
        loss = functional.cross_entropy(self.gain * scores, labels) + penalty
        return loss, per_sample.detach().sum()


def jumps(network: Network, target: str, source: str | None = None) -> Tensor:
    """Weights into a population as jumps of u, [pre, post] float32.

    Args:
        network: the network.
        target: population that the synapses lead to.
        source: population that the synapses come from; None if only one population projects to the
            target.
    """
    population = network.population(target)
    b = dynamics.drive_scale(
        population.values("tau_mem_ms"), population.values("tau_syn_ms"), network.dt_ms
    )
    (projection,) = (
        p for p in network.projections if p.target == target and source in (None, p.source)
    )
    return torch.tensor(projection.weight * b, dtype=torch.float32)
