"""Data exchange with a process in a referee's environment: events, recordings, progress."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from nmtool.errors import BackendError, FileFormatError
from nmtool.raster import Raster
from nmtool.recording import Recording


def write_events(path: Path, spikes: Raster) -> None:
    """Write input spikes as an archive that numpy can open."""
    np.savez(
        path,
        offset=spikes.offset,
        step=spikes.step,
        neuron=spikes.neuron,
        n_steps=np.int64(spikes.n_steps),
    )


def read_recording(path: Path) -> Recording:
    """Read the recording by a Lava process; raises `BackendError` if it is invalid."""
    try:
        return Recording.load(path)
    except FileFormatError as error:
        raise BackendError(
            "the recording by Lava cannot be read",
            code="lava-recording-unreadable",
            why=": ".join(filter(None, [error.what, error.why])),
            fix="export the network again, since the code of the export may have been changed",
            findings=error.findings,
        ) from error


def progress_reader(on_progress: Callable[[int], None] | None) -> Callable[[str], None]:
    """A function for lines of output, which reports finished samples."""

    def read(line: str) -> None:
        if on_progress is None or not line.startswith("{"):
            return
        try:
            report = json.loads(line)
        except ValueError:  # referees also write other lines
            return
        if "samples_done" in report:
            on_progress(1)

    return read
