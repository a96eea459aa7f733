"""The decays of `nmtool_neuron` for all possible products, in Verilator."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from plugins.fpga.tests.verilog.cases import RTL
from plugins.fpga.tests.verilog_bench import needs_verilator, verilator

PRODUCTS = Path(__file__).parent / "verilog" / "products.cpp"

DECAYS = 4096 + 1
HALVES = 3 * 4096 - 1
"""States that are compared: 4,096 lower halves of each sign, and 4,095 upper halves, without −M."""


def run(text: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Compile the neuron's Verilog with the harness, and run it."""
    simulator = verilator()
    assert simulator is not None
    source, build = folder / "nmtool_neuron.v", folder / "made"
    source.write_text(text)
    options = ("--cc", "-O3", "--top-module", "nmtool_neuron", "-Mdir", build)
    subprocess.run(
        [simulator.program, *options, source],
        check=True,
        capture_output=True,
        env={**os.environ, "VERILATOR_ROOT": str(simulator.root)},
    )
    include, program = simulator.root / "include", folder / "products"
    runtime = [include / name for name in ("verilated.cpp", "verilated_threads.cpp")]
    flags = ("-std=c++20", "-O2", "-DVL_TIME_CONTEXT", "-w", "-pthread")
    folders = ("-I", build, "-I", include, "-I", include / "vltstd")
    parts = [*sorted(build.glob("*.cpp")), PRODUCTS, *runtime]
    subprocess.run([*simulator.compiler, *flags, *folders, *parts, "-o", program], check=True)
    return subprocess.run([program], capture_output=True, text=True)


@needs_verilator
@pytest.mark.long
def test_every_product_is_truncated(tmp_path: Path) -> None:
    done = run((RTL / "nmtool_neuron.v").read_text(), tmp_path)
    assert (done.returncode, done.stdout) == (0, f"compared {DECAYS * HALVES}\n")


@needs_verilator
@pytest.mark.long
def test_a_product_that_is_rounded_down_is_detected(tmp_path: Path) -> None:
    text = (RTL / "nmtool_neuron.v").read_text()
    rounded = "below_v && low_v[11:0] != 12'd0"
    assert text.count(rounded) == 1
    done = run(text.replace(rounded, "1'b0"), tmp_path)
    assert done.returncode == 1
    assert "another product" in done.stdout
