"""Files of one checkpoint: which there are, whose they are, what they hold."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nmtool.errors import FileFormatError, UsageError

WEIGHT, DELAY = "weight", "delay"

_VARIABLES = {"g": WEIGHT, "d": DELAY}
"""What older versions call them."""

LONGEST_DELAY = 65535
"""Steps, as `nmtool.network.Projection` holds them."""

_FILE = re.compile(r"([A-Za-z0-9]+)-Conn_([A-Za-z0-9_]+)-([A-Za-z]\w*)\.npy")
_OTHER = re.compile(r"([A-Za-z0-9]+)-(\w+)-\w+\.npy")
"""A variable of a population."""

_NAME_THEM = "name all populations: --in-populations NAME,NAME,…"

SHOWN = 8
"""Checkpoints that a message names."""

_LIMIT_OF_NAMES = 10_000


@dataclass(frozen=True, eq=False)
class Connection:
    """Arrays of one connection.

    Attributes:
        source, target: mlGeNN's names of its populations.
        weight: [pre·post] float64.
        delay: [pre·post] float64, in steps; None without delays.
    """

    source: str
    target: str
    weight: NDArray[np.float64]
    delay: NDArray[np.float64] | None


def read_connections(
    folder: str | Path, epoch: str | int | None, populations: tuple[str, ...] = ()
) -> list[Connection]:
    """The connections of a checkpoint, in the order of their names.

    Args:
        folder: holds the files.
        epoch: which checkpoint, by its number or word; the latest number where None.
        populations: their names; empty where the files make them plain.

    Raises:
        FileFormatError: there are no such files, or some cannot be used; all are listed.
        UsageError: the names could be split in several ways, or several checkpoints be meant.
    """
    chosen = _chosen(folder, epoch)
    files = _files(folder, chosen)
    ends = _ends(sorted(files), populations, folder)
    problems = _variables_of_populations(folder, chosen)
    connections = []
    for name, (source, target) in ends.items():
        arrays = {key: _read(path, problems) for key, path in files[name].items()}
        problems += _missing(name, arrays)
        if not problems:
            connections.append(Connection(source, target, arrays[WEIGHT], arrays.get(DELAY)))
    if problems:
        raise FileFormatError(
            f"{folder} holds no checkpoint that can be read", why="\n".join(problems)
        )
    return connections


def checkpoints(folder: str | Path) -> list[str]:
    """What files of a folder's checkpoints begin with: words, then numbers, the latest last.

    Empty where there are none, or no folder.
    """
    paths = Path(folder).iterdir() if Path(folder).is_dir() else ()
    found = {match[1] for path in paths if (match := _match(path))}
    return sorted(found, key=lambda name: (name.isdigit(), int(name) if name.isdigit() else name))


def _chosen(folder: str | Path, epoch: str | int | None) -> str:
    """The checkpoint that is asked for, or the latest."""
    if not Path(folder).is_dir():
        raise FileFormatError(f"{folder} is no folder", fix="name the folder of the checkpoints")
    found = checkpoints(folder)
    if epoch is None and len(found) > 1 and not found[-1].isdigit():
        raise UsageError(
            f"{folder} does not show which checkpoint is the latest",
            why=f"there are {_listed(found)}",
            fix=f"name one: --in-epoch {found[-1]}",
        )
    chosen = "".join(found[-1:]) if epoch is None else str(epoch)
    if chosen not in found:
        raise FileFormatError(
            f"{folder} holds no checkpoint" + (f" of epoch {chosen}" if chosen else ""),
            why="its files are called <epoch>-Conn_<Source>_<Target>-<variable>.npy",
            fix=f"name one of {_listed(found)}" if found else "name another folder",
        )
    return chosen


def _listed(found: list[str]) -> str:
    return ", ".join(found if len(found) < SHOWN else [*found[:1], "…", *found[1 - SHOWN :]])


def _files(folder: str | Path, chosen: str) -> dict[str, dict[str, Path]]:
    """By connection and variable."""
    files: dict[str, dict[str, Path]] = {}
    for path in sorted(Path(folder).iterdir()):
        match = _match(path)
        if match and match[1] == chosen:
            own, variable = files.setdefault(match[2], {}), _VARIABLES.get(match[3], match[3])
            own[path.name if variable in own else variable] = path
    return files


def _variables_of_populations(folder: str | Path, chosen: str) -> list[str]:
    """Files of a checkpoint that belong to no connection, as problems."""
    return [
        f"{path.name}: variables of populations have no place in a network"
        for path in sorted(Path(folder).iterdir())
        if (match := _OTHER.fullmatch(path.name)) and match[1] == chosen and not _match(path)
    ]


def _match(path: Path) -> re.Match[str] | None:
    return _FILE.fullmatch(path.name) if path.is_file() else None


def _ends(
    names: list[str], populations: tuple[str, ...], folder: str | Path
) -> dict[str, tuple[str, str]]:
    """Source and target of each connection: the reading with the fewest populations."""
    choices = [_splits(name, populations) for name in names]
    impossible = [name for name, splits in zip(names, choices, strict=True) if not splits]
    if impossible:
        raise UsageError(
            f"{', '.join(impossible)}: no source and target can be told apart",
            fix=_NAME_THEM,
        )
    if np.prod([len(splits) for splits in choices], dtype=float) > _LIMIT_OF_NAMES:
        raise UsageError(f"names in {folder} can be read in too many ways", fix=_NAME_THEM)
    readings = sorted(itertools.product(*choices), key=_populations_of)
    if len(readings) > 1 and _populations_of(readings[0]) == _populations_of(readings[1]):
        raise UsageError(
            f"names in {folder} can be read in several ways",
            why=f"{names[0]} may join {' and '.join(readings[0][0])}, or otherwise",
            fix=_NAME_THEM,
        )
    return dict(zip(names, readings[0], strict=True))


def _splits(name: str, populations: tuple[str, ...]) -> list[tuple[str, str]]:
    cuts = [match.start() for match in re.finditer("_", name)]
    pairs = [(name[:cut], name[cut + 1 :]) for cut in cuts]
    return [
        (pre, post)
        for pre, post in pairs
        if pre and post and (not populations or {pre, post} <= set(populations))
    ]


def _populations_of(reading: tuple[tuple[str, str], ...]) -> int:
    return len({name for pair in reading for name in pair})


def _read(path: Path, problems: list[str]) -> NDArray[np.float64]:
    """The array of a file, flat; what is wrong with it is added to the problems."""
    try:
        # Mapped, because a header may promise more than memory or the file hold.
        array = np.load(path, mmap_mode="r", allow_pickle=False)
        if array.dtype.kind not in "fiu":
            raise ValueError(f"it holds {array.dtype}, not numbers")
        values = np.array(array, np.float64).ravel()
        if not np.isfinite(values).all():
            raise ValueError("not all of its numbers are finite")
    except (OSError, ValueError, EOFError, TypeError, SyntaxError, OverflowError) as error:
        problems.append(f"{path.name}: {error}")
        return np.zeros(0)
    return values


def _missing(name: str, arrays: dict[str, NDArray[np.float64]]) -> list[str]:
    """What keeps these variables from being a connection."""
    if WEIGHT not in arrays:
        return [f"Conn_{name}: no weights"]
    other = sorted(set(arrays) - {WEIGHT, DELAY})
    problems = [f"Conn_{name}: the variable '{key}' has no place in a network" for key in other]
    delay = arrays.get(DELAY)
    if delay is not None and delay.size != arrays[WEIGHT].size:
        problems.append(f"Conn_{name}: {arrays[WEIGHT].size} weights, but {delay.size} delays")
    elif delay is not None and not ((delay > -0.5) & (delay < LONGEST_DELAY)).all():
        problems.append(f"Conn_{name}: delays are not within 0 … {LONGEST_DELAY} steps")
    return problems
