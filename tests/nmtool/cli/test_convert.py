"""`nmtool convert`: from every format to every other, without loss, and checked."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import pytest

from nmtool.errors import Finding
from nmtool.exchange import exporting
from nmtool.exporters.c.format import C
from nmtool.exporters.nir.format import Nir
from nmtool.exporters.nir.options import ImportOptions
from nmtool.hardware_sim.known_answers import known_answers
from nmtool.network.float_network import Network
from nmtool.network.integer_network import IntegerNetwork
from tests.nmtool.cli import cases
from tests.nmtool.cli.conftest import Nmtool
from tests.nmtool.cli.fake_lava import FakeLava

NEEDS = {"c": (), "lava": (), "onnx": ("onnx", "onnxruntime"), "nir": ("nir",)}
NAMES = {"c": "network.c", "lava": "folder", "onnx": "network.onnx", "nir": "network.nir"}
ARRAYS = "lava_network/arrays.npz"


@pytest.fixture(autouse=True)
def lava(monkeypatch: pytest.MonkeyPatch) -> FakeLava:
    """Replace Lava by the simulator."""
    return FakeLava().install(monkeypatch)


def _import(name: str) -> None:
    for library in NEEDS[name]:
        pytest.importorskip(library)


@pytest.mark.parametrize("first", NAMES)
@pytest.mark.parametrize("second", NAMES)
def test_conversion_between_all_formats(
    first: str, second: str, nmtool: Nmtool, integers: Path
) -> None:
    """Converting via a third format gives the same result as converting directly."""
    _import(first)
    _import(second)
    Path("way").mkdir()
    intermediate, final = f"way/{NAMES[first]}", f"way/2{NAMES[second]}"
    assert nmtool("convert", integers, intermediate, "--to", first).code == 0
    assert nmtool("convert", intermediate, final, "--to", second).code == 0
    assert nmtool("convert", integers, NAMES[second], "--to", second).code == 0
    short, long = Path(NAMES[second]), Path(final)
    if short.is_dir():
        short, long = short / ARRAYS, long / ARRAYS
    assert short.read_bytes() == long.read_bytes()


def test_run_folders(nmtool: Nmtool, floats: Path) -> None:
    Path("run").mkdir()
    shutil.copy(floats, "run/network.npz")
    assert nmtool("convert", "run", "copy.npz").code == 0
    assert Path("copy.npz").read_bytes() == floats.read_bytes()


def test_the_summary_of_a_conversion(nmtool: Nmtool, integers: Path) -> None:
    content = nmtool("convert", integers, "network.c", "--json").json
    assert content["bytes"] == Path("network.c").stat().st_size
    lines = nmtool("convert", integers, "other.c").out.splitlines()
    assert lines[0].endswith("→ other.c")
    words = [line.split() for line in lines]
    n_synapses = sum(int((p.weight != 0).sum()) for p in cases.integer_network().projections)
    assert ["neurons", "5"] in words
    assert ["synapses", str(n_synapses)] in words
    assert nmtool("convert", integers, "folder", "--to", "lava", "--json").json["bytes"] > 10_000


@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")
def test_the_written_file_is_executed(nmtool: Nmtool, integers: Path) -> None:
    result = nmtool("convert", integers, "network.c")
    assert result.code == 0
    expected = known_answers(IntegerNetwork.load(integers)).recording
    hidden = expected.spikes["hidden"]
    bins = hidden.n_bins
    line = f"c: spikes compared {bins}, different 0; spikes emitted {hidden.n_spikes}\n"
    assert result.out.endswith(f"read back: equal\n{line}")
    result = nmtool("convert", integers, "other.c", "--json").json["check"]
    assert (result["ran"], result["first_divergence"]) == (True, None)
    assert result["backends"]["c"]["membrane_compared"] == bins // 3 * 2 * (3 + 2)


@pytest.mark.parametrize(
    ("change", "code", "lines"),
    [
        ({}, 0, ["read back: equal", "not run: only nmtool itself runs its own files"]),
        ({"unlike": "other weights", "not_run": ""}, 1, ["read back: differs, other weights"]),
        ({"not_run": "Lava is gone"}, 0, ["read back: equal", "not run: Lava is gone"]),
    ],
)
def test_the_check_in_words(
    change: dict[str, Any],
    code: int,
    lines: list[str],
    nmtool: Nmtool,
    integers: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    convert = exporting.convert
    monkeypatch.setattr(
        exporting, "convert", lambda *values, **named: replace(convert(*values, **named), **change)
    )
    result = nmtool("convert", integers, "copy.npz")
    assert (result.code, result.out.splitlines()[-len(lines) :]) == (code, lines)


@pytest.mark.parametrize(
    ("words", "error", "phrase"),
    [
        (("x.c", "--in-steps", "9"), "import-options-unused", "--in-steps"),
        (("x",), "format-unclear", "--to npz|"),
        (("x.npz", "--data", "two"), "data-unused", "--data"),
    ],
)
@pytest.mark.usefixtures("integers", "data")
def test_invalid_conversions_are_refused(
    words: tuple[str, ...], error: str, phrase: str, nmtool: Nmtool
) -> None:
    result = nmtool("convert", "integers.npz", *words)
    assert (result.code, result.out, result.error) == (2, "", error)
    assert phrase in result.err
    assert not Path(words[0]).exists()


@pytest.mark.usefixtures("floats")
def test_only_quantise_rounds(nmtool: Nmtool) -> None:
    for words in (("convert", "floats.npz", "x.c"), ("export", "floats.npz", "-o", "x.c")):
        result = nmtool(*words)
        assert (result.code, result.out, result.error) == (2, "", "network-float")
        assert "nmtool quantise NETWORK -o integers.npz," in result.err
        assert not Path("x.c").exists()


@pytest.mark.usefixtures("integers")
def test_a_network_that_does_not_fit_the_format(
    nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        C, "misfits", lambda *_: [Finding("c-size", "out", "too large", "shrink it")]
    )
    result = nmtool("convert", "integers.npz", "x.c")
    assert (result.code, result.out, result.error) == (1, "", "format-does-not-fit")
    assert "\nc-size" in result.err
    assert not Path("x.c").exists()


@pytest.mark.parametrize("output", ["x.c", "x.npz"])
def test_files_are_replaced_only_with_force(output: str, nmtool: Nmtool, integers: Path) -> None:
    assert nmtool("convert", integers, output).code == 0
    result = nmtool("convert", integers, output)
    assert (result.code, result.out, result.error) == (2, "", "path-taken")
    assert f"{output} " in result.err
    assert nmtool("convert", integers, output, "--force").code == 0


def test_damaged_inputs_leave_nothing(nmtool: Nmtool, integers: Path) -> None:
    assert nmtool("convert", integers, "network.c").code == 0
    for name, error in (("integers.npz", "file-damaged"), ("network.c", "file-foreign")):
        whole = Path(name).read_bytes()
        Path(name).write_bytes(whole[: len(whole) // 2])
        result = nmtool("convert", name, "x.npz")
        assert (result.code, result.out, result.error) == (2, "", error)
        assert f"]: {name} " in result.err
        assert not Path("x.npz").exists()


@pytest.fixture
def foreign(nmtool: Nmtool, floats: Path) -> Path:
    """A NIR file for steps of 2 ms, without nmtool's own group."""
    pytest.importorskip("nir")
    assert nmtool("convert", floats, "foreign.nir", "--nir-dt", "0.002").code == 0
    with h5py.File("foreign.nir", "r+") as file:
        del file["nmtool"]
    return Path("foreign.nir")


