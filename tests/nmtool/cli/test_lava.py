"""`nmtool setup lava`: names the environment in use, or says how to set one up."""

from __future__ import annotations

from pathlib import Path

import pytest

from nmtool.errors import MissingError
from nmtool.exporters.environments import Environment
from nmtool.exporters.lava.environment import REFEREE
from tests.nmtool.cli.conftest import Nmtool


def test_status(nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(REFEREE, "find", lambda: Environment(Path("/some/python"), REFEREE))
    assert nmtool("setup", "lava", "--status").out == "lava-nc==0.10.0 runs with /some/python\n"
    assert nmtool("setup", "lava", "--status", "--json").json == {
        "lava": "lava-nc==0.10.0",
        "python": "/some/python",
    }


def test_setup(nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch) -> None:
    flags = []

    def setup(on_line: object, *, force: bool) -> Environment:
        on_line("installing")
        flags.append(force)
        return Environment(Path("/new/python"), REFEREE)

    monkeypatch.setattr(REFEREE, "set_up", setup)
    result = nmtool("setup", "lava", "--json")
    assert result.json["python"] == "/new/python"
    assert result.err == "installing\n"
    assert nmtool("setup", "lava", "--force").code == 0
    assert flags == [False, True]


@pytest.mark.parametrize("words", [["setup", "lava", "--status"], ["demo"]])
def test_not_set_up(
    words: list[str], nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv(REFEREE.python_variable, raising=False)
    monkeypatch.setenv(REFEREE.home_variable, str(tmp_path / "none"))
    result = nmtool(*words, "--json")
    assert (result.code, result.out, result.error) == (3, "", "referee-not-set-up")
    for value in (tmp_path / "none", REFEREE.version, REFEREE.python_variable):
        assert str(value) in result.err


def test_force_is_for_setup(nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch) -> None:
    def find() -> Environment:
        raise MissingError("not asked for", code="not-asked")

    monkeypatch.setattr(REFEREE, "find", find)
    result = nmtool("setup", "lava", "--status", "--force")
    assert (result.code, result.error) == (2, "option-unused")


@pytest.mark.lava
def test_status_names_the_python_of_the_environment(nmtool: Nmtool) -> None:
    result = nmtool("setup", "lava", "--status", "--json")
    assert result.code == 0, result
    assert Path(result.json["python"]).is_file()
