"""Read the files of a checkpoint: names, connections and arrays."""

from __future__ import annotations

import itertools
import re
import warnings
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nmtool.arithmetic import MAX_FLOAT_DELAY
from nmtool.errors import FileFormatError, Finding, UsageError

WEIGHT, DELAY = "weight", "delay"

_VARIABLES = {"g": WEIGHT, "d": DELAY}
"""Names of variables in older versions of mlGeNN."""

_FILE = re.compile(r"([A-Za-z0-9]+)-Conn_([A-Za-z0-9_]+)-([A-Za-z]\w*)\.npy")
_OTHER = re.compile(r"([A-Za-z0-9]+)-(\w+)-\w+\.npy")
"""Pattern of file names of a population's variables."""

_NAME_THEM = "name all populations: `populations=NAME,NAME,…`"
_LEAVE_OUT = "remove it from the folder, if the network does not need it"
_WRITE_AGAIN = "write the checkpoint again, or use another epoch"

SHOWN = 8
"""Largest number of checkpoints named in a message."""

_LIMIT_OF_NAMES = 10_000


@dataclass(frozen=True, eq=False)
class Connection:
    """Arrays of one connection.

    Attributes:
        source, target: mlGeNN's names of the populations.
        weight: [pre·post] float64, weights.
        delay: [pre·post] float64, delays in steps; None if there are none.
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
        folder: folder of the files.
        epoch: number or word in the checkpoint's file names; None: the latest number.
        populations: names of all populations; may be empty if the file names are unambiguous.

    Raises:
        FileFormatError: there are no such files, or some are invalid; all of these are listed.
        UsageError: file names are ambiguous, or it is not clear which checkpoint is the latest.
    """
    chosen = _chosen_checkpoint(folder, epoch)
    files = _files(folder, chosen)
    sources_and_targets = _sources_and_targets(sorted(files), populations, folder)
    findings = _variables_of_populations(folder, chosen)
    connections = []
    for name, (source, target) in sources_and_targets.items():
        results = {key: _read_array(path) for key, path in files[name].items()}
        findings += [result for result in results.values() if isinstance(result, Finding)]
        arrays = {key: array for key, array in results.items() if not isinstance(array, Finding)}
        findings += _connection_findings(f"Conn_{name}", files[name], arrays)
        if not findings:
            connections.append(Connection(source, target, arrays[WEIGHT], arrays.get(DELAY)))
    if findings:
        raise FileFormatError(
            f"the checkpoint in {folder} cannot be read",
            code="mlgenn-unreadable",
            findings=findings,
        )
    return connections


def checkpoints(folder: str | Path) -> list[str]:
    """Names of the checkpoints in a folder: words, then numbers, with the latest last.

    Empty if there are no checkpoints, or no folder.
    """
    paths = Path(folder).iterdir() if Path(folder).is_dir() else ()
    epochs = {match[1] for path in paths if (match := _match_file_name(path))}
    return sorted(epochs, key=lambda name: (name.isdigit(), int(name) if name.isdigit() else name))


def _chosen_checkpoint(folder: str | Path, epoch: str | int | None) -> str:
    """The requested checkpoint, or the latest."""
    if not Path(folder).is_dir():
        raise FileFormatError(
            f"{folder} is not a folder",
            code="file-missing",
            fix="name the folder of the checkpoints",
        )
    epochs = checkpoints(folder)
    if epoch is None and len(epochs) > 1 and not epochs[-1].isdigit():
        raise UsageError(
            f"it is not clear which checkpoint in {folder} is the latest",
            code="mlgenn-latest-unclear",
            why=f"the folder contains the checkpoints {_listed(epochs)}",
            fix=f"name a checkpoint: `epoch={epochs[-1]}`",
        )
    chosen = "".join(epochs[-1:]) if epoch is None else str(epoch)
    if chosen not in epochs:
        raise FileFormatError(
            f"{folder} contains no checkpoint" + (f" of epoch {chosen}" if chosen else ""),
            code="mlgenn-no-checkpoint",
            why="files of a checkpoint are named <epoch>-Conn_<Source>_<Target>-<variable>.npy",
            fix=f"name one of the checkpoints {_listed(epochs)}"
            if epochs
            else "name another folder",
        )
    return chosen


def _listed(epochs: list[str]) -> str:
    return ", ".join(epochs if len(epochs) < SHOWN else [*epochs[:1], "…", *epochs[1 - SHOWN :]])


def _files(folder: str | Path, chosen: str) -> dict[str, dict[str, Path]]:
    """Files of a checkpoint, by connection and variable."""
    files: dict[str, dict[str, Path]] = {}
    for path in sorted(Path(folder).iterdir()):
        match = _match_file_name(path)
        if match and match[1] == chosen:
            variables, variable = files.setdefault(match[2], {}), _VARIABLES.get(match[3], match[3])
            variables[path.name if variable in variables else variable] = path
    return files


