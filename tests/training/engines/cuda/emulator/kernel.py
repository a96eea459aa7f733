"""Kernels that run on the CPU: compilation of their C++, with a cache on disk."""

from __future__ import annotations

import ctypes
import hashlib
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np

from tests.training.engines.cuda.emulator.translation import translate

HERE = Path(__file__).parent
COMPILER = ("c++", "-std=c++17", "-O1", "-ffp-contract=off", "-shared", "-fPIC", "-w")

COUNTS = (
    *("instructions", "global reads", "global writes", "shared reads", "shared writes"),
    *("atomics", "barriers", "sectors"),
)
"""Names of the counts, in the order of `Count` in grid.h."""

ORDERS = {"ascending": 0, "descending": 1, "alternating": 2, "shuffled": 7}
"""Orders in which the threads of a block run, by name; the number of `shuffled` is its seed."""

_TEXT_BYTES = 4096


@dataclass(frozen=True)
class Outcome:
    """Result of a launch.

    Attributes:
        faults: number of faults.
        text: description of the first fault.
        counts: counts by the names in `COUNTS`.
    """

    faults: int
    text: str
    counts: dict[str, int]


@dataclass(frozen=True)
class Kernel:
    """A kernel, ready to run.

    Attributes:
        name: mangled name of the kernel.
        parameters: size of each parameter in bytes.
    """

    name: str
    parameters: list[int]
    _library: ctypes.CDLL = field(repr=False)

    def run(
        self,
        parameters: bytes,
        size: Sequence[int],
        arrays: Sequence[tuple[int, int]],
        *,
        order: int,
        look_for_races: bool = True,
    ) -> Outcome:
        """Run a grid of blocks.

        Args:
            parameters: parameters of the kernel, packed as it reads them.
            size: blocks along three axes, threads along three axes, bytes of shared memory.
            arrays: address and size in bytes of each array that the kernel may read and write.
            order: order of the threads, from `ORDERS`.
            look_for_races: True to detect races, which takes six times the memory of the arrays.
        """
        flat = np.array(arrays, np.uint64).reshape(-1, 2)
        counts = np.zeros(len(COUNTS), np.uint64)
        text = ctypes.create_string_buffer(_TEXT_BYTES)
        faults = self._library.run_grid(
            parameters,
            (ctypes.c_uint32 * 7)(*size),
            ctypes.c_void_p(flat.ctypes.data),
            len(flat),
            int(look_for_races),
            ctypes.c_uint64(order),
            ctypes.c_void_p(counts.ctypes.data),
            text,
            _TEXT_BYTES,
        )
        return Outcome(faults, text.value.decode(), dict(zip(COUNTS, counts.tolist(), strict=True)))


def compile_kernel(ptx: str, folder: Path, *, count_sectors: bool = False) -> Kernel:
    """Compile the only kernel of a PTX text.

    Args:
        ptx: the text.
        folder: folder of compiled kernels, used as a cache.
        count_sectors: as for `translate`.
    """
    program = translate(ptx, count_sectors=count_sectors)
    runtime = (HERE / "grid.h").read_text()
    key = hashlib.sha256((program.source + runtime + " ".join(COMPILER)).encode()).hexdigest()
    source, library = (folder / f"{key[:24]}{suffix}" for suffix in (".cpp", ".so"))
    if not library.exists():
        folder.mkdir(parents=True, exist_ok=True)
        source.write_text(program.source)
        build([*COMPILER, f"-I{HERE}"], source, library)
    return Kernel(program.name, program.parameters, _loaded(library))


def build(command: Sequence[str], source: Path, library: Path) -> None:
    """Compile a library and move it into place, since other processes may compile it, too.

    Args:
        command: the compiler and its options.
        source: file with the source code.
        library: file of the library to write.
    """
    temporary = library.with_suffix(f".{os.getpid()}")
    subprocess.run([*command, str(source), "-o", str(temporary)], check=True, capture_output=True)
    os.replace(temporary, library)


@cache
def _loaded(library: Path) -> ctypes.CDLL:
    return ctypes.CDLL(str(library))
