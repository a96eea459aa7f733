"""`nmtool doctor` says what is here, and exits with 1 where something is broken."""

from __future__ import annotations

import importlib.metadata

import pytest

from tests.nmtool.cli.conftest import Nmtool


def test_people_and_scripts(nmtool: Nmtool) -> None:
    said = nmtool("doctor", "--json")
    assert (said.code, said.err) == (0, "")
    assert (said.json["healthy"], said.json["deep"]) == (True, False)
    parts = {(part["kind"], part["name"]): part for part in said.json["parts"]}
    assert parts["library", "numpy"]["state"] == "fine"
    assert set(parts["tool", "GPU"]) == {"kind", "name", "state", "found", "gives", "fix"}
    text = nmtool("doctor")
    assert (text.code, text.err) == (0, "")
    for kind, name in parts:
        assert name in text.out, kind


def test_something_broken(nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.metadata.version
    monkeypatch.setattr(
        importlib.metadata, "version", lambda name: "0.1" if name == "h5py" else real(name)
    )
    said = nmtool("doctor")
    assert (said.code, said.err) == (1, "")
    assert "'h5py<" in said.out
    assert nmtool("doctor", "--json").json["healthy"] is False
