"""The compiled time loop: event-driven in the synapses, one sample per thread.

Weights that arrive at a neuron are summed in a fixed order: by step of the spike, then projection,
then source neuron. The order matters in arithmetics whose sums clip.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any, NamedTuple

import numba
import numpy as np

from nmtool.arithmetic import Arithmetic
from nmtool.dynamics import HOP_LATENCY
from nmtool.hardware_sim.compiled import compiled


class Kernels(NamedTuple):
    """Compiled time loops of an arithmetic.

    Attributes:
        run_steps: runs some steps from a given state, which it updates.
        run_samples: runs many samples, each from rest.
    """

    run_steps: Callable[..., None]
    run_samples: Callable[..., None]


@cache
def compiled_step(arithmetic: Arithmetic) -> Any:
    """The compiled step of a neuron, for use in other kernels."""
    return compiled(inline="always")(import_module(arithmetic.module).neuron_step)


@cache
def kernels(arithmetic: Arithmetic) -> Kernels:
    """The time loops of an arithmetic, compiled when they first run."""
    neuron_step = compiled_step(arithmetic)
    limit = arithmetic.sum_limit

    @compiled()
    def send(plan, projection, index, n, ring):
        """Add the weights of one spike to the ring buffer.

        Args:
            plan: the network.
            projection: index of the projection.
            index: the source neuron that spiked.
            n: step of the spike.
            ring: [slots, neurons] int32, input by step modulo slots, a power of two.
        """
        mask = ring.shape[0] - 1
        first, post = plan.target[projection], plan.post[projection]
        row = plan.row[projection] + index * post
        for j in range(post):
            slot = (n + HOP_LATENCY + np.int64(plan.delay[row + j])) & mask
            total = np.int64(ring[slot, first + j]) + plan.weight[row + j]
            if limit:
                total = min(max(total, -limit), limit - 1)
            ring[slot, first + j] = total

    @compiled()
    def run_steps(plan, first, ring, u, v, step_offset, channel, spiked, u_trace, v_trace, faults):
        """Run some steps from a given state, which is updated in place.

        Args:
            plan: the network.
            first: number of the first step, which sets the position in the ring buffer.
            ring: [slots, neurons] int32, input by step modulo slots.
            u, v: [neurons] int64, the state.
            step_offset: [steps + 1] int64, the input spikes of each step.
            channel: [spikes] int32, their channels, ascending in each step.
            spiked: [steps, neurons] bool, filled.
            u_trace, v_trace: [steps, neurons] int32, filled with u and v after each step.
            faults: [2, neurons] int64, wraps of u and clips of v of each neuron, added to.
        """
        n_steps, n_neurons = spiked.shape
        for n in range(n_steps):
            due = ring[(first + n) & (plan.slots - 1)]
            for i in range(n_neurons):
                after = neuron_step(
                    np.int64(due[i]),
                    u[i],
                    v[i],
                    plan.bias[i],
                    plan.keep_u[i],
                    plan.keep_v[i],
                    plan.vth[i],
                )
                u[i], v[i], spiked[n, i] = after.u, after.v, after.spiked
                u_trace[n, i], v_trace[n, i] = after.u, after.v
                faults[0, i] += after.wrapped
                faults[1, i] += after.clipped
                due[i] = 0
            for projection in range(plan.source.size):
                source = plan.source[projection]
                if source < 0:
                    for k in range(step_offset[n], step_offset[n + 1]):
                        send(plan, projection, channel[k], first + n, ring)
                else:
                    for i in range(plan.pre[projection]):
                        if spiked[n, source + i]:
                            send(plan, projection, i, first + n, ring)

    @compiled()
    def run_sample(plan, step_offset, channel, spiked, u_trace, v_trace, faults):
        """Run one sample from a fresh state; arguments as for `run_steps`."""
        n_neurons = spiked.shape[1]
        ring = np.zeros((plan.slots, n_neurons), np.int32)
        u = np.zeros(n_neurons, np.int64)
        v = np.zeros(n_neurons, np.int64)
        run_steps(plan, 0, ring, u, v, step_offset, channel, spiked, u_trace, v_trace, faults)

    @compiled(parallel=True)
    def run_samples(plan, step_offset, channel, spiked, u_trace, v_trace, faults):
        """Run many samples, each independently of the others.

        Args:
            plan: the network.
            step_offset: [samples, steps + 1] int64, positions in `channel`.
            channel: [spikes] int32.
            spiked: [samples, steps, neurons] bool, filled.
            u_trace, v_trace: [samples, steps, neurons] int32, filled.
            faults: [samples, 2, neurons] int64, added to.
        """
        for sample in numba.prange(spiked.shape[0]):
            run_sample(
                plan,
                step_offset[sample],
                channel,
                spiked[sample],
                u_trace[sample],
                v_trace[sample],
                faults[sample],
            )

    return Kernels(run_steps, run_samples)
