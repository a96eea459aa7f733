"""Compile and run a network's C file with a driver, in a temporary folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike, NDArray

from nmtool.exporters.c.compiler import compile_program
from nmtool.exporters.c.processor import Processor
from nmtool.exporters.supervise import SILENCE_S, supervise

NETWORK = "network.c"
"""Name of the network's C file, which drivers include."""

_DRIVER, _PROGRAM = "driver.c", "run"


def run_program(
    folder: Path,
    content: bytes,
    driver: str,
    inputs: Mapping[str, NDArray],
    *,
    what: str,
    on_line: Callable[[str], None],
    processor: Processor | None = None,
    emulator_options: Sequence[str] = (),
) -> None:
    """Compile a network together with a driver, and run the program.

    Args:
        folder: an empty folder to work in.
        content: the C file of the network.
        driver: C text with a `main`, which includes `NETWORK`.
        inputs: arrays by name of the file from which the driver reads them.
        what: the activity, for error messages.
        on_line: called with every line of output.
        processor: processor to emulate; None: run on this computer.
        emulator_options: further options of the emulator.

    Raises:
        MissingError: there is no C compiler.
        BackendError: the compiler or the program failed.
    """
    (folder / NETWORK).write_bytes(content)
    (folder / _DRIVER).write_text(driver, encoding="ascii")
    compile_program(folder / _DRIVER, folder / _PROGRAM, processor)
    for name, values in inputs.items():
        values.astype(file_dtype(values.dtype, processor)).tofile(folder / name)
    emulator: list[str] = []
    if processor is not None:
        program, *rest = processor.emulator
        emulator = [program, *emulator_options, *rest]
    supervise(
        [*emulator, folder / _PROGRAM],
        what=what,
        fix="if programs may not run in the temporary folder, set TMPDIR to another one",
        idle_timeout_s=SILENCE_S,
        on_line=on_line,
        cwd=folder,
    )


def file_dtype(dtype: DTypeLike, processor: Processor | None) -> np.dtype:
    """A dtype in the byte order of a program's files: that of its processor.

    All processors that are emulated are little-endian.
    """
    return np.dtype(dtype).newbyteorder("=" if processor is None else "<")
