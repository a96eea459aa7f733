"""Gradients of the oracle: the adjoint equations, solved backwards from event to event.

Between events (' = −d/dt), from λ_V(T) = λ_I(T) = 0:

    τm·λ_V' = −λ_V − ∂l_V/∂V        τs·λ_I' = −λ_I + λ_V

At an arrival nothing jumps; the post-synaptic adjoint is read there:

    dL/dw += −τs·λ_I        dL/d(arrival time) = w·(λ_V − λ_I)

At the emission of spike k, with q = τm·V' = I + bias − ϑ and dL/dt_k the sum over its arrivals
plus the loss's own ∂l_p/∂t_k:

    λ_V ← λ_V + (f·λ_V + dL/dt_k + l_V⁻ − l_V⁺)/q

f is the fall of V at the spike: ϑ with a reset to zero, c with subtraction of c.
(Wunderlich & Pehle 2021; Nowotny et al. 2022; delays: Mészáros, Knight & Nowotny 2025.)
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nmtool.network.graph import INPUT
from tests.training.mathematics.oracle.closed_forms import (
    LifConstants,
    adjoint_before,
    adjoint_integral,
)
from tests.training.mathematics.oracle.forward import Arrival, Emission, NeuronId, Trace
from tests.training.mathematics.oracle.model import ContinuousNetwork


@dataclass(frozen=True, eq=False)
class Gradients:
    """Derivatives of the loss.

    Attributes:
        weight: per projection [pre, post] float64.
        delay_ms: per projection [pre, post] float64, per ms.
        bias: per population [neurons] float64.
        spike_time: per spiking population and for `input` [spikes] float64, per ms: derivative with
            respect to the time of each spike, through its arrivals and directly.
    """

    weight: list[NDArray[np.float64]]
    delay_ms: list[NDArray[np.float64]]
    bias: dict[str, NDArray[np.float64]]
    spike_time: dict[str, NDArray[np.float64]]


def differentiate(
    network: ContinuousNetwork,
    trace: Trace,
    d_integral: Mapping[str, NDArray[np.float64]] | None = None,
    d_spike_time: Mapping[str, NDArray[np.float64]] | None = None,
) -> Gradients:
    """Gradients of a loss L(membrane integrals, spike times).

    Args:
        network: the network of the run.
        trace: result of `simulate`.
        d_integral: per population [neurons], ∂L/∂`trace.integral`; 0 for missing populations.
        d_spike_time: per spiking population [spikes], ∂L/∂`trace.spikes[...].time_ms`, per ms; 0
            for missing populations.
    """
    backward = _Backward(network, trace, d_integral or {}, d_spike_time or {})
    for event in reversed(trace.log):
        if isinstance(event, Arrival):
            backward.read(event)
        else:
            backward.jump(event)
    return backward.gradients()


class _Neuron:
    """Adjoint state of one neuron at its latest event, going backwards in time."""

    def __init__(self, cell: LifConstants, time: float, d_integral: float, rate: float) -> None:
        self.cell, self.time, self.d_integral, self.rate = cell, time, d_integral, rate
        self.lam_v = self.lam_i = self.lam_v_integral = 0.0

    def slope_of_loss(self) -> float:
        """∂l_V/∂V at the time of the state."""
        return self.d_integral * math.exp(-self.rate * self.time)

    def move_to(self, time: float) -> None:
        """Solve the adjoint equations back to an earlier time."""
        delta, drive = self.time - time, -self.slope_of_loss()
        self.lam_v_integral += adjoint_integral(self.cell, self.lam_v, delta, drive, self.rate)
        self.lam_v, self.lam_i = adjoint_before(
            self.cell, self.lam_v, self.lam_i, delta, drive, self.rate
        )
        self.time = time


class _Backward:
    def __init__(
        self,
        network: ContinuousNetwork,
        trace: Trace,
        d_integral: Mapping[str, NDArray[np.float64]],
        d_spike_time: Mapping[str, NDArray[np.float64]],
    ) -> None:
        self.network = network
        self.neurons: dict[NeuronId, _Neuron] = {}
        for population in network.populations:
            slopes = d_integral.get(population.name, np.zeros(population.size))
            for index, cell in enumerate(network.cells(population)):
                self.neurons[population.name, index] = _Neuron(
                    cell, network.duration_ms, float(slopes[index]), trace.rate
                )
        self.weight = [np.zeros(p.shape) for p in network.projections]
        self.delay_ms = [np.zeros(p.shape) for p in network.projections]
        self.spike_time = {INPUT: np.zeros(trace.events.n_spikes)}
        for name, spikes in trace.spikes.items():
            direct = d_spike_time.get(name, np.zeros(spikes.n_spikes))
            self.spike_time[name] = np.array(direct, np.float64)

    def read(self, arrival: Arrival) -> None:
        """Add the gradients of weight, delay and spike time at an arrival."""
        neuron, synapse = self.neurons[arrival.neuron], arrival.synapse
        neuron.move_to(arrival.time)
        d_arrival = synapse.weight * (neuron.lam_v - neuron.lam_i)
        at = synapse.pre, synapse.post
        self.weight[synapse.projection][at] -= neuron.cell.tau_syn * neuron.lam_i
        self.delay_ms[synapse.projection][at] += d_arrival
        self.spike_time[arrival.source][arrival.spike] += d_arrival

    def jump(self, emission: Emission) -> None:
        """Let the adjoint of the neuron jump at a spike."""
        neuron = self.neurons[emission.neuron]
        neuron.move_to(emission.time)
        fall = neuron.cell.fall
        # The product is l_V⁻ − l_V⁺.
        loss_step = neuron.slope_of_loss() * fall
        d_time = self.spike_time[emission.neuron[0]][emission.spike]
        neuron.lam_v += (fall * neuron.lam_v + d_time + loss_step) / emission.q

    def gradients(self) -> Gradients:
        for neuron in self.neurons.values():
            neuron.move_to(0.0)
        bias = {
            p.name: np.array([-self.neurons[p.name, k].lam_v_integral for k in range(p.size)])
            for p in self.network.populations
        }
        return Gradients(self.weight, self.delay_ms, bias, self.spike_time)
