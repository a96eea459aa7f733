"""Building FeNN's simulator: requirements and errors, with git, but without compilers."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nmtool.errors import BackendError, MissingError, UsageError
from nmtool.exporters import environments as all_environments
from nmtool.exporters.supervise import supervise
from nmtool_chips.fenn import environment as environments
from nmtool_chips.fenn.environment import GENN, PACKAGE, REFEREE, RISCV_ISE, Sources
from tests.exporters.installer import Installer
from tests.refusals import refused

HEADER = "#pragma once\n"
BACKEND = """\
    class NeuronVarBase
    {
    public:
        virtual void genLoad() = 0;
    };
    class RowGeneratorBase
    {
    public:
        RowGeneratorBase();
    };
"""
FILES = {
    "include/assembler/assembler.h": HEADER,
    "src/backend/backend_fenn.cc": BACKEND,
    "version.txt": "0.0.2\n",
}
PATCHED = {
    "include/assembler/assembler.h": f"#include <vector>\n{HEADER}",
    "src/backend/backend_fenn.cc": BACKEND.replace(
        "        virtual void",
        "        virtual ~NeuronVarBase() = default;\n        virtual void",
    ).replace(
        "        RowGeneratorBase();",
        "        virtual ~RowGeneratorBase() = default;\n        RowGeneratorBase();",
    ),
    "version.txt": f"{environments.VERSION}\n",
}


class Builder(Installer):
    """Runs git, and records the sources that pip would compile."""

    def __init__(self) -> None:
        super().__init__()
        self.compiled: dict[str, str] = {}

    def __call__(self, command: Sequence[str | Path], **options: Any) -> None:
        super().__call__(command, **options)
        if command[0] == "git":
            supervise(command, **options)
        if "--no-build-isolation" in command:
            folder = Path(command[-1])
            self.compiled = {
                name: (folder / name).read_text() for name in (*FILES, "genn/Makefile")
            }


@pytest.fixture
def builder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Builder:
    builder = Builder()
    monkeypatch.setattr(all_environments, "supervise", builder)
    monkeypatch.setattr(REFEREE, "require_tools", lambda python: None)
    monkeypatch.setenv(REFEREE.home_variable, str(tmp_path / "fenn"))
    monkeypatch.delenv(REFEREE.python_variable, raising=False)
    return builder


def clone(folder: Path, files: dict[str, str]) -> Sources:
    """Make a repository with two commits, the first of which has the files."""
    folder.mkdir()

    def git(*words: str) -> str:
        who = ("-c", "user.name=a", "-c", "user.email=a@b")
        done = subprocess.run(
            ["git", *who, *words], cwd=folder, check=True, text=True, capture_output=True
        )
        return done.stdout.strip()

    git("init", "--quiet")
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    git("add", ".")
    git("commit", "--quiet", "-m", "first")
    commit = git("rev-parse", "HEAD")
    git("rm", "-r", "--quiet", ".")
    git("commit", "--quiet", "-m", "second")
    return Sources(folder.name, f"https://example.invalid/{folder.name}", commit)


@pytest.fixture
def clones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Clones of both repositories, with the commits that nmtool requires."""
    riscv_ise = clone(tmp_path / "riscv_ise", FILES)
    genn = clone(tmp_path / "genn", {"Makefile": "all:\n"})
    monkeypatch.setattr(environments, "RISCV_ISE", riscv_ise)
    monkeypatch.setattr(environments, "GENN", genn)
    return tmp_path / "riscv_ise", tmp_path / "genn"


def test_clones_are_checked_out_patched_and_built(
    builder: Builder, clones: tuple[Path, Path]
) -> None:
    riscv_ise, genn = clones
    lines: list[str] = []
    environment = environments.set_up_fenn(lines.append, riscv_ise=riscv_ise, genn=genn)
    assert builder.pip_arguments()[0] == list(environments.REQUIREMENTS)
    assert builder.compiled == {**PATCHED, "genn/Makefile": "all:\n"}
    assert builder.commands[-1] == [str(environment.python), "check.py", environments.VERSION]
    assert not any(
        path.name.startswith("sources-") for path in environment.python.parents[1].iterdir()
    )
    assert REFEREE.find() == environment


