"""Files of many formats with one random change, and the commands that read them.

Bytes change at random as in `nmtool/testing/damage.py`. Beyond that, the changes know the kind of
file: they exchange numbers and texts in JSON and TOML, arrays in archives and in HDF5 files, and
whole files of a folder. So many mutated files are still well-formed, and reach the code behind the
parsers.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np

from nmtool.cli.main import main
from nmtool.exporters.json.file import to_bytes
from nmtool.exporters.json.format import Json
from nmtool.exporters.lava.format import Lava
from nmtool.exporters.nir.format import Nir
from nmtool.hardware_sim.known_answers import known_answers
from nmtool.testing.damage import damages
from nmtool.toml_files import toml_value
from nmtool.training.options import TrainOptions
from tests.hostile import crafted
from tests.nmtool.cli import cases

Words = list[str]
Random = np.random.Generator


class Kind(NamedTuple):
    """A kind of file or folder, named `x`, and what reads it.

    Attributes:
        name: name of the file or folder.
        write: writes it into a folder with `crafted.whole`, which is the working folder.
        commands: commands that read it, which take turns.
        made: names of the files and folders that these commands may make or change; None if the
            file itself names the folder to make.
    """

    name: str
    write: Callable[[Path], object]
    commands: tuple[str, ...]
    made: tuple[str, ...] | None = ("y.npz",)


def _lava(path: Path) -> None:
    network = cases.integer_network()
    Lava.write(network, path, answers=known_answers(network), samples=cases.spike_events(2))


def _json(path: Path) -> None:
    network = cases.integer_network()
    Json.write(network, path, answers=known_answers(network))


def _settings(path: Path) -> None:
    lines = (f"{name} = {toml_value(value)}" for name, value in TrainOptions().as_json().items())
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _run(path: Path) -> None:
    assert main(["train", "two", "-o", path.name, *cases.SETTINGS]) == 0


READ = ("inspect x --json", "convert x y.npz", "verify x")
KINDS = {
    "lava": Kind("x", _lava, READ),
    "json": Kind(
        "x.json", _json, ("inspect x.json", "convert x.json y.npz", "evaluate x.json two")
    ),
    "nir": Kind(
        "x.nir",
        lambda path: Nir.write(cases.float_network(), path),
        ("inspect x.nir --json", "convert x.nir y.npz", "evaluate x.nir two"),
    ),
    # Without data, reading ends before training.
    "settings": Kind("x.toml", _settings, ("train missing -o y --config x.toml",), ("y",)),
    "run": Kind(
        "x",
        _run,
        (
            "inspect x",
            "evaluate x two:validation",
            "report x -o y.html",
            "quantise x -o y.npz",
            "train --resume x",
        ),
        ("x", "y.html", "y.npz"),
    ),
}

TEXTS = (".json", ".jsonl", ".toml", ".csv", ".py", ".c", ".h", ".md", "")
_TOKEN = re.compile(r'"(?:[^"\\\n]|\\.)*"|-?\b[0-9][0-9.eE+-]*|\b(?:true|false|null)\b')
HOSTILE = (
    *("0", "-1", "1e308", "-1e-300", "1e400", "0.5", str(1 << 63), "9" * 5000, "true", "null"),
    *('""', '"x"', '"a\\u0000b"', r'"\u001b]0;x\u0007\u202e"', f'"{"a" * 5000}"', '"/dev/zero"'),
    *(
        '"../y"',
        r'"\ud800"',
        "NaN",
        "[]",
        "{}",
        '[1, "a"]',
        "[" * 3000 + "]" * 3000,
        "0x" + "f" * 5000,
    ),
)


def mutate(path: Path, random: Random) -> str:
    """Change a file, or one file in a folder; returns what was changed, in words."""
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.is_file())
        path = files[random.integers(len(files))]
    changes: list[Callable[[Path, Random], None]] = [_damage, _replace]
    if path.suffix in TEXTS:
        changes = [*changes, _tokens, _tokens, _tokens, _lines]
    if path.suffix == ".json":
        changes = [*changes, _sealed, _sealed]
    if path.suffix == ".npz":
        changes = [*changes, _header, _member, _member]
    if path.suffix == ".nir":
        changes = [*changes, _dataset, _dataset, _dataset, _dataset]
    change = changes[random.integers(len(changes))]
    change(path, random)
    return f"{change.__name__[1:]} of {path.name}"


def _damage(path: Path, random: Random) -> None:
    copies = damages(path.read_bytes(), int(random.integers(1 << 30)), 4)
    path.write_bytes(copies[random.integers(4)][1])


def _replace(path: Path, random: Random) -> None:
    """Put something else in the place of a file, or nothing."""
    puts = [*crafted.PLACES.values(), Path.touch, Path.mkdir, lambda path: None]
    path.unlink()
    puts[random.integers(len(puts))](path)


def _tokens(path: Path, random: Random) -> None:
    """Exchange a number, text or word for another; a few files get two of these changes."""
    text = path.read_text(encoding="utf-8")
    for _ in range(random.integers(1, 3)):
        text = _with_other_token(text, random)
    path.write_text(text, encoding="utf-8")


def _with_other_token(text: str, random: Random) -> str:
    tokens = [*_TOKEN.finditer(text)]
    if not tokens:
        return text
    token = tokens[random.integers(len(tokens))]
    return text[: token.start()] + HOSTILE[random.integers(len(HOSTILE))] + text[token.end() :]


def _sealed(path: Path, random: Random) -> None:
    """Exchange a token, and make the digest match the new content."""
    _tokens(path, random)
    with suppress(ValueError, RecursionError, KeyError, AttributeError, TypeError):
        document = json.loads(path.read_text(encoding="utf-8"))
        del document["digest"]
        path.write_bytes(to_bytes(document))


def _lines(path: Path, random: Random) -> None:
    """Delete, repeat or move a line."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    line = lines.pop(random.integers(len(lines)))
    for _ in range(random.integers(3)):
        lines.insert(random.integers(len(lines) + 1), line)
    path.write_text("".join(lines), encoding="utf-8")


