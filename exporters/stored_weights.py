"""Weights in exported files: one byte each, in units of the projection's weight step.

With sign mode `mixed`, weight / step is stored as int8; otherwise |weight| / step as uint8.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmtool.arithmetic import LOIHI2, shifted
from nmtool.network.integer_network import INHIBITORY, MIXED, IntegerProjection


def weight_unit(weight_bits: int, sign_mode: str) -> int:
    """The weight that is stored as 1: the weight step, negative for inhibitory synapses."""
    step = LOIHI2.weight_step(weight_bits, sign_mode == MIXED)
    return -step if sign_mode == INHIBITORY else step


def stored_factor(projection: IntegerProjection) -> int:
    """Factor from a stored weight to the current that a spike adds, 2^exponent included."""
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
    """The arrays of an `IntegerNetwork` file, from the constants of an exported file.

    Args:
        header: header of the `IntegerNetwork` file.
        sign_modes: sign mode of each projection.
        bias: function from a population's entry in the header to its bias mantissas [size].
        synapses: function from a projection's index to its stored weights and delays, both
            [pre, post].

    Raises:
        LookupError, TypeError, ValueError: an entry is missing or invalid.
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
