"""The output of results: strict JSON, tables without wrapped cells, errors with why and fix."""

from __future__ import annotations

import json
import logging
import math

import numpy as np
import pytest
from hypothesis import given, strategies as st

from nmtool.cli import console
from nmtool.errors import DoesNotFitError, Finding, UsageError
from nmtool.tables import Table, shown

Captured = pytest.CaptureFixture[str]


def test_json_is_strict_and_keeps_all_finite_values(capsys: Captured) -> None:
    value = {
        "many": [1, (2.5, None)],
        "numpy": [np.float32(0.5), np.int64(3), np.bool_(True)],
        "tau": math.inf,
        "low": np.float64(-math.inf),
        "none": math.nan,
        3: "x",
    }
    console.print_json(value)
    text = capsys.readouterr().out
    assert text.endswith("}\n")
    assert json.loads(text) == {
        "many": [1, [2.5, None]],
        "numpy": [0.5, 3, True],
        "tau": "Infinity",
        "low": "-Infinity",
        "none": "NaN",
        "3": "x",
    }
    assert float("Infinity") == math.inf


def test_a_table_is_printed(capsys: Captured) -> None:
    rows = [("a", 1234567, 0.25), ("[b] :smile:", 5, 123456.7)]
    console.print_table(Table("[bold]title", ("name", "n", "x"), rows))
    assert capsys.readouterr().out == (
        "[bold]title\n"
        " name                 n        x\n"
        " ───────────────────────────────\n"
        " a            1,234,567     0.25\n"
        " [b] :smile:          5  123,457\n"
        "\n"
    )


def test_lines_are_not_wrapped_outside_a_terminal(capsys: Captured) -> None:
    console.print_table(Table("t", ("name", "other"), [("x" * 200, "y z " * 50)]))
    console.print_line("w " * 200)
    console.print_error(UsageError("e " * 200, code="words-many"))
    captured = capsys.readouterr()
    assert "x" * 200 + "  " + ("y z " * 50).rstrip() in captured.out
    assert "w " * 200 in captured.out
    assert captured.err == "error[words-many]: " + "e " * 200 + "\n"


def test_an_error_is_shown_with_why_fix_and_findings(capsys: Captured) -> None:
    first = Finding("delay-range", "a → b", "2 delays are long", "cut them", "there are 61 steps")
    second = Finding("scale-range", "c", "the scale is 0", "raise it")
    console.print_error(
        DoesNotFitError(
            "[it] does not fit",
            code="network-unfit",
            why="the chip is small",
            fix="take another",
            findings=[first, second],
        )
    )
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == (
        "error[network-unfit]: [it] does not fit\n"
        "delay-range a → b: 2 delays are long, since there are 61 steps; cut them\n"
        "scale-range c: the scale is 0; raise it\n"
        "  why: the chip is small\n"
        "  fix: take another\n"
    )


def test_warnings_of_the_library_are_printed_as_remarks(capsys: Captured) -> None:
    logger = logging.getLogger("nmtool.some.module")
    for _ in range(2):
        console.log_to_stderr()
    logger.warning("remark [2]")
    logger.debug("not for people")
    assert capsys.readouterr() == ("", "remark [2]\n")


def test_findings_are_printed(capsys: Captured) -> None:
    console.print_finding_remarks(
        [Finding("delay-range", "a → b", "2 delays are long", "they were cut")]
    )
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "delay-range a → b: 2 delays are long; they were cut\n"


def test_results_go_to_stdout_and_remarks_to_stderr(capsys: Captured) -> None:
    console.print_line("result [1]")
    console.print_remark("remark [2]")
    assert capsys.readouterr() == ("result [1]\n", "remark [2]\n")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.123456, "0.1235"),
        (9999.5, "1e+04"),
        (31435.4, "31,435"),
        (1e12, "1e+12"),
        (1200, "1,200"),
    ],
)
def test_numbers_are_formatted_for_reading(value: float, text: str) -> None:
    assert shown(value) == text


def test_only_similar_findings_are_grouped(capsys: Captured) -> None:
    many = [Finding("delay-range", f"node {n}", f"{n} steps of '{n}x'", "cut") for n in range(62)]
    equal = [Finding("delay-range", f"layer {n}", "too long", "cut") for n in range(2)]
    other = Finding("delay-range", "layer 2", "too short", "cut")
    console.print_finding_remarks([many[0], equal[0], *many[1:], other, equal[1]])
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    for place, line in zip(
        ("62 places, first node 0", "layer 0, layer 1", "layer 2"), lines, strict=True
    ):
        assert place in line


def test_a_remark_is_given_once_in_a_command(capsys: Captured) -> None:
    for expected in (["a remark", "progress", "progress"],) * 2:
        console.log_to_stderr()
        for _ in range(2):
            logging.getLogger("nmtool.some.room").warning("a remark")
            logging.getLogger("nmtool.some.room").info("progress")
        assert sorted(capsys.readouterr().err.splitlines()) == expected


@given(st.permutations(range(8)), st.integers(1, 20), st.integers(1, 200))
def test_parts_of_a_line_are_dropped_by_rank(ranks: list[int], width: int, columns: int) -> None:
    parts = [(f"{rank}" * (width + rank), rank) for rank in ranks]
    texts = console.fitted(parts, columns)
    assert 1 <= len("  ".join(texts)) <= columns
    assert [int(text[0]) for text in texts] == [rank for rank in ranks if rank < len(texts)]
    if len(texts) < len(parts):
        assert len("  ".join(text for text, rank in parts if rank <= len(texts))) > columns
