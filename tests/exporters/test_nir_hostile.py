"""Damaged and hostile NIR files: clear errors, little memory, and no access to other files."""

from __future__ import annotations

import itertools
import json
import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from nmtool.cli.main import main
from nmtool.errors import FileFormatError
from nmtool.exporters.nir import synapses
from nmtool.exporters.nir.format import Nir
from nmtool.exporters.nir.options import ImportOptions
from tests.exporters.nir_graphs import end
from tests.networks.layered import layered_network, noise
from tests.refusals import codes, refused

nir = pytest.importorskip("nir")

Change = Callable[[Any], None]
"""Kinds of damage to the group `node` of a valid file."""

WEIGHT = "nodes/first_to_second_weight/weight"
TEXT = h5py.string_dtype()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A file that nmtool wrote, without the group that distinguishes it from foreign files."""
    path = Nir.write(layered_network(), tmp_path_factory.mktemp("nir") / "x.nir").path
    with h5py.File(path, "r+") as file:
        del file["nmtool"]
    return path.read_bytes()


def changed(path: Path, whole: bytes, change: Change) -> Path:
    path.write_bytes(whole)
    with h5py.File(path, "r+") as file:
        change(file["node"])
    return path


def replaced(name: str, **dataset: Any) -> Change:
    """Replace a dataset by another."""

    def change(node: Any) -> None:
        if name in node:
            del node[name]
        node.create_dataset(name, **dataset)

    return change


def linked(link: Any) -> Change:
    """Replace a node by a link."""

    def change(node: Any) -> None:
        del node["nodes/first"]
        node["nodes/first"] = link

    return change


def without(name: str) -> Change:
    return lambda node: node.__delitem__(name)


def with_edges(*edges: tuple[str, str]) -> Change:
    def change(node: Any) -> None:
        replaced("edges", data=[*node["edges"].asstr()[()], *edges], dtype=TEXT)(node)

    return change


def graph_in(parent: Any, name: str) -> Any:
    """Add an empty nested graph."""
    group = parent["nodes"].create_group(name)
    group["type"] = "NIRGraph"
    group.create_group("nodes")
    group.create_dataset("edges", (0, 2), TEXT)
    return group


def nested_deep(node: Any) -> None:
    for _ in range(40):
        node = graph_in(node, "deeper")


def nested_in_itself(node: Any) -> None:
    for name in "abc":
        node[f"nodes/{name}"] = node


def with_the_same_name_twice(node: Any) -> None:
    nested = graph_in(node, "a")
    for name, kind in {"input": "Input", "output": "Output", "b": "Flatten"}.items():
        nested[f"nodes/{name}/type"] = kind
    node["nodes/a.b/type"] = "Flatten"


def with_a_plug_in(node: Any) -> None:
    """Use a filter that HDF5 would load from a folder of plug-ins."""
    del node[WEIGHT]
    settings = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    settings.set_chunk((5, 8))
    settings.set_filter(32100, h5py.h5z.FLAG_OPTIONAL, (1,))
    space, kind = h5py.h5s.create_simple((5, 8)), h5py.h5t.IEEE_F64LE
    parent, _, name = WEIGHT.rpartition("/")
    h5py.h5d.create(node[parent].id, name.encode(), kind, space, settings)


def from_another_file(node: Any) -> None:
    del node[WEIGHT]
    layout = h5py.VirtualLayout((5, 8), "f8")
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", (5, 8))
    node.create_virtual_dataset(WEIGHT, layout)


def with_a_long_name(node: Any) -> None:
    node.move("nodes/first", f"nodes/{'x' * 500}")


def chain(count: int, lines: int, kind: str, **values: float) -> Change:
    """A chain of nodes, with one constant for any number of lines."""

    def change(node: Any) -> None:
        for name in list(node["nodes"]):
            del node["nodes"][name]
        names = ["input", *(f"n{number}" for number in range(count)), "output"]
        for name in names:
            node[f"nodes/{name}/type"] = {"input": "Input", "output": "Output"}.get(name, kind)
        for name in ("input", "output"):
            node[f"nodes/{name}/shape"] = np.array([lines])
        for name in names[1:-1]:
            for key, value in values.items():
                node[f"nodes/{name}/{key}"] = np.array([value])
        replaced("edges", data=list(itertools.pairwise(names)), dtype=TEXT)(node)

    return change


REFUSED: dict[str, tuple[Change, str]] = {
    "no edges": (without("edges"), "hdf5-member-missing"),
    "edges of three": (replaced("edges", data=[["a", "b", "c"]], dtype=TEXT), "nir-malformed"),
    "edges of numbers": (replaced("edges", data=np.zeros((3, 2))), "hdf5-no-text"),
    "edges of lists": (
        replaced("edges", shape=(3, 2), dtype=h5py.vlen_dtype("f8")),
        "hdf5-no-text",
    ),
    "many edges": (
        replaced("edges", shape=(2**30, 2), dtype=TEXT, chunks=(9, 2)),
        "hdf5-too-large",
    ),
    "more edges than allowed": (
        replaced("edges", shape=(300_000, 2), dtype=TEXT, chunks=(9, 2)),
        "hdf5-too-many-texts",
    ),
    "an edge to nowhere": (with_edges(("input", "nowhere")), "nir-malformed 'nowhere'"),
    "a circle": (with_edges(("first_to_first_weight",) * 2), "nir-loop"),
    "no type": (without("nodes/first/type"), "hdf5-member-missing first/type"),
    "a number for a type": (replaced("nodes/first/type", data=3), "hdf5-no-text first/type"),
    "a type of bytes": (replaced("nodes/first/type", data=np.bytes_(b"\xff\xfe")), "hdf5-damaged"),
    "an unknown type": (replaced("nodes/first/type", data="Conv9d"), "nir-kind Conv9d"),
    "no nodes": (without("nodes"), "hdf5-member-missing node/nodes"),
    "a file for nodes": (replaced("nodes", data=1), "hdf5-no-group node/nodes"),
    "one node": (replaced("type", data="LIF"), "nir-malformed LIF"),
    "no input": (without("nodes/input"), "nir-malformed 'input'"),
    "complex": (replaced(WEIGHT, data=np.ones((5, 8), complex)), "nir-values weight"),
    "a compound": (replaced(WEIGHT, data=np.zeros((5, 8), [("a", "f8")])), "nir-values weight"),
    "lists": (replaced(WEIGHT, shape=(5, 8), dtype=h5py.vlen_dtype("f8")), "nir-values weight"),
    "references": (replaced(WEIGHT, shape=(5, 8), dtype=h5py.ref_dtype), "nir-values weight"),
    "text": (replaced("nodes/first/r", data="text"), "nir-values r"),
    "not a number": (replaced(WEIGHT, data=np.full((5, 8), np.nan)), "nir-values weight"),
    "nothing": (replaced(WEIGHT, data=h5py.Empty("f8")), "nir-values"),
    "three axes": (replaced(WEIGHT, data=np.ones((5, 8, 1))), "nir-values weight"),
    "another shape": (replaced(WEIGHT, data=np.ones((5, 9))), "nir-shape 9"),
    "no time": (replaced("nodes/first/tau_mem", data=np.zeros(8)), "nir-values tau_mem"),
    "a negative size": (replaced("nodes/input/shape", data=[-6]), "nir-too-large -6"),
    "a huge size": (replaced("nodes/input/shape", data=[2**62, 2**62]), "nir-too-large 'input'"),
    "a soft link": (linked(h5py.SoftLink("/node/nodes/second")), "hdf5-link nodes/first"),
    "a link to itself": (linked(h5py.SoftLink("/node/nodes/first")), "hdf5-link nodes/first"),
    "an external link": (linked(h5py.ExternalLink("/etc/passwd", "x")), "hdf5-link nodes/first"),
    "external data": (
        replaced(WEIGHT, shape=(5, 8), dtype="f8", external=[("/etc/passwd", 0, 320)]),
        "hdf5-elsewhere weight",
    ),
    "virtual data": (from_another_file, "hdf5-elsewhere weight"),
    "a plug-in": (with_a_plug_in, "hdf5-plug-in weight"),
    "a long name": (with_a_long_name, "nir-too-large 500"),
    "one name twice": (with_the_same_name_twice, "nir-malformed 'a.b'"),
    "deep graphs": (nested_deep, "nir-too-large 16"),
    "a graph in itself": (nested_in_itself, "nir-too-large 16"),
    "many populations": (chain(251, 2, "Threshold", threshold=0.5), "nir-too-large 250"),
    "a graph without ends": (lambda node: graph_in(node, "empty"), "nir-malformed 'empty'"),
}
"""Kinds of damage, with the code of the error or finding and the names in its text."""


@pytest.mark.parametrize(("change", "expected"), REFUSED.values(), ids=REFUSED)
def test_files_are_refused_with_a_reason(
    change: Change, expected: str, whole: bytes, tmp_path: Path
) -> None:
    path = changed(tmp_path / "x.nir", whole, change)
    with pytest.raises(FileFormatError) as caught:
        Nir(path).read()
    error, (code, _, detail) = caught.value, expected.partition(" ")
    assert code in (codes(error) if error.code == "nir-graph-unfit" else [error.code])
    assert str(path) in error.what
    assert detail in str(error)
    assert all(line.isprintable() for line in str(error).splitlines())


@pytest.mark.parametrize("dtype", ["f2", ">f4", ">f8", "i1", "u8", "bool"])
def test_numbers_of_any_type_are_read(dtype: str, whole: bytes, tmp_path: Path) -> None:
    weight = np.arange(40).reshape(5, 8) % 2
    path = changed(tmp_path / "x.nir", whole, replaced(WEIGHT, data=weight.astype(dtype)))
    other = changed(tmp_path / "y.nir", whole, replaced(WEIGHT, data=weight.astype("f8")))
    assert Nir(path).network.content_hash == Nir(other).network.content_hash


@pytest.mark.parametrize("dtype", ["f2", ">f4", "i1", "u1", "bool"])
def test_constants_of_any_type_give_the_same_network(dtype: str, tmp_path: Path) -> None:
    values = {"tau": 1.0, "r": 1.0, "v_leak": 0.0, "v_reset": 1.0, "v_threshold": 2.0}
    if dtype == "bool":
        values |= {"v_reset": 0.0, "v_threshold": 1.0}
    loaded = []
    for kind in (dtype, "f8"):
        neurons = nir.LIF(**{key: np.full(2, value, kind) for key, value in values.items()})
        nodes = {"in": end("Input", 2), "w": nir.Linear(np.eye(2)), "n": neurons}
        nodes["out"] = end("Output", 2)
        edges = [*itertools.pairwise(nodes)]
        nir.write(tmp_path / f"{kind}.nir", nir.NIRGraph(nodes, edges, type_check=False))
        loaded.append(Nir(tmp_path / f"{kind}.nir").network)
    assert loaded[0].content_hash == loaded[1].content_hash


def test_foreign_names_are_shown_without_control_characters(
    whole: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def change(node: Any) -> None:
        node["nodes/\x1b]0;owned\x07/type"] = "\x1b[31mred" * 30

    path = changed(tmp_path / "x.nir", whole, change)
    assert main(["convert", str(path), str(tmp_path / "x.npz")]) == 2
    shown = capsys.readouterr()
    assert "\x1b" not in shown.err + shown.out
    assert "nir-kind" in shown.err
    assert r"\x1b[31mred" in shown.err
    assert not (tmp_path / "x.npz").exists()


# Tests of small files that would fill the memory when they are read


def zeros(name: str, shape: tuple[int, ...], dtype: str = "f8") -> Change:
    """Make a compressed dataset of zeros, which needs almost no space in the file."""
    chunks = tuple(min(size, 1 << 12) for size in shape)
    return replaced(name, shape=shape, dtype=dtype, chunks=chunks, compression="gzip")


def one_text_for_all(name: str, *shape: int) -> Change:
    """Make a dataset of 2 MB strings, whose elements all refer to the same stored string."""

    def change(node: Any) -> None:
        replaced(name, data=["x" * (1 << 21)], dtype=TEXT, chunks=(1,))(node)
        _, reference = node[name].id.read_direct_chunk((0,))
        replaced(name, shape=shape, dtype=TEXT, chunks=shape)(node)
        node[name].id.write_direct_chunk((0,) * len(shape), reference * math.prod(shape))

    return change


BOMBS: dict[str, tuple[Change, str]] = {
    "zeros": (zeros("nodes/first/r", (1 << 34,)), "hdf5-too-large"),
    "a matrix of bytes": (zeros(WEIGHT, (1 << 13, 3 << 13), "u1"), "hdf5-too-large"),
    "no storage": (replaced(WEIGHT, shape=(1 << 20, 1 << 20), dtype="f8"), "hdf5-too-large"),
    "one large chunk": (
        replaced(
            WEIGHT, shape=(5, 8), maxshape=(None, None), chunks=(1 << 14, 1 << 14), dtype="f8"
        ),
        "hdf5-too-large",
    ),
    "wide scales": (chain(300, 1 << 20, "Scale", scale=1.0), "nir-too-large"),
    "wide neurons": (chain(200, 1 << 20, "Threshold", threshold=0.5), "nir-too-large"),
    "neurons by neurons": (
        chain(200, 1 << 11, "Threshold", threshold=0.5),
        "nir-too-large",
    ),
    "one name for all": (one_text_for_all("edges", 10_000, 2), "hdf5-too-large"),
    "one type for all": (one_text_for_all("nodes/first/type", 10_000), "hdf5-no-text"),
}

_LOAD = """
import os, resource, sys
import nmtool.exporters.nir.importing
from nmtool.exporters import hdf5
from nmtool.exporters.nir.format import Nir
from nmtool.exporters.nir import synapses
from nmtool.errors import FileFormatError

