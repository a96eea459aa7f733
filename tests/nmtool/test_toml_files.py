"""Values of settings are written as TOML and read back."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import given, strategies as st

from nmtool.toml_files import OFF, parse_toml, toml_value

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
VALUES = st.one_of(
    st.booleans(), st.integers(-(1 << 63), (1 << 63) - 1), st.floats(allow_nan=False), TEXTS
)


@given(st.one_of(VALUES, st.lists(TEXTS), st.lists(st.integers(0, 9)), st.lists(st.booleans())))
def test_written_values_are_read_back(value: Any) -> None:
    content = parse_toml(f"value = {toml_value(value)}\n".encode(), "settings.toml")["value"]
    assert content == value
    assert type(content) is type(value)


def test_none_and_nan() -> None:
    lines = f"off = {toml_value(None)}\nnan = {toml_value(math.nan)}\n"
    table = parse_toml(lines.encode(), "settings.toml")
    assert table["off"] == OFF
    assert math.isnan(table["nan"])
