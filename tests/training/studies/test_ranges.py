"""Ranges of a search: errors in them are detected before training."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, strategies as st

from nmtool.errors import UsageError
from nmtool.training.options import TrainOptions
from tests.refusals import refused
from tests.training.studies.searches import ROOT

pytestmark = pytest.mark.torch
pytest.importorskip("optuna")

from optuna.distributions import (  # noqa: E402
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from nmtool.training.studies.ranges import (  # noqa: E402
    NOT_SEARCHED,
    distributions,
    read_ranges,
    unpacked,
)


def _read(options: TrainOptions | None = None, **table: Any) -> dict[str, Any]:
    return distributions(table, options or TrainOptions(), "ranges.toml")


def test_ranges_and_choices() -> None:
    assert _read(
        lr={"low": 1e-3, "high": 1, "log": True},
        hidden={"low": 16, "high": 64, "step": 16},
        readout=["mean", "max"],
        gain=[1, 2.5],
        recurrent=[True, False],
        init_input=[[0, 0.1], [0.02, 0.05]],
    ) == {
        "lr": FloatDistribution(0.001, 1.0, log=True),
        "hidden": IntDistribution(16, 64, step=16),
        "readout": CategoricalDistribution(("mean", "max")),
        "gain": CategoricalDistribution((1.0, 2.5)),
        "recurrent": CategoricalDistribution((True, False)),
        "init_input": CategoricalDistribution(("[0, 0.1]", "[0.02, 0.05]")),
    }
    assert unpacked("init_input", "[0, 0.1]") == [0, 0.1]


@pytest.mark.parametrize(
    ("name", "entry", "code", "value"),
    [
        ("hiden", [1, 2], "search-setting", "'hidden'"),
        ("seed", [1, 2], "search-setting", "coincidence"),
        ("lr", 0.1, "search-range", "0.1"),
        ("readout", {"low": 0, "high": 1}, "search-range", "readout"),
        ("recurrent", {"low": 0, "high": 1}, "search-range", "recurrent"),
        ("init_input", {"low": 0, "high": 1}, "search-range", "init_input"),
        ("lr", {"low": 1, "high": 2, "steps": 1}, "search-range", "'step'"),
        ("lr", {"low": 1}, "search-range", ""),
        ("lr", {"low": 2, "high": 1}, "search-range", ""),
        ("lr", {"low": 1, "high": 1}, "search-range", ""),
        ("lr", {"low": float("nan"), "high": 1}, "search-range", ""),
        ("lr", {"low": "a", "high": 1}, "search-range", ""),
        ("lr", {"low": 1, "high": float("inf")}, "search-range", ""),
        ("hidden", {"low": 1.5, "high": 2}, "search-range", "whole"),
        ("lr", {"low": 0, "high": 1, "log": True}, "search-range", ""),
        ("lr", {"low": 1, "high": 2, "log": True, "step": 1}, "search-range", ""),
        ("lr", {"low": 1, "high": 2, "step": 0}, "search-range", ""),
        ("lr", {"low": 1, "high": 2, "step": -1}, "search-range", ""),
        ("lr", {"low": 1, "high": 2, "step": 1e-300}, "search-range", ""),
        ("lr", [0.1], "search-range", ""),
        ("lr", [1, 1.0], "search-range", ""),
        ("lr", [[1, 2], 3], "setting-type", "[1, 2]"),
        ("lr", {"low": -1.0, "high": 1.0}, "setting-range", "-1.0"),
        ("stretch", {"low": 0.0, "high": 1.5}, "setting-range", "1.5"),
        ("readout", ["mean", "best"], "choice-unknown", "best"),
    ],
)
def test_invalid_entries_are_refused(name: str, entry: Any, code: str, value: str) -> None:
    with refused(UsageError, "search-ranges") as caught:
        _read(**{"warmup": [0.0, 0.1], name: entry})
    [finding] = caught.value.findings
    assert (finding.code, finding.where) == (code, name)
    assert value in str(finding)
    assert finding.fix


def test_all_problems_are_listed() -> None:
    with refused(UsageError, "search-ranges") as caught:
        _read(lr=3, hiden=[1, 2])
    assert [finding.where for finding in caught.value.findings] == ["lr", "hiden"]
    with refused(UsageError, "search-ranges") as caught:
        _read()
    assert [finding.code for finding in caught.value.findings] == ["search-empty"]


def test_ranges_agree_with_the_other_settings() -> None:
    margin = {"margin_ms": {"low": 1.0, "high": 5.0}}
    assert _read(TrainOptions(readout="first_spike"), **margin)
    for options, table, code in (
        (TrainOptions(), margin, "margin-without-first-spike"),
        (
            TrainOptions(max_delay=20),
            {"init_delay_input": {"low": 0, "high": 61}},
            "init-delay-beyond-max",
        ),
    ):
        with refused(UsageError, "search-ranges") as caught:
            _read(options, **table)
        assert [finding.code for finding in caught.value.findings] == [code]


_NUMBERS = {
    option.name: min(option.metadata["high"] or 10, 10)
    for option in fields(TrainOptions)
    if type(option.default) is float and option.name not in NOT_SEARCHED
}
"""Settings that are real numbers, and values up to which a range is drawn."""

_shares = st.floats(0, 1, exclude_min=True)


@given(st.sampled_from([*_NUMBERS]), _shares, _shares)
def test_a_range_of_allowed_values_is_accepted(name: str, first: float, last: float) -> None:
    low, high = sorted((_NUMBERS[name] * first, _NUMBERS[name] * last))
    assume(low < high)
    assert _read(TrainOptions(readout="first_spike"), **{name: {"low": low, "high": high}})


def test_files_of_ranges(tmp_path: Path) -> None:
    table = read_ranges(ROOT / "examples" / "ranges.toml")
    assert {"lr", "rate_strength", "init_delay_input"} <= _read(
        TrainOptions(max_delay=30), **table
    ).keys()
    with refused(UsageError, "config-unreadable"):
        read_ranges(tmp_path / "none.toml")
    (tmp_path / "a.toml").write_text("lr = ")
    with refused(UsageError, "config-invalid"):
        read_ranges(tmp_path / "a.toml")
