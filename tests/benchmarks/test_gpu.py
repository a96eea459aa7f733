"""The suite `cuda`: its comparison of the engines, in Numba's simulator, and its kernels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks.__main__ import main
from benchmarks.gpu import FLOAT32, FLOAT64, INTEGER, Agreement, compare
from benchmarks.gpu_kernels import OTHERS, KernelTime, by_kernel
from benchmarks.suites import SUITES
from benchmarks.workload import Workload
from nmtool.recording import Recording
from nmtool.training.engines import devices
from nmtool.training.engines.devices import Device
from nmtool.training.front.model import SpikingNetwork
from tests.training.engines.cuda.engines import needs_device, unless_simulated

pytestmark = pytest.mark.torch

SMALL = Workload(
    hidden=6, n_steps=30, input_spikes=60, max_delay=7, batch=3, channels=9, classes=3,
    hidden_rate=3.0,
)  # fmt: skip


@pytest.mark.torch
@pytest.mark.cuda
@needs_device
@unless_simulated
def test_engines_are_compared() -> None:
    agreements = list(compare(SMALL, devices.find_device("cuda")))
    assert [agreement.arithmetic for agreement in agreements] == [FLOAT64, FLOAT32, INTEGER]
    for agreement in agreements:
        assert agreement.holds, str(agreement)
        assert agreement.spikes_emitted > 0
        assert agreement.samples > 0


def _second_device(
    change: Callable[[Recording], Recording], monkeypatch: pytest.MonkeyPatch
) -> Device:
    """The CPU engine as a second device, whose recordings are changed."""
    device, record = replace(devices.CPU, name="other"), SpikingNetwork.record

    def changed(self: SpikingNetwork, *arguments: Any, **keywords: Any) -> Recording:
        recording = record(self, *arguments, **keywords)
        return change(recording) if self.device == device else recording

    monkeypatch.setattr(SpikingNetwork, "record", changed)
    return device


@pytest.mark.torch
def test_an_engine_agrees_with_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    for verdict in compare(SMALL, _second_device(lambda recording: recording, monkeypatch)):
        assert (verdict.holds, verdict.spikes_different, verdict.gradient_error) == (True, 0, 0.0)


@pytest.mark.torch
def test_a_missing_spike_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    def without_one(recording: Recording) -> Recording:
        raster = recording.spikes["hidden"]
        offset = raster.offset - (np.arange(raster.offset.size) > np.argmax(raster.offset > 0) - 1)
        less = replace(raster, offset=offset, step=raster.step[1:], neuron=raster.neuron[1:])
        return replace(recording, spikes={"hidden": less})

    agreements = list(compare(SMALL, _second_device(without_one, monkeypatch)))
    assert [agreement.spikes_different for agreement in agreements] == [1, 1, 1]
    assert not any(agreement.holds for agreement in agreements)


@pytest.mark.parametrize(
    ("arithmetic", "different", "error", "holds"),
    [
        (FLOAT64, 0, 1e-10, True),
        (FLOAT64, 0, 1e-8, False),
        (FLOAT64, 1, 0.0, False),
        (FLOAT32, 1, 1e-5, True),
        (FLOAT32, 2, 1e-5, False),
        (INTEGER, 1, 0.0, False),
        (INTEGER, 0, 1e-5, True),
    ],
)
def test_agreement_of_spikes_and_gradients(
    arithmetic: str, different: int, error: float, holds: bool
) -> None:
    assert Agreement(arithmetic, 8, 10_000, different, 1000, 3, error).holds is holds


def test_engines_do_not_agree_if_no_sample_has_equal_spikes() -> None:
    assert not Agreement(FLOAT32, 8, 10_000, 0, 1000, 0, 0.0).holds


def test_the_suite_has_both_devices() -> None:
    jobs = [comparison.jobs for comparison in SUITES["cuda"].comparisons()]
    assert [[job.device for job in group] for group in jobs] == [["cuda", "cpu"]] * 4
    assert {(j.workload.hidden, j.workload.batch) for group in jobs for j in group} == {
        (256, 32), (256, 256), (512, 32), (512, 256),
    }  # fmt: skip


def test_kernels_are_timed_by_their_names_in_python() -> None:
    ours = "_ZN6nmtool8training7engines4cuda7kernels7forward7run_lifB2v1B92cw51cE"
    events = [
        SimpleNamespace(name=name, device_time_total=us)
        for name, us in ((ours, 3000.0), ("Memcpy DtoH", 10.0), (ours, 1000.0), ("at::sort", 20.0))
    ]
    lif, others = by_kernel(events, SMALL, rounds=2)
    assert lif == KernelTime(6, 3, "run_lif", 1.0, 2.0)
    assert others == KernelTime(6, 3, OTHERS, 1.0, 0.015)


def test_without_a_gpu_the_suite_names_the_missing_requirement(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("nmtool.training.engines.cuda.available.SIMULATED", False)
    monkeypatch.setattr(torch.version, "cuda", None)
    assert main(["--suite", "cuda"]) == 3
    assert "[torch-without-cuda]" in capsys.readouterr().err
