"""Run the core in Icarus, with all options of its test bench: stalls, single port, loading."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from nmtool.errors import MissingError
from nmtool.network.integer_network import IntegerNetwork
from nmtool.raster import Raster
from nmtool.recording import Recording
from nmtool_fpga.verilog import simulators
from nmtool_fpga.verilog.folder import running_files
from nmtool_fpga.verilog.layout import MEMORIES, Layout, Memory
from nmtool_fpga.verilog.simulators import Verilator
from nmtool_fpga.verilog.words import input_text, read_recording


def verilator() -> Verilator | None:
    """Verilator, from the path or from a Python package."""
    try:
        installed = simulators.find()
    except MissingError:
        return None
    return next((simulator for simulator in installed if isinstance(simulator, Verilator)), None)


needs_icarus = pytest.mark.skipif(shutil.which("iverilog") is None, reason="no Icarus Verilog")
needs_verilator = pytest.mark.skipif(verilator() is None, reason="no Verilator")
needs_yosys = pytest.mark.skipif(shutil.which("yosys") is None, reason="no Yosys")


def write(files: dict[str, bytes], folder: Path) -> None:
    """Write the files of a folder."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def load_lines(memories: dict[str, Memory], width: int) -> str:
    """Lines for the loader, one per byte: 1 or 0 (first byte of a memory or not), and the byte."""
    lines = []
    for name, memory in memories.items():
        lines.append(f"1 {MEMORIES.index(name):x}")
        for word in memory.hex_lines().split():
            content = int(word, 16).to_bytes(-(-width // 8), "big")
            lines += [f"0 {byte:02x}" for byte in content]
    return "\n".join([*lines, ""])


def record(
    network: IntegerNetwork,
    spikes: Raster,
    folder: Path,
    *,
    lanes: int = 1,
    deep: bool = False,
    single_port: bool = False,
    stall: int | None = None,
) -> Recording:
    """Run the core of a network in Icarus.

    Args:
        network: network in the core's memories.
        spikes: input of the network.
        folder: working folder.
        lanes: number of lanes.
        deep: record u and v of every neuron.
        single_port: use memories with one port, which start with zeros and are then loaded.
        stall: seed of random waits of both streams; None for no waits.
    """
    layout = Layout(network, lanes)
    files = running_files(network, lanes)
    loaded = {}
    if single_port:
        loaded = layout.memories
        for name in [
            file for file in files if file.startswith("mem/") and "importance" not in file
        ]:
            files[name] = b"".join(b"0\n" for _ in files[name].split())
    write(files, folder)
    loads = load_lines(loaded, layout.parameters["LOAD_BITS"])
    (folder / "load.hex").write_text(loads)
    (folder / "input.hex").write_text(input_text(spikes))
    texts = [name for name in files if name.startswith("rtl/") or name == "sim/tb.v"]
    options = [f"-Ptb.DEEP={int(deep)}", f"-Ptb.SINGLE_PORT={int(single_port)}"]
    _run(["iverilog", "-g2005", "-Wall", "-o", "tb.vvp", "-s", "tb", *options, *texts], folder)
    waits = [] if stall is None else [f"+stall={stall}"]
    limit = layout.most_clocks(deep) + layout.clearing_clocks
    limit *= 1 if stall is None else 10
    # Before the first input word, the core needs one clock cycle for every byte that it loads.
    limit += loads.count("\n")
    arguments = ["+input=input.hex", "+record=words.bin", "+load=load.hex", f"+limit={limit}"]
    _run(["vvp", "-n", "tb.vvp", *arguments, *waits], folder)
    return read_recording(folder / "words.bin", network, spikes, deep)


def _run(command: list[str], folder: Path) -> None:
    """Run a program, which must succeed without warnings."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
    lines = [
        line for line in done.stdout.splitlines() if line != "sample" and "$finish" not in line
    ]
    assert (done.returncode, lines, done.stderr) == (0, [], ""), (lines, done.stderr)
