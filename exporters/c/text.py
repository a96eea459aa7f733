"""The text of C programs: their templates, and the arrays, strings and names in them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmtool.errors import UsageError, quoted

WIDTH = 100
"""Largest number of characters in a line."""

_INDENT = "    "
_ARRAY = re.compile(r"^static const u?int\d+_t (\w+)\[\d+\] = \{\n([-\d, \n]*)\};$", re.MULTILINE)

_ESCAPED = {ord(character): f"\\u{ord(character):04x}" for character in "*/?"}
"""Characters that could begin or end a comment, or form a trigraph.

In JSON, only strings contain them.
"""

_PREFIX = re.compile(r"[A-Za-z][A-Za-z0-9]*(_[A-Za-z0-9]+)*")
_LONGEST = 40
_DEFAULT_PREFIX = "nmtool_"
_DEFAULT_NAME = re.compile(rf'"(?:\\.|[^"\\])*"|\b{_DEFAULT_PREFIX}')
_WORD = re.compile(r"[A-Za-z_]\w*")
_IN_DRIVER = ("run_step",)
"""Names in nmtool's drivers; renaming must not produce them either."""


def template(name: str) -> str:
    """The text of a template of this package, e.g. `network.c`."""
    return Path(__file__).with_name(name).read_text("ascii")


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


def json_text(value: Any, indent: int | None = None) -> str:
    """Encode a value as JSON that is safe within a C comment."""
    return json.dumps(value, sort_keys=True, indent=indent).translate(_ESCAPED)


def check_prefix(text: object) -> None:
    """Raise `UsageError` unless names in C and C++ can begin with a text and an underscore."""
    if not isinstance(text, str) or len(text) > _LONGEST or not _PREFIX.fullmatch(text):
        raise UsageError(
            f"{quoted(text)} is not a valid prefix for names in C",
            code="c-prefix",
            why=f"a prefix begins with a letter, and has at most {_LONGEST} characters: letters, "
            "digits, and single underscores between them",
            fix="choose a word, e.g. `prefix=kws`",
        )


def renamed(code: str, prefix: str) -> str:
    """Replace `nmtool_` by a prefix in all names of C code, but not within strings.

    All code is first written with the default names. Without a prefix, they stay.

    >>> renamed('nmtool_step(); puts("nmtool_step");', "kws")
    'kws_step(); puts("nmtool_step");'

    Raises:
        UsageError: the code already contains a new name.
    """
    if not prefix or f"{prefix}_" == _DEFAULT_PREFIX:
        return code
    words = {*_WORD.findall(code), *_IN_DRIVER}
    new_names = {
        f"{prefix}_{word.removeprefix(_DEFAULT_PREFIX)}"
        for word in words
        if word.startswith(_DEFAULT_PREFIX)
    }
    if taken_names := sorted(new_names & words):
        raise UsageError(
            f"the prefix '{prefix}' would give two objects the same name {taken_names[0]}",
            code="c-prefix-taken",
            fix="choose another prefix",
        )
    return _DEFAULT_NAME.sub(
        lambda match: f"{prefix}_" if match[0] == _DEFAULT_PREFIX else match[0], code
    )
