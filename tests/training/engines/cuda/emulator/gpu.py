"""The emulated GPU: numba-cuda on the driver of `driver.c`, and a record of all launches."""

from __future__ import annotations

import ctypes
import hashlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.gpu_kernels import python_name
from nmtool.paths import cache_folder
from tests.training.engines.cuda.emulator.kernel import HERE, ORDERS, Kernel, build, compile_kernel

FOLDER = cache_folder() / "emulated-gpu"
"""Folder of compiled drivers and kernels, named by their sources."""

FAILED, ILLEGAL_ADDRESS = 719, 700
"""Return codes of the driver: the launch failed, or had faults."""

_LAUNCH = ctypes.CFUNCTYPE(
    ctypes.c_int,
    ctypes.c_char_p,
    ctypes.POINTER(ctypes.c_uint),
    ctypes.POINTER(ctypes.c_void_p),
    ctypes.c_int,
)


class Gpu:
    """Runs launches of the driver on the CPU.

    Attributes:
        driver: library of the driver, with the functions `emulator_…`.
        order: order of a block's threads, from `ORDERS`.
        look_for_races: True to detect races; otherwise, kernels run twice as fast.
        count_sectors: True to count sectors of global memory, too.
        ptx: PTX of kernels compiled by numba-cuda, by mangled name.
        kernels: launched kernels, by mangled name.
        arrays: address and size in bytes of each array that the next launch may read and write.
        faults: descriptions of faults of all launches since the last test began.
        launches: number of launches, by name of the kernel in Python.
        counts: operation counts, by name of the kernel in Python.
        devices: number of the device of every launch.
    """

    def __init__(self, order: str) -> None:
        self.order, self.look_for_races, self.count_sectors = ORDERS[order], True, False
        self.ptx: dict[str, str] = {}
        self.kernels: dict[str, Kernel] = {}
        self.arrays: list[tuple[int, int]] = []
        self.faults: list[str] = []
        self.launches: Counter[str] = Counter()
        self.counts: dict[str, Counter[str]] = {}
        self.devices: list[int] = []
        self.driver = ctypes.CDLL(str(_built_driver()), mode=ctypes.RTLD_GLOBAL)
        # Python needs this reference to the callback, because C does not count references.
        self._call = _LAUNCH(self._launched)
        self.driver.emulator_on_launch(self._call)

    def keep_ptx(self, get_cubin: Callable[..., Any]) -> Callable[..., Any]:
        """Wrap the method of numba-cuda that links a kernel, so that the PTX is stored."""

        def get_and_keep(library: Any, cc: Any = None) -> Any:
            if library._entry_name:
                (self.ptx[library._entry_name],) = library.get_asm_strs(cc=library._ensure_cc(cc))
            return get_cubin(library, cc)

        return get_and_keep

    def _launched(self, name: bytes, size: Any, parameters: Any, device: int) -> int:
        try:
            return self._run(name.decode(), list(size[:7]), parameters, device)
        except Exception as error:  # Exceptions cannot pass through C code.
            self.faults.append(f"{type(error).__name__}: {error}")
            return FAILED

    def _run(self, name: str, size: list[int], parameters: Any, device: int) -> int:
        if name not in self.kernels:
            self.kernels[name] = compile_kernel(
                self.ptx[name], FOLDER, count_sectors=self.count_sectors
            )
        kernel, packed = self.kernels[name], bytearray()
        for index, bytes_ in enumerate(kernel.parameters):
            packed += b"\0" * (-len(packed) % bytes_) + ctypes.string_at(parameters[index], bytes_)
        arrays, self.arrays = self.arrays, []
        outcome = kernel.run(
            bytes(packed), size, arrays, order=self.order, look_for_races=self.look_for_races
        )
        plain = python_name(name)
        self.launches[plain] += 1
        self.counts.setdefault(plain, Counter()).update(outcome.counts)
        self.devices.append(device)
        if outcome.faults:
            self.faults.append(f"{plain} {size}: {outcome.faults} faults: {outcome.text}")
        return ILLEGAL_ADDRESS if outcome.faults else 0


def _built_driver() -> Path:
    """Compile the driver as a library with the name that numba-cuda looks for."""
    source = HERE / "driver.c"
    folder = FOLDER / hashlib.sha256(source.read_bytes()).hexdigest()[:24]
    library = folder / "libcuda.so.1"
    if not library.exists():
        folder.mkdir(parents=True, exist_ok=True)
        command = ["cc", "-O1", "-shared", "-fPIC", "-Wl,-soname,libcuda.so.1"]
        build(command, source, library)
    return library
