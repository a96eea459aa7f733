"""Export to ONNX: one file of standard operators that runs in onnxruntime, bit for bit.

Writing needs onnx, running onnxruntime; reading back needs neither.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from nmtool.errors import FileFormatError
from nmtool.exporters.onnx import file, runtime
from nmtool.exporters.onnx.differences import model_differences
from nmtool.exporters.output import write_file
from nmtool.integer_network import IntegerNetwork
from nmtool.known_answers import KnownAnswers
from nmtool.raster import Raster
from nmtool.recording import Recording, check_steps
from nmtool.verification.backend import check_integers

__all__ = ["check", "check_written", "export", "known_answers", "load", "require", "run"]


def require() -> None:
    """Raise `MissingError` unless onnxruntime is here."""
    runtime.library()


def export(
    network: IntegerNetwork,
    path: str | Path,
    *,
    answers: KnownAnswers | None = None,
    force: bool = False,
) -> Path:
    """Write an ONNX file of a network; every network the contract allows can be.

    Args:
        network: what to export.
        path: to be made; the same network and answers give the same bytes.
        answers: inputs with expected outputs, for the receiver to check the file.
        force: replace a file that is there.

    Returns:
        The path.

    Raises:
        UsageError: the file exists, and force is not given.
        StorageError: it could not be written; what was there is untouched.
        MissingError: onnx is not installed.
    """
    return write_file(path, file.model_bytes(network, answers), force)


def load(path: str | Path) -> IntegerNetwork:
    """The network in a file that `export` wrote; raises `FileFormatError` on anything else."""
    return file.read(path).network()


def known_answers(path: str | Path) -> KnownAnswers:
    """The answers a file carries; raises `FileFormatError` where it has none."""
    return file.read(path).answers()


def check_written(path: str | Path) -> None:
    """Raise `FileFormatError` unless the graph of a file is the one that would be written.

    Raises:
        FileFormatError: nodes, constants or operators differ; all that do are findings.
        MissingError: onnx is not installed.
    """
    held = file.read(path)
    carried = held.answers() if file.ANSWERS_KEY in held.properties else None
    written = file.model_bytes(held.network(), carried)
    if written != held.model and (findings := model_differences(written, held.model)):
        raise FileFormatError(
            f"{path} is not what this nmtool writes for the network in it",
            code="export-changed",
            why="another version wrote it, or somebody changed its graph; it was not run",
            fix=f"nmtool export {path} -o NEW.onnx, and use that",
            findings=findings,
        )


def run(
    path: str | Path,
    spikes: Raster,
    *,
    deep: bool = False,
    on_progress: Callable[[int], None] | None = None,
) -> Recording:
    """Run a file in onnxruntime, every sample from a fresh state.

    Args:
        path: what `export` wrote.
        spikes: the input, one neuron per channel; its number of steps counts.
        deep: also record u and v of every population at every step.
        on_progress: called with the number of samples finished since the last call.

    Raises:
        FileFormatError: the file is not such an export.
        DataError: the raster has other channels than the network, or no steps.
        MissingError: onnxruntime is not installed.
        BackendError: onnxruntime failed.
    """
    held = file.read(path)
    network = held.network()
    check_steps(network, spikes)
    return runtime.run(held.model, network, spikes, deep, on_progress)


check = partial(check_integers, run, "onnx")
"""Compare what a file answers with the simulator: `nmtool.verification.Backend.check`."""
