from __future__ import annotations

import math
import statistics

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from nmtool.errors import NetworkError, UsageError
from nmtool.network.graph import LI, MAX_STEPS
from nmtool.network.readout import (
    FIRST_SPIKE,
    RULES,
    WINDOW,
    Readout,
    StreamScores,
    membrane_scores,
    predict,
    rules_of,
    spike_scores,
    time_weights,
)
from nmtool.raster import Raster
from tests.networks.drawn import readouts, seeds
from tests.refusals import refused

shapes = st.tuples(st.integers(0, 3), st.integers(1, 5), st.integers(1, 4))
membranes = shapes.flatmap(lambda s: hnp.arrays(np.int32, s, elements=st.integers(-(2**23), 2**23)))


def by_rule(trace: list[int], readout: Readout) -> float:
    n_steps = len(trace)
    if readout.rule == "max":
        return max(trace)
    if readout.window is not None:
        return statistics.fmean(trace[-readout.window :])
    weight = {"mean": lambda n: 1.0, "weighted": lambda n: math.exp(-n / n_steps)}[readout.rule]
    return sum(weight(n) * v for n, v in enumerate(trace)) / n_steps


@given(membrane=membranes, readout=readouts("out", rules_of(LI)))
def test_membrane_scores_equal_their_equations(
    membrane: NDArray[np.int32], readout: Readout
) -> None:
    scores = membrane_scores(membrane, readout)
    assert (scores.shape, scores.dtype) == ((len(membrane), membrane.shape[2]), np.float64)
    for sample, row in zip(membrane, scores, strict=True):
        for trace, score in zip(sample.T.tolist(), row, strict=True):
            expected = by_rule(trace, readout)
            assert score == pytest.approx(expected, rel=1e-12, abs=1e-6)
            if not readout.weights_steps:
                assert score == expected


def test_a_window_counts_the_last_steps_or_all_steps() -> None:
    membrane = np.array([[[8, 0], [1, 2], [3, 4]]])
    for window, expected in ((1, [3, 4]), (2, [2, 3]), (3, [4, 2]), (50, [4, 2])):
        assert membrane_scores(membrane, Readout("out", WINDOW, window)).tolist() == [expected]


@pytest.mark.parametrize("rule", rules_of(LI))
def test_a_sample_without_steps_scores_as_the_membrane_at_rest(rule: str) -> None:
    silent = np.zeros((2, 0, 3), np.int32)
    assert (
        membrane_scores(silent, Readout("out", rule, 2 if rule == WINDOW else None)).tolist()
        == [[0.0] * 3] * 2
    )


def test_scores_use_the_time_weights() -> None:
    membrane = np.eye(4)[None]
    for readout in (Readout("o", "mean"), Readout("o", "weighted"), Readout("o", WINDOW, 2)):
        scores = membrane_scores(membrane, readout)[0]
        assert scores.tolist() == time_weights(readout, 4).tolist()


@given(data=st.data())
def test_a_stream_scores_at_every_step_as_a_sample_that_ends_there(data: st.DataObject) -> None:
    readout = data.draw(readouts("out", [*RULES]))
    random = np.random.default_rng(data.draw(seeds))
    n_steps, n_classes = data.draw(st.integers(1, 40)), data.draw(st.integers(1, 3))
    fires = readout.rule == FIRST_SPIKE
    trace = random.integers(-(2**23), 2**23, (n_steps, n_classes)).astype(np.int32)
    if fires:
        trace = trace > random.choice([0, 2**22, 2**23])
    stream = StreamScores(readout, n_classes, n_steps)
    for end in np.unique(random.integers(0, n_steps + 1, 5)):
        stream.add(trace[stream.seen : end])
        if stream.seen:
            prefix = trace[None, : stream.seen]
            whole = spike_scores(Raster.from_dense(prefix), readout) if fires else None
            expected = membrane_scores(prefix, readout) if whole is None else whole
            assert stream.now().tolist() == expected[0].tolist()


def test_sums_of_a_stream_do_not_overflow() -> None:
    stream = StreamScores(Readout("out", "mean"), 1, n_steps=10)
    stream.seen, stream._total = 1 << 70, [(1 << 70) * 5000]
    stream.add(np.full((1, 1), 5000, np.int32))
    assert stream.now().tolist() == [5000.0]


def test_streams_without_a_score_are_refused() -> None:
    for rule in RULES:
        readout = Readout("out", rule, 3 if rule == WINDOW else None)
        with refused(UsageError, "decision-before-steps"):
            StreamScores(readout, 2, n_steps=10).now()
    stream = StreamScores(Readout("out", "weighted"), 1, n_steps=10)
    stream.add(np.zeros((11, 1), np.int32))
    with refused(UsageError, "decision-beyond-sample") as caught:
        stream.now()
    assert "11" in caught.value.what


def test_first_spike_counts_silence_as_the_last_step() -> None:
    dense = np.zeros((1, 6, 3))
    dense[0, [2, 4], 1] = dense[0, 5, 2] = 1
    scores = spike_scores(Raster.from_dense(dense), Readout("out", FIRST_SPIKE))
    assert scores.tolist() == [[-6.0, -2.0, -5.0]]


def test_ties_go_to_the_lowest_class() -> None:
    assert predict(np.array([[1.0, 3.0, 3.0], [0.0, 0.0, 0.0]])).tolist() == [1, 0]
    assert predict(np.zeros((0, 3))).dtype == np.int64


def test_unknown_rules_are_refused() -> None:
    with refused(NetworkError, "readout-unknown") as caught:
        Readout("out", "last")
    assert "'last'" in caught.value.what
    assert all(rule in caught.value.fix for rule in RULES)


@pytest.mark.parametrize(
    ("rule", "window", "code"),
    [
        (WINDOW, None, "readout-window-missing"),
        ("mean", 5, "readout-window-unused"),
        (FIRST_SPIKE, 5, "readout-window-unused"),
        (WINDOW, 0, "readout-window-range"),
        (WINDOW, -1, "readout-window-range"),
        (WINDOW, 2.5, "readout-window-range"),
        (WINDOW, True, "readout-window-range"),
        (WINDOW, MAX_STEPS + 1, "readout-window-range"),
        (WINDOW, "9", "readout-window-range"),
    ],
)
def test_invalid_windows_are_refused(rule: str, window: object, code: str) -> None:
    with refused(NetworkError, code):
        Readout("out", rule, window)


def test_json_has_a_window_only_for_the_rule_window() -> None:
    assert Readout("out", "mean").as_json() == {"population": "out", "rule": "mean"}
    windowed = Readout("out", WINDOW, np.int16(9))
    assert windowed.as_json() == {"population": "out", "rule": "window", "window": 9}
    assert type(windowed.window) is int
    assert (windowed.words, Readout("out", "max").words) == ("window of 9 steps", "max")
