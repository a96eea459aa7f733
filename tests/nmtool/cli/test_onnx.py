"""Commands on ONNX files: exported, run, verified beside other backends, refused."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from nmtool.exporters.onnx import Onnx
from nmtool.network.integer_network import IntegerNetwork
from tests.nmtool.cli.conftest import Nmtool
from tests.nmtool.cli.fake_lava import FakeLava, flip_spike

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


def test_an_onnx_file_runs(nmtool: Nmtool, file: Path, integers: Path) -> None:
    expected = nmtool("evaluate", integers, "two", "--json").json
    result = nmtool("run", file, "two", "--json")
    assert result.code == 0
    for key in ("accuracy", "spikes_per_neuron", "synaptic_events_per_sample", "hash", "samples"):
        assert result.json[key] == expected[key], key


def test_an_onnx_file_runs_without_the_library_onnx(
    nmtool: Nmtool, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("onnx", "torch", "nmtool.hardware_sim.simulator"):
        monkeypatch.setitem(sys.modules, name, None)
    assert nmtool("run", file, "two").code == 0


def test_an_onnx_file_is_verified_by_its_known_answers(nmtool: Nmtool, file: Path) -> None:
    result = nmtool("verify", file, "--json")
    assert result.code == 0
    entry = result.json["backends"]["onnx"]
    spikes = Onnx(file).known_answers().spikes
    bins = spikes.n_samples * spikes.n_steps
    assert (entry["spikes_compared"], entry["spikes_different"]) == (3 * bins, 0)
    assert (entry["membrane_compared"], entry["membrane_different"]) == (2 * 5 * bins, 0)


def test_several_backends_in_one_table(
    nmtool: Nmtool, integers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    FakeLava({"fast": flip_spike(3, 11, 2)}).install(monkeypatch)
    words = ("verify", integers, "two", "--against", "onnx", "--against", "lava", "--deep")
    result = nmtool(*words, "--json")
    assert result.code == 1
    assert list(result.json["backends"]) == ["onnx", "lava"]
    assert set(result.json["accuracy"]) == {"hardware_sim", "onnx", "lava"}
    onnx, lava = (result.json["backends"][name] for name in ("onnx", "lava"))
    assert (onnx["spikes_different"], onnx["membrane_different"]) == (0, 0)
    assert lava["spikes_different"] == 1
    assert onnx["membrane_compared"] == 6 * 30 * (2 + 5 + 3)
    assert result.json["first_divergence"]["backend"] == "lava"
    out = nmtool(*words).out
    lines = out.splitlines()
    assert [line.split()[0] for line in lines[3:7]] == ["hardware_sim", "onnx", "lava", "lava"]
    assert "onnx: spikes compared 540, different 0; spikes emitted " in out


def test_a_file_is_run_as_it_is(
    nmtool: Nmtool, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Onnx, "write", None)
    result = nmtool("verify", file, "two", "--json")
    assert (result.code, list(result.json["backends"])) == (0, ["onnx"])


def test_a_file_is_a_network(nmtool: Nmtool, file: Path, integers: Path) -> None:
    assert (
        nmtool("inspect", file, "--json").json["hash"] == IntegerNetwork.load(integers).content_hash
    )
    assert nmtool("export", file, "--to", "lava", "-o", "folder").code == 0


@pytest.mark.parametrize("command", ["verify", "run", "inspect", "export"])
def test_damaged_files_are_refused(command: str, nmtool: Nmtool, file: Path) -> None:
    whole = file.read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 4
    words = {"run": ["two"], "export": ["--to", "lava", "-o", "folder"]}.get(command, [])
    for data in (b"", whole[:-100], whole[: len(whole) // 2], bytes(flipped), b"text"):
        file.write_bytes(data)
        result = nmtool(command, file, *words)
        assert (result.code, result.out) == (2, "")
        assert result.error in ("file-foreign", "file-damaged", "export-changed")
        assert "network.onnx" in result.err
