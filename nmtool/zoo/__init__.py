"""Trained and verified networks, small enough to come with nmtool.

>>> import nmtool as nm
>>> nm.zoo.names()
['digits', 'spoken-digits', 'yinyang']
>>> nm.zoo.load("yinyang")
<IntegerNetwork: 4 channels, hidden 30 lif, output 3 li, 140 steps of 0.5 ms>

Commands and functions that take the path of a network also take `zoo:NAME`. `about` gives the
command that trained a network; `python -m benchmarks.zoo` verified the trained networks and added
them to the zoo.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from nmtool.errors import FileFormatError, suggestion
from nmtool.network.integer_network import IntegerNetwork
from nmtool.tables import Table, Tabular
from nmtool.toml_files import read_toml

PREFIX = "zoo:"
"""Prefix of a zoo network's name where a path is expected."""

_ENDING = ".npz"


@dataclass(frozen=True, repr=False)
class ZooNetwork(Tabular):
    """Facts about a network of the zoo.

    Attributes:
        name: its name without `zoo:`.
        title: its task, in a line.
        facts: training, accuracy, cost and certificate, by their names in the network's TOML file.
    """

    name: str
    title: str
    facts: Mapping[str, Any]

    def _line(self) -> str:
        return f"{PREFIX}{self.name}, {self.title}"

    def as_json(self) -> dict[str, Any]:
        """Plain values, under stable names for scripts."""
        return {"name": f"{PREFIX}{self.name}", "title": self.title, **self.facts}

    def tables(self) -> list[Table]:
        """One row per fact."""
        rows = [(key.replace("_", " "), _shown(value)) for key, value in self.facts.items()]
        return [Table(f"{PREFIX}{self.name}: {self.title}", ("", "value"), rows)]


def names() -> list[str]:
    """Names of all networks of the zoo, sorted."""
    file_names = (file.name for file in files("nmtool.zoo").iterdir())
    return sorted(name.removesuffix(_ENDING) for name in file_names if name.endswith(_ENDING))


def load(name: str) -> IntegerNetwork:
    """A network of the zoo, by its name with or without `zoo:`.

    Raises:
        FileFormatError: there is no network of that name.
    """
    return IntegerNetwork.load(path(name))


def about(name: str) -> ZooNetwork:
    """Facts about a network of the zoo: training, accuracy, cost, certificate.

    >>> about("digits").facts["channels"]
    107

    Raises:
        FileFormatError: there is no network of that name.
    """
    facts = read_toml(path(name).with_suffix(".toml"))
    return ZooNetwork(name.removeprefix(PREFIX), facts.pop("title"), facts)


def path(name: str | Path) -> Path:
    """File of a network of the zoo; a `Path` is returned unchanged.

    Args:
        name: name of a network, with or without `zoo:`; or a `Path`.

    Raises:
        FileFormatError: there is no network of that name.
    """
    if isinstance(name, Path):
        return name
    plain_name = name.removeprefix(PREFIX)
    if plain_name not in names():
        raise FileFormatError(
            f"there is no network '{plain_name}' in the zoo",
            code="zoo-unknown",
            fix=suggestion(plain_name, names()),
        )
    return Path(str(files("nmtool.zoo") / f"{plain_name}{_ENDING}"))


def is_name(path: object) -> bool:
    """True if a source is the name of a network of the zoo: any text after `zoo:`."""
    return isinstance(path, str) and path.startswith(PREFIX)


def _shown(value: Any) -> Any:
    if isinstance(value, dict):
        return ", ".join(f"{key} {entry}" for key, entry in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else value
