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


@dataclass(frozen=True)
class PopulationArrays:
    """Neurons with 12-bit decays and 24-bit state, as Lava's LIF takes them.

    Attributes:
        name, size: what it is called, how many neurons it has.
        kind: `lif` spikes and resets; `li` only integrates, its threshold is out of reach.
        du, dv: decays; u keeps 4096 − (du + 1) of 4096 each step, v keeps 4096 − dv.
        vth: threshold; a spike when v > vth·64.
        bias_mantissa: [size] int16; bias_mantissa·2^bias_exponent is added to v each step.
        bias_exponent: 0 … 7.
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
    """Synapses, as Lava's DelayDense takes them but for the order of the axes.

    Attributes:
        source, target: population names; source may be `input`.
        weight: [pre, post] int16.
        delay: [pre, post] uint8; a spike of step n arrives at n + 1 + delay.
        weight_bits: 2 … 8.
        weight_exponent: the summed weights are shifted left by it, right where it is negative.
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
