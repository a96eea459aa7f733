"""Backpropagation through time in torch without delays, tuned by hand.

The neurons are those of `docs/architecture.md`; a spike arrives at the next step:

    u[n] = β·u[n−1] + x[n] + s[n−1]·W        v[n] = α·v[n−1]·(1 − s[n−1]) + u[n]
    s[n] = 1 where v[n] > θ                  ∂s/∂v := 1 / (1 + (π·(v − θ))²)

The surrogate derivative is that of the arctangent (Fang et al. 2021); no gradient flows through the
reset. One matrix product before the loop computes the input of all steps. The loop is an autograd
function with a hand-written backward pass, which is faster than torch's own differentiation of the
same loop (`benchmarks/peers/bptt_autograd.py`). One matrix product after the loop computes ∂W:

    ∂s[n] = direct + ∂u[n+1]·Wᵀ
    ∂v[n] = α·(1 − s[n])·∂v[n+1] + ∂s[n]/(1 + (π·(v[n] − θ))²)
    ∂u[n] = ∂v[n] + β·∂u[n+1]
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from benchmarks.peers.readout import Readout, jumps
from benchmarks.torch_step import TorchStep
from benchmarks.workload import Workload
from nmtool import dynamics
from nmtool.dynamics import HOP_LATENCY
from nmtool.network.float_network import Network
from nmtool.network.graph import INPUT
from nmtool.raster import Raster

HIDDEN = "hidden"
SHARPNESS = math.pi


class Constants(NamedTuple):
    """Decay factors of v and u per step, and threshold, which are common to all neurons."""

    alpha: float
    beta: float
    theta: float


def constants(network: Network) -> Constants:
    """The constants of a network's hidden neurons."""
    population = network.population(HIDDEN)
    alpha, beta = (
        float(dynamics.decay(population.values(key)[0], network.dt_ms))
        for key in ("tau_mem_ms", "tau_syn_ms")
    )
    return Constants(alpha, beta, float(population.values("threshold")[0]))


class SpikingLoop(torch.autograd.Function):
    """Spikes from input currents, both [T, batch, hidden], by the equations of the module.

    The arguments of `apply` are the currents x, the weights W [hidden, hidden] or None, and the
    `Constants`.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor | None, cell: Constants) -> Tensor:
        """Run the loop over time, and return the spikes."""
        v, s = torch.empty_like(x), torch.empty_like(x)
        u, membrane, last = (torch.zeros_like(x[0]) for _ in range(3))
        for x_n, v_n, s_n in zip(x.unbind(), v.unbind(), s.unbind(), strict=True):
            torch.add(x_n, u, alpha=cell.beta, out=u)
            if weight is not None:
                u.addmm_(last, weight)
            torch.add(u, membrane, alpha=cell.alpha, out=v_n)
            torch.gt(v_n, cell.theta, out=s_n)
            torch.addcmul(v_n, v_n, s_n, value=-1, out=membrane)
            last = s_n
        ctx.save_for_backward(v, s, weight)
        ctx.cell = cell
        return s

    @staticmethod
    def backward(ctx: Any, *outputs: Any) -> tuple[Tensor | None, ...]:
        """Compute the gradients of the currents and the weights."""
        (direct,) = outputs
        v, s, weight = ctx.saved_tensors
        d_u = torch.empty_like(v)
        d_v, d_s, slope, d_u_later = (torch.zeros_like(v[0]) for _ in range(4))
        unity = v.new_ones(())
        for n in range(len(v) - 1, -1, -1):
            d_s = (
                direct[n]
                if weight is None
                else torch.addmm(direct[n], d_u_later, weight.T, out=d_s)
            )
            torch.sub(v[n], ctx.cell.theta, out=slope)
            torch.addcmul(unity, slope, slope, value=SHARPNESS**2, out=slope)
            torch.div(d_s, slope, out=slope)
            torch.addcmul(d_v, d_v, s[n], value=-1, out=d_v)
            torch.add(slope, d_v, alpha=ctx.cell.alpha, out=d_v)
            d_u_later = torch.add(d_v, d_u_later, alpha=ctx.cell.beta, out=d_u[n])
        d_weight = None if weight is None else s[:-1].flatten(0, 1).T @ d_u[1:].flatten(0, 1)
        return d_u, d_weight, None


class Bptt(TorchStep):
    """The training step of BPTT with the hand-written loop.

    Args:
        network: network with the weights; its delays are ignored.
        workload: workload whose options define loss and regulariser.
    """

    def __init__(self, network: Network, workload: Workload) -> None:
        self.cell = constants(network)
        self.input = nn.Parameter(jumps(network, HIDDEN, INPUT))
        self.recurrent = nn.Parameter(jumps(network, HIDDEN, HIDDEN))
        self.readout = Readout(network, workload)
        super().__init__([self.input, self.recurrent, *self.readout.parameters()])

    def load(self, spikes: Raster, labels: NDArray[np.int64]) -> None:
        """Store a batch as dense arrivals."""
        self.dense, self.labels = dense_input(spikes), torch.from_numpy(labels)

    def run(self) -> tuple[Tensor, Tensor]:
        """Compute the loss of the batch and the hidden spikes per sample."""
        spikes = SpikingLoop.apply(self.dense @ self.input, self.recurrent, self.cell)
        return self.readout(spikes, self.labels)


def dense_input(spikes: Raster, latency: int = HOP_LATENCY) -> Tensor:
    """Convert spikes to arrivals, `latency` steps later, as [T, batch, channels] float32."""
    dense = torch.zeros(spikes.n_steps, spikes.n_samples, spikes.n_neurons)
    mask = spikes.step < spikes.n_steps - latency
    sample, step, channel = (
        torch.from_numpy(index[mask])
        for index in (spikes.sample_index(), spikes.step + latency, spikes.neuron)
    )
    dense[step, sample, channel] = 1.0
    return dense


build = Bptt
