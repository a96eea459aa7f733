"""The folder of an export: its files, refusals, and failures of simulators."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

import nmtool as nm
from nmtool.errors import BackendError, FileFormatError, MissingError, UsageError
from nmtool.exporters.data_folder import NETWORK
from nmtool.hardware_sim.known_answers import known_answers
from nmtool.hardware_sim.simulator import simulate
from nmtool.testing.networks import answers_to, random_raster, with_resets
from nmtool.verification.comparison import compare_recordings
from nmtool_fpga.verilog import folder, runtime, simulators
from nmtool_fpga.verilog.folder import EXPECTED, HARNESS
from nmtool_fpga.verilog.format import Verilog
from nmtool_fpga.verilog.layout import Layout
from nmtool_fpga.verilog.options import VerilogOptions
from nmtool_fpga.verilog.simulators import Icarus, Verilator
from plugins.fpga.tests.verilog_bench import needs_icarus, needs_verilator, verilator
from tests.networks.chains import chain_network
from tests.refusals import refused

MARKER = Verilog.marker
CHAIN = chain_network(4)
COUNTING = with_resets(CHAIN, 2, 15)
SPIKES = random_raster(3, 2, 30, 5)
ANSWERS = answers_to(CHAIN, SPIKES)


@pytest.fixture
def written(tmp_path: Path) -> Path:
    return Verilog.write(CHAIN, tmp_path / "core", answers=ANSWERS).path


# Tests of the content of the folder


def test_every_file_has_its_digest(written: Path) -> None:
    about = json.loads((written / MARKER).read_text())
    files = {f.relative_to(written).as_posix() for f in written.rglob("*") if f.is_file()}
    assert {*about["sha256"], MARKER} == files
    assert about["hash"] == CHAIN.content_hash


def test_options_are_read_back(tmp_path: Path) -> None:
    options = VerilogOptions(lanes=8, deep=True)
    path = Verilog.write(CHAIN, tmp_path / "core", options=options).path
    assert Verilog(path).about.options == options
    Verilog(path).check_written()


def test_states_that_answers_lack_are_added_for_a_deep_core(tmp_path: Path) -> None:
    shallow = replace(ANSWERS, recording=simulate(CHAIN, SPIKES), decay_factors={})
    texts = []
    for index, variant in enumerate((ANSWERS, shallow)):
        options = VerilogOptions(deep=True)
        path = Verilog.write(CHAIN, tmp_path / f"{index}", answers=variant, options=options).path
        texts.append((path / EXPECTED).read_bytes())
    assert texts[0] == texts[1]


@needs_icarus
@pytest.mark.parametrize("deep", [pytest.param(False, marks=pytest.mark.long), True])
def test_the_testbench_counts_different_spikes(deep: bool, tmp_path: Path) -> None:
    options = VerilogOptions(deep=deep)
    path = Verilog.write(CHAIN, tmp_path / "core", answers=ANSWERS, options=options).path
    bins = sum(raster.n_bins for raster in ANSWERS.recording.spikes.values())
    done = subprocess.run(["make", "check"], cwd=path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"\nspikes compared {bins}, different 0\n" in done.stdout
    words = (path / EXPECTED).read_text().splitlines()
    spike = next(i for i, line in enumerate(words[1:], 1) if line.startswith("0 "))
    value = next(i for i, line in enumerate(words[1:], 1) if line.startswith("1 "))
    kind, population, neuron, v = words[value].split()
    words[value] = f"{kind} {population} {neuron} {int(v, 16) ^ 1:x}"
    del words[spike]
    (path / EXPECTED).write_text("\n".join([*words, ""]))
    done = subprocess.run(["make", "check"], cwd=path, capture_output=True, text=True)
    assert done.returncode != 0
    assert f"\nspikes compared {bins}, different 1\n" in done.stdout
    assert "different 1\nvalues" in done.stdout
    assert done.stdout.count("different 1\n") == 2
    assert "first difference: sample 0, step" in done.stdout


@needs_icarus
def test_the_testbench_compares_numbers_of_spikes(tmp_path: Path) -> None:
    """A neuron that spikes another number of times is one different spike bin."""
    answers = answers_to(COUNTING, random_raster(3, 2, 30, 5, COUNTING.channels.most_spikes))
    assert max(raster.most_spikes for raster in answers.recording.spikes.values()) > 2
    path = Verilog.write(COUNTING, tmp_path / "core", answers=answers).path
    done = subprocess.run(["make", "check"], cwd=path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    head, *words = (path / EXPECTED).read_text().splitlines()
    changed = next(i for i, word in enumerate(words) if word[0] == "0" and word[-2:] != " 0")
    words[changed] = f"{words[changed].rsplit(maxsplit=1)[0]} 0"
    (path / EXPECTED).write_text("\n".join([head, *words, ""]))
    done = subprocess.run(["make", "check"], cwd=path, capture_output=True, text=True)
    assert done.returncode != 0
    assert f"\nspikes compared {head.split()[0]}, different 1\n" in done.stdout
    assert f"\nvalues compared {head.split()[1]}, different 0\n" in done.stdout


@pytest.mark.skipif(shutil.which("verilator") is None, reason="no Verilator on the path")
@pytest.mark.long
@pytest.mark.parametrize(
    ("board", "network"), [("ulx3s", CHAIN), ("ulx3s", COUNTING), ("icebreaker", CHAIN)]
)
def test_boards_answer_through_their_serial_line(
    board: str, network: nm.IntegerNetwork, tmp_path: Path
) -> None:
    """For the iCEBreaker, synapses are first loaded through the serial line."""
    spikes = random_raster(3, 2, 30, 5, network.channels.most_spikes)
    answers = known_answers(network, spikes)
    path = Verilog.write(network, tmp_path / "core", answers=answers).path
    bins = sum(raster.n_bins for raster in answers.recording.spikes.values())
    command = ["make", "check-board-verilator", f"BOARD={board}"]
    done = subprocess.run(command, cwd=path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"\nspikes compared {bins}, different 0\n" in done.stdout
    (path / EXPECTED).write_text((path / EXPECTED).read_text().replace("\n0 ", "\n1 ", 1))
    done = subprocess.run(command, cwd=path, capture_output=True, text=True)
    assert done.returncode != 0
    assert "the board and the network differ" in done.stdout


def test_compiled_files_are_removed_when_the_export_is_replaced(written: Path) -> None:
    (written / "build").mkdir()
    (written / "build" / "tb.vvp").write_text("made")
    Verilog.write(CHAIN, written, force=True)
    assert not (written / "build").exists()


def test_a_smaller_network_leaves_no_memories_behind(written: Path) -> None:
    memories = {file.name for file in (written / "mem").iterdir()}
    larger = nm.round_network(nm.Network.layers([100, 100, 3])).network
    Verilog.write(larger, written, force=True)
    assert memories < {file.name for file in (written / "mem").iterdir()}
    Verilog.write(CHAIN, written, force=True)
    assert memories == {file.name for file in (written / "mem").iterdir()}


# Tests of folders that are refused


@pytest.mark.parametrize("name", [HARNESS, "rtl/nmtool_core.v", "rtl/nmtool_top.v", "Makefile"])
def test_a_file_that_was_changed_is_named(name: str, written: Path) -> None:
    with open(written / name, "a") as file:
        file.write("\n")
    with refused(FileFormatError, "export-changed") as caught:
        Verilog(written).run(random_raster(0, 1, 5, 5))
    findings = [(finding.code, finding.where) for finding in caught.value.findings]
    assert findings == [("export-part-changed", name)]
    (written / name).unlink()
    with refused(FileFormatError, "export-changed"):
        Verilog(written).check_written()


@pytest.mark.parametrize(
    ("about", "code"),
    [
        ({"version": Verilog.version + 1}, "file-newer"),
        ({"hash": "0" * 64}, "file-damaged"),
        ({"options": {"lanes": 3}}, "file-damaged"),
        ({"options": {"lanes": 10**9}}, "file-damaged"),
        ({"options": []}, "file-damaged"),
    ],
)
def test_invalid_settings_are_refused(about: dict, code: str, written: Path) -> None:
    marker = json.loads((written / MARKER).read_text())
    (written / MARKER).write_text(json.dumps(marker | about))
    with refused(FileFormatError, code):
        Verilog(written).read()


def test_another_network_in_the_folder_is_refused(written: Path) -> None:
    chain_network(5).save(written / NETWORK)
    with refused(FileFormatError, "file-damaged"):
        Verilog(written).read()


@pytest.mark.parametrize(
    ("options", "code"),
    [({"lanes": 3}, "verilog-lanes"), ({"part": "ecp6"}, "verilog-part-unknown")],
)
def test_invalid_options_are_refused(options: dict, code: str) -> None:
    with refused(UsageError, code):
        VerilogOptions(**options)


# Tests of simulators that are missing or fail


def without_simulators(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Leave only the programs in a folder on the path."""
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.delenv(simulators.VARIABLE, raising=False)
    monkeypatch.setattr(simulators, "find_spec", lambda name: None)


