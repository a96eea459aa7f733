"""The page: it has all content of a report, escapes text, and fetches nothing."""

from __future__ import annotations

from collections.abc import Sequence
from html.parser import HTMLParser
from typing import Any

from nmtool.errors import Finding
from nmtool.reporting import Figure, Report, Section
from nmtool.reporting.page import page
from nmtool.tables import Table
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


def report_on(title: str = "run", **section: Any) -> Report:
    return Report(title, [("accuracy", "90%")], [Section("one", "First", **section)])


def parsed(report: Report) -> Parsed:
    return Parsed(page(report, lambda figure, number: f"<svg><g id='f{number}'></g></svg>"))


def test_every_text_is_there_and_escaped() -> None:
    document = parsed(
        Report(
            f"title {HOSTILE}",
            [(f"name {HOSTILE}", f"value {HOSTILE}")],
            [
                Section(
                    "one",
                    f"heading {HOSTILE}",
                    [(f"sentence {HOSTILE}", "warning"), (f"  detail {HOSTILE}", "")],
                    [Table(f"table {HOSTILE}", (f"h {HOSTILE}", "n"), [(f"cell {HOSTILE}", 1)])],
                    [Figure(f"caption {HOSTILE}", [])],
                    [Finding("code-of-it", f"where {HOSTILE}", "what", "fix", "why")],
                    [(f"file {HOSTILE}", f"code {HOSTILE}")],
                )
            ],
        )
    )
    assert document.count("script") == 0
    text = "".join(document.texts)
    words = "title name value heading sentence detail table h cell caption where file code"
    for word in words.split():
        assert f"{word} {HOSTILE}" in text, word
    assert "code-of-it" in text


def test_hidden_characters_are_shown_as_escapes() -> None:
    rows = [(EVIL, 1), ("می\u200cخواهم", 2)]
    report = report_on(EVIL, tables=[Table(EVIL, (EVIL, "n"), rows)], code=[("f", f"{EVIL}\nb")])
    document = parsed(report)
    assert hidden("".join(document.texts)) == []
    assert document.texts.count(SHOWN.replace(r"\n", "\n")) >= 4
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
    report = Report("run", [], [Section("one", "First"), Section("two", "Second")])
    document = parsed(report)
    links = [attributes["href"] for tag, attributes in document.elements if tag == "a"]
    ids = [attributes["id"] for tag, attributes in document.elements if tag == "section"]
    assert links == ["#one", "#two"]
    assert ids == ["one", "two"]


def test_figures_are_numbered_through_the_page() -> None:
    two = [Figure("a", []), Figure("b", [])]
    report = Report(
        "run", [], [Section("one", "First", figures=two), Section("x", "X", figures=two)]
    )
    document = parsed(report)
    ids = [a["id"] for tag, a in document.elements if tag == "g"]
    assert ids == ["f0", "f1", "f2", "f3"]


def test_numbers_are_on_the_right() -> None:
    rows = [("a", 1, "5.00%", "text"), ("b", 1234, "", "1,2 x")]
    document = parsed(report_on(tables=[Table("t", ("", "n", "share", "what"), rows)]))
    cells = [a.get("class") for tag, a in document.elements if tag == "td"]
    assert cells == ["n", "n", None, "n", None, None]
    assert "1,234" in document.texts


def test_pairs_need_no_header() -> None:
    pairs = Table("t", ("", "value"), [("name", 1)])
    assert parsed(report_on(tables=[pairs])).count("thead") == 0
    assert parsed(report_on(tables=[Table("t", ("a", "b"), [("name", 1)])])).count("thead") == 1


def test_a_table_with_the_title_of_its_section_has_no_heading() -> None:
    document = parsed(
        report_on(tables=[Table("first", ("a", "b"), []), Table("other", ("a",), [])])
    )
    assert document.count("h3") == 1
    assert "other" in document.texts
