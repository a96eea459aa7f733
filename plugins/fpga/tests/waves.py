"""The picture of the core at work in plugins/fpga/docs/fpga.md, from a simulation in Icarus.

python -m plugins.fpga.tests.waves [FILE.svg]
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from nmtool.network.graph import INPUT, LI, LIF, InputChannels
from nmtool.network.integer_network import IntegerNetwork
from nmtool.network.readout import Readout
from nmtool.raster import Raster
from nmtool.testing.networks import Maker
from nmtool_fpga.verilog.folder import running_files
from nmtool_fpga.verilog.words import input_text
from plugins.fpga.tests.verilog_bench import write

CLOCK_PS = 10
"""Period of the clock, in the bench's unit of time."""

FIRST, LAST = 0, 118
"""First and last drawn clock, counted from the first word of the step."""

SIGNALS = {
    "in_valid": ("in_valid", "a word is offered"),
    "in_kind": ("in_kind", {0: "spike", 1: "end"}),
    "update: neurons start": ("core.update.start", ""),
    "spread: rows are looked up": ("core.spread", {0: ""}),
    "scatter: words are added": ("core.adds", ""),
    "out_valid": ("out_valid", ""),
    "out_kind": ("out_kind", {0: "spike", 1: "v", 2: "u", 3: "end"}),
}
DUMP = """module dump;
    initial begin
        $dumpfile("waves.vcd");
        $dumpvars(3, tb.top);
    end
endmodule
"""


def network() -> IntegerNetwork:
    """Eight hidden neurons that excite two outputs and each other."""
    maker = Maker(np.random.default_rng(2), max_delay=5, exponents=(0,))
    hidden = replace(maker.population("hidden", 8, LIF), du=400, dv=200, vth=60, bias_mantissa=0)
    output = replace(maker.population("output", 2, LI), du=400, dv=100, bias_mantissa=0)
    sizes = {INPUT: 4, "hidden": 8, "output": 2}
    edges = [(INPUT, "hidden"), ("hidden", "hidden"), ("hidden", "output")]
    projections = [maker.projection(a, b, (sizes[a], sizes[b])) for a, b in edges]
    eight = [replace(p, weight=abs(p.weight) // 32 * 32, weight_bits=4) for p in projections]
    return IntegerNetwork(
        InputChannels(4), [hidden, output], eight, Readout("output", "max"), 1.0, 12
    )


def simulated(folder: Path) -> dict[str, list[tuple[int, int]]]:
    """Times and new values of the changes of each signal."""
    integers = network()
    files = running_files(integers, 1)
    write(files, folder)
    (folder / "dump.v").write_text(DUMP)
    spikes = Raster.from_dense(np.ones((1, 12, 4), bool))
    (folder / "input.hex").write_text(input_text(spikes))
    texts = [name for name in files if name.startswith("rtl/") or name == "sim/tb.v"]
    tops = ["-s", "tb", "-s", "dump"]
    for command in (
        ["iverilog", "-g2005", "-o", "tb.vvp", *tops, *texts, "dump.v"],
        ["vvp", "-n", "tb.vvp", "+input=input.hex"],
    ):
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return changes((folder / "waves.vcd").read_text())


def changes(dump: str) -> dict[str, list[tuple[int, int]]]:
    """The changes in a value change dump (VCD), by the signal's path below `tb.top`."""
    scope: list[str] = []
    names: dict[str, list[str]] = {}
    signals: dict[str, list[tuple[int, int]]] = {}
    now = 0
    for line in dump.splitlines():
        words = line.split()
        if line.startswith("$scope"):
            scope.append(words[2])
        elif line.startswith("$upscope"):
            scope.pop()
        elif line.startswith("$var"):
            path = ".".join([*scope, words[4]]).removeprefix("tb.top.")
            names.setdefault(words[3], []).append(path)
        elif line.startswith("#"):
            now = int(line[1:])
        elif match := re.fullmatch(r"b([01xz]+) (\S+)|([01xz])(\S+)", line):
            bits, symbol = (match[1], match[2]) if match[1] else (match[3], match[4])
            value = int(re.sub("[xz]", "0", bits), 2)
            for path in names.get(symbol, []):
                signals.setdefault(path, []).append((now, value))
    return signals


def values(edges: list[tuple[int, int]], times: list[int]) -> list[int]:
    """Values of a signal at given times."""
    at = np.searchsorted([time for time, _ in edges], times, "right") - 1
    return [edges[index][1] if index >= 0 else 0 for index in at]


def busiest_step(signals: dict[str, list[tuple[int, int]]]) -> int:
    """First clock of the step that adds most words."""
    begins = [time for time, value in signals["core.begins"] if value]
    adds = np.array(signals["core.adds"])
    counts = [
        int(((adds[:, 0] > first) & (adds[:, 0] <= last)).sum()) for first, last in pairwise(begins)
    ]
    return begins[int(np.argmax(counts))] // CLOCK_PS


def draw(path: Path) -> None:
    """Draw the signals of the step that adds most words."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "nmtool"})
    from matplotlib import pyplot

    with tempfile.TemporaryDirectory() as name:
        signals = simulated(Path(name))
    first = busiest_step(signals)
    clocks = list(range(first + FIRST, first + LAST))
    times = [clock * CLOCK_PS + 1 for clock in clocks]
    figure, axes = pyplot.subplots(figsize=(9, 3.4), layout="constrained")
    for row, (title, (signal, words)) in enumerate(SIGNALS.items()):
        levels = values(signals[signal], times)
        base = -1.4 * row
        x = np.arange(len(levels)) + FIRST
        if isinstance(words, dict):
            valid = (
                values(signals[f"{signal.split('_')[0]}_valid"], times) if "_" in signal else levels
            )
            for clock, value, is_valid in zip(x, levels, valid, strict=True):
                if is_valid:
                    axes.fill_between([clock, clock + 1], base, base + 0.8, color="#4477aa", lw=0)
                    axes.text(
                        clock + 0.5,
                        base + 0.4,
                        words.get(value, "")[:1],
                        fontsize=5,
                        color="white",
                        ha="center",
                        va="center",
                    )
        else:
            axes.step(
                np.append(x, x[-1] + 1),
                base + 0.8 * np.append(levels, levels[-1]),
                where="post",
                color="#222222",
                lw=0.9,
            )
        axes.text(-1, base + 0.4, title, ha="right", va="center", fontsize=8)
    axes.set_xlim(0, len(clocks))
    axes.set_yticks([])
    axes.set_xlabel("clocks from the first word of the step; letters: spike, v (membrane), end")
    for side in ("left", "right", "top"):
        axes.spines[side].set_visible(False)
    figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    draw(Path(sys.argv[1] if len(sys.argv) > 1 else "plugins/fpga/docs/images/fpga_step.svg"))
