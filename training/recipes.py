"""Settings from TOML files, and the recipes: those files that come with nmtool."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path
from typing import Any

from nmtool import storage
from nmtool.data.dataset import suggestion
from nmtool.errors import UsageError
from nmtool.graph import is_unicode

ENDING = ".toml"
"""Ends the name of a file of settings, and tells it from that of a recipe."""

MAX_BYTES = 1 << 18
"""Of a file of settings."""

_DEEP = re.compile(r"""(?<![\w"'-])(?:(?:[A-Za-z0-9_-]+|"[^"\n]*"|'[^'\n]*')[ \t]*\.[ \t]*){16}""")
"""A key of many parts: reading takes the square of their number, and settings have two."""


def recipe_names() -> list[str]:
    """Names of all recipes, sorted."""
    found = (file.name for file in (files("nmtool") / "recipes").iterdir())
    return sorted(name.removesuffix(ENDING) for name in found if name.endswith(ENDING))


def read_settings(source: str | Path, *, folder: Path | None = None) -> dict[str, Any]:
    """Read the settings of a recipe or of a TOML file.

    Args:
        source: name of a recipe; a file, where it is a `Path`, ends in .toml, names a folder, or
            has a name that no recipe has.
        folder: where relative paths of files start; by default the working folder.

    Raises:
        UsageError: there is no such recipe, or the file cannot be read or is not valid TOML.
    """
    if isinstance(source, str) and Path(source).name == source and not source.endswith(ENDING):
        file = (folder or Path()) / source
        if source not in recipe_names() and file.is_file():
            return read_toml(file)
        if source not in recipe_names():
            raise UsageError(
                f"there is no recipe '{source}'",
                code="recipe-unknown",
                fix=suggestion(source, recipe_names(), also=f", or a file FILE{ENDING}"),
            )
        return _parsed((files("nmtool") / "recipes" / f"{source}{ENDING}").read_bytes(), source)
    return read_toml((folder or Path()) / source)


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
    return _parsed(content, str(file))


def _parsed(content: bytes, name: str) -> dict[str, Any]:
    try:
        import tomllib
    except ModuleNotFoundError:
        import tomli as tomllib
    try:
        text = content.decode()
        if _DEEP.search(text):
            raise ValueError("a key has too many parts")
        found = tomllib.loads(text)
        check_texts(found)
    except (ValueError, RecursionError) as error:
        raise UsageError(
            f"{name} is not valid TOML",
            code="config-invalid",
            fix="mend the line that is named",
            why=str(error),
        ) from error
    return found


def check_texts(value: Any) -> None:
    """Raise `ValueError` for a text that no name or path can be, in lists and tables, too."""
    if isinstance(value, str) and ("\0" in value or not is_unicode(value)):
        raise ValueError(f"{value!a} is no text")
    for entry in value.values() if isinstance(value, dict) else ():
        check_texts(entry)
    for entry in value if isinstance(value, list) else ():
        check_texts(entry)
