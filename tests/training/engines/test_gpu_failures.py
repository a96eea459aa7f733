"""Exceptions of torch and the driver for failures of a GPU, and the resulting errors."""

from __future__ import annotations

import pytest
import torch

from nmtool.cli.failures import for_people
from nmtool.errors import BackendError, InputError
from nmtool.training.engines.gpu_failures import (
    gpu_errors_converted,
    launch_failure,
    torch_gpu_failure,
)
from nmtool.training.loop.run import run_training
from nmtool.training.loop.trainer import Trainer
from tests.refusals import refused
from tests.training.small_data import small_dataset, small_options

pytestmark = pytest.mark.torch

OUT_OF_MEMORY = (
    "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 79.11 GiB of "
    "which 1.02 GiB is free. Process 7 has 78.09 GiB memory in use."
)


def test_memory_that_is_used_up() -> None:
    with refused(InputError, "gpu-memory-exhausted") as caught, gpu_errors_converted():
        raise torch.cuda.OutOfMemoryError(OUT_OF_MEMORY)
    assert caught.value.why == "CUDA out of memory. Tried to allocate 2.00 GiB"
    assert "batch_size" in caught.value.fix


def test_a_kernel_that_failed_before_torch_noticed() -> None:
    text = "CUDA error: an illegal memory access was encountered\nCUDA kernel errors might be …"
    with refused(BackendError, "gpu-failed") as caught, gpu_errors_converted():
        raise RuntimeError(text)
    assert caught.value.why == "CUDA error: an illegal memory access was encountered"


def test_the_class_of_torch_for_gpu_errors() -> None:
    kind = getattr(torch, "AcceleratorError", None)
    if kind is None:
        pytest.skip("this torch has no class for them")
    failure = torch_gpu_failure(kind("something failed"))
    assert failure is not None
    assert failure.code == "gpu-failed"


def test_other_errors_are_not_converted() -> None:
    with pytest.raises(RuntimeError, match="once"), gpu_errors_converted():
        raise RuntimeError("EventProp's backward pass runs once per forward pass")
    assert launch_failure(TypeError("an argument"), "run_lif") is None


@pytest.mark.parametrize("module", ["cuda.core._utils.cuda_utils", "numba.cuda.cudadrv.driver"])
def test_a_launch_that_the_driver_refuses(module: str) -> None:
    kind = type("DriverError", (Exception,), {"__module__": module})
    failure = launch_failure(kind("CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES"), "run_lif")
    assert isinstance(failure, BackendError)
    assert failure.code == "gpu-launch-failed"
    assert "run_lif" in failure.what
    assert "OUT_OF_RESOURCES" in failure.why


def test_a_run_whose_batch_is_too_large_says_what_to_make_smaller(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def exhausted(*arguments: object) -> None:
        raise torch.cuda.OutOfMemoryError(OUT_OF_MEMORY)

    monkeypatch.setattr(Trainer, "_update", exhausted)
    with refused(InputError, "gpu-memory-exhausted"):
        run_training(small_options(), small_dataset(40))


def test_a_command_without_gpu_memory_ends_with_a_message() -> None:
    shown = for_people(torch.cuda.OutOfMemoryError(OUT_OF_MEMORY))
    assert shown is not None
    assert shown.code == "gpu-memory-exhausted"
    assert for_people(RuntimeError("a mistake of our own")) is None