hdf5.MAX_BYTES //= 4
synapses.MAX_SYNAPSES //= 4

def peak_memory():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10

for path in sys.argv[1:]:
    if os.fork():
        os.wait()
        continue
    before, code = peak_memory(), "accepted"
    try:
        Nir(path).read()
    except BaseException as error:
        code = error.code if isinstance(error, FileFormatError) else type(error).__name__
    print(path, peak_memory() - before, code, flush=True)
    os._exit(0)
"""
"""Reads each file in a process of its own, with a quarter of the usual limits to save time."""


@pytest.fixture(scope="module")
def loaded(whole: bytes, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, str]]:
    """Megabytes and code of each bomb; a process that was killed has no entry."""
    folder = tmp_path_factory.mktemp("bombs")
    paths = {
        str(changed(folder / f"{number}.nir", whole, change)): name
        for number, (name, (change, _)) in enumerate(BOMBS.items())
    }
    done = subprocess.run(
        [sys.executable, "-c", _LOAD, *paths], capture_output=True, text=True, check=True
    )
    answers = map(str.split, done.stdout.splitlines())
    return {paths[path]: (int(megabytes), code) for path, megabytes, code in answers}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="counts memory in units of Linux")
@pytest.mark.parametrize("name", BOMBS)
def test_decompression_bombs_are_not_unpacked(
    name: str, loaded: dict[str, tuple[int, str]]
) -> None:
    """Reading a bomb takes less than 700 MB; unpacked, it would take at least twice as much."""
    megabytes, code = loaded[name]
    assert (code, megabytes < 700) == (BOMBS[name][1], True)


def test_wires_with_too_many_synapses_are_refused(
    whole: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = changed(tmp_path / "x.nir", whole, chain(20, 10, "Scale", scale=1.0))
    assert Nir(path).network.channels.size == 10
    monkeypatch.setattr(synapses, "MAX_SYNAPSES", 199)
    with refused(FileFormatError, "nir-too-large") as caught:
        Nir(path).read()
    assert "199" in caught.value.what


# Tests that changed files of nmtool cannot be run


def settings_changed(**changes: Any) -> Change:
    """Change entries of the settings stored in the file."""

    def change(node: Any) -> None:
        extra = node.parent["nmtool"]
        about = json.loads(extra["settings"][()])
        for key, value in changes.items():
            about[key] = {**about[key], **value}
        del extra["settings"]
        extra["settings"] = json.dumps(about)

    return change


def with_a_loop_through_the_input(node: Any) -> None:
    with_edges(("first", "input"))(node)
    node["nodes/input_to_first_delay/delay"][:] = 0


def with_two_inputs(node: Any) -> None:
    node["nodes/another/type"] = "Input"
    node["nodes/another/shape"] = np.array([6])


DELAY = "nodes/first_to_second_delay/delay"

NOT_RUN: dict[str, tuple[Change, str]] = {
    "an unknown type": (replaced("nodes/out/type", data="Conv9d"), "nir-not-run Conv9d"),
    "a step ahead of nothing": (settings_changed(ahead={"first": -1}), "nir-not-run"),
    "options of tomorrow": (
        settings_changed(options={"readout": "ring"}),
        "nir-option-unknown ring",
    ),
    "a loop without a step": (with_a_loop_through_the_input, "nir-loop"),
    "two inputs": (with_two_inputs, "nir-not-run 2"),
    "a delay back in time": (replaced(DELAY, data=np.full(8, -1.0)), "nir-not-run"),
    "a delay of years": (replaced(DELAY, data=np.full(8, 1e9)), "nir-too-large"),
    "a node that is not there": (
        settings_changed(recorded={"out": "nowhere\x1b"}),
        "nir-not-run 'nowhere\\x1b'",
    ),
    "a node of another size": (settings_changed(recorded={"out": "second"}), "nir-not-run 'out'"),
}
"""Kinds of damage, with the code of the error and the names in its text."""


@pytest.mark.parametrize(("change", "expected"), NOT_RUN.values(), ids=NOT_RUN)
def test_changed_files_are_not_run(change: Change, expected: str, tmp_path: Path) -> None:
    path = Nir.write(layered_network(), tmp_path / "x.nir").path
    with h5py.File(path, "r+") as file:
        change(file["node"])
    code, _, detail = expected.partition(" ")
    with refused(FileFormatError, code) as caught:
        Nir(path).run(noise())
    assert str(path) in caught.value.what
    assert detail in caught.value.what


def test_foreign_files_carry_no_known_answers(whole: bytes, tmp_path: Path) -> None:
    path = changed(tmp_path / "x.nir", whole, lambda node: None)
    for take in (lambda path: Nir(path).known_answers(), lambda path: Nir(path).run(noise())):
        with refused(FileFormatError, "file-foreign") as caught:
            take(path)
        assert str(path) in caught.value.what


def is_refused(path: Path) -> bool:
    try:
        Nir(path).read()
        Nir(path).read(ImportOptions())
    except FileFormatError:
        return True
    return False


def test_damage_anywhere_is_refused_or_changes_nothing(tmp_path: Path) -> None:
    whole = Nir.write(layered_network(), tmp_path / "x.nir").path.read_bytes()
    random, path = np.random.default_rng(0), tmp_path / "damaged.nir"
    refused = 0
    for number in range(80):
        content = bytearray(whole)
        if number % 2:
            content = content[: random.integers(len(whole))]
        else:
            content[random.integers(len(whole))] ^= 1 << random.integers(8)
        path.write_bytes(content)
        refused += is_refused(path)
    assert refused >= 40
