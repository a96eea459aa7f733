"""Every engine spikes, has gradients of all parameters, and leaves its weights unchanged."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from benchmarks.drive import find_drive
from benchmarks.engines import BPTT, CPU, CUDA, DCLS, ENGINES, OURS, Engine, find_engine, obstacle
from benchmarks.measure import time_step
from benchmarks.ours import Ours
from benchmarks.torch_step import TorchStep
from benchmarks.workload import Workload
from tests.benchmarks.tiny import TINY

pytestmark = pytest.mark.torch


def workload_of(engine: Engine) -> Workload:
    return replace(TINY, recurrent=engine.name != DCLS)


def loaded(engine: Engine, drive: float) -> TorchStep:
    workload = workload_of(engine)
    step = engine.build()(workload.network(drive), workload)
    step.load(workload.spikes(), workload.labels())
    return step


def parameters(step: TorchStep) -> list[torch.Tensor]:
    return [p for group in step.optimiser.param_groups for p in group["params"]]


# Some libraries warn about future changes in torch.
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.name)
def test_an_engine_trains_or_names_the_missing_library(engine: Engine) -> None:
    if engine.missing():
        assert obstacle(engine.name, engine.device) == f"{engine.missing()[0]} not installed"
        return
    step = loaded(engine, drive=2.0)
    before = [parameter.detach().clone() for parameter in parameters(step)]
    times = time_step(step)
    assert min(times.forward, times.backward, times.update) > 0
    assert step.hidden_spikes > 5
    assert torch.isfinite(step.loss)
    for parameter, start in zip(parameters(step), before, strict=True):
        assert parameter.grad is not None
        assert parameter.grad.abs().max() > 0
        assert torch.equal(parameter, start)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.name)
def test_weights_are_scaled_to_the_firing_rate(engine: Engine) -> None:
    if engine.missing():
        assert obstacle(engine.name, engine.device) == f"{engine.missing()[0]} not installed"
        return
    workload = replace(workload_of(engine), hidden=40)
    drive = find_drive(engine.build(), workload)
    step = engine.build()(workload.network(drive), replace(workload, batch=4))
    step.load(replace(workload, batch=4).spikes(), workload.labels())
    step.labels = torch.zeros(4, dtype=torch.int64)
    step.forward()
    assert step.hidden_spikes / 40 == pytest.approx(workload.hidden_rate, rel=0.15)


@pytest.mark.filterwarnings("ignore")
def test_delays_by_convolution_equal_those_of_nmtool() -> None:
    dcls = find_engine(DCLS, CPU)
    assert dcls is not None
    if dcls.missing():
        assert obstacle(DCLS, CPU) == "DCLS not installed"
        return
    workload = workload_of(dcls)
    step, ours = loaded(dcls, drive=2.0), Ours(workload.network(2.0), workload)
    ours.load(workload.spikes(), workload.labels())
    for engine in (step, ours):
        engine.forward()
    assert ours.hidden_spikes > 5
    assert step.hidden_spikes == pytest.approx(ours.hidden_spikes)


def test_an_engine_without_its_library_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    absent = Engine("absent", CPU, "benchmarks.peers.absent", ("torch", "no_such_peer"), False)
    monkeypatch.setattr("benchmarks.engines.ENGINES", (*ENGINES, absent))
    assert obstacle("absent", CPU) == "no_such_peer not installed"
    assert obstacle(OURS, CPU) is None


def test_an_engine_that_does_not_support_a_device_is_skipped() -> None:
    assert obstacle(BPTT, CUDA) == "does not run on cuda"
