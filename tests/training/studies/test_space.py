"""Search spaces: errors in them are detected before training."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest
from hypothesis import assume, given, strategies as st

from nmtool.errors import Finding
from nmtool.training.options import TrainOptions
from nmtool.training.studies.space import (
    NOT_SEARCHED,
    Choices,
    Range,
    SearchSpace,
    read_search,
)
from tests.refusals import codes


def _read(**table: Any) -> tuple[dict, list[Finding]]:
    problems: list[Finding] = []
    return read_search(table, problems), problems


def _space(fixed: dict[str, Any] | None = None, **table: Any) -> SearchSpace:
    searched, problems = _read(**table)
    assert problems == []
    return SearchSpace(fixed or {}, searched, "settings")


def test_ranges_and_choices() -> None:
    ranges, problems = _read(
        lr={"low": 1e-3, "high": 1, "log": True},
        hidden={"low": 16, "high": 64, "step": 16},
        readout=["mean", "max"],
        schedule=["cosine", "constant"],
        gain=[1, 2.5],
        recurrent=[True, False],
        init_input=[[0, 0.1], [0.02, 0.05]],
    )
    assert problems == []
    assert ranges == {
        "lr": Range(0.001, 1.0, log=True),
        "hidden": Range(16, 64, step=16),
        "readout": Choices(("mean", "max")),
        "schedule": Choices(("cosine", "constant")),
        "gain": Choices((1.0, 2.5)),
        "recurrent": Choices((True, False)),
        "init_input": Choices(((0.0, 0.1), (0.02, 0.05))),
    }
    assert ranges["hidden"].is_whole
    assert not ranges["lr"].is_whole
    assert ranges["init_input"].stored_values == ["[0.0, 0.1]", "[0.02, 0.05]"]


@pytest.mark.parametrize(
    ("name", "entry", "code", "value"),
    [
        ("hiden", [1, 2], "search-option-unknown", "'hidden'"),
        ("lr", 0.1, "search-entry-kind", "0.1"),
        ("lr", {"low": 1}, "search-range-ends", ""),
        ("lr", {"low": 2, "high": 1}, "search-range-empty", "2.0 and 1.0"),
        ("lr", {"low": 1, "high": 1}, "search-range-empty", ""),
        ("lr", {"low": float("nan"), "high": 1}, "search-range-empty", "nan"),
        ("lr", {"low": 0, "high": 1, "log": True}, "search-range-log-from-zero", "0.0"),
        ("lr", {"low": 1, "high": 2, "log": 1}, "search-range-log", "1"),
        ("lr", {"low": 1, "high": 2, "log": True, "step": 1}, "search-range-log-step", ""),
        ("lr", {"low": 1, "high": 2, "step": 0}, "search-range-step", "0"),
        ("lr", {"low": 0.1, "high": 0.5, "step": 0.3}, "search-range-steps", "0.3"),
        ("lr", {"low": "a", "high": 1}, "search-range-number", "'a'"),
        ("lr", {"low": 1, "high": 2, "steps": 1}, "search-range-keys", "'step'"),
        ("hidden", {"low": 1.5, "high": 2}, "search-range-number", "1.5"),
        ("recurrent", {"low": 0, "high": 1}, "search-range-impossible", "recurrent"),
        ("readout", {"low": 0, "high": 1}, "search-range-impossible", "readout"),
        ("init_input", {"low": 0, "high": 1}, "search-range-impossible", "init_input"),
        ("lr", [0.1], "search-choices-too-few", "[settings]"),
        ("lr", [1, 1.0], "search-choices-repeated", ""),
        ("gain", [*range(1, 102)], "search-choices-too-many", "101"),
        ("lr", {"low": 0.1, "high": 0.2, "step": 1e-300}, "search-range-step", "1e-300"),
        ("lr", [[1, 2], 3], "search-choice-kind", "[1, 2]"),
        ("seed", [1, 2], "search-option-fixed", ""),
    ],
)
def test_invalid_entries_are_refused(name: str, entry: Any, code: str, value: str) -> None:
    ranges, problems = _read(**{name: entry, "warmup": [0.0, 0.1]})
    assert list(ranges) == ["warmup"]
    assert [(problem.code, problem.where) for problem in problems] == [(code, f"[search] {name}")]
    assert value in str(problems[0])


def test_steps_of_decimal_fractions_reach_the_end() -> None:
    assert _read(lr={"low": 0.1, "high": 0.7, "step": 0.2})[1] == []


def test_all_refused_values_are_listed() -> None:
    space = _space(
        {"dt_ms": -1, "hidden": 2.5},
        lr={"low": -1.0, "high": 1.0},
        stretch={"low": 0.0, "high": 1.5},
        readout=["mean", "best"],
        weight_bits=[4, "8"],
    )
    assert [(problem.code, problem.where) for problem in space.problems()] == [
        ("setting-range", "dt_ms"),
        ("setting-type", "hidden"),
        ("setting-range", "lr"),
        ("setting-range", "stretch"),
        ("choice-unknown", "readout"),
        ("setting-type", "weight_bits"),
    ]


def test_a_value_that_suits_other_settings_is_accepted() -> None:
    fixed = {"readout": "first_spike"}
    assert _space(fixed, margin_ms={"low": 1.0, "high": 5.0}).problems() == []
    problems = _space({**fixed, "dt_ms": 0}, margin_ms={"low": 1.0, "high": 5.0}).problems()
    assert [(problem.code, problem.where) for problem in problems] == [("setting-range", "dt_ms")]


def test_combinations_that_are_refused() -> None:
    space = _space({"margin_ms": 2.0}, readout=["first_spike", "mean"])
    (problem,) = space.problems()
    assert (problem.code, problem.where) == ("margin-without-first-spike", "readout")
    assert "(with readout = mean)" in problem.what


def test_a_range_beyond_what_another_option_allows() -> None:
    searched = {"init_delay_input": {"low": 0, "high": 61}}
    (problem,) = _space({"max_delay": 20}, **searched).problems()
    assert (problem.code, problem.where) == ("init-delay-beyond-max", "init_delay_input")
    assert "61" in problem.what
    assert "20" in problem.what
    problems = _space({}, max_delay=[20, 61], **searched).problems()
    assert set(codes(problems)) == {"init-delay-beyond-max"}
    assert _space({}, max_delay=[61, 62], **searched).problems() == []


def test_options_of_a_trial() -> None:
    space = _space({"hidden": 5}, lr=[0.1, 0.2], init_input=[[0, 1], [1, 2]])
    values = {"lr": 0.2, "init_input": "[1.0, 2.0]"}
    assert space.options(values) == TrainOptions(hidden=5, lr=0.2, init_input=(1.0, 2.0))
    assert space.settings(values) == {"hidden": 5, "lr": 0.2, "init_input": (1.0, 2.0)}


_NUMBERS = {
    option.name: min(option.metadata["high"] or 10, 10)
    for option in fields(TrainOptions)
    if type(option.default) is float and option.name not in NOT_SEARCHED
}
"""Settings that are real numbers, and values up to which a range is drawn."""

_shares = st.floats(0, 1, exclude_min=True)


@given(st.sampled_from([*_NUMBERS]), _shares, _shares)
def test_a_range_of_allowed_values_gives_options(name: str, first: float, last: float) -> None:
    low, high = sorted((_NUMBERS[name] * first, _NUMBERS[name] * last))
    assume(low < high)
    space = _space({"readout": "first_spike"}, **{name: {"low": low, "high": high}})
    assert space.problems() == []
    middle = low + (high - low) / 2
    assert getattr(space.options({name: middle}), name) == middle
