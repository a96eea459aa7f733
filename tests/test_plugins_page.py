"""The package of docs/plugins.md is installed, and its commands run."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from nmtool import plugins
from tests.packages import install, python
from tests.tutorials import blocks

PAGE = Path(__file__).parents[1] / "docs" / "plugins.md"
FILE = re.compile(r"`(\w+\.(?:py|toml))`[^\n]*\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
"""A file of the package: its name, on the line before its block."""

TEXT = PAGE.read_text("utf-8")
[COMMANDS] = (text for language, text in blocks(PAGE) if language == "")


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files of the page, and the installed package in its folder `site`."""
    folder = tmp_path_factory.mktemp("mine")
    for name, text in FILE.findall(TEXT):
        (folder / name).write_text(text, encoding="utf-8")
    install(folder)
    return folder


def run(line: str, folder: Path) -> str:
    """Output of a command of the page."""
    program, *words = shlex.split(line)
    modules = {"nmtool": ("-m", "nmtool"), "python": ()}
    return python(*modules[program], *words, folder=folder)


def test_the_format_passes_its_test_and_is_verified_as_the_page_says(package: Path) -> None:
    first, *lines = COMMANDS.splitlines()
    assert first == "pip install -e ."
    tested, checked, *_, verified = (run(line, package) for line in lines)
    assert "1 passed" in tested
    assert "faithful" in checked
    [promised] = re.findall("The last command prints `(.*)`", TEXT)
    assert promised in verified


def test_every_group_of_entry_points_is_on_the_page() -> None:
    groups = {
        value
        for value in vars(plugins).values()
        if isinstance(value, str) and value.startswith("nmtool.") and value != plugins.__name__
    }
    assert set(re.findall(r"^\| `(nmtool\.\w+)` \|", TEXT, re.M)) == groups