def _delays(network: Network) -> dict[tuple[str, str], list[list[int]]]:
    return {(p.source, p.target): p.delay.tolist() for p in network.projections}


def test_foreign_nir_files_are_converted(nmtool: Nmtool, foreign: Path) -> None:
    result = nmtool(
        *("convert", foreign, "network.npz", "--in-nir-dt", "0.002", "--in-dt-ms", "1"),
        *("--in-steps", "30", "--in-rule", "weighted"),
    )
    assert (result.code, result.err.count("\n")) == (0, 1)
    assumed = "therefore assumed: a step for connections that close a loop; a reset to v_reset"
    assert assumed in result.err
    options = ImportOptions(0.002, 1.0, 30, "weighted")
    network = Network.load("network.npz")
    assert network.content_hash == Nir(foreign).read(options).content_hash
    assert (network.dt_ms, network.n_steps, network.readout.rule) == (1.0, 30, "weighted")
    assert _delays(network) == _delays(cases.float_network())


def test_foreign_nir_files_are_converted_with_a_window(nmtool: Nmtool, foreign: Path) -> None:
    window = ("--in-rule", "window", "--in-window", "25")
    assert nmtool("convert", foreign, "network.npz", *window).code == 0
    readout = Network.load("network.npz").readout
    assert (readout.rule, readout.window) == ("window", 25)
    result = nmtool("convert", foreign, "other.npz", "--in-rule", "window")
    assert (result.code, result.error) == (2, "readout-window-missing")
    result = nmtool("convert", foreign, "other.npz", "--in-window", "25")
    assert (result.code, result.error) == (2, "readout-window-unused")


def test_import_options_read_the_graph_instead_of_the_embedded_network(
    nmtool: Nmtool, floats: Path
) -> None:
    pytest.importorskip("nir")
    assert nmtool("convert", floats, "network.nir").code == 0
    assert nmtool("convert", "network.nir", "own.npz").code == 0
    assert nmtool("convert", "network.nir", "graph.npz", "--in-steps", "12").code == 0
    assert Network.load("own.npz").n_steps == 30
    assert Network.load("graph.npz").n_steps == 12


@pytest.mark.usefixtures("foreign")
def test_wrong_nir_options(nmtool: Nmtool) -> None:
    result = nmtool("convert", "foreign.nir", "x.npz", "--in-dt-ms", "0")
    assert (result.code, result.out, result.error) == (2, "", "nir-step-range")
    result = nmtool("convert", "foreign.nir", "x.npz", "--in-nir-dt", "0.003")
    assert (result.code, result.error) == (2, "nir-graph-unfit")
    assert "foreign.nir" in result.err
    assert not Path("x.npz").exists()
