"""Lava's environment is set up and found again; a recorder replaces the installer."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from nmtool.errors import BackendError, MissingError, StorageError
from nmtool.exporters import environments as all_environments
from nmtool.exporters.lava import environment as environments
from nmtool.exporters.lava.environment import REFEREE
from tests.exporters.installer import Installer
from tests.refusals import refused


@pytest.fixture
def installer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installer:
    installer = Installer()
    monkeypatch.setattr("nmtool.exporters.environments.supervise", installer)
    monkeypatch.setenv(REFEREE.home_variable, str(tmp_path / "lava"))
    monkeypatch.delenv(REFEREE.python_variable, raising=False)
    return installer


def pretend(monkeypatch: pytest.MonkeyPatch, *versions: tuple[int, int]) -> None:
    """Pretend that the machine has interpreters of these versions; the last one is running."""
    answers = {f"python{index}": version for index, version in enumerate(versions[:-1])}
    answers[sys.executable] = versions[-1]

    def probe(command: list[str]) -> tuple[Path, tuple[int, int]] | None:
        return (Path(command[0]), answers[command[0]]) if command[0] in answers else None

    monkeypatch.setattr(
        all_environments, "interpreters", lambda version: ([name] for name in answers)
    )
    monkeypatch.setattr(all_environments, "probe", probe)


def test_without_an_environment_the_fix_is_named(installer: Installer) -> None:
    with refused(MissingError, "referee-not-set-up") as caught:
        REFEREE.find()
    assert "nmtool setup lava" in caught.value.fix


def test_a_named_python_must_exist(
    installer: Installer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(REFEREE.python_variable, str(tmp_path / "python"))
    with refused(MissingError, "referee-not-set-up") as caught:
        REFEREE.find()
    assert f"names {tmp_path / 'python'}" in caught.value.why


def test_an_environment_is_checked_once_and_a_broken_one_each_time(
    installer: Installer, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(monkeypatch, (3, 10))
    environment = environments.set_up_lava()
    installer.commands.clear()
    installer.fails_at = "import lava_network.samples"
    for _ in range(2):
        with refused(BackendError, "runtime-failed"):
            REFEREE.find()
    assert len(installer.commands) == 2
    installer.fails_at = None
    assert [REFEREE.find() for _ in range(2)] == [environment] * 2
    assert len(installer.commands) == 3


def test_a_named_python_without_lava_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(REFEREE.python_variable, sys.executable)
    with refused(BackendError, "runtime-failed") as caught:
        REFEREE.find()
    assert "lava-nc" in caught.value.why


def test_python_3_10_gets_lava_with_its_requirements(
    installer: Installer, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(monkeypatch, (3, 12), (3, 10), (3, 11))
    lines: list[str] = []
    environment = environments.set_up_lava(lines.append)
    assert installer.commands[0][0] == "python1"
    assert installer.pip_arguments() == [["lava-nc==0.10.0"]]
    assert "Collecting packages" in lines
    assert REFEREE.find() == environment


@pytest.mark.parametrize("version", [(3, 11), (3, 12), (3, 13)])
def test_newer_pythons_get_lava_without_its_requirements(
    version: tuple[int, int], installer: Installer, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(monkeypatch, version)
    environments.set_up_lava()
    assert installer.commands[0][0] == sys.executable
    assert installer.pip_arguments() == [
        ["numpy<2.5", "scipy", "networkx", "asteval", "scikit-learn"],
        ["--no-deps", "--ignore-requires-python", "lava-nc==0.10.0"],
    ]


@pytest.mark.parametrize("version", [(3, 9), (3, 14)])
def test_other_pythons_are_refused(
    version: tuple[int, int], installer: Installer, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(monkeypatch, version)
    with refused(MissingError, "referee-python-unfit") as caught:
        environments.set_up_lava()
    assert sys.executable in caught.value.what


def test_only_a_simulator_built_from_sources_takes_clones(installer: Installer) -> None:
    with pytest.raises(TypeError, match="Lava is set up without an argument 'genn'"):
        environments.set_up_lava(genn="clones/genn")
    assert not installer.commands


def test_a_working_environment_is_kept(
    installer: Installer, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(monkeypatch, (3, 10))
    environment = environments.set_up_lava()
    installer.commands.clear()
    assert environments.set_up_lava() == environment
    assert not installer.pip_arguments()


def test_force_replaces_a_working_environment(
    installer: Installer, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(monkeypatch, (3, 10))
    old = environments.set_up_lava()
    new = environments.set_up_lava(force=True)
    assert old != new
    assert not old.python.exists()
    assert REFEREE.find() == new


@pytest.mark.parametrize("step", ["venv", "lava-nc==0.10.0", "import lava_network.samples"])
def test_an_incomplete_environment_is_never_used(
    step: str, installer: Installer, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(monkeypatch, (3, 10))
    installer.fails_at = step
    with refused(BackendError, "runtime-failed"):
        environments.set_up_lava()
    assert list(REFEREE.home.iterdir()) == []
    with refused(MissingError, "referee-not-set-up"):
        REFEREE.find()


def test_a_failure_leaves_the_earlier_environment(
    installer: Installer, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(monkeypatch, (3, 10))
    old = environments.set_up_lava()
    installer.fails_at = "lava-nc==0.10.0"
    with refused(BackendError, "runtime-failed"):
        environments.set_up_lava(force=True)
    assert REFEREE.find() == old


def test_a_folder_that_cannot_be_written_is_named(
    installer: Installer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(monkeypatch, (3, 10))
    (tmp_path / "lava").write_text("a file")
    with refused(StorageError, "folder-not-made") as caught:
        environments.set_up_lava()
    assert str(tmp_path / "lava") in caught.value.what


def test_real_interpreters_are_probed(tmp_path: Path) -> None:
    broken = tmp_path / "python3.10"
    broken.write_text("#!/bin/sh\necho no such version >&2\nexit 127\n")
    broken.chmod(0o755)
    assert all_environments.probe([str(broken)]) is None
    assert all_environments.probe([str(tmp_path / "missing")]) is None
    interpreter = all_environments.probe([sys.executable])
    assert interpreter is not None
    assert interpreter[1] == sys.version_info[:2]
    assert all(command for command in all_environments.interpreters((3, 10)))


def test_python_variables_are_not_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    monkeypatch.setenv("NMTOOL_TEST", "kept")
    variables = all_environments.clean_variables()
    assert "PYTHONPATH" not in variables
    assert variables["NMTOOL_TEST"] == "kept"
