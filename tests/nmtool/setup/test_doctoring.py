"""The results of `doctor`: installed, missing and broken parts."""

from __future__ import annotations

import importlib.metadata
import platform
import subprocess
import sys
from pathlib import Path

import pytest

import nmtool as nm
from nmtool.errors import MissingError
from nmtool.exporters.c import compiler
from nmtool.exporters.c.format import C
from nmtool.exporters.lava.environment import REFEREE
from nmtool.paths import cache_folder
from nmtool.setup import doctoring
from nmtool.setup.doctoring import BROKEN, FINE, MISSING, doctor


def part(name: str, *, deep: bool = False) -> nm.Part:
    return next(entry for entry in doctor(deep=deep).parts if entry.name == name)


def without(monkeypatch: pytest.MonkeyPatch, package: str, version: str = "") -> None:
    """Pretend that a package is missing, or has another version."""
    real = importlib.metadata.version

    def pretended_version(name: str) -> str:
        if name == package and not version:
            raise importlib.metadata.PackageNotFoundError(name)
        return version if name == package else real(name)

    monkeypatch.setattr(importlib.metadata, "version", pretended_version)


@pytest.fixture
def environments(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder for Lava without an environment."""
    monkeypatch.setenv(REFEREE.home_variable, str(tmp_path))
    monkeypatch.delenv(REFEREE.python_variable, raising=False)
    return tmp_path


def test_this_computer() -> None:
    diagnosis = doctor()
    assert not diagnosis.is_deep
    names = [entry.name for entry in diagnosis.parts]
    assert len({*names}) == len(names)
    for name in ("nmtool", "Python", "numpy", "torch", "onnx", "C compiler", "GPU", "Lava"):
        assert name in names
    assert part("numpy").detail == importlib.metadata.version("numpy")
    assert platform.python_version() in part("Python").detail
    assert {entry.state for entry in diagnosis.parts} <= {FINE, MISSING, BROKEN}
    assert part("compiled kernels").detail == str(cache_folder())
    [libraries] = [table for table in diagnosis.tables() if len(table.header) == 4]
    assert [row[3] for row in libraries.rows if row[0] == "onnx"] == ["ONNX files"]


def test_a_missing_optional_library_is_not_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "onnx")
    entry = part("onnx")
    assert (entry.state, entry.detail, entry.gives) == (MISSING, "", "ONNX files")
    assert "'onnx<2" in entry.fix
    assert "nmtool" not in entry.fix.rpartition("install")[2]
    assert any(
        "onnx (ONNX files)" in names and "'onnx<2" in fix
        for fix, names in doctor().advice().items()
    )


@pytest.mark.parametrize(("package", "version"), [("onnx", "0.1"), ("h5py", ""), ("numpy", "9.0")])
def test_unsuitable_and_missing_required_libraries_are_broken(
    package: str, version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, package, version)
    entry = part(package)
    assert entry.state == BROKEN
    assert f"'{package}<" in entry.fix
    assert not doctor().healthy


def test_doctor_imports_no_large_library() -> None:
    code = (
        "import sys, nmtool as nm; nm.doctor(); "
        "print(*{'torch', 'sklearn', 'onnx', 'matplotlib', 'numba', 'scipy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "\n"


def tool(name: str, *, deep: bool) -> nm.Part:
    """Examine a tool; the tools after it are not examined."""
    return next(entry for entry in doctoring._tools(deep) if entry.name == name)


def test_a_missing_and_a_broken_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(compiler.VARIABLE, "no-such-compiler")
    entry = tool("C compiler", deep=False)
    assert (entry.state, compiler.VARIABLE in entry.detail) == (MISSING, True)
    assert entry.fix
    monkeypatch.setenv(compiler.VARIABLE, "false")
    assert tool("C compiler", deep=False).state == FINE
    assert tool("C compiler", deep=True).state == BROKEN


def test_a_tool_whose_code_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> str:
        raise ZeroDivisionError("no chip today")

    monkeypatch.setattr(C, "describe_tool", fail)
    entry = tool("C compiler", deep=False)
    assert (entry.state, "no chip today" in entry.detail) == (BROKEN, True)
    assert entry.fix


def test_environments_of_referees(environments: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lava = tool("Lava", deep=False)
    assert (lava.state, "nmtool setup lava" in lava.fix) == (MISSING, True)
    python = environments / "python"
    python.write_text("#!/bin/sh\nexit 1\n")
    python.chmod(0o700)
    monkeypatch.setenv(REFEREE.python_variable, str(python))
    assert doctoring._referee(REFEREE, False).state == FINE
    assert doctoring._referee(REFEREE, True).state == BROKEN


def test_a_gpu_that_torch_and_numba_can_use_or_not(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    cards = ""
    monkeypatch.setattr("nmtool.setup.doctoring.output_of", lambda command, **_: cards)
    assert (doctoring._gpu().state, doctoring._gpu().fix) == (MISSING, "")

    def check() -> None:
        raise MissingError("torch has no CUDA", code="torch-without-cuda", fix="see pytorch.org")

    cards = "H100, 80 GiB\nH100, 80 GiB"
    monkeypatch.setattr("nmtool.training.engines.cuda.available.check", check)
    entry = doctoring._gpu()
    assert (entry.state, entry.fix) == (MISSING, "see pytorch.org")
    assert entry.detail == "2 × H100, 80 GiB: torch has no CUDA"
    monkeypatch.setattr("nmtool.training.engines.cuda.available.check", lambda: None)
    assert (doctoring._gpu().state, doctoring._gpu().detail) == (FINE, "2 × H100, 80 GiB")


def test_a_library_that_cannot_be_imported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    (tmp_path / "onnx.py").write_text("raise ImportError('libx.so is gone')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    library = next(
        candidate for candidate in doctoring.libraries("onnx") if candidate.name == "onnx"
    )
    entry = doctoring._library(library, "onnx", "ONNX files", True)
    assert (entry.state, "libx.so is gone" in entry.detail) == (BROKEN, True)
    assert "--force-reinstall" in entry.fix
