"""Finds the packages of the core and of the plug-ins, and the plug-ins' entry points.

The core is `nmtool` and the rooms beside it. Each folder in `plugins/` has a package, and a file
of entry points, through which nmtool finds it like any other installed package.
"""

from collections.abc import Iterator
from configparser import ConfigParser
from pathlib import Path

from setuptools import setup

ROOT = Path(__file__).parent
ROOMS = {
    "nmtool": "nmtool",
    "nmtool.hardware_sim": "hardware_sim",
    "nmtool.training": "training",
    "nmtool.exporters": "exporters",
    "nmtool.docs": "docs",
    "nmtool.examples": "examples",
}
"""Folders of the core, by the name of the installed package."""

PLUGINS = {
    name: folder.relative_to(ROOT).as_posix()
    for package in sorted(ROOT.glob("plugins/*/nmtool_*"))
    for name, folder in (
        (package.name, package),
        (f"{package.name}.docs", package.parent / "docs"),
    )
}
"""Folders of the plug-ins' packages, and of their pages, by name of the package."""


def packages() -> Iterator[str]:
    """Names of all packages: folders with a module, and folders of pages and examples."""
    for name, folder in {**ROOMS, **PLUGINS}.items():
        below = {file.parent for file in (ROOT / folder).rglob("*.py")}
        has_code = not name.endswith((".docs", ".examples"))
        for place in sorted(below if has_code else {ROOT / folder}):
            yield ".".join([name, *place.relative_to(ROOT / folder).parts])


def entry_points() -> dict[str, list[str]]:
    """The command, and the entry points of all plug-ins, by group."""
    groups = {"console_scripts": ["nmtool = nmtool.__main__:script"]}
    for file in sorted(ROOT.glob("plugins/*/entry_points.txt")):
        content = ConfigParser(delimiters="=")
        content.optionxform = str  # type: ignore[assignment] # names keep their capitals
        content.read_string(file.read_text())
        for group, entries in content.items():
            groups.setdefault(group, []).extend(f"{name} = {entries[name]}" for name in entries)
    return {group: entries for group, entries in groups.items() if entries}


setup(packages=list(packages()), package_dir={**ROOMS, **PLUGINS}, entry_points=entry_points())