def test_sources_that_are_already_patched_stay(
    builder: Builder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environments, "RISCV_ISE", clone(tmp_path / "riscv_ise", PATCHED))
    monkeypatch.setattr(environments, "GENN", clone(tmp_path / "genn", {"Makefile": ""}))
    environments.set_up_fenn(riscv_ise=tmp_path / "riscv_ise", genn=tmp_path / "genn")
    assert builder.compiled == {**PATCHED, "genn/Makefile": ""}


@pytest.mark.parametrize("name", ["riscv_ise", "genn"])
def test_a_clone_without_the_commit_is_refused(
    name: str, builder: Builder, clones: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    own = {"riscv_ise": RISCV_ISE, "genn": GENN}[name]
    monkeypatch.setattr(environments, name.upper(), own)
    with refused(UsageError, "fenn-commit-missing") as caught:
        environments.set_up_fenn(riscv_ise=clones[0], genn=clones[1])
    assert own.commit in caught.value.what
    assert own.url in caught.value.fix
    assert f"`{name}=" in caught.value.fix
    assert list(REFEREE.home.iterdir()) == []


def test_clones_do_not_need_github(builder: Builder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environments, "RISCV_ISE", replace(RISCV_ISE, url="file:///nowhere"))
    with refused(BackendError, "runtime-failed") as caught:
        environments.set_up_fenn()
    assert "network connection" in caught.value.fix


def test_everything_that_a_build_lacks_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(environments, "output_of", lambda command, *_: str(tmp_path))
    with refused(MissingError, "fenn-tools-missing") as caught:
        environments._require_tools(Path(sys.executable))
    lacking = ["git", "make", "g++", "pkg-config", "python3-dev"]
    assert caught.value.fix == f"apt install {' '.join(lacking)}"
    (tmp_path / "Python.h").touch()
    for name in ("git", "make", "g++", "pkg-config"):
        (tmp_path / name).touch(0o755)
    environments._require_tools(Path(sys.executable))
    monkeypatch.setattr(
        environments,
        "output_of",
        lambda command, *_: str(tmp_path) * (command[0] != "pkg-config"),
    )
    with refused(MissingError, "fenn-tools-missing") as caught:
        environments._require_tools(Path(sys.executable))
    assert caught.value.fix == "apt install libffi-dev"


def test_an_unsuitable_python_is_refused(builder: Builder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(all_environments, "probe", lambda command: (Path(command[0]), (3, 9)))
    with refused(MissingError, "referee-python-unfit"):
        environments.set_up_fenn(python="/usr/bin/python3.9")


def test_without_an_environment_the_fix_is_named(builder: Builder) -> None:
    with refused(MissingError, "referee-not-set-up") as caught:
        REFEREE.find()
    for words in ("nmtool setup fenn", environments.VERSION, "NMTOOL_FENN_PYTHON"):
        assert words in caught.value.fix


@pytest.mark.parametrize(
    ("version", "has_simulator"), [("0.0.2", True), ("0.0.3+1.2", True), (None, False)]
)
def test_another_pyfenn_is_refused(
    version: str | None, has_simulator: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PyFeNN at other commits is refused, and the other project `pyfenn` of the package index."""
    own = version or environments.VERSION
    (tmp_path / "pyfenn.py").write_text("BackendFeNNSim = 0\n" * has_simulator)
    (tmp_path / f"pyfenn-{own}.dist-info").mkdir()
    metadata = f"Metadata-Version: 2.1\nName: pyfenn\nVersion: {own}\n"
    (tmp_path / f"pyfenn-{own}.dist-info" / "METADATA").write_text(metadata)
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH={tmp_path} exec {sys.executable} "$@"\n')
    python.chmod(0o755)
    monkeypatch.setenv(REFEREE.python_variable, str(python))
    with refused(BackendError, "runtime-failed") as caught:
        REFEREE.find()
    assert (own if version else "another project") in caught.value.why
    assert caught.value.fix == "nmtool setup fenn --force"
    assert environments.VERSION in caught.value.what


def test_the_check_uses_the_exported_package() -> None:
    assert (PACKAGE / REFEREE.check[0]).is_file()
