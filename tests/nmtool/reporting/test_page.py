"""The page: it has all content of a report, escapes text, and fetches nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

import pytest

from nmtool.errors import Finding
from nmtool.reporting import Figure, Report, Section, report as report_module
from nmtool.tables import Table, Tabular
from tests.hidden import EVIL, SHOWN, hidden

HOSTILE = "</style><script>alert('&\"')</script>"
VOID = {"meta", "br", "hr", "img", "link", "input"}


class Parsed(HTMLParser):
    """Parses a page into elements and texts; fails if tags do not match."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.elements)


@dataclass(frozen=True)
class Content(Tabular):
    """A result with everything that a section can show."""

    lines: Sequence[tuple[str, str]] = ()
    shown: Sequence[Table] = ()
    findings: Sequence[Finding] = ()
    code: Mapping[str, str] = field(default_factory=dict)

    def sentences(self) -> Sequence[tuple[str, str]]:
        return self.lines

    def tables(self) -> list[Table]:
        return [*self.shown]


def section(key: str = "one", title: str = "First", figures: Any = (), **content: Any) -> Section:
    return Section(key, title, Content(**content), figures)


def report_on(title: str = "run", **content: Any) -> Report:
    return Report(title, [("accuracy", "90%")], [section(**content)])


@pytest.fixture(autouse=True)
def _without_plots(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_module, "require", lambda: None)
    monkeypatch.setattr(
        report_module, "_svg", lambda figure, number: f"<svg><g id='f{number}'></g></svg>"
    )


def parsed(report: Report) -> Parsed:
    return Parsed(report.html())


def test_every_text_is_there_and_escaped() -> None:
    content = section(
        title=f"heading {HOSTILE}",
        lines=[(f"sentence {HOSTILE}", "warning"), (f"  detail {HOSTILE}", "")],
        shown=[Table(f"table {HOSTILE}", (f"h {HOSTILE}", "n"), [(f"cell {HOSTILE}", 1)])],
        figures=[Figure(f"caption {HOSTILE}", [])],
        findings=[Finding("code-of-it", f"where {HOSTILE}", "what", "fix", "why")],
        code={f"file {HOSTILE}": f"code {HOSTILE}"},
    )
    headline = [(f"name {HOSTILE}", f"value {HOSTILE}")]
    document = parsed(Report(f"title {HOSTILE}", headline, [content], [f"remark {HOSTILE}"]))
    assert document.count("script") == 0
    text = "".join(document.texts)
    words = "title name value remark heading sentence detail table h cell caption where file code"
    for word in words.split():
        assert f"{word} {HOSTILE}" in text, word
    assert "code-of-it" in text


def test_hidden_characters_are_shown_as_escapes() -> None:
    rows = [(EVIL, 1), ("می\u200cخواهم", 2)]
    report = report_on(EVIL, shown=[Table(EVIL, (EVIL, "n"), rows)], code={"f": f"{EVIL}\nb"})
    document = parsed(report)
    assert hidden("".join(document.texts)) == []
    assert document.texts.count(SHOWN.replace(r"\n", "\n")) >= 1
    assert document.texts.count(SHOWN) == 3
    assert "می\u200cخواهم" in document.texts
    assert (
        hidden("".join(str(value) for _, names in document.elements for value in names.values()))
        == []
    )


def test_nothing_is_fetched() -> None:
    document = parsed(report_on(figures=[Figure("a plot", [])]))
    assert document.count("link") == document.count("script") == document.count("img") == 0
    for _, attributes in document.elements:
        assert "src" not in attributes
        assert not str(attributes.get("href", "#")).startswith("http")


def test_contents_lead_to_sections() -> None:
    report = Report("run", [], [section(), section("two", "Second")])
    document = parsed(report)
    links = [attributes["href"] for tag, attributes in document.elements if tag == "a"]
    ids = [attributes["id"] for tag, attributes in document.elements if tag == "section"]
    assert links == ["#one", "#two"]
    assert ids == ["one", "two"]


def test_figures_are_numbered_through_the_page() -> None:
    two = [Figure("a", []), Figure("b", [])]
    report = Report("run", [], [section(figures=two), section("x", figures=two)])
    document = parsed(report)
    ids = [a["id"] for tag, a in document.elements if tag == "g"]
    assert ids == ["f0", "f1", "f2", "f3"]


def test_sentences_and_findings_are_worded_for_the_reader() -> None:
    finding = Finding("a-code", "here", "what", "try `epochs=5`")
    report = report_on(lines=[("see `epochs=5`", "")], findings=[finding], code={"f": "`epochs=5`"})
    text = report.html(lambda text: text.replace("`epochs=5`", "-e"))
    assert (text.count("-e<"), text.count("`epochs=5`")) == (2, 1)
