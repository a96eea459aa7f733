"""How large a network and its file are, for people who are about to put it somewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmtool.integer_network import IntegerNetwork
from nmtool.network import Network


def summary(converted: Network | IntegerNetwork) -> dict[str, Any]:
    """How large a network is, as plain values.

    `parameters` counts a weight and a delay per entry of every projection, `synapses` the entries
    whose weight is not 0; `delay_histogram[d]` are those of d steps. `weight_bits` are all that
    occur, None for floats.
    """
    weights = [projection.weight for projection in converted.projections]
    bits = None
    if isinstance(converted, IntegerNetwork):
        bits = sorted({projection.weight_bits for projection in converted.projections})
    return {
        "neurons": sum(population.size for population in converted.populations),
        "parameters": 2 * sum(weight.size for weight in weights),
        "synapses": sum(int(np.count_nonzero(weight)) for weight in weights),
        "delay_histogram": np.bincount(_delays(converted)).tolist(),
        "weight_bits": bits,
    }


def _delays(converted: Network | IntegerNetwork) -> NDArray[np.int64]:
    """[synapses] int64, in steps."""
    found = [projection.delay[projection.weight != 0] for projection in converted.projections]
    return np.concatenate([np.empty(0, np.int64), *found]).astype(np.int64)


def in_words(content: dict[str, Any]) -> list[tuple[str, str]]:
    """What `summary` gave, as rows for people."""
    bits = content["weight_bits"]
    return [
        ("neurons", f"{content['neurons']:,}"),
        ("synapses", f"{content['synapses']:,}"),
        ("parameters", f"{content['parameters']:,}"),
        ("delays", _delays_in_words(np.array(content["delay_histogram"], np.int64))),
        ("weights", "float" if bits is None else f"{', '.join(map(str, bits))} bits"),
    ]


def _delays_in_words(histogram: NDArray[np.int64]) -> str:
    """Range and middle of delays counted by [steps]."""
    if not histogram.any():
        return "no synapse"
    used = np.flatnonzero(histogram)
    if len(used) == 1:
        return f"all {used[0]} steps"
    half = int(np.searchsorted(np.cumsum(histogram), histogram.sum() / 2))
    return f"{used[0]} … {used[-1]} steps, half of them up to {half}"


def size_on_disk(path: Path) -> int:
    """Size of a file, or of all files in a folder."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())
