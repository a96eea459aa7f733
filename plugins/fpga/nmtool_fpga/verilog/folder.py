"""The files of a Verilog export.

Files that are the same in every folder are in `rtl`, `sim` and `boards` beside this module. Files
that depend on the network are `rtl/nmtool_top.v` (parameters only), `mem`, `sim/*.hex`, README.md
and the files that nmtool reads back.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from nmtool.exporters.data_folder import ANSWERS, NETWORK
from nmtool.known_answers import KnownAnswers
from nmtool.network.integer_network import IntegerNetwork
from nmtool_fpga.verilog.answer import answer_block
from nmtool_fpga.verilog.layout import BANK_BITS, SYNAPSES, Layout
from nmtool_fpga.verilog.options import VerilogOptions
from nmtool_fpga.verilog.readme import readme_text
from nmtool_fpga.verilog.top import top_text
from nmtool_fpga.verilog.words import expected_text, input_text

TOP, README, MAKEFILE = "rtl/nmtool_top.v", "README.md", "Makefile"
INPUT, EXPECTED, BENCH, HARNESS = "sim/input.hex", "sim/expected.hex", "sim/tb.v", "sim/harness.cpp"

_HERE = Path(__file__).parent
_HANDWRITTEN = {"rtl": "rtl/*.v", "sim": "sim/*", "boards": "boards/*"}


@cache
def handwritten_files() -> Mapping[str, bytes]:
    """Handwritten files, the same in every folder, by relative POSIX path."""
    names = sorted(path for pattern in _HANDWRITTEN.values() for path in _HERE.glob(pattern))
    files = {path.relative_to(_HERE).as_posix(): path.read_bytes() for path in names}
    return {**files, MAKEFILE: files.pop("sim/Makefile")}


def running_files(network: IntegerNetwork, lanes: int, deep: bool = False) -> dict[str, bytes]:
    """The files for simulation or synthesis: core, parameters and memories."""
    layout, answer = Layout(network, lanes), answer_block(network)
    files = dict(handwritten_files())
    files[TOP] = top_text(layout, answer, deep).encode()
    memories = dict(layout.memories)
    if answer.importance is not None:
        memories["importance"] = answer.importance
    lines = memories.pop(SYNAPSES).hex_lines().splitlines(keepends=True)
    bank = 1 << BANK_BITS[lanes]
    for number, first in enumerate(range(0, len(lines), bank)):
        name = f"mem/{SYNAPSES}.{number:03d}.hex"
        files[name] = "".join(lines[first : first + bank]).encode()
    files |= {f"mem/{name}.hex": memory.hex_lines().encode() for name, memory in memories.items()}
    return files


def folder_files(
    network: IntegerNetwork, answers: KnownAnswers | None, options: VerilogOptions
) -> dict[str, bytes]:
    """All files but the marker, by relative POSIX path; deterministic.

    Args:
        network: network to export.
        answers: inputs with expected outputs, for the testbenches.
        options: options of the export.
    """
    files = running_files(network, options.lanes, options.deep)
    files[NETWORK] = network.to_bytes()
    if answers is not None:
        expected = answers.recording
        if options.deep and not answers.is_deep:
            from nmtool.hardware_sim.simulator import simulate

            expected = simulate(network, answers.spikes, deep=True)
        files[ANSWERS] = answers.to_bytes()
        files[INPUT] = input_text(answers.spikes).encode()
        files[EXPECTED] = expected_text(
            network, expected, answers.spikes.n_steps, options.deep
        ).encode()
    files[README] = readme_text(network, answers, options).encode()
    return files
