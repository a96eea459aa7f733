"""Registers that the kernels use and spill, as NVIDIA's linker reports them; needs no GPU.

    python -m nmtool.training.engines.cuda.ptx

prints a table. It needs numba-cuda with its compiler (nmtool[cuda12] or nmtool[cuda]), but no CUDA
toolkit.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any
from unittest import mock

from numba import cuda, float32, int32, int64, types, uint8

from nmtool.arithmetic import arithmetics
from nmtool.errors import MissingError, reason
from nmtool.setup.installation import install_command
from nmtool.training.engines.cuda.kernels import adjoint, currents, forward, gradients
from nmtool.training.engines.cuda.kernels.compiled import MAX_REGISTERS
from nmtool.training.engines.cuda.kernels.counts import DENSE, LISTED

ARCHITECTURES = ((8, 0), (9, 0), (12, 0))
"""Compute capabilities of the A100, the H100 and the RTX 50 series."""


def _array_type(dtype: Any, dimensions: int) -> types.Array:
    """Numba's type of a contiguous array."""
    return types.Array(dtype, dimensions, "C")


Signature = tuple[Any, tuple[Any, ...]]
"""A kernel, and the types of its arguments."""


def signatures(number: Any = float32, delays: Any = uint8) -> list[Signature]:
    """Every kernel, with the types of its arguments in launches, without and with counts.

    Args:
        number: type of weights and traces.
        delays: type of delays.
    """
    vector, matrix, traces = (_array_type(number, dimensions) for dimensions in (1, 2, 3))
    synapses = matrix, _array_type(delays, 2)
    ints, longs, masks = _array_type(int32, 1), _array_type(int64, 1), _array_type(int64, 2)
    whole, sums = (_array_type(int32, 2), _array_type(delays, 2)), _array_type(int32, 3)
    tape, faults = _array_type(int64, 3), _array_type(int64, 3)
    bins = longs, ints, ints
    listed, filled, dense = (
        (_array_type(dtype, 2), _array_type(dtype, dimensions))
        for dtype, dimensions in ((uint8, LISTED), (int32, LISTED), (int32, DENSE))
    )
    states = masks, matrix, _array_type(int32, 2)
    lists = longs, int64, ints, ints, vector
    chips = [forward.chip_kernels(arithmetic) for arithmetic in arithmetics().values()]
    on_chip = matrix, masks, vector, *whole, sums, tape, traces, faults
    spiked, along = (longs, ints), (vector, vector, vector, traces, traces)
    by_synapse = int64, int64, int64, traces, _array_type(number, 4)
    return [
        *((currents.afferent_drive, (*synapses, *bins, n, int64, traces)) for n in listed),
        *((currents.afferent_drive, (*whole, *bins, n, int64, sums)) for n in listed),
        *((forward.run_lif, (matrix, *synapses, traces, tape, n)) for n in dense),
        *((chip.run_lif, (*on_chip, n)) for chip in chips for n in dense),
        (forward.count_spikes, (masks, longs)),
        *((forward.list_spikes, (*states, *lists, n)) for n in filled),
        (forward.run_li, (matrix, traces, traces)),
        *((chip.run_li, (masks, sums, sums, faults)) for chip in chips),
        *((adjoint.run_lif_adjoint, (matrix, *synapses, *spiked, n, *along)) for n in listed),
        (adjoint.run_li_adjoint, (matrix, traces, traces, traces)),
        *(
            (gradients.synapse_gradients, (_array_type(delays, 2), longs, ints, n, *by_synapse))
            for n in listed
        ),
        (gradients.sum_chunks, (matrix, vector)),
        (gradients.spike_time_gradients, (*synapses, longs, ints, ints, traces, vector)),
    ]


@dataclass(frozen=True)
class Report:
    """The linker's report on one kernel.

    Attributes:
        kernel: name of the kernel.
        architecture: architecture of the GPU, e.g. sm_80.
        registers: number of registers per thread.
        shared_bytes: static shared memory.
        spill_bytes: bytes of registers spilled to memory and read back.
    """

    kernel: str
    architecture: str
    registers: int
    shared_bytes: int
    spill_bytes: int


