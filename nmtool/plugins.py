"""Plug-ins: what other packages add to nmtool through their entry points.

A package names its objects in its pyproject.toml, and is installed beside nmtool:

    [project.entry-points."nmtool.formats"]
    mine = "nmtool_mine:PLACE"

nmtool reads the groups `nmtool.formats`, `nmtool.targets`, `nmtool.figures`, `nmtool.arithmetics`,
`nmtool.data`, `nmtool.referees` and `nmtool.names`; `docs/plugins.md` describes the objects of each
group. Names of nmtool itself cannot be taken. A plug-in that cannot be loaded is named in the log
and left out.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, TypeVar

from nmtool.errors import MissingError, reason

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

FORMATS, TARGETS, FIGURES = "nmtool.formats", "nmtool.targets", "nmtool.figures"
ARITHMETICS = "nmtool.arithmetics"
DATA_SETS, REFEREES, NAMES = "nmtool.data", "nmtool.referees", "nmtool.names"

_log = logging.getLogger(__name__)

_Value = TypeVar("_Value")


def registered(group: str) -> Mapping[str, EntryPoint]:
    """The entry points of a group, by name, without loading any of them.

    Those of nmtool's own plug-ins come first. If several packages use a name, that of the
    alphabetically first package counts.

    Args:
        group: a group such as `nmtool.formats`.
    """
    entries: dict[str, EntryPoint] = {}
    for _, package_entries in sorted(_packages().items(), key=lambda item: _order(item[0])):
        for entry in package_entries:
            if entry.group == group:
                entries.setdefault(entry.name, entry)
    return entries


def load(
    group: str,
    name: str,
    kind: type[_Value],
    check: Callable[[_Value], object] = lambda value: None,
) -> _Value:
    """Load a registered object.

    Args:
        group: a group such as `nmtool.formats`.
        name: a name in `registered(group)`.
        kind: class of the objects of the group.
        check: raises an error if the object must not be used.

    Raises:
        MissingError: the package cannot be imported, does not define the object, or the object is
            of another kind or must not be used.
    """
    try:
        value = registered(group)[name].load()
        if not isinstance(value, kind):
            raise TypeError(f"it is no {kind.__name__}")
        check(value)
        return value
    except Exception as error:
        raise broken(group, name, error) from error


@cache
def loaded(
    group: str,
    kind: type[_Value],
    check: Callable[[_Value], object] = lambda value: None,
    *,
    own: tuple[str, ...] = (),
) -> Mapping[str, _Value]:
    """All objects of a group, by name; those that fail are logged and left out.

    Args:
        group, kind, check: as for `load`.
        own: nmtool's own names in this group, which plug-ins cannot take.
    """
    objects: dict[str, _Value] = {}
    for name in registered(group):
        if name in own:
            _log.warning(f"plug-in left out: nmtool itself has '{name}' in the group {group}")
            continue
        try:
            objects[name] = load(group, name, kind, check)
        except MissingError as error:
            _log.warning(f"plug-in left out: {error.clause}; {error.fix}")
    return objects


def broken(group: str, name: str, error: Exception) -> MissingError:
    """The error for a plug-in that cannot be used, because of another error."""
    entry = registered(group).get(name)
    package = "its package" if entry is None or entry.dist is None else entry.dist.name
    place = "" if entry is None else f" as {entry.value}"
    return MissingError(
        f"'{name}', which {package} provides{place}, cannot be used",
        code="plugin-broken",
        why=reason(error),
        fix=f"update {package}, or uninstall it",
    )


@cache
def _packages() -> Mapping[str, Sequence[EntryPoint]]:
    """Entry points for nmtool, by the name of the installed package that declares them."""
    # Importing this module takes longer than reading all entry points.
    from importlib.metadata import distributions

    places = list(_places_of_packages())
    packages: dict[str, Sequence[EntryPoint]] = {}
    for distribution in distributions(path=places):
        if any(entry.group.startswith("nmtool.") for entry in distribution.entry_points):
            name = distribution.metadata["Name"]
            # Of a package that is installed twice, the first place on the path counts, as for an
            # import.
            first = next(iter(distributions(name=name, path=places)))
            packages[name] = [e for e in first.entry_points if e.group.startswith("nmtool.")]
    return packages


def _order(package: str) -> tuple[bool, str]:
    """Key that sorts packages by name, nmtool first."""
    return package != "nmtool", package


def _places_of_packages() -> Iterator[str]:
    """The folders of Python's path other than the working folder and that of the script.

    Python searches these two, too, but nobody installed the packages that happen to lie there.
    """
    script = getattr(sys.modules.get("__main__"), "__file__", None)
    unsafe = {os.path.realpath(os.getcwd())}
    if script is not None:
        unsafe.add(os.path.dirname(os.path.realpath(script)))
    for folder in sys.path:
        if os.path.realpath(folder or os.getcwd()) not in unsafe:
            yield folder
