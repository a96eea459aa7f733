"""`nmtool verify` against several backends: one table, one row each."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from nmtool.exporters.c import C
from nmtool.exporters.netx import Netx
from nmtool.raster import Raster
from nmtool.recording import Recording
from tests.nmtool.cli.conftest import Nmtool
from tests.nmtool.cli.fake_lava import FakeLava, flip_spike

pytest.importorskip("onnxruntime")
pytest.importorskip("onnx")
pytest.importorskip("nir")
pytestmark = [
    pytest.mark.usefixtures("data"),
    pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler"),
]

BACKENDS = ("onnx", "nir", "lava", "c")
AGAINST = tuple(word for name in BACKENDS for word in ("--against", name))


def test_all_in_one_table(nmtool: Nmtool, integers: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    FakeLava().install(monkeypatch)
    result = nmtool("verify", integers, "two", *AGAINST, "--deep", "--json")
    assert result.code == 0
    assert result.err.startswith("nir ")
    assert len(result.err.splitlines()) == 1
    backends = result.json["backends"]
    assert tuple(backends) == BACKENDS
    for name in BACKENDS:
        assert (backends[name]["spikes_compared"], backends[name]["spikes_different"]) == (540, 0)
        assert backends[name]["membrane_different"] == backends[name]["predictions_different"] == 0
    assert backends["nir"]["integer"]["spikes_compared"] == 540
    assert backends["c"]["membrane_compared"] == backends["onnx"]["membrane_compared"] == 1800
    out = nmtool("verify", integers, "two", *AGAINST).out
    lines = out.splitlines()
    rows = [line.split()[0] for line in lines[3:9]]
    assert rows == ["hardware_sim", "onnx", "nir", "lava", "lava", "c"]
    assert "c: spikes compared 540, different 0; spikes emitted " in out


def test_obstacles_are_reported_before_anything_runs(
    nmtool: Nmtool, integers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = FakeLava().install(monkeypatch)
    monkeypatch.setattr(Netx, "require", lambda *_: None)
    result = nmtool("verify", integers, "two", "--against", "lava", "--against", "netx")
    assert (result.code, result.out, result.error) == (1, "", "netx-does-not-fit")
    assert fake.calls == []


def test_one_backend_that_differs_gives_exit_code_1(
    nmtool: Nmtool, integers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = C.simulate

    def wrong(artefact: C, spikes: Raster, **options: Any) -> Recording:
        return flip_spike(2, 9, 1)(right(artefact, spikes, **options))

    monkeypatch.setattr(C, "simulate", wrong)
    words = ("--against", "onnx", "--against", "c", "--json")
    result = nmtool("verify", integers, "two", *words)
    assert result.code == 1
    assert result.json["backends"]["onnx"]["spikes_different"] == 0
    assert result.json["backends"]["c"]["spikes_different"] == 1
    assert result.json["first_divergence"]["backend"] == "c"
