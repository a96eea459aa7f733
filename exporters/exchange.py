"""Messages between nmtool and a process in a referee's environment: events, signs of life."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from nmtool.errors import BackendError, FileFormatError
from nmtool.raster import Raster
from nmtool.recording import Recording


def write_events(path: Path, spikes: Raster) -> None:
    """Write input spikes as an archive that plain numpy opens."""
    np.savez(
        path,
        offset=spikes.offset,
        step=spikes.step,
        neuron=spikes.neuron,
        n_steps=np.int64(spikes.n_steps),
    )


def read_recording(path: Path) -> Recording:
    """The recording that a process in Lava wrote; raises `BackendError` where it is none."""
    try:
        return Recording.load(path)
    except FileFormatError as error:
        raise BackendError(
            "Lava left no recording that can be read",
            code="lava-recording-unreadable",
            why=": ".join(filter(None, [error.what, error.why])),
            fix="export the network again, in case the code of the export was changed",
            findings=error.findings,
        ) from error


def progress_reader(on_progress: Callable[[int], None] | None) -> Callable[[str], None]:
    """Something to call with every line of output; it reports the samples that are finished."""

    def read(line: str) -> None:
        if on_progress is None or not line.startswith("{"):
            return
        try:
            report = json.loads(line)
        except ValueError:  # referees write lines of their own
            return
        if "samples_done" in report:
            on_progress(1)

    return read
