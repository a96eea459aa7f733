"""`nmtool doctor` lists what is installed, and exits with 1 if something is broken."""

from __future__ import annotations

import importlib.metadata

import pytest

from tests.nmtool.cli.conftest import Nmtool


def test_doctor_prints_text_and_json(nmtool: Nmtool) -> None:
    result = nmtool("doctor", "--json")
    assert (result.code, result.err) == (0, "")
    assert (result.json["healthy"], result.json["deep"]) == (True, False)
    parts = {(part["kind"], part["name"]): part for part in result.json["parts"]}
    assert parts["library", "numpy"]["state"] == "fine"
    assert set(parts["tool", "GPU"]) == {"kind", "name", "state", "found", "gives", "fix"}
    text = nmtool("doctor")
    assert (text.code, text.err) == (0, "")
    for kind, name in parts:
        assert name in text.out, kind


def test_a_broken_part_gives_exit_code_1(nmtool: Nmtool, monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.metadata.version
    monkeypatch.setattr(
        importlib.metadata, "version", lambda name: "0.1" if name == "h5py" else real(name)
    )
    result = nmtool("doctor")
    assert (result.code, result.err) == (1, "")
    assert "'h5py<" in result.out
    assert nmtool("doctor", "--json").json["healthy"] is False
