"""`AnalogueInput`: numbers as counts of input channels.

    count = round(x / scale), at most 2^bits − 1

An input channel that carries a count adds count times its weight, so that numbers reach a network
without a detour over spike trains. A count has no sign; signed numbers have two channels each.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmtool.arguments import NUMBER, SWITCH, WHOLE, check_fields
from nmtool.errors import DataError, NetworkError, printable
from nmtool.values import plain_array

MAX_BITS = 8
"""Largest number of bits of a count: a raster counts the spikes of a bin in 8 bits."""


@dataclass(frozen=True)
class AnalogueInput:
    """The rule that turns a number per channel and step into a count.

    >>> pixels = AnalogueInput(scale=0.5, bits=4)
    >>> pixels.counts([0.0, 0.6, 1.5, 99.0])
    array([ 0,  1,  3, 15], dtype=uint8)
    >>> AnalogueInput(scale=0.5, bits=4, signed=True).counts([0.6, -1.5])
    array([1, 0, 0, 3], dtype=uint8)

    Attributes:
        scale: the number that a count of 1 stands for. Numbers are divided by it and rounded to the
            nearest whole number, halves to the even one.
        bits: bits of a count, 1 … 8. Larger numbers than `largest` counts become `largest`.
        signed: False: channel c carries number c, and negative numbers become 0. True: channel 2c
            carries number c if it is positive, channel 2c + 1 its magnitude if it is negative. The
            sign takes no bit of the count.

    Raises:
        NetworkError: the scale is not positive and finite, or there are no 1 … 8 bits.
    """

    scale: float
    bits: int = MAX_BITS
    signed: bool = False

    def __post_init__(self) -> None:
        check_fields(self, scale=NUMBER, bits=WHOLE, signed=SWITCH)
        if not (math.isfinite(self.scale) and self.scale > 0):
            raise NetworkError(
                f"the scale of an analogue input must be a positive number, not {self.scale}",
                code="analogue-scale",
                fix="give the number that a count of 1 stands for",
            )
        if not 1 <= self.bits <= MAX_BITS:
            raise NetworkError(
                f"a count of an analogue input must have 1 … {MAX_BITS} bits, not {self.bits}",
                code="analogue-bits",
                fix=f"use at most {MAX_BITS} bits",
            )
        for name, convert in (("scale", float), ("bits", int), ("signed", bool)):
            object.__setattr__(self, name, convert(getattr(self, name)))

    @classmethod
    def fitted_to(
        cls,
        values: ArrayLike,
        *,
        bits: int = MAX_BITS,
        signed: bool | None = None,
        scale: float | None = None,
    ) -> AnalogueInput:
        """The rule by which the largest magnitude of some numbers becomes the largest count.

        >>> AnalogueInput.fitted_to([[0.1, -0.5]], bits=1)
        AnalogueInput(scale=0.5, bits=1, signed=True)

        Args:
            values: array of numbers.
            bits: bits of a count.
            signed: by default True if there are negative numbers.
            scale: another scale.

        Raises:
            DataError: some of the values are not finite, or not numbers.
            NetworkError: the scale is not positive, or there are no 1 … 8 bits.
        """
        numbers = finite_numbers(values)
        signed = bool((numbers < 0).any()) if signed is None else signed
        if scale is None:
            largest = cls(1.0, bits, signed).largest
            # Without any number other than 0, every scale gives the same counts.
            scale = float(np.abs(numbers).max(initial=0.0)) / largest or 1.0
        return cls(scale, bits, signed)

    @property
    def largest(self) -> int:
        """Largest count of a channel, 2^bits − 1."""
        return (1 << self.bits) - 1

    @property
    def channels_per_number(self) -> int:
        """Number of channels that carry a number: 2 if it has a sign, else 1."""
        return 2 if self.signed else 1

    def counts(self, values: ArrayLike) -> NDArray[np.uint8]:
        """Convert numbers to counts.

        Args:
            values: [..., numbers].

        Returns:
            [..., channels] uint8, with `channels_per_number` channels for each number.

        Raises:
            DataError: some of the values are not finite, or not numbers.
        """
        numbers = finite_numbers(values)
        with np.errstate(over="ignore"):
            ratio = np.rint(numbers / self.scale)
        if self.signed:
            pairs = np.stack([ratio, -ratio], axis=-1)
            ratio = pairs.reshape(*numbers.shape[:-1], 2 * numbers.shape[-1])
        return np.clip(ratio, 0, self.largest).astype(np.uint8)

    def values(self, counts: ArrayLike) -> NDArray[np.float64]:
        """Convert counts back to the numbers that they stand for.

        >>> signed = AnalogueInput(scale=0.5, signed=True)
        >>> signed.values(signed.counts([0.6, -1.5]))
        array([ 0.5, -1.5])

        Args:
            counts: [..., channels] integers.

        Returns:
            [..., numbers] float64.
        """
        number = plain_array(counts, np.float64)
        if self.signed:
            number = number[..., 0::2] - number[..., 1::2]
        return number * self.scale

    def as_json(self) -> dict[str, Any]:
        """The fields as plain values."""
        return asdict(self)

    def __str__(self) -> str:
        sign = "signed, " if self.signed else ""
        return f"{sign}{self.bits} bits, scale {self.scale:g}"


def finite_numbers(values: ArrayLike) -> NDArray[np.float64]:
    """Convert values with at least one axis to float64; raise `DataError` unless all are finite."""
    array = plain_array(values)
    if array.dtype.kind not in "biuf" or not array.ndim:
        raise DataError(
            f"analogue values must be an array of numbers, not {printable(array.dtype)} of shape "
            f"{array.shape}",
            code="values-not-numbers",
            fix="convert them to a numpy array of floats",
        )
    numbers = array.astype(np.float64)
    if not np.isfinite(numbers).all():
        place = tuple(map(int, np.argwhere(~np.isfinite(numbers))[0]))
        raise DataError(
            f"the value at {place} is {numbers[place]}",
            code="values-not-finite",
            fix="replace missing numbers before they are encoded",
        )
    return numbers
