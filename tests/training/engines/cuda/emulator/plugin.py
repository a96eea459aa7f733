"""The pytest plugin that lets the CUDA engine run on the emulated GPU.

    --thread-order ORDER        of a block's threads: ascending, descending, alternating, shuffled

Memory that torch leaves uninitialised holds NaN, or the largest integer.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from tests.training.engines.cuda import emulator
from tests.training.engines.cuda.emulator.gpu import Gpu
from tests.training.engines.cuda.emulator.kernel import COUNTS, ORDERS

emulator.ACTIVE = True
GPU = Gpu("alternating")
GPU.driver.emulator_set_devices(2)

# These libraries are imported only now, so that numba-cuda finds the emulator's driver in place of
# NVIDIA's driver.
import torch  # noqa: E402
from numba import cuda  # noqa: E402
from numba.cuda import codegen  # noqa: E402

from nmtool.training.engines.cuda import arrays, available, layer  # noqa: E402

codegen.CUDACodeLibrary.get_cubin = GPU.keep_ptx(codegen.CUDACodeLibrary.get_cubin)

_view = arrays.view


def _noted_view(tensor: torch.Tensor) -> Any:
    GPU.arrays.append((tensor.data_ptr(), tensor.nbytes))
    return _view(tensor)


def _set_device(device: int) -> None:
    GPU.driver.emulator_set_current(device)


def _own_gpu() -> torch.device:
    """Let the engine choose a GPU; tensors are on the CPU nevertheless."""
    _chosen()
    return torch.device("cpu")


_chosen = available._own_gpu
available._own_gpu = _own_gpu
arrays.view = _noted_view
layer.free_bytes = lambda device: cuda.current_context().get_memory_info().free
arrays.current_device = lambda: torch.device("cpu")
torch.version.cuda = "13.0"
torch.cuda.is_available = lambda: True
torch.cuda.current_device = lambda: max(0, GPU.driver.emulator_current_device())
torch.cuda.set_device = _set_device
torch.cuda.current_stream = lambda *device: SimpleNamespace(cuda_stream=0)
torch.use_deterministic_algorithms(True)
torch.utils.deterministic.fill_uninitialized_memory = True


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option for the order of threads."""
    parser.addoption("--thread-order", choices=list(ORDERS), default="alternating")


def pytest_configure(config: pytest.Config) -> None:
    """Store the order of threads."""
    GPU.order = ORDERS[config.getoption("--thread-order")]


@pytest.fixture(autouse=True)
def _no_faults() -> Iterator[None]:
    """Fail a test if one of its launches has faults."""
    GPU.faults.clear()
    GPU.arrays.clear()
    yield
    assert not GPU.faults, "\n".join(GPU.faults)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the recordings of tests, and launches and counts of each kernel."""
    for report in terminalreporter.stats.get("passed", []):
        for name, value in report.user_properties:
            terminalreporter.write_line(f"{name}: {value}")
    # If no kernel was launched, other processes ran the tests.
    if not GPU.launches:
        return
    kernels, launches = len(GPU.kernels), sum(GPU.launches.values())
    terminalreporter.write_line(f"{kernels} kernels compiled, {launches:,} launches")
    for name, many in GPU.launches.most_common():
        counts = ", ".join(f"{quantity} {GPU.counts[name][quantity]:,}" for quantity in COUNTS[:-1])
        terminalreporter.write_line(f"  {name}: {many} launches, {counts}")
