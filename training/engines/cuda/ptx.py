"""Registers and spills of the kernels, found without a GPU by NVIDIA's assembler.

    python -m nmtool.training.engines.cuda.ptx

prints a table. It needs numba-cuda with its compiler (nmtool[cuda12] or nmtool[cuda]) and ptxas.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sysconfig
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

from numba import cuda, float32, int32, int64, types, uint8

from nmtool.errors import MissingError
from nmtool.setup.installation import install_command
from nmtool.training.engines.cuda.kernels import adjoint, currents, forward, gradients
from nmtool.training.engines.cuda.kernels.compiled import MAX_REGISTERS

ARCHITECTURES = ((8, 0), (9, 0))
"""Compute capabilities of the A100 and the H100."""


def _array(dtype: Any, dimensions: int) -> types.Array:
    return types.Array(dtype, dimensions, "C")


Signature = tuple[Any, tuple[Any, ...]]
"""A kernel, and the types of its arguments."""


def signatures(number: Any = float32, delays: Any = uint8) -> list[Signature]:
    """Every kernel with the types of its arguments, as it is launched.

    Args:
        number: type of weights and traces.
        delays: type of delays.
    """
    vector, matrix, traces = (_array(number, dimensions) for dimensions in (1, 2, 3))
    synapses = matrix, _array(delays, 2)
    ints, longs, masks = _array(int32, 1), _array(int64, 1), _array(int64, 2)
    whole, sums = (_array(int32, 2), _array(delays, 2)), _array(int32, 3)
    tape, faults = _array(int64, 3), _array(int64, 3)
    spikes = longs, ints, ints, int64
    return [
        (currents.afferent_drive, (*synapses, *spikes, traces)),
        (currents.afferent_drive, (*whole, *spikes, sums)),
        (forward.run_lif, (matrix, *synapses, traces, tape)),
        (forward.run_lif_chip, (matrix, masks, vector, *whole, sums, tape, traces, faults)),
        (forward.count_spikes, (masks, longs)),
        (forward.list_spikes, (masks, matrix, longs, int64, ints, ints, vector)),
        (forward.run_li, (matrix, traces, traces)),
        (forward.run_li_chip, (masks, sums, sums, faults)),
        (
            adjoint.run_lif_adjoint,
            (matrix, *synapses, longs, ints, vector, vector, vector, traces, traces),
        ),
        (adjoint.run_li_adjoint, (matrix, traces, traces, traces)),
        (
            gradients.synapse_gradients,
            (_array(delays, 2), longs, ints, int64, traces, traces, traces),
        ),
        (gradients.spike_time_gradients, (*synapses, longs, ints, ints, traces, vector)),
    ]


@dataclass(frozen=True)
class Report:
    """The assembler's report on one kernel.

    Attributes:
        kernel: its name.
        architecture: sm_80, for instance.
        registers: per thread.
        shared_bytes: shared memory beside the dynamic one.
        spill_bytes: registers that are spilled to memory and read back.
    """

    kernel: str
    architecture: str
    registers: int
    shared_bytes: int
    spill_bytes: int


def find_ptxas() -> str | None:
    """NVIDIA's assembler: that of the installed packages, else the PATH's."""
    packages = Path(sysconfig.get_path("purelib")) / "nvidia"
    installed = sorted(packages.glob("*/bin/ptxas"))
    return str(installed[0]) if installed else shutil.which("ptxas")


def compile_ptx(kernel: Any, signature: tuple[Any, ...], capability: tuple[int, int]) -> str:
    """PTX of a kernel for a compute capability."""
    with _device_of(capability):
        text, _ = cuda.compile_ptx(kernel.py_func, types.void(*signature), cc=capability)
    return str(text)


@contextmanager
def _device_of(capability: tuple[int, int]) -> Iterator[None]:
    """Without a GPU, Numba still asks one for its capability where kernels call functions."""
    device = SimpleNamespace(compute_capability=capability)
    with mock.patch("numba.cuda.dispatcher.get_current_device", return_value=device):
        yield


def assemble(ptxas: str, kernel: str, text: str, capability: tuple[int, int]) -> Report:
    """Assemble PTX as Numba does, with at most `MAX_REGISTERS` per thread.

    Raises:
        MissingError: the assembler refuses, as it does where it is older than the compiler.
    """
    architecture = "sm_{}{}".format(*capability)
    options = ["-v", f"-arch={architecture}", f"-maxrregcount={MAX_REGISTERS}"]
    with tempfile.TemporaryDirectory() as folder:
        source, result = Path(folder, "kernel.ptx"), Path(folder, "kernel.cubin")
        source.write_text(text)
        command = [ptxas, *options, str(source), "-o", str(result)]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise MissingError(
            f"{ptxas} does not assemble {kernel}",
            code="ptxas-refused",
            why=done.stderr.strip(),
            fix="use a ptxas as new as numba-cuda's compiler: that of the extra cuda12, or for "
            "CUDA 13 `pip install nvidia-cuda-nvcc`",
        )
    return Report(
        kernel,
        architecture,
        _number(r"Used (\d+) registers", done.stderr),
        _number(r"(\d+) bytes smem", done.stderr),
        _number(r"(\d+) bytes spill stores", done.stderr)
        + _number(r"(\d+) bytes spill loads", done.stderr),
    )


def _number(pattern: str, text: str) -> int:
    return sum(int(value) for value in re.findall(pattern, text))


def reports(number: Any = float32, delays: Any = uint8) -> Iterator[Report]:
    """Reports on every kernel and architecture.

    Raises:
        MissingError: there is no ptxas, or it refuses.
    """
    ptxas = find_ptxas()
    if ptxas is None:
        raise MissingError(
            "ptxas is missing",
            code="ptxas-missing",
            why="it is NVIDIA's assembler, which comes with the CUDA toolkit",
            fix=f"{install_command('cuda12')}, or put a CUDA toolkit's bin folder on the PATH",
        )
    for kernel, signature in signatures(number, delays):
        for capability in ARCHITECTURES:
            text = compile_ptx(kernel, signature, capability)
            yield assemble(ptxas, kernel.py_func.__name__, text, capability)


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
