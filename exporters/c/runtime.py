"""Run and time the C program of a network: it is compiled with a driver, `run.c`.

Only text that this version of nmtool generates is compiled. A user's file is compared with the text
for its network, and refused if it differs.

The driver reads one sample at a time, runs it from a fresh state, and records its spikes and
states. When it times samples, it runs all of them again without recording, after their spikes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nmtool.errors import BackendError
from nmtool.exporters.c import file
from nmtool.exporters.c.compiler import HERE, Machine, compile_program
from nmtool.exporters.c.source import index_type, program_values
from nmtool.exporters.c.text import template
from nmtool.exporters.output import temporary_folder
from nmtool.exporters.supervise import SILENCE_S, supervise
from nmtool.exporters.templates import filled
from nmtool.network.integer_network import IntegerNetwork
from nmtool.raster import Raster
from nmtool.recording import Recording
from nmtool.values import frozen

NETWORK = "network.c"
"""Name of the network's C file, which the driver includes."""

RECORDED = "sample"
"""The line that the driver prints for every sample that it has recorded."""


def run(
    content: bytes,
    network: IntegerNetwork,
    spikes: Raster,
    deep: bool,
    on_progress: Callable[[int], None] | None,
    adapt: Callable[[str], str] = str,
    machine: Machine = HERE,
) -> Recording:
    """Run every sample from a fresh state.

    Args:
        content: the C file of the network.
        network: the network in the file.
        spikes: the input, of at least one step.
        deep: also record u and v of every population.
        on_progress: called with the number of samples finished since the last call.
        adapt: function that replaces the names in a driver's text by those of this program.
        machine: the machine that runs the program.

    Raises:
        MissingError: compiler or machine are missing.
        BackendError: the compiler or the program failed.
    """
    text = adapt(driver(network, spikes, deep))
    with temporary_folder("c") as folder:
        _run(
            folder,
            content,
            text,
            network,
            spikes,
            machine,
            timed=False,
            on_line=lambda _: on_progress(1) if on_progress is not None else None,
        )
        return _recording(folder, network, spikes, machine)


def measure(
    network: IntegerNetwork,
    spikes: Raster,
    emitted: Mapping[str, int],
    machine: Machine = HERE,
    *,
    passes: int | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> NDArray[np.int64]:
    """Compile a network for a machine and time it.

    Args:
        network: the network.
        spikes: the input, of at least one sample and step.
        emitted: the simulator's number of spikes on this input, by spiking population.
        machine: the machine that runs the program.
        passes: number of times that each sample is timed; by default `machine.passes`.
        on_progress: called with the number of samples finished since the last call.

    Returns:
        [passes, samples, 1 or 2] int64: times from reset to answer, in the machine's unit, and, if
        the machine times steps, of the longest step.

    Raises:
        MissingError: compiler or machine are missing.
        BackendError: compiler or program failed, or spike counts differ from the simulator's.
    """
    machine.require()
    passes = machine.passes if passes is None else passes
    n_numbers = 2 if machine.times_steps else 1
    times: list[int] = []

    def on_line(line: str) -> None:
        if line == RECORDED:
            return
        times.append(int(line))
        if on_progress is not None and len(times) % (passes * n_numbers) == 0:
            on_progress(1)

    text = driver(network, spikes, False, machine, passes)
    content = file.written(network)[""]
    with temporary_folder("c") as folder:
        _run(folder, content, text, network, spikes, machine, timed=True, on_line=on_line)
        recording = _recording(folder, network, spikes, machine)
    counted = {name: raster.n_spikes for name, raster in recording.spikes.items()}
    if counted != dict(emitted):
        raise BackendError(
            "the spikes of the compiled network differ from the simulator's",
            code="timing-other-spikes",
            why=f"spikes in the compiled network: {counted}; in the simulator: {dict(emitted)}",
            fix="find the first difference with nmtool verify NETWORK DATA --against c",
        )
    return np.asarray(times, np.int64).reshape(passes, spikes.n_samples, n_numbers)


def driver(
    network: IntegerNetwork,
    spikes: Raster,
    deep: bool,
    machine: Machine = HERE,
    passes: int = 0,
) -> str:
    """C code of a `main` that runs samples, records them, and times them in several passes."""
    most = np.bincount(spikes.sample_index(), minlength=1).max()
    return filled(
        template("run.c"),
        {
            **program_values(network),
            "deep": deep,
            "network": NETWORK,
            "recorded": RECORDED,
            "n_samples": spikes.n_samples,
            "n_steps": spikes.n_steps,
            "most_events": max(1, most),
            "passes": passes,
            "times_steps": machine.times_steps,
            "clock": machine.clock,
        },
    )


def _run(
    folder: Path,
    content: bytes,
    text: str,
    network: IntegerNetwork,
    spikes: Raster,
    machine: Machine,
    *,
    timed: bool,
    on_line: Callable[[str], None],
) -> None:
    """Compile a network with a driver in an empty folder, and run it on an input."""
    (folder / NETWORK).write_bytes(content)
    (folder / "driver.c").write_text(text, encoding="ascii")
    compile_program(folder / "driver.c", folder / "run", machine)
    offset = spikes.step_offset()
    for name, array, dtype in (
        ("begin", offset - offset[:, :1], "int64"),
        ("channels", spikes.neuron, index_type(network).removesuffix("_t")),
        ("counts", spikes.bin_counts(), "uint8"),
    ):
        array.astype(np.dtype(dtype).newbyteorder(machine.byte_order)).tofile(folder / name)
    supervise(
        machine.run_command(folder / "run", timed=timed),
        what="timing the compiled network" if timed else "running the compiled network",
        fix="if programs may not run in the temporary folder, set TMPDIR to another one",
        idle_timeout_s=SILENCE_S,
        on_line=on_line,
        cwd=folder,
    )


def _recording(
    folder: Path, network: IntegerNetwork, spikes: Raster, machine: Machine
) -> Recording:
    """The recording in the files that the driver wrote."""
    read: dict[str, dict] = {"spikes": {}, "v": {}, "u": {}}
    for index, population in enumerate(network.populations):
        for quantity in read:
            path = folder / f"{index}.{quantity}"
            if not path.exists():
                continue
            kind = np.dtype("int64" if quantity == "spikes" else "int32")
            content = np.fromfile(path, kind.newbyteorder(machine.byte_order)).astype(kind)
            take = _raster if quantity == "spikes" else _states
            read[quantity][population.name] = take(content, population.size, spikes)
    return Recording.of(network, read["spikes"], read["v"], read["u"])


def _states(words: NDArray, size: int, spikes: Raster) -> NDArray[np.int32]:
    """[samples, steps, neurons] int32: u or v of a population."""
    return frozen(words).reshape(spikes.n_samples, spikes.n_steps, size)


def _raster(words: NDArray, size: int, spikes: Raster) -> Raster:
    """The spikes of a population, from row, neuron and number of spikes of each."""
    row, neuron, count = words.reshape(-1, 3).T
    offset = np.searchsorted(row, np.arange(spikes.n_samples + 1) * spikes.n_steps)
    return Raster(offset, row % spikes.n_steps, neuron, spikes.n_steps, size, count)
