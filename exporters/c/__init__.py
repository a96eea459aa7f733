"""Export to C: one file of C99 that runs the network anywhere, bit for bit.

The file is data and program in one. It is read back as data. To execute it, nmtool compiles what
it would itself write for the network in it, and refuses a file that says anything else: code of
others is never compiled here, however it came into the file.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from nmtool.errors import FileFormatError
from nmtool.exporters.c import compiler, file
from nmtool.exporters.c.answers import Carried
from nmtool.exporters.c.runtime import execute
from nmtool.exporters.embedded import no_answers
from nmtool.exporters.output import write_file
from nmtool.integer_network import IntegerNetwork
from nmtool.known_answers import KnownAnswers
from nmtool.raster import Raster
from nmtool.recording import Recording, check_steps
from nmtool.verification.backend import check_integers

__all__ = ["check", "check_written", "export", "known_answers", "load", "require", "run"]


def require() -> None:
    """Raise `MissingError` unless there is a C compiler."""
    compiler.find()


def export(
    network: IntegerNetwork,
    path: str | Path,
    *,
    answers: KnownAnswers | None = None,
    force: bool = False,
) -> Path:
    """Write the C file of a network; every network the contract allows can be.

    Args:
        network: what to export.
        path: to be made; the same network and answers give the same bytes.
        answers: inputs with expected outputs, for the file's own `main` to check.
        force: replace a file that is there.

    Returns:
        The path.

    Raises:
        UsageError: the file exists, and force is not given.
        StorageError: it could not be written; what was there is untouched.
    """
    carried = None if answers is None else Carried.of(answers)
    return write_file(path, file.file_bytes(network, carried), force)


def load(path: str | Path) -> IntegerNetwork:
    """The network in a file that `export` wrote; raises `FileFormatError` on anything else."""
    return file.read(path).network()


def known_answers(path: str | Path) -> KnownAnswers:
    """The answers a file carries; raises `FileFormatError` where it has none."""
    answers = file.read(path).answers()
    if answers is None:
        raise no_answers(path)
    return answers


def check_written(path: str | Path) -> None:
    """Raise `FileFormatError` unless a file is, byte for byte, what would be written."""
    _checked(path)


def _checked(path: str | Path) -> tuple[file.Content, IntegerNetwork]:
    """A file, and the network in it."""
    held = file.read(path)
    network = held.network()
    if file.file_bytes(network, held.carried()) != held.data:
        raise FileFormatError(
            f"{path} is not what this nmtool writes for the network in it",
            code="c-code-differs",
            why="another version wrote it, or somebody changed its code; nothing of it was "
            "compiled",
            fix=f"nmtool export {path} -o NEW.c, and run that",
        )
    return held, network


def run(
    path: str | Path,
    spikes: Raster,
    *,
    deep: bool = False,
    on_progress: Callable[[int], None] | None = None,
) -> Recording:
    """Compile a file and execute it, every sample from a fresh state.

    Args:
        path: what `export` of this version of nmtool wrote.
        spikes: the input, one neuron per channel; its number of steps counts.
        deep: also record u and v of every population at every step.
        on_progress: called with the number of samples finished since the last call.

    Raises:
        FileFormatError: the file is not such an export; nothing of it was compiled.
        DataError: the raster has other channels than the network, or no steps.
        MissingError: there is no C compiler.
        BackendError: it failed, or the program did; nothing of it is left running.
    """
    check_steps(load(path), spikes)
    held, network = _checked(path)
    return execute(held.data, network, spikes, deep, on_progress)


check = partial(check_integers, run, "c")
"""Compare what a file answers with the simulator: `nmtool.verification.Backend.check`."""
