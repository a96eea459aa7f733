"""Stored and current conditions of a series of training runs."""

from __future__ import annotations

from typing import Any

from nmtool.training.options import TrainOptions
from nmtool.training.studies.series import changes
from tests.refusals import codes


def _conditions(settings: dict[str, Any], **search: Any) -> dict[str, Any]:
    """Settings and ranges of a search, as stored."""
    return {**TrainOptions().with_settings(settings, "test").as_json(), **search}


def test_changed_conditions_are_found() -> None:
    before = _conditions({"hidden": 5}, lr={"low": 0.1, "high": 0.2}, gain=[1.0, 2.0])
    after = _conditions({"hidden": 6}, lr={"low": 0.1, "high": 0.3}, rate=[1.0, 2.0])
    findings = changes(before, after)
    assert set(codes(findings)) == {"setting-differs"}
    assert sorted((finding.where, finding.what) for finding in findings) == [
        ("gain", "was [1.0, 2.0], is now 50.0"),
        ("hidden", "was 5, is now 6"),
        ("lr", "was {low = 0.1, high = 0.2}, is now {low = 0.1, high = 0.3}"),
        ("rate", "was 10.0, is now [1.0, 2.0]"),
    ]
    assert changes(before, before) == []


def test_options_of_later_versions_count_as_their_defaults() -> None:
    before = _conditions({}, lr=[0.1, 0.2])
    del before["gain"]
    assert changes(before, _conditions({}, lr=[0.1, 0.2])) == []
    changed = _conditions({"gain": 1.0}, lr=[0.1, 0.2])
    (finding,) = changes(before, changed)
    assert (finding.where, finding.what) == ("gain", "was 50.0, is now 1.0")
