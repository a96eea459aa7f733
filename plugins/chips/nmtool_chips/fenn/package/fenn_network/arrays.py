"""Read arrays.npz, which has the integers of the network and nothing derived from them.

The file is a plain numpy archive without pickles. Its member `header` is JSON text; all other
members are arrays. nmtool reads the same file as an `IntegerNetwork`.
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
"""Name of the input, in place of a source population."""

LIF = "lif"
LI = "li"

DECAY_ONE = 1 << 15
"""Number of parts of a decay. In each step, u loses du + 1 of these parts, and v dv + 1."""


@dataclass(frozen=True)
class PopulationArrays:
    """A population with 15-bit decays, and 16-bit states that saturate.

    Attributes:
        name, size: name of the population, and number of its neurons.
        kind: `lif`: neurons spike and reset. `li`: neurons only integrate.
        keep_u, keep_v: parts of u and of v that remain after each step, out of `DECAY_ONE`.
        vth: threshold; a neuron spikes if v >= vth.
    """

    name: str
    size: int
    kind: str
    keep_u: int
    keep_v: int
    vth: int


@dataclass(frozen=True)
class ProjectionArrays:
    """Synapses from one population, or from the input, to another population.

    Attributes:
        source, target: names of populations; `source` may be `input`.
        weight: [pre, post] int16, −255 … 255; a spike adds the weight to u of its target.
        delay: [pre, post] uint8, 0 … 63; a spike of step n arrives at step n + 1 + delay.
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
        class_names: a name for each neuron of the output population.
        readout: {"population": name of the output population, "rule": name of the rule for its
            scores}; for the rule `window` also "window", the length of the window in steps.
        populations, projections: the integers of all populations and projections.
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
    """Read the network from `path`; by default from arrays.npz in this folder."""
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
        weight=weight >> -entry["weight_exponent"],  # the bits that are shifted out are 0
        delay=arrays[f"projection.{index}.delay"],
    )
