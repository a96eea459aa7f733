"""The arithmetic `fenn16` in numpy, as FeNN's vector lanes compute it, independent of nmtool.

States have 16 bits, decays have 15 bits and round to the nearest, and all sums clip. Arriving
weights are added one after the other: by step of the spike, then in the order of projections, then
by word of 32 source neurons, and in a word from the highest neuron to the lowest.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nmtool.network.integer_network import IntegerNetwork


def clip(x: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.clip(x, -32768, 32767)


def decayed(keep: int, state: NDArray[np.int64]) -> NDArray[np.int64]:
    return clip((keep * state + 16384) >> 15)


def run(
    network: IntegerNetwork, spikes: NDArray[np.int64]
) -> dict[str, tuple[NDArray[np.int64], ...]]:
    """u, v and spikes of every population, [steps, neurons] each.

    Args:
        network: the network; only its numbers are used.
        spikes: [steps, channels] of one sample.
    """
    slots, steps = 64, len(spikes)
    sizes = {p.name: p.size for p in network.populations}
    ring = {name: np.zeros((slots, n), np.int64) for name, n in sizes.items()}
    u = {name: np.zeros(n, np.int64) for name, n in sizes.items()}
    v = {name: np.zeros(n, np.int64) for name, n in sizes.items()}
    carry = {name: np.zeros(n, np.int64) for name, n in sizes.items()}
    sent = {"input": np.zeros(spikes.shape[1]), **{name: np.zeros(n) for name, n in sizes.items()}}
    trace: dict[str, list[tuple[NDArray[np.int64], ...]]] = {name: [] for name in sizes}
    for t in range(steps):
        # A spike of step t − 1 arrives in step t plus its delay.
        for p in network.projections:
            onto, neurons = ring[p.target], np.arange(sizes[p.target])
            for i in sorted(np.flatnonzero(sent[p.source]), key=lambda i: (i // 32, -i)):
                place = (t + p.delay[i].astype(np.int64)) % slots, neurons
                onto[place] = clip(onto[place] + p.shifted_weight[i])
        sent = {"input": spikes[t]}
        for p in network.populations:
            name, alpha, beta = p.name, 32767 - p.dv, 32767 - p.du
            u[name] = clip(carry[name] + ring[name][t % slots])
            ring[name][t % slots] = 0
            v[name] = clip(decayed(alpha, v[name]) + u[name])
            carry[name] = decayed(beta, u[name])
            spiked = v[name] >= p.vth
            v[name] = np.where(spiked, 0, v[name])
            sent[name] = spiked
            trace[name].append((u[name], v[name], spiked.astype(np.int64)))
    return {
        name: tuple(np.stack(parts) for parts in zip(*rows, strict=True))
        for name, rows in trace.items()
    }
