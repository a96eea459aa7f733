"""`simulate`: run an `IntegerNetwork`, bit-exact with the chip's fixed-point models."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from nmtool.batches import in_batches
from nmtool.errors import DataError
from nmtool.hardware_sim.kernel import kernels
from nmtool.hardware_sim.plan import Plan, lay_out
from nmtool.network.integer_network import IntegerNetwork
from nmtool.raster import Raster
from nmtool.recording import Recording, check_input
from nmtool.values import frozen

BYTES_IN_FLIGHT = 256 << 20
"""Samples run in portions whose traces take about this much memory."""

_BYTES_PER_BIN = 9

MAX_SAMPLE_BYTES = 8 << 30
"""Limit for the traces of one sample."""


def simulate(
    network: IntegerNetwork,
    spikes: Raster,
    *,
    deep: bool = False,
    on_progress: Callable[[int], None] | None = None,
) -> Recording:
    """Run every sample of the input from rest.

    Args:
        network: network to run.
        spikes: input raster, one neuron per channel of the network.
        deep: also record u and v of every population at every step.
        on_progress: called with the number of samples finished since the last call.

    Returns:
        The recording; its counts are `u_wraps`, `v_clips` and, per population,
        `u_wraps.<name>`, `v_clips.<name>`.

    Raises:
        DataError: the raster's channels differ from the network's, or a sample is too large.
    """
    check_input(network, spikes)
    run = partial(_simulate_portion, network, lay_out(network), deep=deep)
    return in_batches(run, spikes, _samples_at_once(network, spikes), on_progress)


def _samples_at_once(network: IntegerNetwork, spikes: Raster) -> int:
    n_neurons = sum(population.size for population in network.populations)
    per_sample = max(1, spikes.n_steps * n_neurons * _BYTES_PER_BIN)
    if per_sample > MAX_SAMPLE_BYTES:
        raise DataError(
            f"a sample of {spikes.n_steps} steps needs {per_sample >> 30} GiB of memory",
            code="sample-too-large",
            why=f"{_BYTES_PER_BIN} bytes per step for each of {n_neurons} neurons",
            fix="use fewer steps",
        )
    return max(1, BYTES_IN_FLIGHT // per_sample)


def _simulate_portion(
    network: IntegerNetwork, plan: Plan, spikes: Raster, *, deep: bool
) -> Recording:
    shape = (spikes.n_samples, spikes.n_steps, len(plan.bias))
    spiked = np.zeros(shape, np.bool_)
    u, v = np.zeros(shape, np.int32), np.zeros(shape, np.int32)
    faults = np.zeros((shape[0], 2, shape[2]), np.int64)
    run = kernels(network.runs_in).run_samples
    run(plan, spikes.step_offset(), spikes.neuron, spiked, u, v, faults)
    part = columns(network, plan)
    everyone, spiking = network.populations, network.spiking
    return Recording(
        network.readout,
        spikes={p.name: Raster.from_dense(spiked[:, :, part[p.name]]) for p in spiking},
        membrane={p.name: frozen(v[:, :, part[p.name]].copy()) for p in network.integrating},
        current={p.name: frozen(u[:, :, part[p.name]].copy()) for p in everyone} if deep else {},
        potential={p.name: frozen(v[:, :, part[p.name]].copy()) for p in spiking} if deep else {},
        counts=fault_counts(faults.sum(axis=0), part),
    )


def columns(network: IntegerNetwork, plan: Plan) -> dict[str, slice]:
    """Slice of each population's neurons among all."""
    edges = plan.start.tolist()
    return {
        population.name: slice(first, last)
        for population, first, last in zip(network.populations, edges, edges[1:], strict=False)
    }


def fault_counts(faults: NDArray[np.int64], parts: dict[str, slice]) -> dict[str, int]:
    """Overflow counts by name, from those of each neuron ([2, neurons])."""
    counts = {"u_wraps": int(faults[0].sum()), "v_clips": int(faults[1].sum())}
    for name, part in parts.items():
        counts[f"u_wraps.{name}"] = int(faults[0, part].sum())
        counts[f"v_clips.{name}"] = int(faults[1, part].sum())
    return counts
