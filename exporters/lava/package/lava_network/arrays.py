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


@dataclass(frozen=True)
class PopulationArrays:
    """A population with 12-bit decays and 24-bit states, in the constants of Lava's LIF.

    Attributes:
        name, size: name of the population, and number of its neurons.
        kind: `lif`: neurons spike and reset. `li`: neurons only integrate, since their threshold
            is out of reach.
        du, dv: decays; in each step, u keeps 4096 − (du + 1) parts of 4096, and v 4096 − dv parts.
        vth: threshold; a neuron spikes if v > vth·64.
        bias_mantissa: [size] int16; bias_mantissa·2^bias_exponent is added to v each step.
        bias_exponent: exponent of the bias, 0 … 7.
    """

    name: str
    size: int
    kind: str
    du: int
    dv: int
    vth: int
    bias_mantissa: NDArray[np.int16]
    bias_exponent: int


@dataclass(frozen=True)
class ProjectionArrays:
    """Synapses in the constants of Lava's DelayDense, whose matrices are [post, pre].

    Attributes:
        source, target: names of populations; `source` may be `input`.
        weight: [pre, post] int16.
        delay: [pre, post] uint8; a spike of step n arrives at step n + 1 + delay.
        weight_bits: number of bits per weight, 2 … 8.
        weight_exponent: number of bits by which summed weights are shifted left; if it is
            negative, they are shifted right.
    """

    source: str
    target: str
    weight: NDArray[np.int16]
    delay: NDArray[np.uint8]
    weight_bits: int
    weight_exponent: int


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
        populations=[_population(entry, arrays) for entry in header["populations"]],
        projections=[
            _projection(entry, index, arrays) for index, entry in enumerate(header["projections"])
        ],
    )


def _population(entry: dict[str, Any], arrays: dict[str, NDArray]) -> PopulationArrays:
    return PopulationArrays(
        name=entry["name"],
        size=entry["size"],
        kind=entry["kind"],
        du=entry["du"],
        dv=entry["dv"],
        vth=entry["vth"],
        bias_mantissa=arrays[f"population.{entry['name']}.bias_mantissa"],
        bias_exponent=entry["bias_exponent"],
    )


def _projection(entry: dict[str, Any], index: int, arrays: dict[str, NDArray]) -> ProjectionArrays:
    return ProjectionArrays(
        source=entry["source"],
        target=entry["target"],
        weight=arrays[f"projection.{index}.weight"],
        delay=arrays[f"projection.{index}.delay"],
        weight_bits=entry["weight_bits"],
        weight_exponent=entry["weight_exponent"],
    )
