"""Simulate a core: write its files, run the Verilog simulator, and read its output back."""

from __future__ import annotations

from collections.abc import Callable

from nmtool.exporters.output import temporary_folder
from nmtool.exporters.supervise import supervise
from nmtool.network.integer_network import IntegerNetwork
from nmtool.raster import Raster
from nmtool.recording import Recording
from nmtool_fpga.verilog.folder import running_files
from nmtool_fpga.verilog.layout import Layout
from nmtool_fpga.verilog.simulators import Icarus, Verilator, find, is_own
from nmtool_fpga.verilog.words import input_text, read_recording

SILENCE_S = 3600.0
"""Idle timeout in s: a run in which no sample ends for this long is stopped. A hanging core is
stopped earlier, by the limit of clocks without an output word."""

_INPUT, _RECORDED = "input.hex", "words.bin"


QUICK_CLOCKS = 100_000
"""Below this number of clocks, Icarus takes less time than compiling Verilator's program."""


def choose(network: IntegerNetwork, lanes: int, spikes: Raster, deep: bool) -> Verilator | Icarus:
    """The simulator expected to finish first; raises `MissingError` if none is installed."""
    simulators = find()
    first, last = simulators[0], simulators[-1]
    is_short = Layout(network, lanes).least_clocks(spikes) < QUICK_CLOCKS
    if isinstance(first, Verilator) and isinstance(last, Icarus) and is_short:
        return first if is_own(first.cached_program(running_files(network, lanes), deep)) else last
    return first


def run(
    network: IntegerNetwork,
    lanes: int,
    spikes: Raster,
    deep: bool,
    simulator: Verilator | Icarus,
    on_progress: Callable[[int], None] | None,
) -> Recording:
    """Run every sample from a fresh state.

    Args:
        network: the network of the core.
        lanes: number of lanes of the core.
        spikes: the input, of at least one step.
        deep: also record u and v of every population.
        simulator: simulator to use.
        on_progress: called with the number of samples finished since the last call.

    Raises:
        BackendError: the simulator or the core failed.
    """
    files = running_files(network, lanes)
    with temporary_folder("verilog") as scratch:
        command = simulator.command(files, scratch, deep)
        (scratch / "mem").mkdir()
        for memory in (path for path in files if path.startswith("mem/")):
            (scratch / memory).write_bytes(files[memory])
        (scratch / _INPUT).write_text(input_text(spikes), encoding="ascii")
        layout = Layout(network, lanes)
        limit = layout.most_clocks(deep) + layout.clearing_clocks
        supervise(
            [*command, f"+input={_INPUT}", f"+record={_RECORDED}", f"+limit={limit}"],
            what="simulating the core",
            fix="run nmtool verify with another backend, to see if the network is the cause",
            idle_timeout_s=SILENCE_S,
            on_line=lambda line: _report_sample(line, on_progress),
            cwd=scratch,
        )
        return read_recording(scratch / _RECORDED, network, spikes, deep)


def _report_sample(line: str, on_progress: Callable[[int], None] | None) -> None:
    """Report progress by one sample if the simulator's output line is `sample`."""
    if line == "sample" and on_progress is not None:
        on_progress(1)
