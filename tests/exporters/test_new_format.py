"""A format of ten lines, which is written and read and does not run, is one like others."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import nmtool as nm
from nmtool import integer_network, storage
from nmtool.errors import UsageError
from nmtool.exporters import formats
from nmtool.exporters.formats import READS, WRITES, Format
from nmtool.exporters.output import write_file
from nmtool.integer_network import IntegerNetwork
from tests.nmtool.cli import cases
from tests.refusals import refused

NETWORK = cases.integer_network()


def export(network: IntegerNetwork, path: Path, *, force: bool = False) -> Path:
    header, arrays = integer_network.pack(network)
    kept = {name: [a.tolist(), str(a.dtype)] for name, a in arrays.items()}
    return write_file(path, json.dumps([header, kept]).encode(), force)


def load(path: Path) -> IntegerNetwork:
    header, kept = json.loads(path.read_text())
    arrays: dict[str, Any] = {name: np.array(*one) for name, one in kept.items()}
    archive = storage.Archive(path, header, arrays)
    return integer_network.unpack(archive)


@pytest.fixture(autouse=True)
def _registered(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("nmtool.exporters.text")
    vars(module).update(export=export, load=load)
    monkeypatch.setitem(sys.modules, "nmtool.exporters.text", module)
    one = Format("text", "JSON", (".json",), can=frozenset({WRITES, READS}))
    monkeypatch.setattr(formats, "FORMATS", (*formats.FORMATS, one))


def test_it_is_written_read_and_converted(tmp_path: Path) -> None:
    path = nm.export(NETWORK, tmp_path / "network.json")
    assert nm.load(path).content_hash == NETWORK.content_hash
    done = nm.convert(path, tmp_path / "back.npz")
    assert nm.load(done.path).content_hash == NETWORK.content_hash


def test_it_is_no_backend(tmp_path: Path) -> None:
    path = nm.export(NETWORK, tmp_path / "network.json")
    raster = nm.Raster.silent(1, NETWORK.n_steps, NETWORK.channels.size)
    with refused(UsageError, "backend-missing"):
        nm.verify(path, raster)
    with refused(UsageError, "answers-not-carried"):
        nm.verify(path)
