"""The kernels compile for GPUs without a GPU being present, and fit their registers."""

from __future__ import annotations

import importlib.util
import sys
from typing import Any

import pytest
from numba import float32, float64, int16, uint8

from nmtool.arithmetic import arithmetics
from nmtool.errors import MissingError
from nmtool.training.engines.cuda import SIMULATED, ptx
from nmtool.training.engines.cuda.kernels import adjoint, currents, forward, gradients
from nmtool.training.engines.cuda.kernels.compiled import MAX_REGISTERS
from tests.refusals import refused

pytestmark = pytest.mark.torch


def _is_missing() -> str:
    if SIMULATED:
        return "kernels run in Numba's simulator"
    if importlib.util.find_spec("numba_cuda") is None:
        return "needs numba-cuda (nmtool[cuda])"
    return ""


SPILLING = "run_lif_adjoint", "run_lif", "run_lif_chip"

needs_compiler = pytest.mark.skipif(bool(_is_missing()), reason=_is_missing() or "nothing missing")


@needs_compiler
def test_registers_in_single_precision() -> None:
    reports = list(ptx.reports(float32, uint8))
    assert len(reports) == len(ptx.ARCHITECTURES) * len(ptx.signatures())
    for report in reports:
        assert 0 < report.registers <= MAX_REGISTERS, report
        # On GPUs of compute capability 12.0, the code of these kernels is longer and spills
        # registers; that of the forward passes only with counts.
        if report.architecture != "sm_120" or report.kernel not in SPILLING:
            assert report.spill_bytes == 0, report
        assert report.shared_bytes == 0, report


@needs_compiler
def test_no_double_precision_slips_in() -> None:
    for kernel, signature in ptx.signatures(float32, uint8):
        assert ".f64" not in ptx.compile_ptx(kernel, signature, (8, 0)), kernel


@needs_compiler
@pytest.mark.parametrize("delays", [uint8, int16])
def test_double_precision_compiles(delays: Any) -> None:
    for kernel, signature in ptx.signatures(float64, delays):
        text = ptx.compile_ptx(kernel, signature, (8, 0))
        assert ptx.assemble(kernel.__name__, text, (8, 0)).registers <= MAX_REGISTERS


def test_every_kernel_has_a_signature() -> None:
    kernels = {
        value
        for module in (adjoint, currents, forward, gradients)
        for value in vars(module).values()
        if hasattr(value, "py_func") and getattr(value, "__module__", "") == module.__name__
        if not value.targetoptions.get("device")
    }
    kernels |= {
        kernel
        for arithmetic in arithmetics().values()
        for kernel in forward.chip_kernels(arithmetic)
    }
    assert {kernel for kernel, _ in ptx.signatures()} == kernels


def test_without_a_linker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cuda.bindings", None)
    with refused(MissingError, "nvjitlink-missing"):
        ptx.assemble("run_lif", "", (8, 0))


@needs_compiler
def test_a_linker_that_refuses() -> None:
    with refused(MissingError, "nvjitlink-refused") as caught:
        ptx.assemble("run_lif", "not PTX", (8, 0))
    assert "run_lif" in caught.value.what
    assert caught.value.why
