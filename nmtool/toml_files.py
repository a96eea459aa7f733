"""Hand-written TOML files: settings, ranges and targets. Size and nesting are limited."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from nmtool import storage
from nmtool.errors import UsageError
from nmtool.network.graph import is_unicode

OFF = "none"
"""The word for None in files of settings and on the command line."""

MAX_BYTES = 1 << 18
"""Largest size of a TOML file, in bytes."""

_DEEP = re.compile(r"""(?<![\w"'-])(?:(?:[A-Za-z0-9_-]+|"[^"\n]*"|'[^'\n]*')[ \t]*\.[ \t]*){16}""")
"""A dotted key of more than 16 parts, which is refused, since parsing could take very long."""


def read_toml(file: Path) -> dict[str, Any]:
    """Read a TOML file.

    Raises:
        UsageError: the file cannot be read or is not valid TOML.
    """
    try:
        content = storage.read_small(file, MAX_BYTES)
    except (OSError, ValueError) as error:
        raise UsageError(
            f"{file} cannot be read",
            code="config-unreadable",
            fix="check the path and its permissions",
            why=getattr(error, "strerror", None) or str(error),
        ) from error
    return parse_toml(content, str(file))


def parse_toml(content: bytes, name: str) -> dict[str, Any]:
    """Parse TOML; raises `UsageError` for invalid text.

    Args:
        content: UTF-8 text.
        name: name of the file, for the error.
    """
    try:
        import tomllib
    except ModuleNotFoundError:
        import tomli as tomllib
    try:
        text = content.decode()
        if _DEEP.search(text):
            raise ValueError("a key has too many parts")
        table = tomllib.loads(text)
        check_values(table)
    except (ValueError, RecursionError) as error:
        raise UsageError(
            f"{name} is not valid TOML",
            code="config-invalid",
            fix="correct the line that the parser names",
            why=str(error),
        ) from error
    return table


def toml_value(value: Any) -> str:
    """Write a bool, number, text, list or table in TOML; None, which TOML lacks, becomes `OFF`.

    >>> print(toml_value([True, 0.5, "a"]), toml_value(None), toml_value({"lr": 0.01}))
    [true, 0.5, "a"] "none" { lr = 0.01 }
    """
    if isinstance(value, dict):
        entries = (f"{name} = {toml_value(entry)}" for name, entry in value.items())
        return f"{{ {', '.join(entries)} }}"
    if isinstance(value, float):
        return repr(value)
    # With escapes, JSON would write characters beyond 16 bits as surrogate pairs, which are invalid
    # in TOML. Without escapes, the character DEL would stay in the text, which TOML forbids.
    text = json.dumps(OFF if value is None else value, ensure_ascii=False)
    return text.replace("\x7f", "\\u007f")


def check_values(value: Any) -> None:
    """Raise `ValueError` for a value that no setting can have, also in lists and tables.

    These are text that cannot be a name or path, and whole numbers of more than 64 bits.
    """
    if isinstance(value, str) and ("\0" in value or not is_unicode(value)):
        raise ValueError(f"{value!a} is not valid text")
    if isinstance(value, int) and not -1 << 63 <= value < 1 << 63:
        raise ValueError("a whole number has more than 64 bits")
    for entry in value.values() if isinstance(value, dict) else ():
        check_values(entry)
    for entry in value if isinstance(value, list) else ():
        check_values(entry)
