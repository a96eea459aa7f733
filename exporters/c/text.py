"""Write arrays and strings as C text, and read the arrays back."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

WIDTH = 100
"""Largest number of characters in a line."""

_INDENT = "    "
_ARRAY = re.compile(r"^static const u?int\d+_t (\w+)\[\d+\] = \{\n([-\d, \n]*)\};$", re.MULTILINE)

_ESCAPED = {ord(character): f"\\u{ord(character):04x}" for character in "*/?"}
"""Characters that could begin or end a comment, or form a trigraph.

In JSON, only strings contain them.
"""


def array(type_: str, name: str, values: NDArray[np.integer]) -> str:
    """Write the definition of a constant array.

    Args:
        type_: type of its elements, from <stdint.h>.
        name: an identifier.
        values: at least one number, in any shape; written in C order.
    """
    words = [str(value) for value in values.ravel().tolist()]
    per_line = (WIDTH - len(_INDENT)) // (max(map(len, words)) + 2)
    lines = [", ".join(words[i : i + per_line]) for i in range(0, len(words), per_line)]
    body = f",\n{_INDENT}".join(lines)
    return f"static const {type_} {name}[{len(words)}] = {{\n{_INDENT}{body}\n}};"


def read_arrays(text: str) -> dict[str, NDArray[np.int64]]:
    """All arrays that `array` wrote into a text: [elements] int64 by name.

    Raises:
        ValueError: an array does not consist of numbers.
        OverflowError: a number has more than 64 bits.
    """
    return {
        name: np.array([int(word) for word in body.split(",")], np.int64)
        for name, body in _ARRAY.findall(text)
    }


def string(text: str) -> str:
    r"""A C string literal: a text in UTF-8, written in ASCII characters only.

    >>> print(string('näher "?'))
    "n\303\244her \042\077"
    """
    characters = [
        chr(byte) if (chr(byte).isalnum() and byte < 128) or byte in b" _-+.,:" else f"\\{byte:03o}"
        for byte in text.encode()
    ]
    return f'"{"".join(characters)}"'


def json_string(text: str) -> str:
    """Encode a text as a JSON string that is safe within a C comment."""
    return json.dumps(text).translate(_ESCAPED)


def json_text(value: Any) -> str:
    """Encode a value as multi-line JSON that is safe within a C comment."""
    return json.dumps(value, sort_keys=True, indent=1).translate(_ESCAPED)
