"""Sizes of networks: plain values for scripts, words for display."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmtool.description import count_synapses
from nmtool.network.any_network import AnyNetwork
from nmtool.network.integer_network import IntegerNetwork


def describe_size(network: AnyNetwork) -> dict[str, Any]:
    """Size of a network, as plain values for JSON.

    `parameters` counts a weight and a delay per entry of every projection. `delay_histogram[d]` is
    the number of synapses with a delay of d steps. `weight_bits` lists all bits per weight that
    occur, each once; it is None for a float network.
    """
    weights = [projection.weight for projection in network.projections]
    delays = [projection.delay[projection.weight != 0] for projection in network.projections]
    bits = None
    if isinstance(network, IntegerNetwork):
        bits = sorted({projection.weight_bits for projection in network.projections})
    histogram = np.bincount(np.concatenate([np.empty(0, np.int64), *delays]).astype(np.int64))
    return {
        "neurons": sum(population.size for population in network.populations),
        "parameters": 2 * sum(weight.size for weight in weights),
        "synapses": count_synapses(network),
        "delay_histogram": histogram.tolist(),
        "weight_bits": bits,
    }


def size_in_words(network: AnyNetwork) -> list[tuple[str, str]]:
    """Rows of a table, each a name and a text, with the size of a network."""
    content = describe_size(network)
    bits = content["weight_bits"]
    return [
        ("neurons", f"{content['neurons']:,}"),
        ("synapses", f"{content['synapses']:,}"),
        ("parameters", f"{content['parameters']:,}"),
        ("delays", _delays_in_words(np.array(content["delay_histogram"], np.int64))),
        ("weights", "float" if bits is None else f"{', '.join(map(str, bits))} bits"),
    ]


def _delays_in_words(histogram: NDArray[np.int64]) -> str:
    """Range and median of delays as text, from their histogram over steps."""
    if not histogram.any():
        return "no synapse"
    used = np.flatnonzero(histogram)
    if len(used) == 1:
        return f"all {used[0]} steps"
    half = int(np.searchsorted(np.cumsum(histogram), histogram.sum() / 2))
    return f"{used[0]} … {used[-1]} steps, half of them up to {half}"
