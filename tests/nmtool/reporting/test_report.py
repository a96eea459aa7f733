"""A report shows any result: its sentences, tables, findings and JSON."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType

import pytest

from nmtool.errors import Finding, StorageError
from nmtool.raster import Raster
from nmtool.reporting import Report, Section
from nmtool.tables import Table, Tabular
from tests.refusals import refused


class Everything(Tabular):
    """A result with everything that a section can show."""

    findings = (Finding("a-code", "somewhere", "what", "fix"),)
    code = MappingProxyType({"command": "nmtool"})

    def tables(self) -> list[Table]:
        return [Table("cost", ("a", "b"), [(1, 2)])]

    def sentences(self) -> list[tuple[str, str]]:
        return [("it fits", "")]

    def as_json(self) -> dict[str, int]:
        return {"cores": 2}


REPORT = Report("run", [("a", "1")], [Section("check", "Check", Everything())], ["late"])


def test_a_section_shows_its_result() -> None:
    [section] = REPORT.sections
    assert section.tables[0].rows == [(1, 2)]
    assert (section.sentences, section.facts) == ([("it fits", "")], {"cores": 2})
    assert (section.findings[0].code, section.code) == ("a-code", {"command": "nmtool"})
    assert Section("check", "Check", Everything(), chosen_tables=[]).tables == []


def test_a_result_may_have_only_tables() -> None:
    section = Section("input", "Input", Raster.silent(2, 10, 3))
    assert [table.title for table in section.tables] == ["raster"]
    assert [*section.sentences, *section.findings, *section.code, *section.facts] == []


def test_a_report_is_json_tables_and_results() -> None:
    facts = {"network": "run", "passed": True, "remarks": ["late"], "check": {"cores": 2}}
    assert REPORT.as_json() == facts
    assert [table.title for table in REPORT.tables()] == ["report on run", "check: cost"]
    assert repr(REPORT) == "<Report on run: check>"
    assert REPORT["check"] is REPORT.sections[0].result


def test_a_report_is_saved_as_its_page(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    assert REPORT.save(tmp_path / "report.html").read_text("utf-8") == REPORT.html()
    with refused(StorageError, "file-not-written"):
        REPORT.save(tmp_path / "report.html" / "report.html")
