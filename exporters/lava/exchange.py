"""What nmtool and a process in Lava's environment tell each other: events, signs of life."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from nmtool.raster import Raster

SILENCE_S = 600.0
"""A run that shows no sign of life for so long is ended."""


def write_events(path: Path, spikes: Raster) -> None:
    """Write input spikes as an archive that plain numpy opens."""
    np.savez(
        path,
        offset=spikes.offset,
        step=spikes.step,
        neuron=spikes.neuron,
        n_steps=np.int64(spikes.n_steps),
    )


def progress_reader(on_progress: Callable[[int], None] | None) -> Callable[[str], None]:
    """Something to call with every line of output; it reports the samples that are finished."""

    def read(line: str) -> None:
        if on_progress is None or not line.startswith("{"):
            return
        if "samples_done" in json.loads(line):
            on_progress(1)

    return read