def program(path: Path, script: str) -> Path:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def test_a_missing_simulator_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    without_simulators(monkeypatch, tmp_path)
    with refused(MissingError, "verilog-simulator-missing"):
        Verilog.require()
    program(tmp_path / "verilator", "true")
    program(tmp_path / "verilator_bin", "true")
    with refused(MissingError, "verilog-simulator-missing") as caught:
        Verilog.require()
    assert "C++" in caught.value.why
    program(tmp_path / "iverilog", "echo 'Icarus Verilog version 12.0 (stable)'")
    assert [simulator.words for simulator in simulators.find()] == ["Icarus 12.0"]
    program(tmp_path / "c++", "true")
    program(tmp_path / "verilator_bin", "echo 'Verilator 5.032 2025-01-01'")
    assert [simulator.words for simulator in simulators.find()] == [
        "Verilator 5.032",
        "Icarus 12.0",
    ]


def test_a_missing_verilator_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(simulators.VARIABLE, "/nowhere/verilator")
    with refused(MissingError, "verilator-missing"):
        Verilog.require()


def test_a_failing_compiler_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NMTOOL_CACHE", str(tmp_path / "cache"))
    broken = program(tmp_path / "verilator_bin", "echo it cannot >&2; exit 3")
    (tmp_path / "share" / "include").mkdir(parents=True)
    (tmp_path / "share" / "include" / "verilated.h").write_text("")
    (tmp_path / "share" / "bin").mkdir()
    shutil.move(broken, tmp_path / "share" / "bin" / "verilator_bin")
    verilator = Verilator(tmp_path / "share" / "bin" / "verilator_bin", ("c++",))
    with refused(BackendError, "runtime-failed") as caught:
        runtime.run(CHAIN, 1, SPIKES, False, verilator, None)
    assert "it cannot" in caught.value.why
    assert not list((tmp_path / "cache").rglob("simulate-*"))


