"""The stored numbers of an integer network: all that can be wrong in it, one number at a time.

Populations and projections store whole numbers and arrays of them, and check each when they are
made. So a number can be found by its name, and changed to any value that the checks accept, without
a word here about what it means.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import fields, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from nmtool.errors import NetworkError
from nmtool.network.integer_network import IntegerPopulation, IntegerProjection

Part = TypeVar("Part", IntegerPopulation, IntegerProjection)

_NOT_COMPUTED_WITH = {"size", "scale", "weight_bits"}
"""Fields that no step computes with."""


def number_names(part: IntegerPopulation | IntegerProjection) -> list[str]:
    """Names of the fields of a population or projection that store whole numbers.

    >>> number_names(IntegerProjection("input", "hidden", weight=[[90, -2]], delay=[[0, 7]]))
    ['weight', 'delay', 'weight_exponent']
    """
    return [
        field.name
        for field in fields(part)
        if field.name not in _NOT_COMPUTED_WITH and _is_whole(getattr(part, field.name))
    ]


def _is_whole(value: Any) -> bool:
    if isinstance(value, np.ndarray):
        return value.dtype.kind in "iu"
    return isinstance(value, int) and not isinstance(value, bool)


def with_number(part: Part, name: str, values: int | NDArray, index: tuple[int, ...] = ()) -> Part:
    """Copy a population or projection with another number.

    >>> synapses = IntegerProjection("input", "hidden", weight=[[90, -2]], delay=[[0, 7]])
    >>> with_number(synapses, "delay", 8, (0, 1)).delay
    array([[0, 8]], dtype=uint8)

    Args:
        part: the population or projection.
        name: name of the number, one of `number_names`.
        values: the new number, or all numbers of an array.
        index: place of the number in an array.

    Raises:
        NetworkError: the number would be invalid.
    """
    if index:
        array = np.array(getattr(part, name), np.int64)
        array[index] = values
        values = array
    changes: dict[str, Any] = {name: values}
    return replace(part, **changes)


def valid_values(part: Part, name: str, values: Iterable[int]) -> Iterator[tuple[int, Part]]:
    """Yield the valid ones of some values, each with a copy of the part that has it.

    An array of the copy has this value everywhere.

    Args:
        part: the population or projection.
        name: name of the number.
        values: values to try.
    """
    own = getattr(part, name)
    for value in values:
        whole = np.full_like(own, value, np.int64) if isinstance(own, np.ndarray) else value
        try:
            yield value, with_number(part, name, whole)
        except NetworkError:
            continue
