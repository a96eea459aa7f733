"""The compiled time loop: event-driven in the synapses, one sample per thread.

Weights that arrive at a neuron are summed in a fixed order: by step of the spike, then projection,
then the source's `place_in_sum`. The order matters for floats, and in arithmetics whose sums clip.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any, NamedTuple

import numba
import numpy as np

from nmtool.arithmetic import place_in_sum
from nmtool.dynamics import HOP_LATENCY
from nmtool.hardware_sim.compiled import compiled
from nmtool.hardware_sim.resets import owed_after, spikes_in, v_after
from nmtool.network.graph import MOST_SPIKES, RESET


class Kernels(NamedTuple):
    """Compiled time loops around the step of a neuron.

    Attributes:
        run_steps: runs some steps from a given state, which it updates.
        run_samples: runs many samples, each from rest.
        spikes_up_to: counts spikes until their number suffices.
    """

    run_steps: Callable[..., None]
    run_samples: Callable[..., None]
    spikes_up_to: Callable[..., int]


@cache
def compiled_step(module: str) -> Any:
    """The compiled step of a neuron, from the module that defines it, for use in other kernels."""
    return compiled(inline="always")(import_module(module).neuron_step)


_source_at = compiled(inline="always")(place_in_sum)

_spikes_in = compiled(inline="always")(spikes_in)
_v_after = compiled(inline="always")(v_after)
_owed_after = compiled(inline="always")(owed_after)


@cache
def kernels(module: str, limit: int, word: int, properties: frozenset[str]) -> Kernels:
    """Make the time loops around a neuron's step; Numba compiles each loop when it first runs.

    Args:
        module: name of the module with the function `neuron_step`.
        limit: limit at which sums of arriving weights clip, see `Arithmetic.sum_limit`; 0: sums
            do not clip.
        word: number of sources per word, see `place_in_sum`.
        properties: names of the properties of the network that extend the arithmetic. Loops without
            resets and counts are faster; with counts, spikes are uint8 numbers instead of bool.
    """
    neuron_step = compiled_step(module)
    subtracts, counts = RESET.name in properties, MOST_SPIKES.name in properties

    @compiled()
    def send(plan, projection, index, n, ring, spikes):
        """Add the weights of a neuron's spikes in one step to the ring buffer.

        Args:
            plan: the network as flat arrays.
            projection: index of the projection.
            index: index of the source neuron that spiked.
            n: step of the spike.
            ring: [slots, neurons] in the type of weights; slot n modulo slots has the summed
                input of step n.
            spikes: number of spikes, unused without `counts`.
        """
        mask = ring.shape[0] - 1
        first, post = plan.target[projection], plan.post[projection]
        row = plan.row[projection] + index * post
        for j in range(post):
            slot = (n + HOP_LATENCY + np.int64(plan.delay[row + j])) & mask
            weight = plan.weight[row + j]
            total = ring[slot, first + j] + (weight * spikes if counts else weight)
            if limit:
                total = min(max(total, -limit), limit - 1)
            ring[slot, first + j] = total

    @compiled()
    def run_steps(
        plan,
        first,
        ring,
        u,
        v,
        owed,
        step_offset,
        channel,
        count,
        spiked,
        u_trace,
        v_trace,
        overflows,
    ):
        """Run some steps from a given state, which is updated in place.

        Args:
            plan: the network as flat arrays.
            first: index of the first step, which determines the first slot of the ring buffer.
            ring: [slots, neurons] in the type of weights; slot n modulo slots has the summed
                input of step n.
            u, v: [neurons] in the type of constants, the state.
            owed: [neurons] in the type of constants, the part of the state that late resets add to
                the next v, 0 or less.
            step_offset: [steps + 1] int64, where the input spikes of each step begin in `channel`.
            channel: [filled] int32, channels of the input spikes, those of a step as from
                `plan.in_order_of_sums`.
            count: [filled] uint8, numbers of spikes of these channels.
            spiked: [steps, neurons] bool, or uint8 with `counts`, output: spikes.
            u_trace, v_trace: [steps, neurons] in the type of weights, output: u and v.
            overflows: [2, neurons] int64, numbers of wraps of u and of clips of v, increased.
        """
        n_steps, n_neurons = spiked.shape
        number = plan.vth.dtype.type
        for n in range(n_steps):
            arriving = ring[(first + n) & (plan.slots - 1)]
            for i in range(n_neurons):
                after = neuron_step(
                    number(arriving[i]),
                    u[i],
                    v[i],
                    plan.bias[i] + owed[i] if subtracts else plan.bias[i],
                    plan.keep_u[i],
                    plan.keep_v[i],
                    plan.vth[i],
                )
                u[i], v[i], spikes = after.u, after.v, after.spiked
                if counts:
                    spikes = _spikes_in(
                        after.peak,
                        after.spiked,
                        plan.silent[i],
                        plan.drop[i],
                        plan.most_spikes[i],
                    )
                spiked[n, i] = spikes
                if subtracts:
                    v[i] = _v_after(after.peak, spikes, plan.drop[i])
                    owed[i] = _owed_after(after.spiked, plan.drop[i])
                u_trace[n, i], v_trace[n, i] = u[i], v[i]
                overflows[0, i] += after.wrapped
                overflows[1, i] += after.clipped
                arriving[i] = 0
            for projection in range(plan.source.size):
                source = plan.source[projection]
                if source < 0:
                    for k in range(step_offset[n], step_offset[n + 1]):
                        send(plan, projection, channel[k], first + n, ring, count[k])
                else:
                    pre = plan.pre[projection]
                    # The last word may be incomplete.
                    for place in range(-(-pre // word) * word):
                        i = _source_at(place, word)
                        if i < pre and spiked[n, source + i]:
                            send(plan, projection, i, first + n, ring, spiked[n, source + i])

    @compiled()
    def run_sample(plan, step_offset, channel, count, spiked, u_trace, v_trace, overflows):
        """Run one sample from a fresh state; arguments as for `run_steps`."""
        n_neurons = spiked.shape[1]
        ring = np.zeros((plan.slots, n_neurons), plan.weight.dtype)
        u, v, owed = np.zeros((3, n_neurons), plan.vth.dtype)
        traces = spiked, u_trace, v_trace, overflows
        run_steps(plan, 0, ring, u, v, owed, step_offset, channel, count, *traces)

    @compiled(parallel=True)
    def run_samples(plan, step_offset, channel, count, spiked, u_trace, v_trace, overflows):
        """Run many samples, each independently of the others.

        Args:
            plan: the network as flat arrays.
            step_offset: [samples, steps + 1] int64, where the spikes of each step begin in
                `channel`.
            channel, count: [filled] int32 and uint8, channels of the input and their numbers of
                spikes.
            spiked: [samples, steps, neurons] bool, or uint8 with `counts`, output: spikes.
            u_trace, v_trace: [samples, steps, neurons] in the type of weights, output: u and v.
            overflows: [samples, 2, neurons] int64, numbers of wraps of u and of clips of v,
                increased.
        """
        for sample in numba.prange(spiked.shape[0]):
            run_sample(
                plan,
                step_offset[sample],
                channel,
                count,
                spiked[sample],
                u_trace[sample],
                v_trace[sample],
                overflows[sample],
            )

    @compiled()
    def spikes_up_to(plan, step_offset, channel, count, counted, enough):
        """Count the spikes of some neurons over all samples, until `enough` spikes are reached.

        The step in which they are reached is counted to its end.

        Args:
            plan: the network as flat arrays.
            step_offset: [samples, steps + 1] int64, where the spikes of each step begin in
                `channel`.
            channel, count: [filled] int32 and uint8, channels of the input and their numbers of
                spikes.
            counted: [neurons] bool, True for neurons whose spikes are counted.
            enough: number of spikes at which to stop.
        """
        n_neurons, total = counted.size, 0
        spiked = np.zeros((1, n_neurons), np.uint8 if counts else np.bool_)
        overflows = np.zeros((2, n_neurons), np.int64)
        u_trace = np.zeros((1, n_neurons), plan.weight.dtype)
        v_trace = np.zeros((1, n_neurons), plan.weight.dtype)
        traces = spiked, u_trace, v_trace, overflows
        for offset in step_offset:
            ring = np.zeros((plan.slots, n_neurons), plan.weight.dtype)
            u, v, owed = np.zeros((3, n_neurons), plan.vth.dtype)
            for n in range(offset.size - 1):
                step = offset[n : n + 2]
                run_steps(plan, n, ring, u, v, owed, step, channel, count, *traces)
                for i in range(n_neurons):
                    total += spiked[0, i] * counted[i]
                if total >= enough:
                    return total
        return total

    return Kernels(run_steps, run_samples, spikes_up_to)
