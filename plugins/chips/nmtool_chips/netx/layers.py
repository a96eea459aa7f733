"""Dense layers of a NetX file, as interpreted by lava-dl's reader.

The reader shifts the weights of a matrix left until they use all 8 bits. It passes the shift to
Lava as a negative weight exponent, with a number of weight bits. If Lava would then clip or
truncate weights, the file does not represent the network.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nmtool.arithmetic import MAX_WEIGHT
from nmtool.errors import Finding
from nmtool.network.integer_network import MIXED, sign_mode

Integers = NDArray[np.int64]

BIAS_EXPONENT = 6
"""Exponent of all biases in a NetX file."""


@dataclass(frozen=True, eq=False)
class Layer:
    """A layer of neurons with its synapses; all arrays are int64.

    Attributes:
        weight: [post, pre] weights.
        delay: [post, pre] delays in steps; None for Lava's synapses without delays.
        recurrent: [post, post] weights from the layer to itself; None if it is not recurrent.
        bias: [post] biases, added to the membrane after a shift by `BIAS_EXPONENT`.
        i_decay: part of u that is lost in a step, in units of 1/4096.
        v_decay: part of v that is lost in a step, in units of 1/4096.
        threshold: threshold, compared with v after a shift by 6 bits.
    """

    weight: Integers
    delay: Integers | None
    recurrent: Integers | None
    bias: Integers
    i_decay: int
    v_decay: int
    threshold: int

    @property
    def size(self) -> int:
        """Number of neurons."""
        return self.weight.shape[0]

    def equals(self, other: Layer) -> bool:
        """True if all attributes are equal."""
        constants = ("i_decay", "v_decay", "threshold")
        arrays = ("weight", "delay", "recurrent", "bias")
        return all(getattr(self, key) == getattr(other, key) for key in constants) and all(
            _are_equal(getattr(self, key), getattr(other, key)) for key in arrays
        )

    def reader_findings(self, where: str, fix: str) -> Iterator[Finding]:
        """The reason why Lava would run other weights than those of the layer.

        Args:
            where: name of the layer, for the finding.
            fix: fix of the finding.

        Yields:
            At most one finding.
        """
        parts = [self.weight] if self.recurrent is None else [self.weight, self.recurrent]
        weights = np.hstack(parts)
        largest, smallest = int(weights.max()), int(weights.min())
        if largest == smallest == 0:
            yield Finding(
                "netx-weights-zero",
                where,
                "lava-dl's reader cannot scale weights that are all 0",
                fix,
            )
            return
        if largest > 254 and smallest < 0:
            yield Finding(
                "netx-weights-signs",
                where,
                "lava-dl's reader clips weights of both signs at 254",
                fix,
            )
            return
        shift, bits = scaling(weights)
        if shift < 0:
            yield Finding("netx-weights-range", where, "weights exceed 255", fix)
        elif any(_would_change(part << shift, bits) for part in parts):
            yield Finding(
                "netx-weights-bits",
                where,
                "lava-dl's reader would give the weights more bits than Lava supports",
                fix,
            )


def _are_equal(first: Integers | None, second: Integers | None) -> bool:
    """True if both arrays are None, or have equal values."""
    if first is None or second is None:
        return first is second
    return np.array_equal(first, second)


def scaling(weight: Integers) -> tuple[int, int]:
    """Shift and bits of weights, as in lava-dl's `lava.lib.dl.netx.utils.optimize_weight_bits`."""
    largest, smallest = int(weight.max()), int(weight.min())
    signed = largest >= 0 > smallest
    if signed:
        scale = min(127 / largest if largest else np.inf, -128 / smallest)
    else:
        scale = 255 / largest if largest > 0 else -256 / smallest
    shift = int(np.floor(np.log2(scale))) + signed
    trailing = next((n for n in range(8, 0, -1) if not (weight % (1 << n)).any()), 0)
    return shift, 8 - shift - (trailing - signed)


def _would_change(weight: Integers, bits: int) -> bool:
    """True if Lava would clip or truncate the shifted weights."""
    mixed = int(sign_mode(weight) == MIXED)
    truncated = 8 - bits + mixed
    beyond = weight.max() > MAX_WEIGHT - 1 or weight.min() < 1 - MAX_WEIGHT - mixed
    return beyond or truncated < 0 or bool((weight % (1 << truncated)).any())
