"""The compiled time loop of float networks (float64), event-driven in the synapses.

Weights are summed in a fixed order: by step of the spike, then projection, then source neuron. In a
step, u decays and the arriving weights are added; then v decays, and u and the drive are added.
"""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from nmtool.dynamics import HOP_LATENCY
from nmtool.hardware_sim.compiled import compiled


class FloatPlan(NamedTuple):
    """A network as flat arrays, its neurons numbered across all populations.

    Attributes:
        keep_u, keep_v: [neurons] float64, decay factors of u and v per step.
        drive: [neurons] float64, added to v every step.
        threshold: [neurons] float64, ∞ where neurons do not spike.
        source: [projections] int64, first neuron of the source; −1 for the input.
        pre, target, post: [projections] int64, source neurons, first target neuron, target neurons.
        row: [projections] int64, where the projection's [pre, post] block starts.
        jump: [synapses] float64, weights, which a spike adds to u, block after block.
        delay: [synapses] int64, in steps, without the one step that every spike takes.
        slots: length of the ring buffer in steps, a power of two beyond the largest delay.
    """

    keep_u: NDArray[np.float64]
    keep_v: NDArray[np.float64]
    drive: NDArray[np.float64]
    threshold: NDArray[np.float64]
    source: NDArray[np.int64]
    pre: NDArray[np.int64]
    target: NDArray[np.int64]
    post: NDArray[np.int64]
    row: NDArray[np.int64]
    jump: NDArray[np.float64]
    delay: NDArray[np.int64]
    slots: int


@compiled()
def send(plan, projection, index, n, ring):
    """Add the weights of a spike of step n to the ring buffer, [slots, neurons]."""
    first, post = plan.target[projection], plan.post[projection]
    row = plan.row[projection] + index * post
    for j in range(post):
        slot = (n + HOP_LATENCY + plan.delay[row + j]) & (plan.slots - 1)
        ring[slot, first + j] += plan.jump[row + j]


@compiled()
def send_all(plan, step_offset, channel, spiked, n, ring):
    """Add the weights of all spikes of step n to the ring buffer."""
    for projection in range(plan.source.size):
        first = plan.source[projection]
        if first < 0:
            for k in range(step_offset[n], step_offset[n + 1]):
                send(plan, projection, channel[k], n, ring)
        else:
            for index in range(plan.pre[projection]):
                if spiked[first + index]:
                    send(plan, projection, index, n, ring)


@compiled()
def advance(plan, arriving, u, v, spiked):
    """One step of every neuron.

    Args:
        plan: the network.
        arriving: [neurons] float64, input of this step to u; set to 0.
        u, v: [neurons] float64, the state, updated in place; v is 0 after a spike.
        spiked: [neurons] bool, filled.
    """
    for i in range(u.size):
        u[i] = arriving[i] + plan.keep_u[i] * u[i]
        v[i] = plan.keep_v[i] * v[i] + (u[i] + plan.drive[i])
        arriving[i] = 0.0
        spiked[i] = v[i] > plan.threshold[i]
        if spiked[i]:
            v[i] = 0.0


@compiled()
def run_sample(plan, step_offset, channel, emitted, u_trace, v_trace):
    """Run a sample from rest.

    Args:
        plan: the network.
        step_offset: [steps + 1] int64, the input spikes of each step.
        channel: [spikes] int32, their channels.
        emitted: [steps, neurons] bool, filled.
        u_trace: [steps, neurons] float64, filled with u after each step.
        v_trace: [steps, neurons] float64, filled with v after each step.
    """
    n_steps, n_neurons = emitted.shape
    ring = np.zeros((plan.slots, n_neurons))
    u, v = np.zeros(n_neurons), np.zeros(n_neurons)
    for n in range(n_steps):
        advance(plan, ring[n & (plan.slots - 1)], u, v, emitted[n])
        u_trace[n], v_trace[n] = u, v
        send_all(plan, step_offset, channel, emitted[n], n, ring)


@compiled(parallel=True)
def run_samples(plan, step_offset, channel, emitted, u_trace, v_trace):
    """Run many samples, each from rest.

    Args:
        plan: the network.
        step_offset: [samples, steps + 1] int64, positions in `channel`.
        channel: [spikes] int32.
        emitted, u_trace, v_trace: [samples, steps, neurons], as of `run_sample`.
    """
    for s in numba.prange(emitted.shape[0]):
        run_sample(plan, step_offset[s], channel, emitted[s], u_trace[s], v_trace[s])


@compiled()
def spikes_up_to(plan, step_offset, channel, counted, enough):
    """Count the spikes of some neurons over all samples, stopping when there are enough.

    Args:
        plan: the network.
        step_offset: [samples, steps + 1] int64, positions in `channel`.
        channel: [spikes] int32.
        counted: [neurons] bool, neurons whose spikes are counted.
        enough: number of spikes at which to stop.
    """
    n_neurons, total = counted.size, 0
    spiked = np.zeros(n_neurons, np.bool_)
    for s in range(step_offset.shape[0]):
        ring = np.zeros((plan.slots, n_neurons))
        u, v = np.zeros(n_neurons), np.zeros(n_neurons)
        for n in range(step_offset.shape[1] - 1):
            advance(plan, ring[n & (plan.slots - 1)], u, v, spiked)
            for i in range(n_neurons):
                total += spiked[i] and counted[i]
            if total >= enough:
                return total
            send_all(plan, step_offset[s], channel, spiked, n, ring)
    return total
