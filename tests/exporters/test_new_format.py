"""A new format of a few lines, which can be written and read, but not run."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import nmtool as nm
from nmtool.errors import UsageError
from nmtool.exporters.embedded import check_hash, read_bytes
from nmtool.exporters.format import Format
from nmtool.exporters.formats import Place, places
from nmtool.network.integer_network import IntegerNetwork
from nmtool.storage import Archive, pack
from tests.nmtool.cli import cases
from tests.refusals import refused

NETWORK = cases.integer_network()

# The code of a new format

MAX_BYTES = 1 << 26

PLACE = Place(f"{__name__}:Text", (".example",))


class Text(Format, name="text", place=PLACE):
    """The integers of a network as JSON."""

    @classmethod
    def encode(cls, network: IntegerNetwork, answers: Any, options: Any) -> dict[str, bytes]:
        header, arrays = pack(network)
        lists = {name: array.tolist() for name, array in arrays.items()}
        return {"": json.dumps([network.content_hash, header, lists]).encode()}

    def decode(self, options: Any = None) -> IntegerNetwork:
        data = read_bytes(self.path, "file of text", MAX_BYTES, "it is too large")
        content_hash, header, lists = json.loads(data)
        arrays = {name: np.array(numbers, np.int64) for name, numbers in lists.items()}
        network = Archive(self.path, header, arrays).unpack(IntegerNetwork)
        check_hash(network, content_hash, self.path)
        return network


@pytest.fixture(autouse=True)
def _placed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(places(), "text", PLACE)
    monkeypatch.setitem(sys.modules, __name__, SimpleNamespace(Text=Text))


def test_a_new_format_is_written_read_and_converted(tmp_path: Path) -> None:
    path = nm.export(NETWORK, tmp_path / "network.example")
    assert nm.load(path).content_hash == NETWORK.content_hash
    done = nm.convert(path, tmp_path / "back.npz")
    assert nm.load(done.path).content_hash == NETWORK.content_hash


def test_a_format_without_runtime_is_not_a_backend(tmp_path: Path) -> None:
    path = nm.export(NETWORK, tmp_path / "network.example")
    raster = nm.Raster.silent(1, NETWORK.n_steps, NETWORK.channels.size)
    with refused(UsageError, "backend-missing"):
        nm.verify(path, raster)
    with refused(UsageError, "answers-not-carried"):
        nm.verify(path)
