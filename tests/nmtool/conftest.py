from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from nmtool.data import Dataset
from nmtool.exporters import formats
from nmtool.network.integer_network import IntegerNetwork
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
    """Replace Lava by the simulator."""
    return FakeLava().install(monkeypatch)


def network_for(name: str) -> IntegerNetwork:
    """The integers of `cases`, or a chain for formats that cannot represent them."""
    exporter, network = formats.format_named(name), cases.integer_network()
    if exporter.arithmetic == network.runs_in and not exporter.misfits(network):
        return network
    return chain_network(3, runs_in=exporter.arithmetic)


@pytest.fixture
def export(tmp_path: Path) -> Export:
    """`export(name)` writes `network_for(name)` in a format."""

    def write(name: str) -> Path:
        for library in LIBRARIES.get(name, ()):
            pytest.importorskip(library)
        format_ = formats.format_named(name)
        path = tmp_path / f"export{next(iter(format_.extensions), '')}"
        return format_.write(network_for(name), path).path

    return write