def _header(path: Path, random: Random) -> None:
    crafted.edit(path, lambda header: _with_other_token(json.dumps(header), random))


def _member(path: Path, random: Random) -> None:
    """Exchange an array of an archive, with a matching checksum."""
    with np.load(path) as archive:
        names = [name for name in archive.files if name != "header"]
        if not names:
            return
        name = names[random.integers(len(names))]
        other = _other_array(archive[name], random)
    data = crafted.claim("<f8", "(1000000000,)") if other is None else crafted.array_bytes(other)
    crafted.edit(path, lambda _: None, **{name: data})


def _other_array(array: np.ndarray, random: Random) -> Any:
    """Another array in the place of an array; None for one that only claims to be large."""
    flat = array.reshape(-1)
    others: list[Any] = [
        None,
        np.zeros(0),
        np.float64(np.nan),
        np.full(array.shape, np.inf),
        np.full(array.shape, 1 << 62),
        np.full(array.shape, -1),
        flat[:-1],
        np.array(["x"]),
        np.stack([flat, flat]),
        array[::-1] if array.ndim else array,
    ]
    return others[random.integers(len(others))]


def _dataset(path: Path, random: Random) -> None:
    """Exchange or delete a dataset of an HDF5 file; half of the files lose nmtool's own part."""
    with h5py.File(path, "r+") as file:
        if random.integers(2):
            del file["nmtool"]
        names: list[str] = []
        file.visititems(
            lambda name, it: names.append(name) if isinstance(it, h5py.Dataset) else None
        )
        name = names[random.integers(len(names))]
        array = np.asarray(file[name][()])
        numbers = array if array.dtype.kind in "biuf" else np.arange(3)
        other = _other_array(numbers, random)
        del file[name]
        if other is None:
            file.create_dataset(name, (1_000_000_000,), "f8")
        elif random.integers(4):
            file[name] = other.astype("S") if other.dtype.kind == "U" else other
