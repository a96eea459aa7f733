"""`simulate`: run an `IntegerNetwork`, bit for bit like fixed-point models of its chip."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nmtool.batches import in_batches
from nmtool.errors import DataError
from nmtool.hardware_sim.kernel import Kernels, kernels
from nmtool.hardware_sim.plan import Plan, columns, in_order_of_sums, lay_out
from nmtool.network.graph import LIF, MOST_SPIKES, Graph
from nmtool.network.integer_network import IntegerNetwork
from nmtool.raster import Raster
from nmtool.recording import Recording, check_input
from nmtool.values import frozen

if TYPE_CHECKING:
    from nmtool.float_simulator import StepNetwork

BYTES_IN_FLIGHT = 256 << 20
"""Approximate bytes of the traces of a batch of samples."""

BYTES_PER_BIN = 9
"""Bytes of the traces of one neuron in one step: its spike, u and v."""

MAX_SAMPLE_BYTES = 8 << 30
"""Largest number of bytes of the traces of one sample."""


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
        DoesNotFitError: the network has a property that the simulator lacks.
    """
    check_input(network, spikes)
    run = partial(run_together, network, lay_out(network), deep=deep)
    return in_batches(run, spikes, _samples_at_once(network, spikes), on_progress)


def _samples_at_once(network: IntegerNetwork, spikes: Raster) -> int:
    """Number of samples whose traces fit into memory together."""
    n_neurons = sum(population.size for population in network.populations)
    per_sample = max(1, spikes.n_steps * n_neurons * BYTES_PER_BIN)
    if per_sample > MAX_SAMPLE_BYTES:
        raise DataError(
            f"a sample of {spikes.n_steps} steps needs {per_sample >> 30} GiB of memory",
            code="sample-too-large",
            why=f"{BYTES_PER_BIN} bytes per step for each of {n_neurons} neurons",
            fix="use fewer steps",
        )
    return max(1, BYTES_IN_FLIGHT // per_sample)


def run_together(
    network: IntegerNetwork | StepNetwork, plan: Plan, spikes: Raster, *, deep: bool
) -> Recording:
    """Run a batch of samples, whose traces fit into memory.

    Args:
        network: network to run.
        plan: the network as flat arrays.
        spikes: input raster.
        deep: also record u and v of every population at every step.
    """
    shape = (spikes.n_samples, spikes.n_steps, len(plan.bias))
    counts_spikes = MOST_SPIKES.name in network.properties
    spiked = np.zeros(shape, np.uint8 if counts_spikes else np.bool_)
    u, v = np.zeros(shape, plan.weight.dtype), np.zeros(shape, plan.weight.dtype)
    overflows = np.zeros((shape[0], 2, shape[2]), np.int64)
    word = network.runs_in.word if isinstance(network, IntegerNetwork) else 1
    channel, count = in_order_of_sums(spikes, word)
    run = kernels_of(network).run_samples
    run(plan, spikes.step_offset(), channel, count, spiked, u, v, overflows)
    counts = None
    if isinstance(network, IntegerNetwork):
        counts = overflow_counts(overflows.sum(axis=0), columns(network))
    return recording_from(network, spiked, u, v, deep=deep, counts=counts)


def kernels_of(network: IntegerNetwork | StepNetwork) -> Kernels:
    """The time loops that run a network."""
    if isinstance(network, IntegerNetwork):
        runs_in = network.runs_in
        arithmetic = runs_in.module, runs_in.sum_limit, runs_in.word
    else:
        arithmetic = "nmtool.hardware_sim.float_step", 0, 1
    return kernels(*arithmetic, extensions_of(network))


def extensions_of(network: IntegerNetwork | StepNetwork) -> frozenset[str]:
    """Names of the properties of a network that extend its arithmetic."""
    properties = network.properties.items()
    return frozenset(name for name, declared in properties if declared.extension)


def recording_from(
    network: Graph,
    spiked: NDArray,
    u: NDArray,
    v: NDArray,
    *,
    deep: bool,
    counts: Mapping[str, int] | None = None,
) -> Recording:
    """Make the recording of a network from traces of all its neurons.

    Args:
        network: the network that was run.
        spiked: [samples, steps, neurons] bool, or uint8 numbers of spikes.
        u, v: [samples, steps, neurons], states after each step.
        deep: also record u of every population and v of spiking populations.
        counts: numbers of overflows, as from `overflow_counts`.
    """

    def by_population(trace: NDArray, names: Iterable[str]) -> dict[str, NDArray]:
        """Divide a trace of all neurons by population."""
        return {name: frozen(trace[:, :, part[name]].copy()) for name in names}

    part = columns(network)
    spiking = [p.name for p in network.populations if p.kind == LIF]
    rasters = {name: Raster.from_dense(spiked[:, :, part[name]]) for name in spiking}
    v_of = [name for name in part if deep or name not in spiking]
    return Recording.of(
        network, rasters, by_population(v, v_of), by_population(u, part) if deep else None, counts
    )


def overflow_counts(overflows: NDArray[np.int64], parts: dict[str, slice]) -> dict[str, int]:
    """Numbers of overflows, in total and by population.

    Args:
        overflows: [2, neurons] int64, numbers of wraps of u and of clips of v of each neuron.
        parts: slice of each population among the neurons.
    """
    counts = {"u_wraps": int(overflows[0].sum()), "v_clips": int(overflows[1].sum())}
    for name, part in parts.items():
        counts[f"u_wraps.{name}"] = int(overflows[0, part].sum())
        counts[f"v_clips.{name}"] = int(overflows[1, part].sum())
    return counts
