"""Tests that need the emulated GPU (`make emulated`), and tests of the emulated GPU."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from numba import float32, float64, int16, uint8

from benchmarks.gpu import compare as compare_engines
from benchmarks.workload import Workload
from nmtool.errors import BackendError
from nmtool.training.engines.cuda import available, ptx
from nmtool.training.engines.cuda.arrays import launch
from nmtool.training.engines.cuda.kernels import currents
from nmtool.training.engines.cuda.kernels.compiled import cuda, kernel
from nmtool.training.engines.cuda.kernels.counts import no_counts
from nmtool.training.engines.devices import find_device
from nmtool.training.processes.launch import Launch
from tests.refusals import refused
from tests.training.engines.cuda import emulator
from tests.training.engines.cuda.emulator.translation import UnknownPtxError, translate
from tests.training.engines.cuda.engines import Case, compare, tensor

pytestmark = pytest.mark.torch
pytestmark = [pytestmark, pytest.mark.cuda]
pytestmark += [pytest.mark.skipif(not emulator.ACTIVE, reason="needs the emulated GPU")]


@pytest.fixture
def gpu() -> Iterator[Any]:
    """The emulated GPU, whose state is restored after the test."""
    from tests.training.engines.cuda.emulator.plugin import GPU

    yield GPU
    GPU.faults.clear()
    GPU.look_for_races = True
    GPU.driver.emulator_set_current(0)
    GPU.driver.emulator_set_free_bytes(79 << 30)


@pytest.mark.parametrize("capability", ptx.ARCHITECTURES, ids=str)
@pytest.mark.parametrize(("number", "delays"), [(float32, uint8), (float64, int16)], ids=str)
def test_every_instruction_of_every_kernel_is_known(
    number: Any, delays: Any, capability: tuple[int, int]
) -> None:
    for function, signature in ptx.signatures(number, delays):
        assert translate(ptx.compile_ptx(function, signature, capability)).parameters


def test_an_unknown_instruction_is_refused() -> None:
    text = ".visible .entry k(.param .u64 a)\n{\nsin.approx.f32 %f1, %f2;\n}"
    with pytest.raises(UnknownPtxError, match=r"sin\.approx\.f32"):
        translate(text)


@pytest.mark.parametrize(
    "workload",
    [
        Workload(hidden=64, n_steps=200, input_spikes=1600, batch=8),
        Workload(hidden=256, batch=2),
        Workload(hidden=512, batch=1),
        Workload(hidden=1100, n_steps=100, input_spikes=800, batch=1),
    ],
    ids=lambda workload: str(workload.hidden),
)
def test_engines_agree_at_the_sizes_of_real_networks(
    workload: Workload, gpu: Any, record_property: Callable[[str, object], None]
) -> None:
    gpu.look_for_races = workload.hidden <= 256
    for agreement in compare_engines(workload, find_device("cuda")):
        record_property("agreement", str(agreement))
        assert agreement.holds, str(agreement)
        assert agreement.spikes_emitted > 0


def test_a_job_of_two_runs_on_two_devices(gpu: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    second = Launch(1, 2, 1, 2, "localhost", 1, "")
    monkeypatch.setattr(available, "launched", lambda: second)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    available.require()
    gpu.devices.clear()
    compare(Case())
    assert set(gpu.devices) == {1}


def test_little_free_memory_makes_small_portions(gpu: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    case = Case(n_samples=4)
    monkeypatch.setattr("nmtool.training.engines.cuda.layer.ASK_FROM_BYTES", 0)
    launches = []
    for free in (79 << 30, 2 * 2 * case.n_steps * case.hidden * 8):
        gpu.driver.emulator_set_free_bytes(free)
        before = gpu.launches["run_lif_adjoint"]
        compare(case)
        launches.append(gpu.launches["run_lif_adjoint"] - before)
    assert launches == [1, case.n_samples]


def _drive() -> Any:
    """Launch a kernel on a population of one neuron; returns its output."""
    weight, drive = tensor(np.ones((1, 1)), np.float32), tensor(np.ones((1, 4, 1)), np.float32)
    offset, step = tensor(np.array([0, 1]), np.int64), tensor(np.array([1]), np.int32)
    synapses = weight, tensor(np.zeros((1, 1)), np.uint8)
    bins = offset, step, tensor(np.array([0]), np.int32), no_counts(step)
    lists = *bins, 1
    launch(currents.afferent_drive, (1, 1), 32, 128, *synapses, *lists, drive)
    return drive


def test_a_launch_that_the_driver_refuses(gpu: Any) -> None:
    gpu.driver.emulator_fail_next(701)
    with refused(BackendError, "gpu-launch-failed") as caught:
        _drive()
    assert "afferent_drive" in caught.value.what
    assert _drive().flatten().tolist() == [0.0, 0.0, 1.0, 0.0]


def test_kernels_are_cached_on_disk(gpu: Any) -> None:
    _drive()
    again = kernel(currents.afferent_drive.py_func)
    for signature in currents.afferent_drive.overloads:
        again.compile(signature)
        assert again._cache_hits[signature] == 1


@kernel
def beyond_the_end(values):
    """Write beyond the end of the array."""
    values[values.size + cuda.threadIdx.x] = 1


@kernel
def without_barrier(values):
    """Read a value that a neighbouring thread writes."""
    shared, thread = cuda.shared.array(0, np.float32), cuda.threadIdx.x
    shared[thread] = thread
    values[thread] = shared[(thread + 1) % cuda.blockDim.x]


@kernel
def unwritten(values):
    """Read shared memory that no thread has written."""
    values[cuda.threadIdx.x] = cuda.shared.array(0, np.float32)[cuda.threadIdx.x]


@kernel
def same_place(values):
    """Write to one place from all threads and blocks."""
    values[0] = cuda.threadIdx.x


@kernel
def barrier_of_some(values):
    """Wait at a barrier that the last thread does not reach."""
    if cuda.threadIdx.x < cuda.blockDim.x - 1:
        cuda.syncthreads()
    values[cuda.threadIdx.x] = 1


@pytest.mark.parametrize(
    ("function", "fault"),
    [
        (beyond_the_end, "write outside of all arrays"),
        (without_barrier, "race (read after write)"),
        (unwritten, "read before written"),
        (same_place, "race (two writes)"),
        (barrier_of_some, "barrier that not all threads reach"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_faults_of_kernels_are_detected(function: Any, fault: str, gpu: Any) -> None:
    values = tensor(np.zeros(32), np.float32)
    with refused(BackendError, "gpu-launch-failed"):
        launch(function, (1,), 32, 128, values)
    assert fault in gpu.faults[0]


def test_races_between_blocks_are_detected(gpu: Any) -> None:
    with refused(BackendError, "gpu-launch-failed"):
        launch(same_place, (2,), 1, 0, tensor(np.zeros(1), np.float32))
    assert "race between blocks (two writes)" in gpu.faults[0]
