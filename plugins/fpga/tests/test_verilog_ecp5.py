"""Netlists for an ECP5, with the registers of its block RAMs, compared with nmtool in Icarus."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from nmtool.hardware_sim.simulator import simulate
from nmtool.network.graph import INPUT
from nmtool.testing.networks import random_raster
from nmtool.verification.comparison import compare_recordings
from nmtool_fpga.verilog.folder import running_files
from nmtool_fpga.verilog.layout import BANK_BITS
from nmtool_fpga.verilog.words import input_text, read_recording
from plugins.fpga.tests.verilog.cases import li, lif, made
from plugins.fpga.tests.verilog_bench import needs_icarus, needs_yosys, write

BLOCK_RAM = Path(__file__).parent / "verilog" / "block_ram.v"

NETWORK = made(
    [lif("a", 30, vth=100), li("o", 3)],
    [(INPUT, "a"), ("a", "a"), ("a", "o")],
    channels=9,
    delays=(0, 1, 5, 14),
    weights=(60, 100, -30, -2),
)


def cells_folder() -> Path:
    """Folder of Yosys's models of cells."""
    program = shutil.which("yosys")
    assert program is not None
    return Path(program).parents[1] / "share" / "yosys" / "ecp5"


def cells_of_yosys() -> str:
    """Yosys's models of cells; our model of the block RAM has initial contents."""
    text = (cells_folder() / "cells_sim.v").read_text()
    module = re.search(r"module DP16KD\(.*?endmodule", text, re.DOTALL)
    assert module is not None
    contents = "".join(f"begin_with('h{n:02x}, INITVAL_{n:02X});\n" for n in range(64))
    body = f"{BLOCK_RAM.read_text()}\ninitial begin {contents} end\nendmodule"
    return text.replace(module[0], module[0].removesuffix("endmodule") + body)


@needs_icarus
@needs_yosys
@pytest.mark.long
@pytest.mark.parametrize("lanes", [1, 8])
def test_block_rams_with_their_registers(
    lanes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A netlist with many small banks, the last one in look-up tables, equals the simulator.

    With 8 lanes, banks have ports of 36 bits, and the ports' registers are separate flip-flops.
    """
    monkeypatch.setitem(BANK_BITS, lanes, 8 if lanes == 1 else 6)
    files = running_files(NETWORK, lanes)
    write(files, tmp_path)
    texts = " ".join(name for name in files if name.startswith("rtl/") and "register" not in name)
    script = (
        f"read_verilog -defer {texts}; read_verilog -lib rtl/nmtool_ram_register.v; "
        "synth_ecp5 -nodsp -top nmtool_top -run begin:map_ffram; "
        "script boards/ecp5.ys; "
        "synth_ecp5 -nodsp -top nmtool_top -run map_ffram:; check -assert; "
        "write_json netlist.json; rename nmtool_top netlist; write_verilog -noattr netlist.v"
    )
    _run(["yosys", "-q", "-p", script], tmp_path)
    cells = json.loads((tmp_path / "netlist.json").read_text())["modules"]["nmtool_top"]["cells"]
    rams = [cell["parameters"] for cell in cells.values() if cell["type"] == "DP16KD"]
    assert len(rams) > 4
    assert {ram["REGMODE_B"] for ram in rams} == {"OUTREG" if lanes == 1 else "NOREG"}
    assert {int(ram["DATA_WIDTH_B"], 2) == 36 for ram in rams} == {lanes == 8}

    spikes = random_raster(8, 1, 20, 9)
    top = files["rtl/nmtool_top.v"].decode()
    head = top[: top.index(");\n") + 3]
    ports = re.findall(r"(?:input|output) +wire +(?:\[.*?\] +)?(\w+)", head)
    (tmp_path / "top.v").write_text(
        f"{head}netlist netlist ({', '.join(f'.{port}({port})' for port in ports)});\nendmodule\n"
    )
    (tmp_path / "cells.v").write_text(cells_of_yosys())
    (tmp_path / "input.hex").write_text(input_text(spikes))
    compiler = ["iverilog", "-g2005", "-I", str(cells_folder()), "-o", "tb.vvp", "-s", "tb"]
    _run([*compiler, "top.v", "netlist.v", "cells.v", "sim/tb.v"], tmp_path)
    _run(["vvp", "-n", "tb.vvp", "+input=input.hex", "+record=words.bin", "+limit=20000"], tmp_path)
    recorded = read_recording(tmp_path / "words.bin", NETWORK, spikes, False)
    simulated = simulate(NETWORK, spikes)
    assert simulated.spikes["a"].n_spikes > 20
    assert compare_recordings(simulated, recorded).identical


def _run(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
