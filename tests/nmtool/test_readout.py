from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from nmtool.errors import NetworkError
from nmtool.raster import Raster
from nmtool.readout import (
    MEMBRANE_RULES,
    RULES,
    Readout,
    membrane_scores,
    predict,
    spike_scores,
    time_weights,
)
from tests.refusals import refused

shapes = st.tuples(st.integers(0, 3), st.integers(1, 5), st.integers(1, 4))
membranes = shapes.flatmap(lambda s: hnp.arrays(np.int32, s, elements=st.integers(-(2**23), 2**23)))


def by_rule(trace: list[int], rule: str) -> float:
    n_steps = len(trace)
    if rule == "max":
        return max(trace)
    weight = {"mean": lambda n: 1.0, "weighted": lambda n: math.exp(-n / n_steps)}[rule]
    return sum(weight(n) * v for n, v in enumerate(trace)) / n_steps


@pytest.mark.parametrize("rule", MEMBRANE_RULES)
@given(membrane=membranes)
def test_membrane_rules_are_their_equations(membrane: NDArray[np.int32], rule: str) -> None:
    scores = membrane_scores(membrane, rule)
    assert (scores.shape, scores.dtype) == ((len(membrane), membrane.shape[2]), np.float64)
    for sample, row in zip(membrane, scores, strict=True):
        for trace, score in zip(sample.T.tolist(), row, strict=True):
            assert score == pytest.approx(by_rule(trace, rule), rel=1e-12, abs=1e-6)


def test_time_weights_are_what_the_scores_use() -> None:
    membrane = np.eye(4)[None]
    for rule in ("mean", "weighted"):
        assert membrane_scores(membrane, rule)[0].tolist() == time_weights(rule, 4).tolist()


def test_first_spike_counts_silence_as_the_last_step() -> None:
    dense = np.zeros((1, 6, 3))
    dense[0, [2, 4], 1] = dense[0, 5, 2] = 1
    assert spike_scores(Raster.from_dense(dense)).tolist() == [[-6.0, -2.0, -5.0]]


def test_ties_go_to_the_lowest_class() -> None:
    assert predict(np.array([[1.0, 3.0, 3.0], [0.0, 0.0, 0.0]])).tolist() == [1, 0]
    assert predict(np.zeros((0, 3))).dtype == np.int64


def test_kinds() -> None:
    assert {rule: Readout("out", rule).kind for rule in RULES} == {
        "mean": "li",
        "weighted": "li",
        "max": "li",
        "first_spike": "lif",
    }


def test_unknown_rules_are_refused() -> None:
    with refused(NetworkError, "readout-unknown") as caught:
        Readout("out", "last")
    assert "'last'" in caught.value.what
    assert all(rule in caught.value.fix for rule in RULES)
