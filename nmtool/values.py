"""Values: frozen dataclasses with read-only arrays, compared by content.

A value is checked when it is made. Read-only arrays guarantee that it stays valid in exports,
files, hashes, copies and other processes.
"""

from __future__ import annotations

import mmap
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from nmtool.errors import DataError


class Value:
    """Base class of frozen dataclasses with arrays.

    Two values are equal if they have the same class and all fields are equal; arrays must agree
    in type, shape and every bit: 0.0 and −0.0 differ, as in a content hash, and NaN equals itself.
    Equal values have the same hash. Comparing and hashing read all arrays each time.

    Pickles and copies are equal to the original. Their arrays are read-only again, and so are the
    arrays of results of `dataclasses.replace`.
    """

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, Value) or type(other) is not type(self):
            return NotImplemented
        pairs = zip(_compared(self), _compared(other), strict=True)
        return all(_is_same(mine, theirs) for mine, theirs in pairs)

    def __hash__(self) -> int:
        return hash((type(self).__name__, *map(_hash, _compared(self))))

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        # Unpickling and copying give writable arrays, which are made read-only here.
        for name, value in state.items():
            object.__setattr__(self, name, _made_read_only(value))


def plain_array(values: Any, dtype: DTypeLike | None = None) -> NDArray:
    """The values as an array; every array from a caller passes here.

    Args:
        values: an array, or anything that numpy can convert to one.
        dtype: dtype of the result; by default that of the values.

    Raises:
        DataError: some values are masked (`numpy.ma`). numpy would return them as they were
            before they were masked.
    """
    parts = values if isinstance(values, list | tuple) else (values,)
    # The types are compared first, since lists of numbers can be long.
    kinds = {*map(type, parts)}
    if any(issubclass(kind, np.ma.MaskedArray) for kind in kinds) and any(
        map(np.ma.is_masked, parts)
    ):
        raise DataError(
            "some numbers of the array are masked",
            code="array-masked",
            why="nmtool has no meaning for numbers that are missing",
            fix="leave these numbers out, or replace them: array.filled(0)",
        )
    return np.asarray(values, dtype)


def read_only(
    values: ArrayLike, dtype: DTypeLike | None = None, *, order: Literal["C", "K"] = "C"
) -> NDArray:
    """The values as a read-only array.

    An array that other code could still write to, directly or through its base, is copied: the
    caller's array stays writable, and the result does not change with it. If an array and all of
    its bases are read-only, it is returned without a copy: parts of other values, results of
    `frozen`, and read-only memory maps of any size.

    >>> mine = np.zeros(2)
    >>> copy = read_only(mine)
    >>> mine[0] = 1.0
    >>> copy.tolist(), copy.flags.writeable, read_only(copy) is copy
    ([0.0, 0.0], False, True)

    Args:
        values: an array, or anything that numpy can convert to one.
        dtype: dtype of the result; by default that of the values.
        order: `K` keeps the memory layout, which decides the order in which floats are summed.
    """
    original = plain_array(values)
    array = original.astype(original.dtype if dtype is None else dtype, order=order, copy=False)
    if np.may_share_memory(array, original) and not _is_immutable(original):
        array = array.copy(order)
    return frozen(array)


def frozen(array: NDArray) -> NDArray:
    """Make a new array read-only in place, so that a `Value` stores it without a copy.

    Args:
        array: an array to which no other code has a reference or a view.
    """
    array.setflags(write=False)
    return array


def read_only_by_name(arrays: Mapping[str, ArrayLike]) -> dict[str, NDArray]:
    """Apply `read_only` to each array of a mapping, keeping its memory layout."""
    return {name: read_only(array, order="K") for name, array in arrays.items()}


def _is_immutable(array: Any) -> bool:
    """True if neither the array nor any of its bases is writable."""
    while isinstance(array, np.ndarray):
        if array.flags.writeable:
            return False
        array = array.base
    return array is None or isinstance(array, bytes | mmap.mmap)


def _made_read_only(value: Any) -> Any:
    """Make arrays read-only: the value itself, or arrays that are values of a dict."""
    if isinstance(value, np.ndarray):
        return read_only(value, order="K")
    if type(value) is dict:
        return {name: _made_read_only(entry) for name, entry in value.items()}
    return value


def _compared(value: Value) -> list[Any]:
    return [getattr(value, field.name) for field in fields(value) if field.compare]  # type: ignore[arg-type]


def _is_same(mine: Any, theirs: Any) -> bool:
    """True if the values of a field are equal; arrays must agree in type, shape and all bits."""
    if isinstance(mine, np.ndarray) or isinstance(theirs, np.ndarray):
        if not (
            isinstance(mine, np.ndarray) and isinstance(theirs, np.ndarray)
        ):  # A field may have an array or None.
            return False
        same_type = mine.dtype == theirs.dtype and mine.shape == theirs.shape
        return same_type and np.array_equal(_bytes(mine), _bytes(theirs))
    if isinstance(mine, Mapping) and isinstance(theirs, Mapping):
        return mine.keys() == theirs.keys() and all(
            _is_same(mine[key], theirs[key]) for key in mine
        )
    return bool(mine == theirs)


def _hash(value: Any) -> int:
    """Hash of the value of a field; equal values have the same hash."""
    if isinstance(value, np.ndarray):
        return hash((value.dtype, value.shape, _bytes(value).tobytes()))
    return hash(frozenset(value)) if isinstance(value, Mapping) else hash(value)


def _bytes(array: NDArray) -> NDArray[np.uint8]:
    """The bytes of an array, as a flat view of it."""
    return array.reshape(-1).view(np.uint8)


def packed_bits(bits: NDArray[np.bool_]) -> str:
    """[n] bool as text: n, and the bits in hexadecimal; `unpacked_bits` is the inverse."""
    return f"{bits.size}:{np.packbits(bits).tobytes().hex()}"


def unpacked_bits(text: str) -> NDArray[np.bool_]:
    """[n] bool, the bits in a text; raises `ValueError` if it is not from `packed_bits`."""
    size, _, digits = text.partition(":")
    packed = np.frombuffer(bytes.fromhex(digits), np.uint8)
    if packed.size != -(-int(size) // 8):
        raise ValueError(f"{packed.size} bytes cannot be {size} bits")
    return np.unpackbits(packed, count=int(size)).astype(np.bool_)
