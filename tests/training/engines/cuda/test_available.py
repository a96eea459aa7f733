"""Errors on a computer that cannot train on a GPU."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import sys
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from nmtool.errors import MissingError, UsageError
from nmtool.setup.installation import install_command
from nmtool.training.engines.cuda import available
from nmtool.training.engines.cuda.available import require
from nmtool.training.engines.devices import find_device
from nmtool.training.processes import ranks
from nmtool.training.processes.launch import Launch
from tests.refusals import refused

pytestmark = pytest.mark.torch


class _Computer:
    """A computer with all requirements, of which tests remove some."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.cuda: str | None = "13.0"
        self.gpu = True
        self.numba_cuda = True
        self.packages = {"nvidia-nvvm"}
        self.numba_works = True
        real_version, real_find = importlib.metadata.version, importlib.util.find_spec

        def version(name: str) -> str:
            if not name.startswith("nvidia-"):
                return real_version(name)
            if name in self.packages:
                return "1"
            raise importlib.metadata.PackageNotFoundError(name)

        def find_spec(name: str, package: str | None = None) -> Any:
            if name == "numba_cuda":
                return object() if self.numba_cuda else None
            return real_find(name, package)

        monkeypatch.setattr(importlib.metadata, "version", version)
        monkeypatch.setattr(importlib.util, "find_spec", find_spec)
        monkeypatch.setattr(available, "SIMULATED", False)
        monkeypatch.setattr(torch.cuda, "is_available", lambda: self.gpu)
        monkeypatch.setattr(torch.cuda, "current_device", lambda: 1)
        monkeypatch.setattr("numba.cuda.is_available", lambda: self.numba_works)
        self.monkeypatch = monkeypatch

    def refuses(self, code: str) -> MissingError:
        """Expect the error with this code, which has a reason and a fix."""
        self.monkeypatch.setattr(torch.version, "cuda", self.cuda)
        with refused(MissingError, code) as caught:
            require()
        assert caught.value.exit_code == 3
        assert caught.value.why
        assert caught.value.fix
        return caught.value


@pytest.fixture
def computer(monkeypatch: pytest.MonkeyPatch) -> _Computer:
    return _Computer(monkeypatch)


def test_nothing_is_missing(computer: _Computer) -> None:
    computer.monkeypatch.setattr(torch.version, "cuda", computer.cuda)
    assert require() == torch.device("cuda", 1)


def _start_as(rank: int, processes: int, computer: _Computer, gpus: int = 2) -> list[int]:
    """Act as one of several processes on a computer.

    Returns:
        Numbers of the GPUs that become torch's current device, which is first GPU 0.
    """
    computer.monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    launch = Launch(rank, processes, rank, processes, "localhost", 1, "")
    taken = [0]
    computer.monkeypatch.setattr(torch.version, "cuda", computer.cuda)
    computer.monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    computer.monkeypatch.setattr(torch.cuda, "current_device", lambda: taken[-1])
    computer.monkeypatch.setattr(torch.cuda, "set_device", taken.append)
    for module in (available, ranks):
        computer.monkeypatch.setattr(module, "launched", lambda: launch)
    return taken


def test_every_process_trains_on_its_own_gpu(computer: _Computer) -> None:
    _start_as(1, 2, computer)
    computer.monkeypatch.setattr(ranks, "_join", lambda launch, backend: None)
    computer.monkeypatch.setattr(ranks.Ranks, "barrier", lambda self: None)
    gpus = []
    computer.monkeypatch.setattr(ranks.Ranks, "check_own_gpus", lambda self, gpu: gpus.append(gpu))
    properties = SimpleNamespace(uuid="GPU-1")
    computer.monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: properties)
    device = find_device("cuda")
    assert device.torch == torch.device("cuda", 1)
    assert ranks.Ranks.from_environment(str(device.torch)) == ranks.Ranks(1, 2, 1, "cuda:1")
    assert gpus == ["GPU-1"]


def test_a_process_uses_the_only_gpu_that_it_sees(computer: _Computer) -> None:
    """With Slurm's --gpus-per-task=1, the second process also has a GPU number 0."""
    taken = _start_as(1, 2, computer, gpus=1)
    computer.monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert require() == torch.device("cuda", 0)
    assert taken == [0, 0]


def test_more_processes_than_gpus(computer: _Computer) -> None:
    taken = _start_as(0, 3, computer)
    with refused(UsageError, "gpus-too-few") as caught:
        require()
    assert caught.value.fix == "use `--nproc-per-node 2`"
    assert taken == [0]


def test_compiler_from_elsewhere(computer: _Computer) -> None:
    """A CUDA toolkit that was not installed by pip has no package with its version."""
    computer.packages = set()
    computer.monkeypatch.setattr(torch.version, "cuda", "12.8")
    require()


def test_torch_without_cuda(computer: _Computer) -> None:
    computer.cuda = None
    computer.refuses("torch-without-cuda")


def test_no_gpu(computer: _Computer) -> None:
    computer.gpu = False
    computer.refuses("gpu-missing")


@pytest.mark.parametrize(("cuda", "extra"), [("12.8", "cuda12"), ("13.0", "cuda")])
def test_no_numba_cuda(computer: _Computer, cuda: str, extra: str) -> None:
    computer.cuda, computer.numba_cuda = cuda, False
    assert computer.refuses("library-missing").fix == install_command(extra)


def test_two_versions_of_cuda(computer: _Computer) -> None:
    computer.cuda = "12.8"
    error = computer.refuses("cuda-versions-differ")
    assert "CUDA 12" in error.what
    assert "CUDA 13" in error.what
    assert error.fix == install_command("cuda12")


def test_numba_finds_no_gpu(computer: _Computer) -> None:
    computer.numba_works = False
    computer.refuses("numba-cuda-without-gpu")


def test_numba_is_incompatible_with_numba_cuda(computer: _Computer) -> None:
    computer.monkeypatch.delattr("numba.cuda")
    computer.monkeypatch.setitem(sys.modules, "numba.cuda", None)
    assert "pip install" in computer.refuses("numba-cuda-unfit").fix


def test_the_simulator_is_part_of_numba_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(available, "SIMULATED", True)
    monkeypatch.delattr("numba.cuda")
    monkeypatch.setitem(sys.modules, "numba.cuda", None)
    with refused(MissingError, "numba-cuda-unfit"):
        require()


def test_the_simulator_needs_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(available, "SIMULATED", True)
    assert require() == torch.device("cpu")
