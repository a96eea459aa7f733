"""The results of `doctor`: installed, missing and broken parts."""

from __future__ import annotations

import importlib.metadata
import platform
import subprocess
import sys
from pathlib import Path

import pytest

import nmtool as nm
from nmtool.exporters.c import compiler
from nmtool.exporters.lava.environment import REFEREE
from nmtool.setup import doctoring
from nmtool.setup.doctoring import BROKEN, FINE, LIMITED, MISSING, UNTESTED, doctor


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
    # Lava may have two entries: it is listed as a tool and as a folder.
    assert len({*names}) >= len(names) - 1
    for name in ("nmtool", "Python", "numpy", "torch", "onnx", "C compiler", "GPU", "Lava"):
        assert name in names
    assert part("numpy").detail == importlib.metadata.version("numpy")
    assert platform.python_version() in part("Python").detail
    assert {entry.state for entry in diagnosis.parts} <= {FINE, MISSING, UNTESTED, LIMITED, BROKEN}
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


def test_a_python_that_is_not_supported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "python_version", lambda: "3.15.0")
    entry = part("Python")
    assert entry.state == UNTESTED
    assert "3.10" in entry.fix


@pytest.mark.parametrize("system", ["darwin", "win32"])
def test_systems_that_are_not_tested(system: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctoring.sys, "platform", system)
    # The test takes only this entry from the generator, because later entries look up programs, for
    # which Python would call functions of Windows.
    (entry,) = (candidate for candidate in doctoring._system() if candidate.name == "system")
    assert entry.state == UNTESTED


def test_a_missing_and_a_broken_compiler(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(compiler.VARIABLE, "no-such-compiler")
    entry = part("C compiler")
    assert (entry.state, compiler.VARIABLE in entry.detail) == (MISSING, True)
    assert entry.fix
    monkeypatch.setenv(compiler.VARIABLE, "false")
    assert doctoring._compiler(False).state == FINE
    assert doctoring._compiler(True).state == BROKEN


def test_folders(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NMTOOL_CACHE", str(tmp_path / "new/folder"))
    assert part("compiled kernels").state == FINE
    assert "GiB free" in part("compiled kernels").detail
    assert not (tmp_path / "new").exists()
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NMTOOL_CACHE", str(tmp_path / "file/below"))
    entry = part("compiled kernels")
    assert entry.state == LIMITED
    assert "NMTOOL_CACHE" in entry.fix


def test_environments_of_referees(environments: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lava = next(entry for entry in doctor().parts if (entry.kind, entry.name) == ("tool", "Lava"))
    assert (lava.state, "nmtool setup lava" in lava.fix) == (MISSING, True)
    python = environments / "python"
    python.write_text("#!/bin/sh\nexit 1\n")
    python.chmod(0o700)
    monkeypatch.setenv(REFEREE.python_variable, str(python))
    assert doctoring._referee(REFEREE, "", False).state == FINE
    assert doctoring._referee(REFEREE, "", True).state == BROKEN


TORCH = "from typing import Optional\n__version__ = '2.9'\ncuda: Optional[str] = {}\nhip = None\n"


@pytest.mark.parametrize(
    ("version", "cuda"), [("None", ""), ("'12.8'", "12.8"), ("'13.0'", "13.0")]
)
def test_the_cuda_of_torch_is_read(
    version: str, cuda: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch/__init__.py").write_text("raise ImportError('broken')\n")
    (tmp_path / "torch/version.py").write_text(TORCH.format(version))
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    assert doctoring._cuda_of_torch() == cuda


@pytest.mark.parametrize(
    ("cards", "cuda", "numba_cuda", "state", "word"),
    [
        ("", "13.0", "0.30", MISSING, ""),
        ("H100, 80 GiB", None, "", MISSING, "numba-cuda[cu13]"),
        ("H100, 80 GiB", "", "", MISSING, "pytorch.org"),
        ("H100, 80 GiB", "12.8", "", MISSING, "numba-cuda[cu12]"),
        ("H100, 80 GiB", "13.0", "", MISSING, "numba-cuda[cu13]"),
        ("H100, 80 GiB\nH100, 80 GiB", "13.0", "0.30", FINE, ""),
    ],
)
def test_gpus(
    cards: str,
    cuda: str | None,
    numba_cuda: str,
    state: str,
    word: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("nmtool.exporters.supervise.output_of", lambda command, **_: cards)
    monkeypatch.setattr(doctoring, "_cuda_of_torch", lambda: cuda)
    monkeypatch.setattr(doctoring, "version_of", lambda package: numba_cuda)
    entry = doctoring._gpu(False)
    assert (entry.state, word in entry.fix) == (state, True)


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
