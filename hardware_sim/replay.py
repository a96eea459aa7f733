"""One neuron run again, rightly and with a fault, on the spikes that a network sent it.

Every spike of a network is compared. As long as the neurons that a fault touches spike as they
did, all others receive what they did, and do what they did: so the first difference of the whole
network, if there is any, is one of those neurons', on the inputs that were recorded. To know
whether a fault shows, nothing else has to be run.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nmtool.dynamics import HOP_LATENCY
from nmtool.graph import INPUT
from nmtool.hardware_sim.compiled import compiled
from nmtool.hardware_sim.kernel import neuron_step
from nmtool.integer_network import IntegerNetwork
from nmtool.raster import Raster
from nmtool.recording import Recording

SPIKES, MEMBRANE, EVERYTHING = 0, 1, 2
"""The quantities of a neuron that are compared: its spikes, v as well, or u as well."""


class Streams(NamedTuple):
    """The spikes of all sources, the input first, then every population.

    Attributes:
        n_steps: of every sample.
        offset: [sources, samples + 1] int64, positions in the other two.
        step, neuron: [spikes] int32.
        first: [samples, neurons of all sources] int32, the first spike, `n_steps` without any.
        begin: [sources] int64, where the neurons of each begin in `first`.
    """

    n_steps: int
    offset: NDArray[np.int64]
    step: NDArray[np.int32]
    neuron: NDArray[np.int32]
    first: NDArray[np.int32]
    begin: NDArray[np.int64]


class NeuronWithSynapses(NamedTuple):
    """One neuron and the synapses onto it.

    Attributes:
        weight, delay: [rows] int32, projection after projection; weights are shifted.
        bias, keep_u, keep_v, vth: of its step.
    """

    weight: NDArray[np.int32]
    delay: NDArray[np.int32]
    bias: int
    keep_u: int
    keep_v: int
    vth: int


def streams(network: IntegerNetwork, spikes: Raster, recording: Recording) -> Streams:
    """Put the spikes of a run one after the other.

    Args:
        network: what was run.
        spikes: its input.
        recording: what came out.
    """
    silent = Raster.silent(spikes.n_samples, spikes.n_steps, 0)
    rasters = {INPUT: spikes, **recording.spikes}
    found = [rasters.get(name, silent) for name in [INPUT, *(p.name for p in network.populations)]]
    begin = np.cumsum([0, *(raster.n_spikes for raster in found)])
    return Streams(
        spikes.n_steps,
        np.stack([raster.offset + by for raster, by in zip(found, begin, strict=False)]),
        np.concatenate([raster.step for raster in found]),
        np.concatenate([raster.neuron for raster in found]),
        np.hstack([raster.first_step().astype(np.int32) for raster in found]),
        np.cumsum([0, *(raster.n_neurons for raster in found)])[:-1].astype(np.int64),
    )


@compiled()
def replay(events, source, row, right, wrong, view, first_only, shown):
    """Mark the samples in which two versions of a neuron differ.

    Args:
        events: `Streams`.
        source: [projections] int64, index of each one's source among the streams.
        row: [projections] int64, where the synapses of each begin.
        right, wrong: `NeuronWithSynapses`, the two versions.
        view: what is compared.
        first_only: stop at the first sample that shows a difference.
        shown: [samples] bool, set; samples that are marked already are left out.
    """
    n_steps = events.n_steps
    same = right.bias == wrong.bias and right.vth == wrong.vth
    same = same and right.keep_u == wrong.keep_u and right.keep_v == wrong.keep_v
    differ = (right.weight != wrong.weight) | (right.delay != wrong.delay)
    changed = np.flatnonzero(differ)
    for sample in range(shown.size):
        if shown[sample]:
            continue
        reached = _reached(events, source, row, right, wrong, changed, sample)
        if same and not reached:
            continue
        mine = np.zeros(n_steps, np.int32)
        for k in range(source.size):
            since, until = events.offset[source[k], sample], events.offset[source[k], sample + 1]
            for e in range(since, until):
                i = row[k] + events.neuron[e]
                n = events.step[e] + HOP_LATENCY + right.delay[i]
                if n < n_steps:
                    mine[n] += right.weight[i]
        theirs = mine
        if reached:
            theirs = mine.copy()
            _change(events, source, row, right, wrong, differ, sample, theirs)
        first = 0
        if same:
            while first < n_steps and mine[first] == theirs[first]:
                first += 1
            if first == n_steps:
                continue
        u, v, other_u, other_v = np.int64(0), np.int64(0), np.int64(0), np.int64(0)
        for n in range(n_steps):
            one = neuron_step(
                np.int64(mine[n]), u, v, right.bias, right.keep_u, right.keep_v, right.vth
            )
            u, v = one.u, one.v
            if n < first:
                other_u, other_v = u, v
                continue
            two = neuron_step(
                np.int64(theirs[n]),
                other_u,
                other_v,
                wrong.bias,
                wrong.keep_u,
                wrong.keep_v,
                wrong.vth,
            )
            other_u, other_v = two.u, two.v
            if (
                one.spiked != two.spiked
                or (view > 0 and v != other_v)
                or (view > 1 and u != other_u)
            ):
                shown[sample] = True
                break
        if shown[sample] and first_only:
            return


@compiled()
def _reached(events, source, row, right, wrong, changed, sample):
    """True where a spike arrives in time over a synapse that differs, in either version."""
    for i in changed:
        k = np.searchsorted(row, i, side="right") - 1
        step = events.first[sample, events.begin[source[k]] + i - row[k]]
        if step + HOP_LATENCY + min(right.delay[i], wrong.delay[i]) < events.n_steps:
            return True
    return False


@compiled()
def _change(events, source, row, right, wrong, differ, sample, arriving):
    """Turn what arrives at every step, [steps] int32, into what arrives with the fault."""
    for k in range(source.size):
        last = row[k + 1] if k + 1 < row.size else differ.size
        if not differ[row[k] : last].any():
            continue
        for e in range(events.offset[source[k], sample], events.offset[source[k], sample + 1]):
            i = row[k] + events.neuron[e]
            if differ[i]:
                n = events.step[e] + HOP_LATENCY + right.delay[i]
                if n < events.n_steps:
                    arriving[n] -= right.weight[i]
                n = events.step[e] + HOP_LATENCY + wrong.delay[i]
                if n < events.n_steps:
                    arriving[n] += wrong.weight[i]
