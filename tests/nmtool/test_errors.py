"""Text for screens: nothing hidden, nothing changed that people write, and never too long."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from nmtool.errors import (
    LONGEST,
    LONGEST_LOG,
    LONGEST_MESSAGE,
    MOST_SHOWN,
    Finding,
    UsageError,
    grouped,
    listed,
    message,
    printable,
    quoted,
    visible,
)
from tests.hidden import EVIL, JOINERS, SHOWN, hidden

LETTERS = "aé日\U0001f469️\u200c\u200d\u200b\u202e\x1b\n "
TEXTS = st.text() | st.text(st.sampled_from(LETTERS))
ORDINARY = st.text(st.characters(categories=["L", "M", "N", "P", "S", "Zs"]))


@given(TEXTS)
def test_nothing_hidden_is_visible(text: str) -> None:
    shown = visible(text)
    assert hidden(shown, keep="") == []
    assert visible(shown) == shown
    assert hidden(visible(text, keep="\n")) == []
    assert visible(text, keep="\n").replace("\n", r"\n") == shown


@given(ORDINARY)
def test_letters_signs_and_spaces_of_all_scripts_stay(text: str) -> None:
    assert visible(text) == text


@pytest.mark.parametrize(
    "text",
    ["näher", "日本語　語", "שלום", "می\u200cخواهم", "क्\u200dष", "👩\u200d💻", "❤️\u200d🔥", "5 %"],
)
def test_spelling_with_joiners_and_wide_spaces_stays(text: str) -> None:
    assert visible(text) == text


@pytest.mark.parametrize("joiner", JOINERS)
@pytest.mark.parametrize(
    "pattern", ["{}", "a{}b", "é{}b", "é{0}{0}é", "é{}\u202eé", "é{} é", "{}é"]
)
def test_joiners_that_join_nothing_are_shown(pattern: str, joiner: str) -> None:
    assert joiner not in visible(pattern.format(joiner))


def test_an_escape_is_written_as_in_python() -> None:
    assert visible(EVIL) == SHOWN
    assert visible(r"\x1b C:\new") == r"\x1b C:\new"


@given(TEXTS, st.integers(3, 40))
def test_messages_have_a_longest_length(text: str, longest: int) -> None:
    for many in (text, text * 50):
        shown = message(many, longest)
        assert len(shown) <= longest
        assert hidden(shown, keep="") == []
        assert message(shown, longest) == shown
        if len(visible(many)) <= longest:
            assert shown == visible(many)
    assert len(printable(text, longest)) <= longest + 1


def test_a_long_message_keeps_its_beginning_and_end() -> None:
    shown = message("begin" + "a" * 200_000 + "end")
    assert shown.startswith("begin")
    assert shown.endswith("end")
    assert len(shown) == LONGEST_MESSAGE


@pytest.mark.parametrize("text", ["x" * 200_000, "\x1b" * 200_000, "ab, " * 50_000, "\n" * 200_000])
def test_no_error_is_longer_than_its_limits(text: str) -> None:
    problems = [Finding("a-b", text, text, text, text) for _ in range(5)]
    error = UsageError(text, code="a-b", why=text, fix=text, findings=problems)
    assert max(map(len, (error.what, error.fix))) <= LONGEST_MESSAGE
    assert len(error.why) <= LONGEST_LOG
    assert len(str(error)) <= 6 * LONGEST_MESSAGE + LONGEST_LOG + 100
    again = error.restated(f"file: {error.what}", UsageError)
    assert len(again.what) <= LONGEST_MESSAGE
    assert len(quoted(text)) == LONGEST + 1


def test_errors_are_visible_in_a_traceback_of_python() -> None:
    finding = Finding("a-b", EVIL, EVIL, EVIL, EVIL)
    error = UsageError(EVIL, code="a-b", why=EVIL, fix=EVIL, findings=[finding])
    assert hidden(str(error)) == []
    assert str(error).count(r"\x1b]0;OWNED\x07") == 7
    assert not [line for line in str(error).splitlines() if line.startswith("d")]


def test_the_lines_of_a_log_stay_lines() -> None:
    log = "it ended with exit code 1\n  line 1\n    ^\nlast"
    why = UsageError("it failed", code="a-b", why=log).why
    assert why.splitlines() == ["it ended with exit code 1", "  line 1", "    ^", "  last"]


def test_many_different_findings_are_counted() -> None:
    many = [Finding("a-b", f"node {n}", "kind " + "x" * n, "fix") for n in range(500)]
    shown = grouped(many)
    assert len(shown) == MOST_SHOWN
    assert shown[: MOST_SHOWN - 1] == many[: MOST_SHOWN - 1]
    assert shown[-1].where == f"{501 - MOST_SHOWN} more, first node {MOST_SHOWN - 1}"
    assert grouped(many[:MOST_SHOWN]) == many[:MOST_SHOWN]


@given(st.lists(TEXTS, max_size=30))
def test_lists_show_the_first_names(names: list[str]) -> None:
    shown = listed(names, 3)
    assert hidden(shown, keep="") == []
    assert len(shown) <= 3 * (LONGEST + 3) + 20
    assert shown.endswith(" more") or len(names) <= 3
