"""The header of a report: machine, versions and load."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.report import print_report


def head(load: list[float] | None) -> dict[str, Any]:
    versions = {"python": "3.11", "norse": None}
    return {"cpu": "A", "cores": 2, "date": "D", "load_average": load, "versions": versions}


@pytest.mark.parametrize(
    ("load", "words"), [([1.5, 1, 1], "do not trust"), ([0.1, 1, 1], "0.10\n")]
)
def test_a_busy_machine_is_reported(
    load: list[float], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    print_report(head(load), "core", [])
    printed = capsys.readouterr().out
    assert printed.startswith("A, 2 cores, D\npython 3.11\nload average before the run")
    assert words in printed


def test_an_unknown_load_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    print_report(head(None), "core", [])
    assert "load" not in capsys.readouterr().out
