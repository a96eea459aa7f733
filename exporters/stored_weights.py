"""Weights in one byte each, as files keep them: in units of what a projection's weights differ by.

Of a projection with the sign mode `mixed`, the weights divided by their step are int8; of the
others, the magnitudes divided by it are uint8.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmtool.arithmetic import LOIHI2, shifted
from nmtool.network.integer_network import INHIBITORY, MIXED, IntegerProjection


def weight_unit(weight_bits: int, sign_mode: str) -> int:
    """The weight that a stored weight of 1 stands for."""
    step = LOIHI2.weight_step(weight_bits, sign_mode == MIXED)
    return -step if sign_mode == INHIBITORY else step


def stored_factor(projection: IntegerProjection) -> int:
    """Factor from a stored weight to the jump that a spike adds, 2^exponent included."""
    unit = weight_unit(projection.weight_bits, projection.sign_mode)
    return shifted(unit, projection.weight_exponent)


def stored_weight(projection: IntegerProjection) -> NDArray:
    """[pre, post] int8 or uint8: the weights in units of `weight_unit`."""
    dtype = np.int8 if projection.sign_mode == MIXED else np.uint8
    unit = weight_unit(projection.weight_bits, projection.sign_mode)
    return (projection.weight // unit).astype(dtype)


def network_arrays(
    header: Mapping[str, Any],
    sign_modes: Sequence[str],
    bias: Callable[[Mapping[str, Any]], NDArray],
    synapses: Callable[[int], tuple[NDArray, NDArray]],
) -> dict[str, NDArray]:
    """The arrays of a network's archive, from the constants of a file that runs it.

    Args:
        header: of the archive.
        sign_modes: per projection.
        bias: gives the bias mantissas [size] of a population from its entry in the header.
        synapses: gives stored weights and delays, both [pre, post], of a projection by its number.

    Raises:
        LookupError, TypeError, ValueError: something is missing or wrong.
    """
    arrays = {
        f"population.{entry['name']}.bias_mantissa": bias(entry) for entry in header["populations"]
    }
    for index, entry in enumerate(header["projections"]):
        stored, delay = synapses(index)
        unit = weight_unit(entry["weight_bits"], sign_modes[index])
        arrays[f"projection.{index}.weight"] = stored * unit
        arrays[f"projection.{index}.delay"] = delay
    return arrays
