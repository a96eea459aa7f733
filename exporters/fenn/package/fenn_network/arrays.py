"""Read arrays.npz: the integers of the network, nothing derived from them.

The file is a plain numpy archive without pickles. Its member `header` is JSON text, all others
are arrays. nmtool reads the same file as an `IntegerNetwork`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

ARRAYS_FILE = Path(__file__).with_name("arrays.npz")

INPUT = "input"
"""Name of the source that input spikes come from."""

LIF = "lif"
LI = "li"

DECAY_ONE = 1 << 15
"""Decays are parts of this; a step loses one more of them than du and dv say."""


@dataclass(frozen=True)
class PopulationArrays:
    """Neurons with 15-bit decays and 16-bit state that saturates.

    Attributes:
        name, size: what it is called, how many neurons it has.
        kind: `lif` spikes and resets; `li` only integrates.
        keep_u, keep_v: parts of u and v that each step keeps, out of `DECAY_ONE`.
        vth: threshold; a spike when v >= vth.
    """

    name: str
    size: int
    kind: str
    keep_u: int
    keep_v: int
    vth: int


@dataclass(frozen=True)
class ProjectionArrays:
    """Synapses.

    Attributes:
        source, target: population names; source may be `input`.
        weight: [pre, post] int16, −255 … 255; what a spike adds.
        delay: [pre, post] uint8, 0 … 63; a spike of step n arrives at n + 1 + delay.
    """

    source: str
    target: str
    weight: NDArray[np.int16]
    delay: NDArray[np.uint8]


@dataclass(frozen=True)
class NetworkArrays:
    """The whole network.

    Attributes:
        n_channels: number of input channels.
        group: number of neighbouring units of the data that share a channel.
        n_steps: number of steps of a sample.
        dt_ms: length of a step in ms.
        class_names: one per neuron of the output population.
        readout: {"population": name of the output population, "rule": how it answers}, and for
            the rule `window` its length in steps, "window".
        populations, projections: the integers.
    """

    n_channels: int
    group: int
    n_steps: int
    dt_ms: float
    class_names: list[str]
    readout: dict[str, Any]
    populations: list[PopulationArrays]
    projections: list[ProjectionArrays]


def read_arrays(path: str | Path = ARRAYS_FILE) -> NetworkArrays:
    """The network of this folder, or that of another arrays.npz."""
    with np.load(path, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    header = json.loads(str(arrays["header"][()]))
    return NetworkArrays(
        n_channels=header["channels"]["size"],
        group=header["channels"]["group"],
        n_steps=header["n_steps"],
        dt_ms=header["dt_ms"],
        class_names=header["class_names"],
        readout=header["readout"],
        populations=[_population(entry) for entry in header["populations"]],
        projections=[
            _projection(entry, index, arrays) for index, entry in enumerate(header["projections"])
        ],
    )


def _population(entry: dict[str, Any]) -> PopulationArrays:
    return PopulationArrays(
        name=entry["name"],
        size=entry["size"],
        kind=entry["kind"],
        keep_u=DECAY_ONE - 1 - entry["du"],
        keep_v=DECAY_ONE - 1 - entry["dv"],
        vth=entry["vth"],
    )


def _projection(entry: dict[str, Any], index: int, arrays: dict[str, NDArray]) -> ProjectionArrays:
    weight = arrays[f"projection.{index}.weight"]
    return ProjectionArrays(
        source=entry["source"],
        target=entry["target"],
        weight=weight >> -entry["weight_exponent"],  # which loses nothing
        delay=arrays[f"projection.{index}.delay"],
    )
