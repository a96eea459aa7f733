"""Exchange data with a process in a referee's environment: events and progress."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from nmtool.raster import Raster


def write_events(path: Path, spikes: Raster) -> None:
    """Write input spikes as an archive that numpy can open."""
    np.savez(
        path,
        offset=spikes.offset,
        step=spikes.step,
        neuron=spikes.neuron,
        n_steps=np.int64(spikes.n_steps),
    )


def progress_reader(on_progress: Callable[[int], None] | None) -> Callable[[str], None]:
    """Make a function that reads a line of output and reports finished samples."""

    def read(line: str) -> None:
        if on_progress is None or not line.startswith("{"):
            return
        try:
            report = json.loads(line)
        except ValueError:  # The simulators also write lines that are not JSON.
            return
        if "samples_done" in report:
            on_progress(1)

    return read
