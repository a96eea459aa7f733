"""Run brian2-loihi in a supervised process in its environment, with files as input and output."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np

from nmtool import storage
from nmtool.errors import BackendError, DoesNotFitError, FileFormatError, Finding
from nmtool.exporters.brian2_loihi import environment as environments
from nmtool.exporters.environments import clean_variables
from nmtool.exporters.exchange import write_events
from nmtool.exporters.supervise import SILENCE_S, supervise
from nmtool.network.graph import LI, LIF
from nmtool.network.integer_network import IntegerNetwork
from nmtool.raster import Raster
from nmtool.recording import Recording

ANSWER_KIND = "nmtool answer of brian2-loihi"
ANSWER_VERSION = 1


def run(
    network: IntegerNetwork,
    spikes: Raster,
    deep: bool,
    on_progress: Callable[[int], None] | None,
) -> Recording:
    """Run every sample from a fresh state.

    Args:
        network: an integer network without biases.
        spikes: the input.
        deep: also record u and v of every population.
        on_progress: called with the number of samples finished since the last call.

    Raises:
        DoesNotFitError: u or v exceed 24 bits; with a finding per population and quantity.
        MissingError: brian2-loihi is not set up.
        BackendError: brian2-loihi failed; its processes have ended.
    """
    python = environments.find().python
    with tempfile.TemporaryDirectory(prefix="nmtool-brian2-loihi-") as scratch:
        names = ("network.npz", "events.npz", "answer.npz")
        arrays, events, answer = (Path(scratch, name) for name in names)
        network.save(arrays)
        write_events(events, spikes)
        supervise(
            [
                *(python, environments.PACKAGE / "run.py", arrays, events, answer),
                *(["--deep"] if deep else []),
            ],
            what="running the network in brian2-loihi",
            fix="if the environment is damaged: nmtool setup brian2-loihi --force",
            idle_timeout_s=SILENCE_S,
            on_line=partial(_report, on_progress),
            env={**clean_variables(), "TMPDIR": scratch},  # Brian writes logs there
            cwd=scratch,
        )
        return read_answer(answer, network, spikes)


def _report(on_progress: Callable[[int], None] | None, line: str) -> None:
    """Report the number of finished samples in a line of output."""
    with suppress(ValueError, TypeError, KeyError):  # Brian also writes other lines
        count = int(json.loads(line)["samples_done"])
        if on_progress is not None:
            on_progress(count)


def read_answer(path: Path, network: IntegerNetwork, spikes: Raster) -> Recording:
    """Read the recording in the file that the process wrote.

    Args:
        path: the file.
        network: the network.
        spikes: its input, with the number of samples and steps.

    Raises:
        DoesNotFitError: the file reports that u or v exceeded 24 bits.
        BackendError: the file is missing or damaged.
    """
    try:
        archive = storage.read_archive(path, ANSWER_KIND, ANSWER_VERSION)
        with archive.checked():
            findings = _overflow_findings(archive, network)
            recording = None if findings else _recording(archive, network, spikes)
    except FileFormatError as error:
        raise BackendError(
            "the output of brian2-loihi cannot be read",
            code="brian2-loihi-answer-unreadable",
            why=": ".join(filter(None, [error.what, error.why])),
            fix="if the environment is damaged: nmtool setup brian2-loihi --force",
            findings=error.findings,
        ) from error
    if recording is None:
        raise DoesNotFitError(
            "brian2-loihi cannot run this network on these data",
            code="brian2-loihi-does-not-fit",
            why="u and v have 24 bits on a chip, but grow beyond them in brian2-loihi",
            findings=findings,
        )
    return recording


def _overflow_findings(archive: storage.Archive, network: IntegerNetwork) -> list[Finding]:
    """A finding for every population and quantity that exceeded the range."""
    findings = []
    for population in network.populations:
        for quantity in "uv":
            key = f"beyond.{population.name}.{quantity}"
            if key not in archive.arrays:
                continue
            samples, sample, step, value = (int(entry) for entry in archive.array(key))
            findings.append(
                Finding(
                    "brian2-loihi-overflow",
                    f"population '{population.name}'",
                    f"{quantity} is {value} at step {step} of sample {sample}, the first of "
                    f"{samples} samples out of range",
                    "quantise with `scale=static`, or compare with another backend",
                )
            )
    return findings


def _recording(archive: storage.Archive, network: IntegerNetwork, spikes: Raster) -> Recording:
    rasters = {
        population.name: _raster(archive, population.name, population.size, spikes)
        for population in network.populations
        if population.kind == LIF
    }
    membrane, current, potential = {}, {}, {}
    for population in network.populations:
        name = population.name
        if population.kind == LI:
            membrane[name] = archive.array(f"v.{name}")
        elif f"v.{name}" in archive.arrays:
            potential[name] = archive.array(f"v.{name}")
        if f"u.{name}" in archive.arrays:
            current[name] = archive.array(f"u.{name}")
    return Recording(network.readout, rasters, membrane, current, potential)


def _raster(archive: storage.Archive, name: str, size: int, spikes: Raster) -> Raster:
    sample, step, neuron = (
        archive.array(f"spikes.{name}.{key}") for key in ("sample", "step", "neuron")
    )
    offset = np.searchsorted(sample, np.arange(spikes.n_samples + 1))
    return Raster(offset, step, neuron, spikes.n_steps, size)
