"""Run the samples of a raster in batches: fast, and within memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from nmtool.network.graph import LIF, Graph
from nmtool.raster import Raster
from nmtool.recording import Recording

Network = TypeVar("Network", bound=Graph)

MAX_SAMPLES = 64
"""Largest batch, in samples; larger batches are hardly faster."""

MAX_VALUES = 1 << 23
"""Largest number of values in memory at once; a sample with more values runs alone."""

MAX_RECORDED = 1 << 26
"""Largest number of u and v in a recording; more samples are recorded in several portions."""


def samples_at_once(values: int) -> int:
    """Number of samples per batch if each needs `values` numbers in memory."""
    return min(MAX_SAMPLES, max(1, MAX_VALUES // max(values, 1)))


def recorded_at_once(network: Graph, n_steps: int, *, deep: bool = False) -> int:
    """Number of samples whose recording fits into memory.

    Args:
        network: the network; only the sizes and kinds of its populations are used.
        n_steps: number of steps of a sample.
        deep: True if u and v of every neuron are recorded, not only membranes of outputs.
    """
    neurons = sum(p.size for p in network.populations if deep or p.kind != LIF)
    fitting = MAX_RECORDED // max(1, n_steps * neurons * (2 if deep else 1))
    # The batches of a portion are then those of all samples. Sums of floats may differ in the last
    # bit if samples run in other batches.
    return max(1, fitting if fitting < MAX_SAMPLES else fitting - fitting % MAX_SAMPLES)


def in_batches(
    run: Callable[[Raster], Recording],
    spikes: Raster,
    at_once: int,
    on_progress: Callable[[int], None] | None,
) -> Recording:
    """Run all samples, one batch after the other, and join the recordings.

    Args:
        run: function that simulates a batch, which may be empty.
        spikes: the input.
        at_once: samples per call of `run`.
        on_progress: called with the number of samples finished since the last call.
    """
    parts = []
    for batch in spikes.batches(at_once):
        parts.append(run(batch))
        if on_progress is not None:
            on_progress(batch.n_samples)
    return Recording.concatenate(parts)


def record_spikes(
    simulate: Callable[[Network, Raster], Recording], network: Network, spikes: Raster
) -> Recording:
    """Record spikes and counts of all samples, but no membranes, which may not fit into memory.

    Args:
        simulate: function that runs a network on a raster.
        network: the network.
        spikes: the input.
    """
    at_once = recorded_at_once(network, spikes.n_steps)
    return in_batches(
        lambda batch: replace(simulate(network, batch), membrane={}), spikes, at_once, None
    )
