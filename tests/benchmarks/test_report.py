"""The lines about the machine."""

from __future__ import annotations

import pytest

from benchmarks.report import machine_text


@pytest.mark.parametrize(("load", "words"), [(1e3, "do not trust"), (0.0, "0.00")])
def test_a_busy_machine_is_reported(
    load: float, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.getloadavg", lambda: (load, 1.0, 1.0))
    machine, versions, shown = machine_text().splitlines()
    assert "cores" in machine
    assert "python 3" in versions
    assert shown.startswith("load average before the run")
    assert words in shown


def test_an_unknown_load_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("os.getloadavg")
    assert "load" not in machine_text()
