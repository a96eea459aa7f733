"""Small networks, data folders and results of commands, for tests of the command line."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from nmtool.data import SpikeEvents, write_shd
from nmtool.network.float_network import Network
from nmtool.network.float_parts import Population, Projection
from nmtool.network.graph import INPUT, LI, InputChannels
from nmtool.network.integer_network import IntegerNetwork
from nmtool.network.readout import Readout
from nmtool.quantisation import round_network

N_UNITS = 4
CLASSES = ("left", "right")
EMPTY = 2
"""Index of a sample without spikes, in every split."""

N_TRAIN, N_TEST = 12, 6
SETTINGS = (
    *("--hidden", "6", "--steps", "30", "--max-delay", "9", "--batch-size", "4"),
    *("--validation", "4", "--epochs", "3", "--threads", "1"),
)
"""Options of a training run that takes less than a second."""


@dataclass(frozen=True)
class CommandResult:
    """Result of a command: exit code, stdout, stderr."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The content of stdout, which is one strict JSON object."""

        def refuse(word: str) -> None:
            raise AssertionError(f"{word} is not JSON")

        return json.loads(self.out, parse_constant=refuse)

    @property
    def error(self) -> str:
        """The code of the error on stderr; '' if there is none."""
        match = re.search(r"^error\[([a-z0-9-]+)\]: ", self.err, re.MULTILINE)
        return match.group(1) if match else ""


def float_network(**changes: Any) -> Network:
    """A network of four channels, three recurrent neurons and two outputs, with delays up to 5."""
    random = np.random.default_rng(3)

    def synapses(source: str, target: str, shape: tuple[int, int], size: float) -> Projection:
        return Projection(
            source, target, random.normal(size / 2, size, shape), random.integers(0, 6, shape)
        )

    parts: dict[str, Any] = {
        "channels": InputChannels(N_UNITS),
        "populations": [Population("hidden", 3), Population("out", 2, LI)],
        "projections": [
            synapses(INPUT, "hidden", (N_UNITS, 3), 8.0),
            synapses("hidden", "hidden", (3, 3), 0.5),
            synapses("hidden", "out", (3, 2), 1.0),
        ],
        "readout": Readout("out", "mean"),
        "dt_ms": 1.0,
        "n_steps": 30,
        "class_names": CLASSES,
    }
    return Network(**parts | changes)


def integer_network() -> IntegerNetwork:
    """The integers of `float_network()`."""
    return round_network(float_network()).network


def spike_events(n_samples: int, seed: int = 0) -> SpikeEvents:
    """Samples of two classes: for each class, another half of the channels spikes."""
    random = np.random.default_rng(seed)
    label = np.arange(n_samples) % 2
    counts = np.full(n_samples, 8)
    counts[EMPTY : EMPTY + 1] = 0
    sample = np.repeat(np.arange(n_samples), counts)
    time = random.uniform(0, 25, sample.size)
    time = time[np.lexsort((time, sample))]
    unit = 2 * label[sample] + random.integers(0, 2, sample.size)
    offset = np.concatenate(([0], np.cumsum(counts)))
    return SpikeEvents(time, unit, offset, label, N_UNITS, CLASSES)


def write_folder(folder: Path, *, n_train: int = N_TRAIN, n_test: int = N_TEST) -> Path:
    """Write a data set in SHD layout."""
    folder.mkdir()
    write_shd(folder / "two_train.h5", spike_events(n_train, 1))
    write_shd(folder / "two_test.h5", spike_events(n_test, 2))
    return folder


def write_raw(
    path: Path,
    times_s: Sequence[Sequence[float]],
    units: Sequence[Sequence[int]],
    labels: Sequence[int],
    n_units: int = N_UNITS,
) -> None:
    """Write a file in SHD layout without any check."""
    with h5py.File(path, "w") as file:
        file.attrs["n_units"] = n_units
        _write_lists(file, "spikes/times", times_s, np.float64)
        _write_lists(file, "spikes/units", units, np.int64)
        file["labels"] = np.array(labels, np.int64)
        file["extra/keys"] = [name.encode() for name in CLASSES]


def _write_lists(file: h5py.File, name: str, lists: Sequence[Sequence], dtype: type) -> None:
    values = file.create_dataset(name, (len(lists),), h5py.vlen_dtype(dtype))
    for index, entries in enumerate(lists):
        values[index] = np.array(entries, dtype)
