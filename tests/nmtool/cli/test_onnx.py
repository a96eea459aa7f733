"""Commands on ONNX files: exported, and run without the library that wrote them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from nmtool.exporters.onnx.format import Onnx
from nmtool.network.integer_network import IntegerNetwork
from tests.nmtool.cli.conftest import Nmtool

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
pytestmark = pytest.mark.usefixtures("data")


@pytest.fixture
def file(nmtool: Nmtool, integers: Path) -> Path:
    result = nmtool("export", integers, "-o", "network.onnx")
    assert result.out.splitlines() == [
        "onnx: faithful",
        "network.onnx written; nmtool verify network.onnx checks it, without any data",
    ]
    return Path("network.onnx")


def test_the_extension_determines_the_format(nmtool: Nmtool, file: Path, integers: Path) -> None:
    assert Onnx(file).network.content_hash == IntegerNetwork.load(integers).content_hash
    result = nmtool("export", integers, "--to", "onnx", "-o", "network.bin")
    assert (result.code, result.error) == (2, "extension-wrong")
    assert "network.bin" in result.err
    result = nmtool("export", integers, "-o", file)
    assert (result.code, result.error) == (2, "path-taken")
    assert "network.onnx" in result.err
    assert nmtool("export", integers, "-o", file, "--force").code == 0


def test_an_onnx_file_runs_without_the_library_onnx(
    nmtool: Nmtool, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("onnx", "torch", "nmtool.hardware_sim.simulator"):
        monkeypatch.setitem(sys.modules, name, None)
    assert nmtool("evaluate", file, "two").code == 0
