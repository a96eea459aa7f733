"""Files that nobody writes by accident: small, but costly or confusing for a trusting reader.

`CASES` has them by name. Each writes its files into an empty folder that also contains `WHOLE`, and
returns the command that reads them.
"""

from __future__ import annotations

import hashlib
import io
import itertools
import json
import os
import struct
import zipfile
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from nmtool.data import write_shd
from nmtool.exporters.c.format import C
from nmtool.exporters.json.file import KIND
from nmtool.exporters.lava.format import Lava
from nmtool.exporters.nir.format import Nir
from nmtool.exporters.onnx.format import Onnx
from nmtool.hardware_sim.known_answers import known_answers
from nmtool.hardware_sim.simulator import simulate
from nmtool.raster import Raster
from tests.nmtool.cli import cases

Words = list[str]
Make = Callable[[Path], Words]

HUGE = 300_000_000
BEYOND = 1 << 63
SAMPLES = 10_000_000
TEXT = h5py.string_dtype()
CSV_COLUMNS = "sample,label,unit,time_ms"
LONE = "\ud800"
"""Half of a surrogate pair, which Python and JSON accept, but which is not valid Unicode."""

CASES: dict[str, Make] = {}

HARMLESS = {
    "onnx: a constant of 3e8 by 3e8",
    "onnx: graphs 3000 deep",
    "c: a huge array",
    "csv: 60000 classes",
    "run: units of a list",
}
"""Cases whose crafted part is not used, so that commands may succeed."""

SLOW = {
    "archive: 300 MB of zeros in 300 kB",
    "archive: a header of 400 MB of blanks",
    "c: a huge array",
    "data: 1e7 samples in compressed chunks",
    "nir: 400 neurons of which each feeds all",
    "nir: 5000 nodes in a ring",
    "nir: 5000 nodes in a row, Affine and CubaLIF",
    "nir: 5000 nodes in a row, LIF",
    "nir: 5000 nodes in a row, Scale",
    "nir: 5000 nodes of quantised weights",
    "nir: 5000 nodes that fan out and in",
    "nir: ladders with 2^2500 ways",
    "onnx: 40 MB of tiny fields",
    "raster: 1e8 samples in 100 kB",
    *(f"onnx: 40 MB of empty {kind}" for kind in ("texts", "constants", "nodes", "properties")),
}
"""Cases that take seconds to write or to refuse, which only `make nightly` runs."""


def case(name: str, cases: dict[str, Make] = CASES) -> Callable[[Make], Make]:
    """Add a function to `CASES`, or to the cases of a plug-in."""

    def added(make: Make) -> Make:
        assert name not in cases
        cases[name] = make
        return make

    return added


def whole(folder: Path) -> None:
    """Write undamaged networks and an undamaged data set."""
    folder.mkdir(parents=True, exist_ok=True)
    cases.integer_network().save(folder / "integers.npz")
    cases.float_network().save(folder / "floats.npz")
    (folder / "two").mkdir()
    write_shd(folder / "two" / "two_train.h5", cases.spike_events(12, 1))
    write_shd(folder / "two" / "two_test.h5", cases.spike_events(6, 2))


# Files of numpy


def npy(header: str, data: bytes = b"", version: int = 1) -> bytes:
    """A .npy file with any header."""
    length = struct.pack("<H" if version == 1 else "<I", len(header) + 1)
    return b"\x93NUMPY" + bytes([version, 0]) + length + header.encode("latin1") + b"\n" + data


def claim(dtype: str, shape: str) -> bytes:
    """A .npy file without the numbers that its header claims."""
    return npy(f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}")


