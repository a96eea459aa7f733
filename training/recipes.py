"""Training settings from TOML files: the user's own, and recipes, which come with nmtool."""

from __future__ import annotations

import os
from importlib.resources import files
from pathlib import Path
from typing import Any

from nmtool.errors import UsageError, suggestion
from nmtool.toml_files import parse_toml, read_toml

ENDING = ".toml"
"""Suffix of settings files, which distinguishes them from recipes."""


def recipe_names() -> list[str]:
    """Names of all recipes, sorted."""
    file_names = (file.name for file in (files("nmtool") / "recipes").iterdir())
    return sorted(name.removesuffix(ENDING) for name in file_names if name.endswith(ENDING))


def read_settings(source: str | Path, *, folder: Path | None = None) -> dict[str, Any]:
    """Read the settings of a recipe or of a TOML file.

    Args:
        source: name of a recipe, or path of a file: a `Path`, or text that ends in .toml, contains
            a folder, or is not the name of a recipe.
        folder: base of relative paths; by default the working folder.

    Raises:
        UsageError: unknown recipe, or the file cannot be read or is not valid TOML.
    """
    if isinstance(source, str) and Path(source).name == source and not source.endswith(ENDING):
        file = (folder or Path()) / source
        if source not in recipe_names() and os.path.isfile(file):
            return read_toml(file)
        if source not in recipe_names():
            raise UsageError(
                f"unknown recipe '{source}'",
                code="recipe-unknown",
                fix=suggestion(source, recipe_names(), also=f", or a file FILE{ENDING}"),
            )
        return parse_toml((files("nmtool") / "recipes" / f"{source}{ENDING}").read_bytes(), source)
    return read_toml((folder or Path()) / source)
