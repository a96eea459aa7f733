from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from nmtool.data import Dataset
from nmtool.exporters import formats
from tests.networks.chains import chain_network
from tests.nmtool.cli import cases
from tests.nmtool.cli.fake_lava import FakeLava

LIBRARIES = {"onnx": ("onnx", "onnxruntime"), "nir": ("nir",)}

Export = Callable[[str], Path]


@pytest.fixture
def data() -> Dataset:
    """Twelve training and six test samples, in memory."""
    splits = {
        "train": cases.spike_events(cases.N_TRAIN, 1),
        "test": cases.spike_events(cases.N_TEST, 2),
    }
    return Dataset("two", tuple(splits), splits.__getitem__)


@pytest.fixture
def lava(monkeypatch: pytest.MonkeyPatch) -> FakeLava:
    """The simulator in Lava's place."""
    return FakeLava().install(monkeypatch)


@pytest.fixture
def export(tmp_path: Path) -> Export:
    """`export(name)` writes the integers of `cases` in a format; a chain for NetX."""

    def write(name: str) -> Path:
        for library in LIBRARIES.get(name, ()):
            pytest.importorskip(library)
        network = chain_network(3) if name == "netx" else cases.integer_network()
        one = formats.format_named(name)
        path = tmp_path / f"export{next(iter(one.extensions), '')}"
        return one.write(network, path).path

    return write