def array_bytes(array: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def edit(path: Path, change: Callable[[dict], Any] = dict, **members: bytes | None) -> None:
    """Change an archive's header, and its members by name; None removes a member."""
    with zipfile.ZipFile(path) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    text = str(np.load(io.BytesIO(contents["header.npy"]))[()])
    edited = change(json.loads(text))
    if edited is not None:
        text = edited if isinstance(edited, str) else json.dumps(edited)
        contents["header.npy"] = array_bytes(np.array(text))
    changed = {f"{name}.npy": data for name, data in members.items()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, data in {**contents, **changed}.items():
            if data is not None:
                archive.writestr(name, data)


def with_header(**changes: Any) -> Callable[[dict], dict]:
    return lambda header: {**header, **changes}


def header_case(
    name: str, file: str, words: tuple[str, ...], change: Callable[[dict], Any], **members: bytes
) -> None:
    def make(folder: Path) -> Words:
        edit(folder / file, change, **members)
        return list(words)

    case(name)(make)


INSPECT_INT, INSPECT_FLOAT = ("inspect", "integers.npz"), ("inspect", "floats.npz", "--json")
EVALUATE_INT = ("evaluate", "integers.npz", "two")
EVALUATE_FLOAT = ("evaluate", "floats.npz", "two")

for _value, _name in ((HUGE, "3e8"), (BEYOND, "2^63"), (10**30, "1e30"), (1 << 31, "2^31")):
    for _file, _words in (("integers.npz", EVALUATE_INT), ("floats.npz", EVALUATE_FLOAT)):
        header_case(f"network: {_name} steps, {_file}", _file, _words, with_header(n_steps=_value))
    for _key in ("size", "group"):

        def _channels(header: dict, key: str = _key, value: int = _value) -> dict:
            return {**header, "channels": {**header["channels"], key: value}}

        header_case(f"network: {_key} {_name} of channels", "floats.npz", EVALUATE_FLOAT, _channels)


def _neurons(header: dict) -> dict:
    population = {**header["populations"][0], "name": "wide", "size": HUGE}
    return {**header, "populations": [population, *header["populations"]]}


header_case(
    "network: 3e8 neurons that share a constant",
    "floats.npz",
    INSPECT_FLOAT,
    _neurons,
    **{
        f"population.wide.{key}": array_bytes(np.array(1.0))
        for key in ("tau_mem_ms", "tau_syn_ms", "threshold", "bias")
    },
)
header_case(
    "network: 3e8 integer neurons that share a bias",
    "integers.npz",
    INSPECT_INT,
    _neurons,
    **{"population.wide.bias_mantissa": array_bytes(np.array(0, np.int16))},
)
header_case("network: a step of 1e-320 ms", "floats.npz", EVALUATE_FLOAT, with_header(dt_ms=1e-320))
header_case(
    "network: a step of no number", "floats.npz", EVALUATE_FLOAT, with_header(dt_ms="1e9" * 9)
)
for _file, _words in (("integers.npz", INSPECT_INT), ("floats.npz", INSPECT_FLOAT)):
    header_case(
        f"network: lone surrogates, {_file}", _file, _words, with_header(class_names=[LONE, "b"])
    )
    header_case(
        f"network: lone surrogates evaluated, {_file}",
        _file,
        ("evaluate", _file, "two", "--json"),
        with_header(class_names=[LONE, "b"]),
    )
for _to in ("x.nir", "x.c", "x.onnx"):
    header_case(
        f"network: lone surrogates to {_to}",
        "integers.npz",
        ("export", "integers.npz", "-o", _to),
        with_header(class_names=[LONE, "b"]),
    )
header_case("network: class names no text", "floats.npz", INSPECT_FLOAT, with_header(class_names=7))
header_case(
    "network: a header 100000 lists deep", "floats.npz", INSPECT_FLOAT, lambda _: "[" * 100_000
)
header_case("network: a header of a list", "floats.npz", INSPECT_FLOAT, lambda _: "[]")
header_case("network: a header of NULs", "floats.npz", INSPECT_FLOAT, lambda _: "\0" * 100 + "{}")
header_case(
    "network: populations of numbers", "floats.npz", INSPECT_FLOAT, with_header(populations=[1, 2])
)
header_case(
    "network: a version of 1e400",
    "floats.npz",
    INSPECT_FLOAT,
    lambda h: json.dumps(h).replace('"version": 1', '"version": 1e400'),
)
header_case(
    "network: a digit a thousand times",
    "floats.npz",
    INSPECT_FLOAT,
    lambda h: json.dumps(h).replace('"version": 1', '"version": ' + "9" * 9000),
)

MEMBERS: dict[str, bytes] = {
    "3e8 numbers claimed": claim("<f8", f"({HUGE},)"),
    "1e18 numbers claimed": claim("<f8", "(1000000000, 1000000000)"),
    "2^63 numbers claimed": claim("<f8", f"({BEYOND},)"),
    "a negative size": claim("<f8", "(-5,)"),
    "a text of 3e8 letters claimed": claim(f"<U{HUGE}", "()"),
    "no shape": npy("{'descr': '<f8', 'fortran_order': False}"),
    "a header of open brackets": npy("(" * 9000),
    "a header cut in a text": npy("{'descr': '''<f8"),
    "a header with a stray indent": npy("{'descr': '<f8',\n   (\n 'x'"),
    "a header that ends in a backslash": npy("{'descr': \\"),
    "a header of long numbers": npy("{'descr': '<f8', 'fortran_order': False, 'shape': (5L,"),
    "an object": npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", b"cos\n"),
    "an unknown version": npy("{}", version=9),
    "300 MB of zeros in 300 kB": b"",
}
for _name, _data in MEMBERS.items():

    def _member(folder: Path, data: bytes = _data) -> Words:
        data = data or array_bytes(np.zeros((3, 100_000_000), np.uint8))
        edit(folder / "floats.npz", **{"projection.1.weight": data})
        return list(INSPECT_FLOAT)

    case(f"archive: {_name}")(_member)


@case("archive: a header of 400 MB of blanks")
def _(folder: Path) -> Words:
    edit(folder / "floats.npz", header=array_bytes(np.array(" " * 99_999_999 + "1")))
    return list(INSPECT_FLOAT)


@case("archive: weights of -2^15")
def _(folder: Path) -> Words:
    weight = np.full((3, 3), -(1 << 15), np.int16)
    edit(folder / "integers.npz", **{"projection.1.weight": array_bytes(weight)})
    return list(EVALUATE_INT)


def _recording(folder: Path) -> Path:
    network = cases.integer_network()
    spikes = Raster.from_dense(np.random.default_rng(1).random((4, 30, 4)) < 0.3)
    path = folder / "recording.npz"
    simulate(network, spikes).save(path)
    return path


for _shape in ([HUGE, 3], [30, HUGE], [BEYOND, 3], [30, BEYOND], [1 << 40, 1 << 40], [30, -1]):

    def _raster(folder: Path, shape: list[int] = _shape) -> Words:
        edit(_recording(folder), with_header(spikes={"hidden": shape}))
        return ["inspect", "recording.npz"]

    case(f"raster: {_shape[0]} steps of {_shape[1]} neurons")(_raster)


@case("raster: 1e8 samples in 100 kB")
def _(folder: Path) -> Words:
    offsets = array_bytes(np.zeros(100_000_000, np.int64))
    nothing = array_bytes(np.zeros(0, np.int32))
    edit(
        _recording(folder),
        **{"spikes.hidden.offset": offsets, "spikes.hidden.step": nothing},
        **{"spikes.hidden.neuron": nothing},
    )
    return ["inspect", "recording.npz"]


# FIFOs, devices and endless files in place of files


def fifo(path: Path) -> None:
    path.unlink(missing_ok=True)
    os.mkfifo(path)


def zeros(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.symlink_to("/dev/zero")


def endless(path: Path) -> None:
    """A file whose stated size is 0, but which has petabytes."""
    path.unlink(missing_ok=True)
    path.symlink_to("/proc/self/pagemap")


def sparse(path: Path) -> None:
    """A file of 300 MB that takes no space."""
    path.unlink(missing_ok=True)
    with path.open("wb") as file:
        file.truncate(HUGE)


PLACES = {"a FIFO": fifo, "/dev/zero": zeros, "pagemap": endless, "300 MB of nothing": sparse}

for _place, _put in PLACES.items():

    def _config(folder: Path, put: Callable[[Path], None] = _put) -> Words:
        put(folder / "settings.toml")
        return ["train", "two", "-o", "run", "--config", "settings.toml"]

    def _manifest(folder: Path, put: Callable[[Path], None] = _put) -> Words:
        (folder / "run").mkdir()
        put(folder / "run" / "run.json")
        (folder / "floats.npz").rename(folder / "run" / "network.npz")
        return ["train", "two", "-o", "run", "--resume"]

    def _validation(folder: Path, put: Callable[[Path], None] = _put) -> Words:
        (folder / "run").mkdir()
        put(folder / "run" / "run.json")
        (folder / "floats.npz").rename(folder / "run" / "network.npz")
        return ["evaluate", "run", "two:validation"]

    def _data_file(folder: Path, put: Callable[[Path], None] = _put) -> Words:
        put(folder / "two" / "two_test.h5")
        return ["data", "two"]

    case(f"{_place} as settings")(_config)
    case(f"{_place} as the manifest of a run")(_manifest)
    case(f"{_place} as the manifest of an evaluated run")(_validation)
    case(f"{_place} as data")(_data_file)
    for _ending in (".npz", ".nir", ".onnx", ".c", ""):

        def _network(
            folder: Path, put: Callable[[Path], None] = _put, ending: str = _ending
        ) -> Words:
            put(folder / f"network{ending}")
            return ["inspect", f"network{ending}"]

        case(f"{_place} as a network{_ending}")(_network)

    def _folder_of_lava(folder: Path, put: Callable[[Path], None] = _put) -> Words:
        (folder / "lava" / "lava_network").mkdir(parents=True)
        put(folder / "lava" / "lava_network" / "arrays.npz")
        return ["verify", "lava"]

    case(f"{_place} as the arrays of a Lava folder")(_folder_of_lava)

    for _words in (
        ["data", "x.csv"],
        ["data", "x.csv", "-o", "made"],
        ["data", "x.npz", "-o", "made"],
        ["train", "x.csv", "-o", "run"],
        ["verify", "integers.npz", "two", "--against", "x.npz"],
    ):

        def _named(
            folder: Path, put: Callable[[Path], None] = _put, words: Words = _words
        ) -> Words:
            put(folder / next(word for word in words if word.startswith("x.")))
            return words

        case(f"{_place}: {' '.join(_words)}")(_named)


def member_cases(
    name: str,
    write: Callable[[Path], object],
    commands: dict[str, str],
    cases: dict[str, Make] = CASES,
) -> None:
    """Add cases in which each of `PLACES` stands for a file of an exported folder.

    Args:
        name: name of the format.
        write: writes the folder.
        commands: the command that reads the folder, by the path of the replaced file in it.
        cases: cases to which these are added.
    """

    def make(folder: Path, put: Callable[[Path], None], file: str) -> Words:
        write(folder / "x")
        put(folder / "x" / file)
        command = commands[file]
        return [command, "x", "y.npz"] if command == "convert" else [command, "x"]

    for file, (place, put) in itertools.product(commands, PLACES.items()):
        case(f"{place} as {file} of a folder, {name}", cases)(partial(make, put=put, file=file))


def _lava(path: Path) -> None:
    network = cases.integer_network()
    Lava.write(network, path, answers=known_answers(network))


_COMMANDS = {
    "known_answers.npz": "verify",
    "lava_network/arrays.npz": "convert",
    "run.py": "verify",
}
member_cases("lava", _lava, _COMMANDS)


for _words in (
    ["inspect", "a\0b"],
    ["evaluate", "floats.npz", "a\0b"],
    ["evaluate", "a\0b.onnx", "two"],
    ["data", "a\0b"],
    ["export", "integers.npz", "-o", "a\0b.c"],
    ["quantise", "floats.npz", "-o", "a\0b.npz"],
    ["convert", "floats.npz", "a\0b.nir"],
    ["train", "two", "-o", "a\0b"],
    ["train", "two", "-o", "run", "--config", "a\0b.toml"],
    ["train", "--resume", "a\0b"],
    ["verify", "a\0b"],
    ["train", "two", "--start", "a\0b", "-o", "x"],
    ["data", "two", "--data-dir", "a\0b"],
    ["data", "shd", "--data-dir", "a\0b"],
    ["demo", "--keep", "a\0b"],
    ["inspect", "a" * 300],
    ["inspect", "a" * 5000],
    ["evaluate", "floats.npz", "a/" * 3000],
    ["inspect", LONE],
    ["export", "integers.npz", "-o", LONE + ".c"],
):

    def _path(folder: Path, words: Words = _words) -> Words:
        return words

    _shown = " ".join(_words) if len(" ".join(_words)) < 60 else " ".join(_words)[:20] + "…"
    case(f"path: {_shown!a} {len(' '.join(_words))}")(_path)


def settings(text: str | bytes) -> Make:
    def make(folder: Path) -> Words:
        content = text.encode("utf-8") if isinstance(text, str) else text
        (folder / "settings.toml").write_bytes(content)
        return ["train", "two", "-o", "run", "--config", "settings.toml"]

    return make


case("search: a NUL in data")(lambda folder: ["search", "a\0b", "-o", "f"])
case("search: a NUL in folder")(lambda folder: ["search", "two", "-o", "a\0b"])
case("search: a NUL in config")(
    lambda folder: ["search", "two", "-o", "f", "--config", "a\0b.toml"]
)
case("settings: deep keys")(settings("a." * 20_000 + "b = 1\n"))
case("settings: 500 keys deep")(settings("a." * 500 + "b = 1\n"))
case("settings: deep quoted keys")(settings('"a" . ' * 20_000 + "b = 1\n"))
case("settings: deep headers")(settings("[" + "a." * 20_000 + "b]\n"))
case("settings: deep headers of lists")(settings("[[" + "a." * 20_000 + "b]]\n"))
case("settings: many deep headers")(settings("".join(f"[{'a.' * 300}x{n}]\n" for n in range(3000))))
case("settings: deep keys of an inline table")(settings("lr = {" + "a." * 20_000 + "b = 1}\n"))
case("settings: deep lists")(settings("lr = " + "[" * 20_000 + "]" * 20_000))
case("settings: deep tables")(settings("lr = " + "{a=" * 20_000 + "1" + "}" * 20_000))
case("settings: lists 400 deep")(settings("lr = " + "[" * 400 + "]" * 400))
case("settings: 5 MB")(settings("# \n" * 2_000_000))
case("settings: a long number")(settings("epochs = " + "9" * 9000))
case("settings: 2^63 steps")(settings(f"steps = {BEYOND - 1}"))
case("settings: no text")(settings(b"\xff\xfe\x00"))
case("settings: a huge network")(settings(f"hidden = {BEYOND - 1}"))
case("settings: a date")(settings("epochs = 1979-05-27"))
case("settings: not a number")(settings("lr = nan"))
MANY = range(20_000)
LETTERS = "w" * 200_000
case("settings: 20000 unknown settings")(settings("".join(f"k{n} = 1\n" for n in MANY)))
case("settings: 16000 unknown tables")(settings("".join(f"[t{n}]\na=1\n" for n in MANY[:16_000])))
case("settings: a text of 200000 letters")(settings(f'lr = "{LETTERS}"'))
case("settings: a choice of 200000 letters")(settings(f'readout = "{LETTERS}"'))
case("settings: a list of 100000 numbers")(settings(f"lr = [{'1,' * 100_000}]"))
case("settings: a name of 200000 letters")(settings(f"{LETTERS} = 1"))


def target(text: str) -> Make:
    def make(folder: Path) -> Words:
        (folder / "target.toml").write_text(text, encoding="utf-8")
        return ["check", "integers.npz", "--target", "target.toml"]

    return make


case("target: a figure of 200000 letters")(target(f'name = "x"\n[core]\nneurons = "{LETTERS}"'))
case("target: a mark of 200000 letters")(
    target(f'name = "x"\n[core]\nneurons = {{value = 1, mark = "{LETTERS}"}}')
)
case("target: 20000 keys of a figure")(
    target(f"[core]\nneurons = {{value = 1, {', '.join(f'x{n} = 1' for n in MANY)}}}")
)
for _option, _given in (
    ("--steps", str(BEYOND)),
    ("--dt", "1e-320"),
    ("--hidden", str(BEYOND)),
    ("--seed", str(BEYOND * 2)),
    ("--epochs", "9" * 5000),
    ("--max-delay", str(BEYOND)),
    ("--batch-size", str(BEYOND)),
    ("--group", str(BEYOND)),
    ("--readout", "w" * 100_000),
    ("--lr", "w" * 100_000),
):

    def _given_option(folder: Path, option: str = _option, value: str = _given) -> Words:
        small = ["--hidden", "6", "--steps", "30", "--epochs", "1", "--validation", "4"]
        return ["train", "two", "-o", "run", *small, option, value]

    case(f"option: {_option} {_given[:30]}")(_given_option)


# HDF5 files: data sets


def data_case(name: str) -> Callable[[Callable[[h5py.File], None]], None]:
    def added(change: Callable[[h5py.File], None]) -> None:
        def make(folder: Path) -> Words:
            for split in ("train", "test"):
                with h5py.File(folder / "two" / f"two_{split}.h5", "r+") as file:
                    change(file)
            return ["evaluate", "floats.npz", "two"]

        case(f"data: {name}")(make)

    return added


def put(file: h5py.File, name: str, *values: Any, **settings: Any) -> None:
    del file[name]
    file.create_dataset(name, *values, **settings)


LISTS = {"spikes/times": h5py.vlen_dtype(np.float16), "spikes/units": h5py.vlen_dtype(np.uint16)}


@data_case("1e7 samples claimed")
def _(file: h5py.File) -> None:
    for name, dtype in LISTS.items():
        put(file, name, (SAMPLES,), dtype)
    put(file, "labels", (SAMPLES,), np.int64)


@data_case("1e7 samples in compressed chunks")
def _(file: h5py.File) -> None:
    for name, dtype in LISTS.items():
        put(file, name, (SAMPLES,), dtype, chunks=(SAMPLES,), compression="gzip")
        # Only a single chunk is written. The other chunks read as zeros.
        file[name][0] = np.zeros(1)
    put(file, "labels", (SAMPLES,), np.int64)


@data_case("1e7 samples of one class")
def _(file: h5py.File) -> None:
    put(file, "labels", (SAMPLES,), np.int64)


@data_case("1e10 labels claimed")
def _(file: h5py.File) -> None:
    put(file, "labels", (10**10,), np.int64)


@data_case("1e7 class names claimed")
def _(file: h5py.File) -> None:
    put(file, "extra/keys", (SAMPLES,), TEXT)


@data_case("1e7 class names of fixed size claimed")
def _(file: h5py.File) -> None:
    put(file, "extra/keys", (SAMPLES,), "S100")


@data_case("a class name of 1e9 letters claimed")
def _(file: h5py.File) -> None:
    put(file, "extra/keys", (2,), "S1000000000")


for _label in (HUGE, (1 << 31) - 1, BEYOND - 1, -5):

    def _large_label(file: h5py.File, label: int = _label) -> None:
        del file["extra/keys"]
        values = file["labels"][()].astype(np.int64)
        values[0] = label
        put(file, "labels", data=values)

    data_case(f"label {_label} without names")(_large_label)


@data_case("label 2^64-1 without names")
def _(file: h5py.File) -> None:
    del file["extra/keys"]
    put(file, "labels", data=np.full(file["labels"].shape, (1 << 64) - 1, np.uint64))


for _units in (HUGE, BEYOND - 1, -1, 0):

    def _many_units(file: h5py.File, units: int = _units) -> None:
        file.attrs["n_units"] = units

    data_case(f"{_units} units")(_many_units)


@data_case("units of no number")
def _(file: h5py.File) -> None:
    file.attrs["n_units"] = "many"


@data_case("units of nothing")
def _(file: h5py.File) -> None:
    file.attrs["n_units"] = h5py.Empty("i8")


@data_case("units not a number")
def _(file: h5py.File) -> None:
    file.attrs["n_units"] = np.nan


for _name in ("labels", "extra/keys", *LISTS):

    def _empty(file: h5py.File, name: str = _name) -> None:
        put(file, name, data=h5py.Empty(file[name].dtype if name == "labels" else "f8"))

    def _scalar(file: h5py.File, name: str = _name) -> None:
        put(file, name, (), file[name].dtype)

    def _flat(file: h5py.File, name: str = _name) -> None:
        put(file, name, (0,), file[name].dtype)

    def _square(file: h5py.File, name: str = _name) -> None:
        put(file, name, (2, 3), file[name].dtype)

    def _mixed(file: h5py.File, name: str = _name) -> None:
        put(file, name, (6,), np.dtype([("a", "i4"), ("b", "f4")]))

    def _references(file: h5py.File, name: str = _name) -> None:
        put(file, name, (6,), h5py.ref_dtype)

    def _linked(file: h5py.File, name: str = _name) -> None:
        del file[name]
        file[name] = h5py.ExternalLink("/dev/zero", "/x")

    def _elsewhere(file: h5py.File, name: str = _name) -> None:
        put(file, name, (6,), "i8", external=[("/etc/passwd", 0, 48)])

    def _to_itself(file: h5py.File, name: str = _name) -> None:
        del file[name]
        file[name] = h5py.SoftLink(f"/{name}")

    def _a_group(file: h5py.File, name: str = _name) -> None:
        del file[name]
        file.create_group(name)

    for _what, _change in {
        "is an empty dataset": _empty,
        "is a scalar": _scalar,
        "has no entries": _flat,
        "is a square": _square,
        "is compound": _mixed,
        "is of references": _references,
        "is in another file": _linked,
        "is bytes of another file": _elsewhere,
        "is a link to itself": _to_itself,
        "is a group": _a_group,
    }.items():
        data_case(f"{_name} {_what}")(_change)


@data_case("class names of no text")
def _(file: h5py.File) -> None:
    put(file, "extra/keys", data=np.array([b"\xff\xfe", b"\xed\xa0\x80"]))


@data_case("lists that repeat one of 4 MB 3000 times")
def _(file: h5py.File) -> None:
    put(file, "labels", (3000,), np.int64)
    for name, dtype in LISTS.items():
        put(file, name, (3000,), dtype)
        file[name][0] = np.zeros(1 << 20)
    names = {name: file[name].id.get_offset() for name in LISTS}
    path = file.filename
    file.flush()
    with open(path, "r+b") as raw:
        for offset in names.values():
            raw.seek(offset)
            entry = raw.read(16)
            raw.seek(offset)
            raw.write(entry * 3000)


# HDF5 files: NIR and NetX


def nir_case(name: str, *words: str) -> Callable[[Callable[[Any], None]], None]:
    def added(change: Callable[[Any], None]) -> None:
        def make(folder: Path) -> Words:
            path = Nir.write(cases.float_network(), folder / "x.nir").path
            with h5py.File(path, "r+") as file:
                del file["nmtool"]
                change(file["node"])
            return list(words) or ["inspect", "x.nir"]

        case(f"nir: {name}")(make)

    return added


CONSTANTS: dict[str, dict[str, Any]] = {
    "LIF": {"tau": 20.0, "r": 1.0, "v_leak": 0.0, "v_threshold": 1.0},
    "CubaLIF": {
        "tau_mem": 20.0,
        "tau_syn": 5.0,
        "r": 1.0,
        "v_leak": 0.0,
        "v_threshold": 1.0,
        "w_in": 1.0,
    },
    "Affine": {"weight": np.ones((1, 1)), "bias": np.zeros(1)},
    "Linear": {"weight": np.ones((1, 1))},
    "Flatten": {"start_dim": 0, "end_dim": -1, "input_type": np.array([1])},
    "Conv2d": {
        "weight": np.ones((1, 1, 1, 1)),
        "bias": np.zeros(1),
        "stride": 1,
        "dilation": 1,
        "groups": 1,
        "padding": 0,
    },
    "SumPool2d": {"kernel_size": [1, 1], "stride": [1, 1], "padding": [0, 0]},
    "Scale": {"scale": np.ones(1)},
    "Delay": {"delay": np.ones(1)},
    "Threshold": {"threshold": np.ones(1)},
}


def graph(node: Any, kinds: list[str], edges: list[tuple[str, str]]) -> None:
    """A NIR graph of an input, nodes n0, n1, … of one line, and an output."""
    for name in list(node["nodes"]):
        del node["nodes"][name]
    for name in ("input", "output"):
        node[f"nodes/{name}/type"] = name.capitalize()
        node[f"nodes/{name}/shape"] = np.array([1])
    for index, kind in enumerate(kinds):
        node[f"nodes/n{index}/type"] = kind
        for key, value in CONSTANTS[kind].items():
            node[f"nodes/n{index}/{key}"] = np.atleast_1d(value) if kind != "Flatten" else value
    del node["edges"]
    node.create_dataset("edges", data=edges, dtype=TEXT)


NODES = 5000
ROW = list(itertools.pairwise(["input", *(f"n{n}" for n in range(NODES)), "output"]))


def _row_of(kinds: list[str]) -> Callable[[Any], None]:
    def change(node: Any) -> None:
        graph(node, [kinds[n % len(kinds)] for n in range(NODES)], ROW)

    return change


for _kinds in (["LIF"], ["Affine", "CubaLIF"], ["Scale"]):
    nir_case(f"5000 nodes in a row, {' and '.join(_kinds)}")(_row_of(_kinds))
nir_case("5000 nodes of quantised weights", "quantise", "x.nir", "-o", "q.npz")(
    _row_of(["Affine", "CubaLIF"])
)


@nir_case("2000 nodes of 2000 kinds")
def _(node: Any) -> None:
    graph(node, ["LIF"], [("input", "n0"), ("n0", "output")])
    for n in range(2000):
        node[f"nodes/m{n}/type"] = "K" + "k" * (n % 100) + chr(97 + n % 26)


@nir_case("5000 nodes in a ring")
def _(node: Any) -> None:
    ring = [(f"n{n}", f"n{(n + 1) % NODES}") for n in range(NODES)]
    kinds = ["Linear", "CubaLIF"] * (NODES // 2)
    graph(node, kinds, [*ring, ("input", "n0"), (f"n{NODES - 1}", "output")])


@nir_case("400 neurons of which each feeds all")
def _(node: Any) -> None:
    pairs = [(f"n{n}", f"n{m}") for n in range(400) for m in range(400)]
    graph(node, ["LIF"] * 400, [*pairs, ("input", "n0"), ("n399", "output")])


@nir_case("5000 nodes that fan out and in")
def _(node: Any) -> None:
    fan = [("input", f"n{n}") for n in range(NODES)] + [(f"n{n}", "output") for n in range(NODES)]
    graph(node, ["LIF"] * NODES, fan)


@nir_case("ladders with 2^2500 ways")
def _(node: Any) -> None:
    edges = [("input", "n0"), ("input", "n1")]
    for n in range(0, NODES - 2, 2):
        edges += [(f"n{n + i}", f"n{n + 2 + j}") for i in (0, 1) for j in (0, 1)]
    graph(node, ["Scale"] * NODES, [*edges, (f"n{NODES - 1}", "output")])


@nir_case("an input of 3e8 lines")
def _(node: Any) -> None:
    graph(node, ["LIF"], [("input", "n0"), ("n0", "output")])
    node["nodes/input/shape"][...] = HUGE


@nir_case("an input of 2^62 by 2^62 lines")
def _(node: Any) -> None:
    graph(node, ["LIF"], [("input", "n0"), ("n0", "output")])
    del node["nodes/input/shape"]
    node["nodes/input/shape"] = np.array([1 << 62, 1 << 62])


def _windowed(node: Any, shape: tuple[int, ...], kinds: list[str], **changes: Any) -> None:
    """A chain of nodes after an input of a shape; changes apply to the first node."""
    names = [f"n{index}" for index in range(len(kinds))]
    graph(node, kinds, list(itertools.pairwise(["input", *names, "output"])))
    put(node, "nodes/input/shape", data=np.array(shape))
    for key, value in changes.items():
        put(node, f"nodes/n0/{key}", data=value)


WINDOWED: dict[str, tuple[tuple[int, ...], list[str], dict[str, Any]]] = {
    "a pool of 2^20 by 2^20": ((1, 1024, 1024), ["SumPool2d"], {"kernel_size": [1 << 20] * 2}),
    "a pool whose windows overlap by all": (
        *((1, 1024, 1024), ["SumPool2d", "Threshold"]),
        {"kernel_size": [512, 512], "stride": [1, 1]},
    ),
    "a pool with steps of nothing": ((1, 8, 8), ["SumPool2d"], {"stride": [0, 0]}),
    "a convolution padded by 2^62": ((1, 8, 8), ["Conv2d"], {"padding": [1 << 62, 1 << 62]}),
    "a convolution padded by 2^20": ((1, 8, 8), ["Conv2d"], {"padding": [1 << 20, 1 << 20]}),
    "a convolution padded by 40 MB of text": ((1, 8, 8), ["Conv2d"], {"padding": "x" * 40_000_000}),
    "a convolution of 2^63 groups": ((1, 8, 8), ["Conv2d"], {"groups": np.uint64(BEYOND)}),
    "a convolution in steps of 1e300": ((1, 8, 8), ["Conv2d"], {"stride": 1e300}),
    "a convolution of 1024 by 1024 places": (
        *((1, 1024, 1024), ["Conv2d", "Threshold"]),
        {"weight": np.ones((1, 1, 3, 3)), "padding": [1, 1]},
    ),
    "40 convolutions in a row": ((1, 900, 900), ["Conv2d"] * 40, {}),
    "an input of 10^7 axes": ((1,) * 10_000_000, ["Conv2d"], {}),
}
for _name, (_shape, _kinds, _changes) in WINDOWED.items():

    def _window(node: Any, layout: Any = (_shape, _kinds, _changes)) -> None:
        shape, kinds, changes = layout
        _windowed(node, shape, kinds, **changes)

    nir_case(_name)(_window)


# Files of ONNX, which are written in protobuf


def varint(value: int) -> bytes:
    encoded = bytearray()
    while True:
        encoded.append(value & 0x7F | (0x80 if value > 0x7F else 0))
        value >>= 7
        if not value:
            return bytes(encoded)


def field(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


def onnx_case(name: str) -> Callable[[Callable[[], bytes]], None]:
    """An ONNX file with an addition, and a matching digest."""

    def added(content: Callable[[], bytes]) -> None:
        def make(folder: Path) -> Words:
            from nmtool.exporters.onnx.file import DIGEST_KEY
            from nmtool.exporters.onnx.wire import fields

            path = Onnx.write(cases.integer_network(), folder / "x.onnx").path
            model, key = path.read_bytes(), DIGEST_KEY.encode()
            body = b"".join(
                model[part.first : part.end]
                for part in fields(memoryview(model))
                if not (part.number == 14 and key in bytes(part.content))
            )
            body = content() + body
            seal = field(14, field(1, key) + field(2, hashlib.sha256(body).hexdigest().encode()))
            path.write_bytes(body + seal)
            return ["inspect", "x.onnx"]

        case(f"onnx: {name}")(make)

    return added


onnx_case("40 MB of tiny fields")(lambda: b"\x08\x00" * 20_000_000)
onnx_case("40 MB of empty texts")(lambda: b"\x12\x00" * 20_000_000)
onnx_case("40 MB of tiny fields in a graph")(lambda: field(7, b"\x08\x00" * 20_000_000))
onnx_case("40 MB of empty constants")(lambda: field(7, b"\x2a\x00" * 20_000_000))
onnx_case("40 MB of empty nodes")(lambda: field(7, b"\x0a\x00" * 20_000_000))
onnx_case("40 MB of empty properties")(lambda: b"\x72\x00" * 20_000_000)
onnx_case("a constant of 2e7 sizes")(
    lambda: field(7, field(5, b"\x10\x07" + field(1, b"\x01" * 20_000_000) + field(8, b"x")))
)
onnx_case("a constant of 3e8 by 3e8")(
    lambda: field(7, field(5, b"\x10\x07" + field(1, varint(HUGE) * 2 + b"\x00") + field(8, b"x")))
)


@onnx_case("graphs 3000 deep")
def _() -> bytes:
    graph_ = b""
    for _ in range(3000):
        graph_ = field(1, field(5, field(6, graph_)))
    return field(7, graph_)


# Files of C


@case("c: a prefix of 100000 letters")
def _(folder: Path) -> Words:
    return ["export", "integers.npz", "-o", "fw.c", "--prefix", "1" * 100_000]


def c_case(name: str) -> Callable[[Callable[[str], str]], None]:
    """A C file with a change, and a matching digest."""

    def added(change: Callable[[str], str]) -> None:
        def make(folder: Path) -> Words:
            path = C.write(cases.integer_network(), folder / "x.c").path
            text = path.read_text("ascii").rpartition("/* nmtool.sha256")[0]
            content = change(text).encode("utf-8")
            seal = f"/* nmtool.sha256 {hashlib.sha256(content).hexdigest()} */\n"
            path.write_bytes(content + seal.encode())
            return ["inspect", "x.c"]

        case(f"c: {name}")(make)

    return added


def recorded(**changes: Any) -> Callable[[str], str]:
    def change(text: str) -> str:
        before, mark, rest = text.rpartition("/* What nmtool reads back, beside the arrays:\n")
        record = json.loads(rest.rpartition("\n*/")[0])
        record["network"] |= changes
        return before + mark + json.dumps(record) + "\n*/\n"

    return change


c_case("3e8 steps")(recorded(n_steps=HUGE))
c_case("2^63 steps")(recorded(n_steps=BEYOND))
c_case("3e8 channels")(recorded(channels={"size": HUGE, "group": 1}))
c_case("lone surrogates")(recorded(class_names=[LONE, "b"]))
c_case("a record 100000 lists deep")(
    lambda text: (
        text.rpartition("/* What nmtool")[0]
        + "/* What nmtool reads back, beside the arrays:\n{"
        + '"a":'
        + "[" * 100_000
        + "}\n*/\n"
    )
)
c_case("a huge array")(
    lambda text: text + "\nstatic const int16_t x[] = {" + "1," * 9_000_000 + "};\n"
)
c_case("not ASCII")(lambda text: text + "/* é */\n")


# CSV files: tables of events


def csv_case(name: str, rows: Callable[[], Iterable[str]], first: str = CSV_COLUMNS) -> None:
    def make(folder: Path) -> Words:
        text = "\n".join([first, *rows()]) + "\n"
        (folder / "x.csv").write_text(text, encoding="utf-8")
        return ["data", "x.csv", "-o", "made"]

    case(f"csv: {name}")(make)


csv_case("60000 classes", lambda: (f"{n},w{n},0,1" for n in range(60_000)))
csv_case("a class for each of 100000 samples", lambda: (f"{n},w{n},0,1" for n in range(100_000)))
csv_case("a number for each of 100000 samples", lambda: (f"{n},{n},0,1" for n in range(100_000)))
csv_case("100000 columns", lambda: (), ",".join(f"c{n}" for n in range(100_000)))
csv_case(
    "100000 columns twice",
    lambda: (),
    ",".join([CSV_COLUMNS, *(f"c{n // 2}" for n in range(100_000))]),
)
csv_case(
    "a long name for a class, and many samples",
    lambda: (f"{n},{'w' * (1 if n else 100_000)},-1,1" for n in range(20_000)),
)
LONG = "9" * 100_000
for place, rows in {
    "sample": (f"{LONG},0,0,1,a,train", f"{LONG},1,0,1,a,train"),
    "label": ("0,0,0,1,a,train", f"0,{LONG},0,1,a,train"),
    "unit": (f"0,0,{LONG},1,a,train",),
    "time": (f"0,0,0,{LONG}x,a,train",),
    "group": ("0,0,0,1,a,train", f"0,0,0,1,1.5{LONG},train"),
    "split": (f"0,0,0,1,a,{LONG}",),
}.items():
    csv_case(f"a long {place}", lambda rows=rows: rows, f"{CSV_COLUMNS},who,split")
csv_case("a long name of a column", lambda: (), f"{CSV_COLUMNS},{'w' * 100_000}/")


# Archives of dense spikes


def dense_case(name: str, arrays: Callable[[], dict[str, Any]]) -> None:
    def make(folder: Path) -> Words:
        np.savez_compressed(folder / "x.npz", **arrays())
        return ["data", "x.npz", "-o", "made"]

    case(f"dense: {name}")(make)


SPIKES = np.ones((2, 3, 4), np.int8)
FIELDS = np.dtype([(f"f{n}", "i1") for n in range(500)])
dense_case("2000 arrays", lambda: {f"a{n}": np.zeros(0) for n in range(2000)})
dense_case("1000 arrays twice", lambda: {f"{x}{n}": SPIKES[0] for n in range(1000) for x in "aA"})
dense_case("500 fields", lambda: {"spikes": SPIKES, "labels": [0, 1], "dt_ms": np.ones(2, FIELDS)})
dense_case("spikes of 500 fields", lambda: {"spikes": np.ones((2, 3, 4), FIELDS), "labels": [0]})
dense_case(
    "a label that is no class",
    lambda: {
        "spikes": SPIKES,
        "labels": ["w" * 5000, "x"],
        "dt_ms": 1.0,
        "class_names": [f"c{n}" for n in range(3000)],
    },
)


@case("dense: a header of 9000 letters")
def _(folder: Path) -> Words:
    with zipfile.ZipFile(folder / "x.npz", "w") as archive:
        archive.writestr("spikes.npy", claim("x" * 9000, "(1,)"))
    return ["data", "x.npz"]


@case("shd: names of classes that differ, 3000 of them")
def _(folder: Path) -> Words:
    for split, last in (("train", "a"), ("test", "b")):
        with h5py.File(folder / "two" / f"two_{split}.h5", "a") as file:
            del file["extra/keys"]
            file["extra/keys"] = [*(f"c{n}" for n in range(3000)), last]
    return ["data", "two"]


# Run folders and recordings of answers


RESUME = ("train", "two", "-o", "run", "--resume")


def run_case(name: str, manifest: Any, *words: str) -> None:
    def make(folder: Path) -> Words:
        run = folder / "run"
        run.mkdir()
        (folder / "floats.npz").rename(run / "network.npz")
        text = manifest if isinstance(manifest, str) else json.dumps(manifest)
        (run / "run.json").write_text(text, encoding="utf-8")
        return list(words) or ["evaluate", "run", "two:validation"]

    case(f"run: {name}")(make)


run_case("a manifest 100000 lists deep", "[" * 100_000)
run_case("a manifest of 100 MB", " " * 100_000_000 + "{}")
run_case("2^63 steps", {"options": {"steps": BEYOND}})
run_case("2^63 validation samples", {"options": {"validation": BEYOND}})
run_case("a long number", '{"options": {"steps": ' + "9" * 9000 + "}}")
run_case("options of a list", {"options": []})
run_case("a NUL in data", {"options": {}, "data": "a\0b"}, *RESUME)
run_case("data of a list", {"options": {}, "data": ["a"]}, *RESUME)
run_case(
    "a lone surrogate in data",
    {"options": {}, "data": LONE},
    "train",
    "two",
    "-o",
    "run",
    "--resume",
)
run_case(
    "a NUL in data_dir",
    {"options": {}, "data": "shd", "data_dir": "a\0b"},
    "train",
    "--resume",
    "run",
)
run_case(
    "units of a list",
    {"options": {"epochs": 1}, "data": "two", "units": [1]},
    "train",
    "two",
    "-o",
    "run",
    "--resume",
)
run_case("nothing in the manifest", {"options": {}}, *RESUME)


@case("answers: steps of 3e8 that an export carries")
def _(folder: Path) -> Words:
    network = cases.integer_network()
    path = folder / "a.npz"
    known_answers(network).save(path)
    edit(path, lambda h: {**h, "spikes": {n: [HUGE, s[1]] for n, s in h["spikes"].items()}})

    Lava.write(network, folder / "lava")
    path.rename(folder / "lava" / "known_answers.npz")
    return ["verify", "lava"]


assert set(CASES) >= SLOW | HARMLESS


# Networks in JSON, and numbers and lists that Python cannot convert


def json_file(start: str, member: str, count: int, end: str = "]}") -> Make:
    """A file of the JSON format that repeats a member; the format's name is at its beginning."""

    def make(folder: Path) -> Words:
        text = f'{{"format": "{KIND}", "version": 1, {start}'
        (folder / "network.json").write_text(text + ",".join([member] * count) + end, "utf-8")
        return ["inspect", "network.json"]

    return make


case("json: 30 MB of empty lists")(json_file('"network": [', "[]", 10_000_000))
case("json: 30 MB of keys")(json_file('"network": {', '"a": 1', 4_000_000, "}}"))
case("json: 60 MB of numbers")(json_file('"network": [', "1", 30_000_000))
case("json: 70 MB of a text")(json_file('"network": [', f'"{"a" * 70_000_000}"', 1))
case("json: deep lists")(json_file('"network": ', "[" * 200_000, 1, ""))
case("json: a number of 9000 digits")(json_file('"network": [', "9" * 9000, 1))
for _number in ("1" + "0" * 4000, "0x" + "f" * 5000, "1e400", "-1e400", "nan", "9" * 30):
    _name = f"{_number[:8]} of {len(_number)} characters"
    for _setting in ("lr", "epochs", "hidden", "init_input", "weight_bits"):
        case(f"settings: {_setting} = {_name}")(settings(f"{_setting} = {_number}"))
    case(f"search: budget {_name}")(
        lambda folder, number=_number: ["search", "two", "-o", "f", "--budget", number]
    )
case("settings: 2000 lists in a list")(settings(f"hidden = {'[' * 2000}3{']' * 2000}"))


@case("archive: 20000 populations")
def many_populations(folder: Path) -> Words:
    def grown(header: dict) -> dict:
        first = header["populations"][0]
        return {**header, "populations": [{**first, "name": f"p{n}"} for n in range(20_000)]}

    edit(folder / "integers.npz", grown)
    return ["inspect", "integers.npz"]


SLOW |= {"json: 30 MB of empty lists", "json: 30 MB of keys", "json: 60 MB of numbers"}
SLOW |= {"json: 70 MB of a text"}
