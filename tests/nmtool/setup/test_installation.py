"""The command that installs a missing library, by how nmtool was installed."""

from __future__ import annotations

import shlex
import sys
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

import pytest

import nmtool
from nmtool.exporters.formats import all_formats
from nmtool.libraries import EXTRAS, missing_library
from nmtool.setup import installation
from nmtool.setup.installation import (
    CONVENIENCES,
    MAIN,
    TORCH_FOR_CPUS,
    install_command,
    is_installed,
    libraries,
)

REQUIRES = [
    "numpy<3,>=1.26",
    'tomli<3,>=2; python_version < "3"',
    'torch<3,>=2.2; extra == "train"',
    'scikit-learn<2,>=1.4; extra == "train"',
    'nmtool[train]; extra == "search"',
    'optuna<5,>=4; extra == "search"',
    'nmtool[train]; extra == "cuda"',
    'numba-cuda[cu13]<1,>=0.30; extra == "cuda"',
    'onnx<2,>=1.16; extra == "onnx"',
]

CHECKOUT = Path(nmtool.__file__).parents[1]


@dataclass
class Here:
    """An environment: its packages, and what nmtool requires."""

    versions: dict[str, str] = field(default_factory=dict)
    requires: list[str] = field(default_factory=lambda: REQUIRES)

    def version(self, name: str) -> str:
        if name not in self.versions:
            raise metadata.PackageNotFoundError(name)
        return self.versions[name]


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Here:
    """An empty environment with pip on the path, on Linux, without a GPU."""
    distribution = Here({"numpy": "2.0.0"})
    monkeypatch.setattr(metadata, "distribution", lambda name: distribution)
    monkeypatch.setattr(metadata, "version", distribution.version)
    monkeypatch.setattr(installation, "has_nvidia_driver", lambda: False)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bin/python"))
    monkeypatch.setattr(installation.shutil, "which", lambda name: str(tmp_path / "bin" / name))
    monkeypatch.setattr(installation, "find_spec", lambda name: object())
    return distribution


def words(command: str) -> list[list[str]]:
    """The words of each command in a line, split like in a shell."""
    return [shlex.split(call) for call in command.split(" && ")]


@pytest.mark.usefixtures("here")
def test_the_command_names_libraries_and_not_nmtool() -> None:
    assert words(install_command("onnx")) == [["pip", "install", "onnx<2,>=1.16"]]
    for extra in ("", "train", "search", "cuda", "onnx"):
        assert "nmtool" not in install_command(extra)


def test_without_a_gpu_torch_comes_without_cuda(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert words(install_command("train")) == [
        ["pip", "install", "torch<3,>=2.2", "--index-url", TORCH_FOR_CPUS],
        ["pip", "install", "scikit-learn<2,>=1.4"],
    ]
    assert TORCH_FOR_CPUS in install_command("search")
    assert words(install_command("cuda")) == [
        ["pip", "install", "numba-cuda[cu13]<1,>=0.30", "torch<3,>=2.2", "scikit-learn<2,>=1.4"]
    ]
    for change in (
        lambda: monkeypatch.setattr(sys, "platform", "darwin"),
        lambda: monkeypatch.setattr(installation, "has_nvidia_driver", lambda: True),
    ):
        with monkeypatch.context():
            change()
            assert TORCH_FOR_CPUS not in install_command("train")
            assert words(install_command("train"))[0][2] == "torch<3,>=2.2"


def test_fitting_libraries_are_not_installed_again(here: Here) -> None:
    here.versions |= {"torch": "2.13.0+cpu", "scikit-learn": "1.0"}
    assert words(install_command("train")) == [["pip", "install", "scikit-learn<2,>=1.4"]]
    assert [is_installed(library) for library in libraries("train")] == [True, False]
    here.versions["torch"] = "3.0"
    assert "torch" in install_command("train")


def test_broken_libraries_are_reinstalled(here: Here) -> None:
    here.versions |= {"torch": "2.13.0", "scikit-learn": "1.5"}
    force = "--force-reinstall"
    assert words(install_command("train", broken=["scikit-learn"])) == [
        ["pip", "install", force, "scikit-learn<2,>=1.4"]
    ]
    assert words(install_command("train", broken=["torch"])) == [
        ["pip", "install", force, "torch<3,>=2.2", "--index-url", TORCH_FOR_CPUS]
    ]
    assert "numpy" in install_command(broken=["numpy"])


def test_libraries_are_injected_into_an_environment_of_pipx(here: Here, tmp_path: Path) -> None:
    (tmp_path / "pipx_metadata.json").write_text("{}")
    assert words(install_command("onnx")) == [["pipx", "inject", tmp_path.name, "onnx<2,>=1.16"]]
    here.versions["onnx"] = "1.20"
    again = words(install_command("onnx", broken=["onnx"]))
    assert again == [["pipx", "inject", "--force", tmp_path.name, "onnx<2,>=1.16"]]


def test_a_pip_of_another_environment_is_not_used(
    here: Here, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    python = str(tmp_path / "bin/python")
    monkeypatch.setattr(installation.shutil, "which", lambda name: "/usr/bin/pip")
    assert words(install_command("onnx"))[0][:4] == [python, "-m", "pip", "install"]
    monkeypatch.setattr(installation, "find_spec", lambda n: None if n == "pip" else object())
    assert words(install_command("onnx"))[0][:5] == ["uv", "pip", "install", "--python", python]


def test_a_folder_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", missing)
    assert shlex.split(install_command("train")) == ["pip", "install", "-e", f"{CHECKOUT}[train]"]
    assert libraries("train") == []


def test_every_extra_that_errors_name_has_libraries() -> None:
    every = {*MAIN, *CONVENIENCES, *(form.extra for form in all_formats())}
    assert {*EXTRAS.values()} <= every
    for extra in every:
        assert libraries(extra), extra
    for module, extra in EXTRAS.items():
        fix = missing_library(ModuleNotFoundError("no", name=module)).fix
        assert any(library.name in fix for library in libraries(extra)), module
