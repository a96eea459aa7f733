"""Protobuf's wire format: any bytes give either complete fields or an error."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from nmtool.exporters.onnx.wire import WireError, fields, numbers


@given(data=st.binary(max_size=60))
def test_fields_fill_the_bytes_or_there_is_an_error(data: bytes) -> None:
    try:
        entries = list(fields(memoryview(data)))
    except WireError:
        return
    assert [field.first for field in entries] == [0, *(field.end for field in entries)][
        : len(entries)
    ]
    assert sum(field.end - field.first for field in entries) == len(data)


def test_fields_of_known_messages() -> None:
    number, text, four = fields(memoryview(b"\x08\x96\x01\x12\x02hi\x1d\x01\x02\x03\x04"))
    assert (number.number, number.value, number.first, number.end) == (1, 150, 0, 3)
    assert (text.number, text.text) == (2, "hi")
    assert (four.number, bytes(four.content)) == (3, b"\x01\x02\x03\x04")
    assert numbers(memoryview(b"\x03\x96\x01")) == [3, 150]


@pytest.mark.parametrize(
    "data",
    [
        b"\x08",
        b"\x08\xff",
        b"\x08" + b"\xff" * 10 + b"\x01",
        b"\x12\x05hi",
        b"\x12\xff\xff\xff\xff\xff\xff\xff\xff\x7fhi",
        b"\x1d\x01",
        b"\x0b",
        b"\x02\x01a",
    ],
)
def test_invalid_messages_are_refused(data: bytes) -> None:
    with pytest.raises(WireError):
        list(fields(memoryview(data)))


def test_kinds_of_content_are_not_mixed_up() -> None:
    number, text = fields(memoryview(b"\x08\x01\x12\x01\xff"))
    with pytest.raises(WireError):
        _ = number.content
    with pytest.raises(WireError):
        _ = text.text
