"""Read protobuf's wire format, as far as ONNX files need it.

The reader does not need the library onnx, and is safe for untrusted files: it copies nothing, and
its time is proportional to the file size. It also locates the bytes that the file's digest covers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_FIXED = {_FIXED64: 8, _FIXED32: 4}
_LONGEST_VARINT = 10

MAX_FIELDS = 500_000
"""Largest number of fields in a message (without nested messages), and of numbers in a list."""


class WireError(ValueError):
    """The bytes are not a protobuf message."""


@dataclass(frozen=True)
class Field:
    """One field of a message.

    Attributes:
        number: field number in the message's definition.
        value: a number, or the bytes of a string, an array or a nested message.
        first, end: byte range of the field in the message, including its tag.
    """

    number: int
    value: int | memoryview
    first: int
    end: int

    @property
    def content(self) -> memoryview:
        """The bytes; raises `WireError` if the field is a number."""
        if isinstance(self.value, int):
            raise WireError(f"field {self.number} is a number")
        return self.value

    @property
    def text(self) -> str:
        """The bytes as text; raises `WireError` if they are not UTF-8."""
        try:
            return str(self.content, "utf-8")
        except UnicodeDecodeError as error:
            raise WireError(f"field {self.number} is not text") from error


def fields(message: memoryview) -> Iterator[Field]:
    """The fields of a message, in order; raises `WireError` for invalid or too many fields."""
    place = count = 0
    while place < len(message):
        if (count := count + 1) > MAX_FIELDS:
            raise WireError(f"a message has more than {MAX_FIELDS} fields")
        tag, after = _varint(message, place)
        number, kind = tag >> 3, tag & 7
        if number == 0:
            raise WireError("a field has the invalid number 0")
        value, end = _value(message, after, kind)
        yield Field(number, value, place, end)
        place = end


def numbers(content: memoryview) -> list[int]:
    """Read a packed list of numbers; raises `WireError` if it is invalid or too long."""
    values: list[int] = []
    place = 0
    while place < len(content):
        if len(values) == MAX_FIELDS:
            raise WireError(f"a list has more than {MAX_FIELDS} numbers")
        value, place = _varint(content, place)
        values.append(value)
    return values


def _value(message: memoryview, place: int, kind: int) -> tuple[int | memoryview, int]:
    """Read the value of a field at a place; return the value, and the place after it."""
    if kind == _VARINT:
        return _varint(message, place)
    if kind == _BYTES:
        size, place = _varint(message, place)
    elif kind in _FIXED:
        size = _FIXED[kind]
    else:
        raise WireError(f"a field has the unknown wire type {kind}")
    if size > len(message) - place:
        raise WireError("it ends in the middle of a field")
    return message[place : place + size], place + size


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    """Read a number of variable length; return the number, and the place after it."""
    value = 0
    for index in range(_LONGEST_VARINT):
        if place + index >= len(message):
            raise WireError("it ends in the middle of a number")
        byte = message[place + index]
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return value, place + index + 1
    raise WireError("a number is too long")
