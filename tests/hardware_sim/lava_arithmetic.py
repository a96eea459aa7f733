"""Lava's fixed-point models restated for arrays, on 32-bit integers as Lava uses them.

It follows `PyLifModelBitAcc` and `PyDelayDenseModelBitAcc` of lava-nc 0.10.0, and is independent of
`hardware_sim`.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nmtool.network.graph import INPUT
from nmtool.network.integer_network import IntegerNetwork, IntegerPopulation, IntegerProjection

UV_LIMIT = 1 << 23


class LavaStep(NamedTuple):
    """Result of a step: u, v (int32), spiked, wrapped, clipped (bool), in the neurons' shape.

    `peak` (int32) is v before a spike resets it.
    """

    u: NDArray[np.int32]
    v: NDArray[np.int32]
    spiked: NDArray[np.bool_]
    wrapped: NDArray[np.bool_]
    clipped: NDArray[np.bool_]
    peak: NDArray[np.int32]


def lava_step(a, u, v, bias, du, dv, vth) -> LavaStep:
    """One step of neurons; a, u, v and bias are int32 arrays, all other arguments numbers."""
    summed = _decayed(u, du + 1) + np.left_shift(a, 6)
    wrapped = np.where(summed > UV_LIMIT, summed - 2 * UV_LIMIT, summed)
    wrapped = np.where(wrapped <= -UV_LIMIT, summed + 2 * UV_LIMIT, wrapped)
    updated = _decayed(v, dv) + wrapped + bias
    assert wrapped.dtype == updated.dtype == np.int32
    clipped = np.clip(updated, 1 - UV_LIMIT, UV_LIMIT - 1)
    spiked = clipped > np.left_shift(vth, 6)
    v = np.where(spiked, 0, clipped)
    return LavaStep(wrapped, v, spiked, wrapped != summed, clipped != updated, clipped)


def _decayed(state: NDArray[np.int32], decay: int) -> NDArray[np.int32]:
    product = np.int64(state) * (4096 - decay)
    return np.int32(np.sign(product) * np.right_shift(np.abs(product), 12))


class LavaRun(NamedTuple):
    """Traces [steps, neurons] of u, v and spikes per population, and counts of faults."""

    u: dict[str, NDArray[np.int32]]
    v: dict[str, NDArray[np.int32]]
    spiked: dict[str, NDArray[np.bool_]]
    faults: Counter[str]


def lava_run(network: IntegerNetwork, channels: NDArray[np.bool_]) -> LavaRun:
    """Run one sample, with input [steps, channels]."""
    n_steps = len(channels)
    due = {p.name: np.zeros((n_steps + 64, p.size), np.int32) for p in network.populations}
    run = LavaRun({}, {}, {INPUT: channels}, Counter())
    for population in network.populations:
        shape = (n_steps, population.size)
        for trace, dtype in ((run.u, np.int32), (run.v, np.int32), (run.spiked, np.bool_)):
            trace[population.name] = np.zeros(shape, dtype)
    for n in range(n_steps):
        for population in network.populations:
            _advance(population, due[population.name][n], run, n)
        for projection in network.projections:
            _send(projection, run.spiked[projection.source][n], due[projection.target], n)
    return run


def _advance(population: IntegerPopulation, a: NDArray[np.int32], run: LavaRun, n: int) -> None:
    name, silence = population.name, np.zeros(population.size, np.int32)
    step = lava_step(
        a,
        run.u[name][n - 1] if n else silence,
        run.v[name][n - 1] if n else silence,
        np.left_shift(np.asarray(population.bias_mantissa, np.int32), population.bias_exponent),
        population.du,
        population.dv,
        population.vth,
    )
    run.u[name][n], run.v[name][n], run.spiked[name][n] = step[:3]
    for fault, neurons in (("u_wraps", step.wrapped), ("v_clips", step.clipped)):
        run.faults[fault] += int(neurons.sum())
        run.faults[f"{fault}.{name}"] += int(neurons.sum())


def _send(projection: IntegerProjection, spiked: NDArray[np.bool_], due: NDArray, n: int) -> None:
    weight = projection.weight.astype(np.int32)
    for delay in np.unique(projection.delay):
        bucket = spiked.astype(np.int32) @ np.where(projection.delay == delay, weight, 0)
        if projection.weight_exponent > 0:
            due[n + 1 + delay] += np.left_shift(bucket, projection.weight_exponent)
        else:
            due[n + 1 + delay] += np.right_shift(bucket, -projection.weight_exponent)
