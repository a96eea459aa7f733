"""Run the samples of a raster in batches: fast, and within memory."""

from __future__ import annotations

from collections.abc import Callable

from nmtool.raster import Raster
from nmtool.recording import Recording

MAX_SAMPLES = 64
"""Largest batch, in samples; larger batches are hardly faster."""

MAX_VALUES = 1 << 23
"""Largest number of values in memory at once; a sample with more values runs alone."""


def samples_at_once(values: int) -> int:
    """Number of samples per batch if each needs `values` numbers in memory."""
    return min(MAX_SAMPLES, max(1, MAX_VALUES // max(values, 1)))


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
