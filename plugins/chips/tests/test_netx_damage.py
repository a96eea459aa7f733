"""NetX files that are damaged, changed or foreign are refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import nmtool as nm
from nmtool.errors import FileFormatError
from nmtool.hardware_sim.known_answers import known_answers
from nmtool.testing.networks import random_raster
from nmtool_chips.netx.format import Netx
from tests.networks.chains import chain_network
from tests.refusals import codes, refused

NETWORK = chain_network(3)
RASTER = random_raster(1, 2, NETWORK.n_steps, NETWORK.channels.size)
ANSWERS = known_answers(NETWORK)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """An undamaged file."""
    return Netx.write(NETWORK, tmp_path / "network.net", answers=ANSWERS).path


def assert_refused(path: Path) -> FileFormatError:
    for take in (Netx.read, Netx.known_answers):
        with pytest.raises(FileFormatError) as error:
            take(Netx(path))
        assert str(path) in error.value.what
    return error.value


@pytest.mark.parametrize("data", [b"", b"text\n", bytes(1000), b"\x89HDF\r\n\x1a\n"])
def test_foreign_files_are_refused(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "foreign.net").write_bytes(data)
    assert assert_refused(tmp_path / "foreign.net").code == "hdf5-damaged"
    assert assert_refused(tmp_path / "missing.net").code == "file-missing"


def changed(name: str, by: int) -> Callable[[h5py.File], None]:
    """Change the first number of a dataset of the first dense layer."""

    def change(file: h5py.File) -> None:
        values = np.array(file[f"layer/1/{name}"][()])
        values.flat[0] += by
        file[f"layer/1/{name}"][...] = values

    return change


def in_layer(**values: Any) -> Callable[[h5py.File], None]:
    """Replace datasets of the first dense layer; None deletes them."""

    def change(file: h5py.File) -> None:
        group = file["layer/1"]
        for name, value in values.items():
            name = name.replace("__", "/")
            if name in group:
                del group[name]
            if value is not None:
                group[name] = value

    return change


def external(file: h5py.File) -> None:
    del file["layer/2"]
    file["layer/2"] = h5py.ExternalLink("/etc/hostname", "/")


def huge(file: h5py.File) -> None:
    del file["layer/1/weight"]
    file["layer/1"].create_dataset("weight", (1 << 40, 5), "i2", chunks=(1024, 5))


CHANGES: dict[str, tuple[Callable[[h5py.File], None], str]] = {
    "another weight": (changed("weight", 8), "export-changed"),
    "another threshold": (in_layer(neuron__vThMant=77), "export-changed"),
    "no weight": (in_layer(weight=None), "hdf5-member-missing"),
    "a weight without a value": (in_layer(weight=h5py.Empty("i2")), "hdf5-no-data"),
    "no neuron": (in_layer(neuron=None), "export-changed"),
    "no type": (in_layer(type=None), "hdf5-member-missing"),
    "a number for the type": (in_layer(type=5), "hdf5-no-text"),
    "a strange type": (in_layer(type=b"x" * 500), "export-changed"),
    "weights of another shape": (in_layer(weight=np.ones((2, 2, 2))), "netx-matrix-shape"),
    "weights of another size": (in_layer(weight=np.ones((3, 50))), "netx-matrix-shape"),
    "weights that are no numbers": (in_layer(weight=b"x"), "hdf5-no-numbers"),
    "weights that are not whole": (in_layer(weight=np.full((5, 5), 0.5)), "netx-not-whole"),
    "weights that are not finite": (in_layer(weight=np.full((5, 5), np.inf)), "netx-not-whole"),
    "weights beyond 32 bits": (in_layer(weight=np.full((5, 5), 1 << 40)), "netx-number-range"),
    "delays of another size": (in_layer(delay=np.ones(50)), "netx-delay-shape"),
    "delays of another shape": (in_layer(delay=np.ones((2, 2))), "netx-delay-shape"),
    "delays of more axes": (in_layer(delay=np.ones((1, 1, 1))), "netx-delay-shape"),
    "negative delays": (in_layer(delay=-1), "export-changed"),
    "several decays": (in_layer(neuron__iDecay=np.ones(9)), "hdf5-damaged"),
    "a shape of nothing": (in_layer(shape=np.zeros(0)), "netx-matrix-shape"),
    "a link to another file": (external, "hdf5-link"),
    "a huge matrix": (huge, "hdf5-too-large"),
    "no layers": (lambda file: file.__delitem__("layer"), "hdf5-member-missing"),
    "no layer": (lambda file: file["layer"].clear(), "netx-layer-count"),
    "a gap in the layers": (lambda file: file.__delitem__("layer/1"), "hdf5-member-missing"),
    "no settings": (lambda file: file.__delitem__("nmtool/settings"), "hdf5-member-missing"),
    "another layer": (lambda file: file.copy("layer/3", "layer/4"), "export-changed"),
}
"""Kinds of damage to a file, and the code of the resulting error."""


@pytest.mark.parametrize("case", CHANGES)
def test_changed_files_are_refused(case: str, path: Path) -> None:
    change, code = CHANGES[case]
    with h5py.File(path, "r+") as file:
        change(file)
    with refused(FileFormatError, code) as caught:
        Netx(path).read()
    assert str(path) in caught.value.what


NEVER_WRITTEN = {
    "another weight": changed("weight", 2),
    "another threshold": changed("neuron/vThMant", 1),
    "another decay": changed("neuron/iDecay", 1),
    "another refractory time": changed("neuron/refDelay", 1),
    "something beside": in_layer(neuron__extra=3),
}


@pytest.mark.parametrize("case", NEVER_WRITTEN)
def test_files_that_nmtool_would_not_write_do_not_run(
    case: str, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for verb in ("require", "run", "check"):
        monkeypatch.setattr(Netx, verb, None)
    with h5py.File(path, "r+") as file:
        NEVER_WRITTEN[case](file)
    calls = [{"network": path}, {"network": NETWORK, "data": RASTER, "artefact": path}]
    if case == "another weight":
        calls += [{"network": path, "data": RASTER}, {"network": NETWORK, "artefact": path}]
    for arguments in calls:
        with refused(FileFormatError, "export-changed") as caught:
            nm.verify(**arguments)
        assert str(path) in caught.value.what


def test_missing_layers_are_reported(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        in_layer(neuron=None)(file)
    with refused(FileFormatError, "export-changed") as caught:
        Netx(path).read()
    assert codes(caught.value) == ["netx-neurons-missing"]


def test_a_newer_version_asks_for_an_update(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        del file["nmtool/settings"]
        file["nmtool/settings"] = '{"version": 2, "hash": "x"}'
    assert assert_refused(path).code == "file-newer"
