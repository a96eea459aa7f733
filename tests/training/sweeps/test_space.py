"""Search spaces: what is wrong with them is found before anything is trained."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmtool.training.options import TrainOptions
from nmtool.training.search_table import NOT_SEARCHED, read_search
from nmtool.training.study import Choices, Range, SearchSpace, differences


def _read(**table: Any) -> tuple[dict, list[str]]:
    problems: list[str] = []
    return read_search(table, problems), problems


def _space(fixed: dict[str, Any] | None = None, **table: Any) -> SearchSpace:
    searched, problems = _read(**table)
    assert problems == []
    return SearchSpace(fixed or {}, searched, "settings")


def test_ranges_and_choices() -> None:
    found, problems = _read(
        lr={"low": 1e-3, "high": 1, "log": True},
        hidden={"low": 16, "high": 64, "step": 16},
        readout=["mean", "max"],
        schedule=["cosine", "constant"],
        gain=[1, 2.5],
        recurrent=[True, False],
        init_input=[[0, 0.1], [0.02, 0.05]],
    )
    assert problems == []
    assert found == {
        "lr": Range(0.001, 1.0, log=True),
        "hidden": Range(16, 64, step=16),
        "readout": Choices(("mean", "max")),
        "schedule": Choices(("cosine", "constant")),
        "gain": Choices((1.0, 2.5)),
        "recurrent": Choices((True, False)),
        "init_input": Choices(((0.0, 0.1), (0.02, 0.05))),
    }
    assert found["hidden"].is_whole
    assert not found["lr"].is_whole
    assert found["init_input"].words == ["[0.0, 0.1]", "[0.02, 0.05]"]


@pytest.mark.parametrize(
    ("name", "entry", "told"),
    [
        ("hiden", [1, 2], "unknown option hiden; did you mean 'hidden'?"),
        ("lr", 0.1, "lr must be a list of choices or a range like"),
        ("lr", {"low": 1}, "lr: a range needs low and high"),
        ("lr", {"low": 2, "high": 1}, "lr: low must be less than high, not 2.0 and 1.0"),
        ("lr", {"low": 1, "high": 1}, "lr: low must be less than high"),
        ("lr", {"low": float("nan"), "high": 1}, "lr: low must be less than high"),
        ("lr", {"low": 0, "high": 1, "log": True}, "begins above 0, not at 0.0"),
        ("lr", {"low": 1, "high": 2, "log": 1}, "lr: log must be true or false, not 1"),
        ("lr", {"low": 1, "high": 2, "log": True, "step": 1}, "log and step exclude each other"),
        ("lr", {"low": 1, "high": 2, "step": 0}, "lr: step must be positive"),
        ("lr", {"low": 0.1, "high": 0.5, "step": 0.3}, "steps of 0.3 from 0.1 do not arrive"),
        ("lr", {"low": "a", "high": 1}, "lr: low must be a number, not 'a'"),
        ("lr", {"low": 1, "high": 2, "steps": 1}, "lr: unknown steps; did you mean 'step'?"),
        ("hidden", {"low": 1.5, "high": 2}, "hidden: low must be a whole number, not 1.5"),
        ("recurrent", {"low": 0, "high": 1}, "recurrent has no range; list its choices"),
        ("readout", {"low": 0, "high": 1}, "readout has no range"),
        ("init_input", {"low": 0, "high": 1}, "init_input has no range"),
        ("lr", [0.1], "lr needs two choices or more; a fixed one is for [settings]"),
        ("lr", [1, 1.0], "lr has a choice twice"),
        ("lr", [[1, 2], 3], "lr: [1, 2] is no choice of it"),
        ("seed", [1, 2], "seed cannot be searched: the best seed is luck"),
    ],
)
def test_what_is_written_wrong(name: str, entry: Any, told: str) -> None:
    found, problems = _read(**{name: entry, "warmup": [0.0, 0.1]})
    assert list(found) == ["warmup"]
    assert len(problems) == 1
    assert problems[0].startswith("[search] ")
    assert told in problems[0]


def test_steps_of_decimal_fractions_arrive() -> None:
    assert _read(lr={"low": 0.1, "high": 0.7, "step": 0.2})[1] == []


def test_all_refused_values_are_listed() -> None:
    space = _space(
        {"dt_ms": -1, "hidden": 2.5},
        lr={"low": -1.0, "high": 1.0},
        stretch={"low": 0.0, "high": 1.5},
        readout=["mean", "best"],
        weight_bits=[4, "8"],
    )
    assert space.problems() == [
        "dt_ms must be positive, not -1.0",
        "settings: hidden must be int, not 2.5",
        "lr must be at least 0, not -1.0",
        "stretch must be 0 … 1, not 1.5",
        "unknown readout 'best'",
        "settings: weight_bits must be int, not '8'",
    ]


def test_a_value_that_others_make_right_is_no_problem() -> None:
    fixed = {"readout": "first_spike"}
    assert _space(fixed, margin_ms={"low": 1.0, "high": 5.0}).problems() == []
    found = _space({**fixed, "dt_ms": 0}, margin_ms={"low": 1.0, "high": 5.0}).problems()
    assert found == ["dt_ms must be positive, not 0.0"]


def test_combinations_that_are_refused() -> None:
    space = _space({"margin_ms": 2.0}, readout=["first_spike", "mean"])
    assert space.problems() == [
        "margin_ms is a loss on first spikes, not on 'mean' (with readout = mean)"
    ]


def test_a_range_that_another_option_cuts_short() -> None:
    searched = {"init_delay_input": {"low": 0, "high": 61}}
    told = "init_delay_input cannot become 61: the other options make it 20"
    assert _space({"max_delay": 20}, **searched).problems() == [told]
    assert _space({}, max_delay=[20, 61], **searched).problems() == []


def test_options_of_a_trial() -> None:
    space = _space({"hidden": 5}, lr=[0.1, 0.2], init_input=[[0, 1], [1, 2]])
    values = {"lr": 0.2, "init_input": "[1.0, 2.0]"}
    assert space.options(values) == TrainOptions(hidden=5, lr=0.2, init_input=(1.0, 2.0))
    assert space.settings(values) == {"hidden": 5, "lr": 0.2, "init_input": (1.0, 2.0)}


def test_what_differs() -> None:
    before = _space({"hidden": 5}, lr={"low": 0.1, "high": 0.2}, gain=[1, 2]).as_json()
    after = _space({"hidden": 6}, lr={"low": 0.1, "high": 0.3}, rate=[1, 2]).as_json()
    assert sorted(differences(before, after)) == [
        "gain was [1.0, 2.0], is now 200.0",
        "hidden was 5, is now 6",
        "lr was {low = 0.1, high = 0.2}, is now {low = 0.1, high = 0.3}",
        "rate was 10.0, is now [1.0, 2.0]",
    ]
    assert differences(before, before) == []


def test_options_that_came_later_count_as_their_defaults() -> None:
    before = _space({}, lr=[0.1, 0.2]).as_json()
    del before["settings"]["gain"]
    assert differences(before, _space({}, lr=[0.1, 0.2]).as_json()) == []
    changed = _space({"gain": 1.0}, lr=[0.1, 0.2]).as_json()
    assert differences(before, changed) == ["gain was 200.0, is now 1.0"]


_NUMBERS = [option.name for option in fields(TrainOptions) if type(option.default) is float]


@given(
    st.sampled_from([name for name in _NUMBERS if name not in NOT_SEARCHED]),
    st.floats(-10, 10),
    st.floats(-10, 10),
)
def test_a_range_without_problems_gives_options(name: str, low: float, high: float) -> None:
    found, problems = _read(**{name: {"low": low, "high": high}})
    space = SearchSpace({"readout": "first_spike"}, found, "settings")
    if problems or space.problems():
        return
    middle = low + (high - low) / 2
    assert getattr(space.options({name: middle}), name) == middle
