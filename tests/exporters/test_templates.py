"""Templates: values, and blocks that depend on them."""

from __future__ import annotations

import pytest

from nmtool.exporters.templates import filled

LIST = """\
//% each items
//% if big
$name is big.
//% else big
//% unless hidden
$name is small${hidden_too?, too:.}
//% end hidden
//% end big
//% else items
There is nothing.
//% end items
"""
COMMON = {"hidden": False, "hidden_too": False}


def test_blocks_follow_the_values_of_their_scope() -> None:
    items = [{"name": "a", "big": True}, {"name": "b", "big": False}]
    items += [{"name": "c", "big": False, "hidden": True}]
    assert filled(LIST, {**COMMON, "items": items}) == "a is big.\nb is small.\n"
    assert filled(LIST, {**COMMON, "items": []}) == "There is nothing.\n"


def test_values_are_not_filled_in_again() -> None:
    assert filled("$text ${text?$text!:}", {"text": "$no ${x}"}) == "$no ${x} $no ${x}!"


def test_a_template_includes_another_with_the_values_of_its_scope() -> None:
    text = "//% each a\n//% include line\n//% end a\n"
    assert filled(text, {"a": [{"b": 1}, {"b": 2}], "line": "$b;\n"}) == "1;\n2;\n"


def test_a_value_is_computed_when_it_is_used() -> None:
    assert filled("$a", {"a": lambda: 7, "b": lambda: 1 // 0}) == "7"


def test_a_missing_value_is_an_error() -> None:
    with pytest.raises(KeyError):
        filled("$a", {})
