"""`nmtool setup brian2-loihi`: names the environment in use, or says how to set one up."""

from __future__ import annotations

from pathlib import Path

import pytest

from nmtool.exporters.environments import Environment
from nmtool_chips.brian2_loihi import environment
from tests.nmtool.cli.conftest import Nmtool

FOUND = Environment(Path("/some/python"), environment.REFEREE)


def test_status(nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment.REFEREE, "find", lambda: FOUND)
    result = nmtool("setup", "brian2-loihi", "--status")
    assert result.out == "brian2-loihi==0.5.2 runs with /some/python\n"
    assert nmtool("setup", "brian2-loihi", "--status", "--json").json == {
        "brian2-loihi": "brian2-loihi==0.5.2",
        "python": "/some/python",
    }


def test_setup(nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch) -> None:
    flags = []

    def setup(on_line: object, *, force: bool) -> Environment:
        flags.append(force)
        return FOUND

    monkeypatch.setattr(environment.REFEREE, "set_up", setup)
    assert nmtool("setup", "brian2-loihi", "--force", "--json").json["python"] == "/some/python"
    assert flags == [True]


@pytest.mark.parametrize(
    "words",
    [
        ["setup", "brian2-loihi", "--status"],
        ["verify", "integers.npz", "two", "--against", "brian2-loihi"],
    ],
)
@pytest.mark.usefixtures("integers")
def test_not_set_up(
    words: list[str], nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv(environment.REFEREE.python_variable, raising=False)
    monkeypatch.setenv(environment.REFEREE.home_variable, str(tmp_path / "none"))
    result = nmtool(*words)
    assert (result.code, result.out, result.error) == (3, "", "referee-not-set-up")
    for value in (tmp_path / "none", "nmtool setup brian2-loihi", "NMTOOL_BRIAN2_LOIHI_PYTHON"):
        assert str(value) in result.err


@pytest.mark.usefixtures("integers")
def test_export_to_brian2_loihi_is_refused(nmtool: Nmtool) -> None:
    result = nmtool("export", "integers.npz", "--to", "brian2-loihi", "-o", "network")
    assert (result.code, result.error) == (2, "command-line")
