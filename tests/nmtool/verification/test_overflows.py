"""Sentences of a certificate on overflows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nmtool.targets import LOIHI2, Target, target_named
from nmtool.verification import overflows
from nmtool.verification.overflows import answers_depend, no_dependence, overflow_sentence

COUNTS = {"u_wraps": 0, "v_clips": 3, "v_clips_outputs": 0, "neuron_updates": 40, **no_dependence()}
TARGETS = {
    "growing": Target(
        "growing", neuron=replace(LOIHI2.neuron, u_overflow="grows", v_overflow="grows")
    ),
    "wrapping": Target("wrapping", neuron=replace(LOIHI2.neuron, v_overflow="wraps")),
    "loihi2": LOIHI2,
    "nir": target_named("nir"),
}


@pytest.mark.parametrize(
    ("changes", "depends"),
    [
        ({}, False),
        ({"v_clips_outputs": 3}, False),
        ({"u_wraps": 1}, True),
        ({"u_wraps": 1, "v_clips": 0}, True),
        ({"spikes_if_v_grows": 1}, True),
        ({"predictions_if_v_wraps": 1}, True),
    ],
)
def test_the_sentence_names_targets_with_other_answers(
    changes: dict[str, int], depends: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overflows, "target_names", lambda: [*TARGETS])
    monkeypatch.setattr(overflows, "target_named", TARGETS.__getitem__)
    counts = COUNTS | changes
    sentence = overflow_sentence(counts, " of these")
    assert "40 updates of neurons of these" in sentence
    assert answers_depend(counts) is depends
    assert ("no spike and no prediction" in sentence) is not depends
    assert ("(wrapping)" in sentence) is (depends and counts["v_clips"] > 0)
    assert ("(growing)" in sentence) is depends
    assert "(nir" not in sentence, "NIR runs real numbers"


def test_without_overflows_there_is_no_sentence() -> None:
    assert overflow_sentence({}) == overflow_sentence(dict.fromkeys(COUNTS, 0)) == ""
    assert not answers_depend({})
