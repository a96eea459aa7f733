"""Export to C: one file of C99 that runs the network anywhere, bit for bit.

With a prefix for its names there is a header beside it, and several networks share a program.

The file is data and program in one. It is read back as data. To run it, nmtool compiles what
it would itself write for the network in it, and refuses a file that says anything else: code of
others is never compiled here, however it came into the file.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from nmtool.errors import FileFormatError
from nmtool.exporters.c import compiler, file, runtime
from nmtool.exporters.c.answers import Carried
from nmtool.exporters.c.prefix import EXTENSION
from nmtool.exporters.embedded import no_answers
from nmtool.exporters.output import write_file, write_files
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
    prefix: str = "",
) -> Path:
    """Write the C file of a network; every network the contract allows can be.

    Args:
        network: what to export.
        path: to be made; the same network and answers give the same bytes.
        answers: inputs with expected outputs, for the file's own `main` to check.
        force: replace files that are there.
        prefix: that all names others see begin with; a header is written beside the file. By
            default the file stands alone and its names begin with `nmtool`.

    Returns:
        The path.

    Raises:
        UsageError: a file exists, and force is not given, or the prefix cannot be one.
        StorageError: it could not be written; what was there is untouched.
    """
    carried = None if answers is None else Carried.of(answers)
    content = file.file_bytes(network, carried, prefix)
    if not prefix:
        return write_file(path, content, force)
    header = file.header_bytes(network, carried, prefix)
    write_files({path: content, _header(path): header}, force)
    return Path(path)


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
    """Raise `FileFormatError` unless a file is, byte for byte, what would be written.

    So must the header be that is beside it, where it has one.
    """
    _checked(path)


def _header(path: str | Path) -> Path:
    return Path(path).with_suffix(EXTENSION)


def _checked(path: str | Path) -> tuple[file.Content, IntegerNetwork]:
    """A file, and the network in it."""
    held = file.read(path)
    network = held.network()
    prefix, carried = held.prefix, held.carried()
    again = f"nmtool export {path} -o NEW.c{f' --prefix {prefix}' if prefix else ''}"
    with held.archive.checked():
        expected = file.file_bytes(network, carried, prefix)
    if expected != held.data:
        raise FileFormatError(
            f"{path} is not what this nmtool writes for the network in it",
            code="c-code-differs",
            why="another version wrote it, or somebody changed its code; nothing of it was "
            "compiled",
            fix=f"{again}, and run that",
        )
    if prefix:
        _check_header(_header(path), file.header_bytes(network, carried, prefix), again)
    return held, network


def _check_header(header: Path, expected: bytes, again: str) -> None:
    if not header.is_file():
        raise FileFormatError(
            f"there is no {header}, which was written with the C file beside it",
            code="c-header-missing",
            fix=f"put it back, or write both anew: {again}",
        )
    if header.stat().st_size != len(expected) or header.read_bytes() != expected:
        raise FileFormatError(
            f"{header} is not what this nmtool writes for the C file beside it",
            code="c-header-differs",
            why="somebody changed it, or it belongs to another network: what includes it would "
            "not see what the C file defines",
            fix=f"write both anew: {again}",
        )


def run(
    path: str | Path,
    spikes: Raster,
    *,
    deep: bool = False,
    on_progress: Callable[[int], None] | None = None,
) -> Recording:
    """Compile a file and run it, every sample from a fresh state.

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
    return runtime.run(held.data, network, spikes, deep, on_progress, held.prefix)


check = partial(check_integers, run, "c")
"""Compare what a file answers with the simulator: `nmtool.verification.Backend.check`."""