def _variables_of_populations(folder: str | Path, chosen: str) -> list[Finding]:
    """Findings for files of a checkpoint that do not belong to a connection."""
    what = "variables of populations cannot be imported"
    return [
        Finding("mlgenn-population-variable", path.name, what, _LEAVE_OUT)
        for path in sorted(Path(folder).iterdir())
        if (match := _OTHER.fullmatch(path.name))
        and match[1] == chosen
        and not _match_file_name(path)
    ]


def _match_file_name(path: Path) -> re.Match[str] | None:
    """Divide the file name of a connection into its parts; None for other files."""
    return _FILE.fullmatch(path.name) if path.is_file() else None


def _sources_and_targets(
    names: list[str], populations: tuple[str, ...], folder: str | Path
) -> dict[str, tuple[str, str]]:
    """Divide the name of each connection into source and target.

    Of all possible divisions, the one with the fewest different populations is chosen.
    """
    choices = [_splits(name, populations) for name in names]
    impossible = [name for name, splits in zip(names, choices, strict=True) if not splits]
    if impossible:
        raise UsageError(
            f"source and target cannot be determined from the names {', '.join(impossible)}",
            code="mlgenn-names-unsplit",
            fix=_NAME_THEM,
        )
    if np.prod([len(splits) for splits in choices], dtype=float) > _LIMIT_OF_NAMES:
        raise UsageError(
            f"file names in {folder} have too many possible sources and targets",
            code="mlgenn-names-too-many",
            fix=_NAME_THEM,
        )
    readings = sorted(itertools.product(*choices), key=_count_populations)
    if len(readings) > 1 and _count_populations(readings[0]) == _count_populations(readings[1]):
        raise UsageError(
            f"file names in {folder} have several possible sources and targets",
            code="mlgenn-names-ambiguous",
            why=f"{names[0]} may connect {' and '.join(readings[0][0])}, or other populations",
            fix=_NAME_THEM,
        )
    return dict(zip(names, readings[0], strict=True))


def _splits(name: str, populations: tuple[str, ...]) -> list[tuple[str, str]]:
    """All ways to split the name of a connection into source and target."""
    cuts = [match.start() for match in re.finditer("_", name)]
    pairs = [(name[:cut], name[cut + 1 :]) for cut in cuts]
    return [
        (pre, post)
        for pre, post in pairs
        if pre and post and (not populations or {pre, post} <= set(populations))
    ]


def _count_populations(reading: tuple[tuple[str, str], ...]) -> int:
    """Count the populations that occur as source or target of a connection, each once."""
    return len({name for pair in reading for name in pair})


def _read_array(path: Path) -> NDArray[np.float64] | Finding:
    """The array of a file, flattened; a finding if the file is invalid."""
    try:
        # The file is memory-mapped, because its header may claim an array larger than the file or
        # the memory.
        with warnings.catch_warnings():
            # numpy warns if Python 2 wrote the header.
            warnings.simplefilter("ignore")
            array = np.load(path, mmap_mode="r", allow_pickle=False)
        if array.dtype.kind not in "fiu":
            what = f"its type is {array.dtype}, which is not numeric"
            return Finding("mlgenn-no-numbers", path.name, what, _WRITE_AGAIN)
        values = np.array(array, np.float64).ravel()
    except Exception as error:
        # numpy parses the header as Python code, so that reading can raise any exception.
        return Finding("mlgenn-damaged", path.name, str(error), _WRITE_AGAIN)
    if not np.isfinite(values).all():
        what = "not all of its numbers are finite"
        return Finding("mlgenn-not-finite", path.name, what, "use another epoch")
    return values


def _connection_findings(
    where: str, variables: Collection[str], arrays: Mapping[str, NDArray[np.float64]]
) -> Iterator[Finding]:
    """Findings on missing, unknown or inconsistent variables of a connection."""
    if WEIGHT not in variables:
        yield Finding(
            "mlgenn-no-weights", where, "it has no weights", "add the file with its weights"
        )
        return
    for key in sorted(set(variables) - {WEIGHT, DELAY}):
        what = f"the variable '{key}' cannot be imported"
        yield Finding("mlgenn-variable", where, what, _LEAVE_OUT)
    weight, delay = arrays.get(WEIGHT), arrays.get(DELAY)
    if delay is not None and weight is not None and delay.size != weight.size:
        what = f"it has {weight.size} weights, but {delay.size} delays"
        yield Finding(
            "mlgenn-delay-count", where, what, "take weights and delays from the same checkpoint"
        )
    elif delay is not None and not ((delay > -0.5) & (delay < MAX_FLOAT_DELAY + 0.5)).all():
        what = f"delays are not within 0 … {MAX_FLOAT_DELAY} steps"
        yield Finding("mlgenn-delay-range", where, what, "train with delays in steps")