@needs_icarus
def test_a_hanging_core_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit is in clocks, more than any step takes, and not in seconds."""
    hand = dict(folder.handwritten_files())
    core = hand["rtl/nmtool_core.v"].decode()
    stuck = core.replace("assign scatter_busy = ", "assign scatter_busy = 1'b1 || ")
    assert stuck != core
    monkeypatch.setattr(
        folder, "handwritten_files", lambda: {**hand, "rtl/nmtool_core.v": stuck.encode()}
    )
    icarus = next(candidate for candidate in simulators.find() if isinstance(candidate, Icarus))
    with refused(BackendError, "runtime-failed") as caught:
        runtime.run(CHAIN, 1, SPIKES, False, icarus, None)
    assert "clocks" in caught.value.why


# Tests of the cache of compiled programs


@needs_verilator
def test_a_network_of_the_same_shape_needs_no_compiler(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Weights, delays and constants are in memory files, which the program reads at its start."""
    simulator = verilator()
    assert simulator is not None
    other = replace(
        CHAIN,
        projections=[replace(p, weight=-p.weight[::-1]) for p in CHAIN.projections],
        populations=[replace(p, dv=p.dv // 2) for p in CHAIN.populations],
    )
    shapes = [Layout(network).parameters for network in (CHAIN, other)]
    assert shapes[0] == shapes[1]
    for network in (CHAIN, other):
        recorded = runtime.run(network, 1, SPIKES, True, simulator, None)
        assert compare_recordings(simulate(network, SPIKES, deep=True), recorded).identical
        monkeypatch.setattr(Verilator, "_compiled", None)


@needs_icarus
def test_short_runs_do_not_wait_for_a_compiler(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NMTOOL_CACHE", str(tmp_path))
    assert isinstance(runtime.choose(CHAIN, 1, SPIKES, False), Icarus)
    kinds = {type(simulator) for simulator in simulators.find()}
    long = random_raster(3, 100, 100, 5)
    assert isinstance(runtime.choose(CHAIN, 1, long, False), Verilator) == (Verilator in kinds)
