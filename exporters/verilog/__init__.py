"""Export to Verilog: a core that any FPGA can hold, with the network in its memories.

The core (`rtl/`) is written by hand and the same in every folder; no logic is generated. A folder
is read back as data. To run it, nmtool simulates what it would itself write for the network in
it, in Verilator or Icarus, and refuses a folder that says anything else.

    layout.py       where a network lies in the core's memories, and what does not fit
    folder.py       the files of an export, and how they are read back
    words.py        rasters as words for the core, and its words as recordings
    simulators.py   Verilator and Icarus
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from nmtool.errors import DoesNotFitError
from nmtool.exporters.embedded import no_answers
from nmtool.exporters.output import files_in, write_folder
from nmtool.exporters.verilog import fabric, runtime, simulators
from nmtool.exporters.verilog import folder as folders
from nmtool.exporters.verilog.layout import misfits
from nmtool.exporters.verilog.options import VerilogOptions
from nmtool.exporters.verilog.simulators import Icarus, Verilator
from nmtool.integer_network import IntegerNetwork
from nmtool.known_answers import KnownAnswers
from nmtool.progress import Progress, silent
from nmtool.raster import Raster
from nmtool.recording import Recording, check_steps
from nmtool.targets import target_named
from nmtool.verification.backend import timed_run
from nmtool.verification.certificate import Check
from nmtool.verification.comparison import compare_recordings

Options = VerilogOptions
"""How a folder is written."""

__all__ = [
    "Options",
    "VerilogOptions",
    "check",
    "check_written",
    "export",
    "known_answers",
    "load",
    "misfits",
    "require",
    "run",
]


def require() -> None:
    """Raise `MissingError` unless there is a simulator."""
    simulators.find()


def export(
    network: IntegerNetwork,
    path: str | Path,
    *,
    answers: KnownAnswers | None = None,
    force: bool = False,
    options: VerilogOptions | None = None,
) -> Path:
    """Write a folder with the core, the network and benches that check it.

    Args:
        network: what to export.
        path: the folder, to be made; the same network, answers and options give the same bytes.
        answers: inputs with expected outputs, for the folder's own benches.
        force: replace an earlier export in that folder.
        options: lanes, part and what the core tells; by default one lane, any part, spikes and
            the membranes of populations that do not spike.

    Returns:
        The folder.

    Raises:
        DoesNotFitError: the core cannot hold the network, or the part cannot; every reason is
            listed.
        UsageError: the folder exists, or is not ours to replace.
        StorageError: it could not be written; what was there is untouched.
    """
    chosen = options or VerilogOptions()
    if findings := misfits(network, chosen.lanes):
        raise DoesNotFitError(
            "the core cannot hold this network", code="verilog-misfit", findings=findings
        )
    if chosen.part:
        target = target_named(chosen.part)
        if findings := fabric.too_small(target, fabric.uses(network, target, chosen.lanes)):
            raise DoesNotFitError(
                f"{target.title} cannot hold the core with this network",
                code="verilog-part-too-small",
                findings=findings,
            )
    files = folders.folder_files(network, answers, chosen)
    path = Path(path)
    built = {name for name in files_in(path) if name.startswith(folders.BUILD)}
    others = {folders.ANSWERS, folders.INPUT, folders.EXPECTED, *built, *_memories(path)}
    return write_folder(path, files, force, _is_export, others)


def load(path: str | Path) -> IntegerNetwork:
    """The network in an exported folder; raises `FileFormatError` on anything else."""
    return folders.read(path).network


def known_answers(path: str | Path) -> KnownAnswers:
    """The answers an exported folder carries; raises `FileFormatError` where it has none."""
    carried = folders.read(path).carried
    if carried is None:
        raise no_answers(path)
    return carried


def check_written(path: str | Path) -> None:
    """Raise `FileFormatError` unless every file of a folder is, byte for byte, what is written."""
    folders.check(folders.read(path))


def run(
    path: str | Path,
    spikes: Raster,
    *,
    deep: bool = False,
    simulator: Verilator | Icarus | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> Recording:
    """Simulate the core with the network of a folder, every sample from a fresh state.

    Args:
        path: what `export` of this version of nmtool wrote.
        spikes: the input, one neuron per channel; its number of steps counts.
        deep: also record u and v of every population at every step.
        simulator: that runs the core; by default that which is done first, `choose`.
        on_progress: called with the number of samples finished since the last call.

    Raises:
        FileFormatError: the folder is not such an export; nothing of it was compiled.
        DataError: the raster has other channels than the network, or no steps.
        MissingError: there is no simulator.
        BackendError: it failed, or the core did; nothing of it is left running.
    """
    content = folders.read(path)
    check_steps(content.network, spikes)
    folders.check(content)
    network, lanes = content.network, content.options.lanes
    chosen = simulator or runtime.choose(network, lanes, spikes, deep)
    return runtime.run(network, lanes, spikes, deep, chosen, on_progress)


def check(
    path: str | Path,
    spikes: Raster,
    *,
    simulated: Recording | None,
    answers: Recording | None = None,
    deep: bool = False,
    progress: Progress = silent,
) -> Check:
    """Compare what the core answers with the simulator: `nmtool.verification.Backend.check`.

    The check's `model` names the simulator of Verilog.
    """
    expected = simulated if answers is None else answers
    assert expected is not None, "a format of integers has no float networks"
    content = folders.read(path)
    check_steps(content.network, spikes)
    how: dict[str, Any] = {"deep": deep}
    how["simulator"] = runtime.choose(content.network, content.options.lanes, spikes, deep)
    words = how["simulator"].words
    actual, seconds = timed_run(run, words, path, spikes, progress=progress, **how)
    return Check(compare_recordings(expected, actual), actual, seconds, words)


def _is_export(path: Path) -> bool:
    return (path / folders.MARKER).is_file() and (path / folders.TOP).is_file()


def _memories(path: Path) -> set[str]:
    """Contents of memories in an earlier export, which may have had more banks."""
    return {f"mem/{file.name}" for file in path.glob("mem/*.hex")}
