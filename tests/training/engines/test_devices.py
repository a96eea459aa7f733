"""The device of a name, and errors if it is missing."""

from __future__ import annotations

import pytest
import torch

from nmtool.errors import MissingError, UsageError
from nmtool.training.engines import devices
from nmtool.training.engines.cuda import available
from nmtool.training.engines.devices import CPU, Cuda, find_device
from tests.refusals import refused

pytestmark = pytest.mark.torch


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(available, "SIMULATED", False)
    monkeypatch.setattr(torch.version, "cuda", None)


@pytest.fixture
def a_gpu(monkeypatch: pytest.MonkeyPatch) -> torch.device:
    """A computer with all requirements; torch's device is its second GPU."""
    gpu = torch.device("cuda", 1)
    monkeypatch.setattr(devices, "require", lambda: gpu)
    return gpu


def test_the_cpu() -> None:
    assert find_device("cpu") is CPU
    assert (CPU.name, CPU.torch) == ("cpu", torch.device("cpu"))


@pytest.mark.usefixtures("no_gpu")
def test_without_a_gpu() -> None:
    assert find_device("auto") is CPU
    with refused(MissingError, "torch-without-cuda") as caught:
        find_device("cuda")
    assert caught.value.exit_code == 3


@pytest.mark.parametrize("name", ["auto", "cuda"])
def test_with_a_gpu(name: str, a_gpu: torch.device) -> None:
    assert find_device(name) == Cuda("cuda", a_gpu)


def test_an_unknown_device_is_refused() -> None:
    with refused(UsageError, "device-unknown") as caught:
        find_device("tpu")
    assert "'tpu'" in caught.value.what
    assert caught.value.fix.endswith("auto, cpu, cuda")