def find_linker() -> Any:
    """Bindings of nvJitLink, with which numba-cuda generates machine code.

    Raises:
        MissingError: the bindings or the library are not installed.
    """
    try:
        from cuda.bindings import nvjitlink

        nvjitlink.version()
    except (ImportError, RuntimeError) as error:
        raise MissingError(
            "nvJitLink is missing",
            code="nvjitlink-missing",
            why=reason(error),
            fix=install_command("cuda"),
        ) from error
    return nvjitlink


def compile_ptx(kernel: Any, signature: tuple[Any, ...], capability: tuple[int, int]) -> str:
    """Compile a kernel to PTX for a compute capability."""
    with _device_of(capability):
        text, _ = cuda.compile_ptx(kernel.py_func, types.void(*signature), cc=capability)
    return str(text)


@contextmanager
def _device_of(capability: tuple[int, int]) -> Iterator[None]:
    """Simulate a current GPU, whose compute capability Numba reads when kernels call functions."""
    device = SimpleNamespace(compute_capability=capability)
    with mock.patch("numba.cuda.dispatcher.get_current_device", return_value=device):
        yield


def assemble(kernel: str, text: str, capability: tuple[int, int]) -> Report:
    """Assemble PTX as Numba does, with at most `MAX_REGISTERS` registers per thread.

    Raises:
        MissingError: the linker is missing or fails, e.g. because it is older than the compiler.
    """
    linker = find_linker()
    architecture = "sm_{}{}".format(*capability)
    options = ["-verbose", f"-arch={architecture}", f"-maxrregcount={MAX_REGISTERS}"]
    handle = linker.create(len(options), options)
    try:
        code = text.encode()
        linker.add_data(handle, linker.InputType.PTX, code, len(code), kernel)
        linker.complete(handle)
        log = _log(linker.get_info_log, linker.get_info_log_size(handle), handle)
    except linker.nvJitLinkError as error:
        log = _log(linker.get_error_log, linker.get_error_log_size(handle), handle)
        raise MissingError(
            f"nvJitLink cannot assemble {kernel}",
            code="nvjitlink-refused",
            why=log or reason(error),
            fix="install a linker as new as numba-cuda's compiler: " + install_command("cuda"),
        ) from error
    finally:
        linker.destroy(handle)
    return Report(
        kernel,
        architecture,
        _sum_of_matches(r"ptxas info +: Used (\d+) registers", log),
        # The number of bytes in the linker's log includes the 1 KB that newer GPUs reserve.
        _sum_of_matches(r"ptxas info +: Used .* (\d+) bytes smem", log),
        _sum_of_matches(r"(\d+) bytes spill stores", log)
        + _sum_of_matches(r"(\d+) bytes spill loads", log),
    )


def _log(read: Callable[[int, bytearray], None], size: int, handle: int) -> str:
    """Content of one of the linker's logs."""
    log = bytearray(size)
    read(handle, log)
    return log.rstrip(b"\0 \n").decode(errors="replace")


def _sum_of_matches(pattern: str, text: str) -> int:
    """Sum of the numbers that a pattern matches in a text; 0 without a match."""
    return sum(int(value) for value in re.findall(pattern, text))


def reports(number: Any = float32, delays: Any = uint8) -> Iterator[Report]:
    """Compile every kernel for each architecture, and report its use of registers and memory.

    Raises:
        MissingError: the linker is missing or fails.
    """
    for kernel, signature in signatures(number, delays):
        for capability in ARCHITECTURES:
            text = compile_ptx(kernel, signature, capability)
            yield assemble(kernel.py_func.__name__, text, capability)


def main() -> None:
    """Print the table for 32-bit floats and 8-bit delays."""
    print(f"{'kernel':22} {'arch':6} {'registers':>9} {'shared':>6} {'spills':>6}")
    for report in reports():
        print(
            f"{report.kernel:22} {report.architecture:6} {report.registers:9} "
            f"{report.shared_bytes:6} {report.spill_bytes:6}"
        )


if __name__ == "__main__":
    main()
