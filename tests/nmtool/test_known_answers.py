"""Known answers fit their inputs; files restore u and v exactly, with any stored decay factors.

Their files are also tested with all other files.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from nmtool.errors import DataError, FileFormatError
from nmtool.hardware_sim.known_answers import known_answers
from nmtool.known_answers import KnownAnswers
from nmtool.network.readout import Readout
from nmtool.raster import Raster
from nmtool.recording import Recording
from nmtool.testing.networks import random_network, random_raster
from nmtool.verification.comparison import compare_recordings
from tests.refusals import refused
from tests.thorough import examples


def recording(n_samples: int, n_steps: int) -> Recording:
    return Recording(
        Readout("a", "first_spike"), {"a": random_raster(1, n_samples, n_steps, 4)}, {}
    )


@pytest.mark.parametrize(("n_samples", "n_steps"), [(3, 9), (2, 8)])
def test_other_samples_or_steps_are_refused(n_samples: int, n_steps: int) -> None:
    KnownAnswers("abc", random_raster(0, 2, 9, 3), recording(2, 9))
    with refused(DataError, "known-answers-shape"):
        KnownAnswers("abc", random_raster(0, 2, 9, 3), recording(n_samples, n_steps))


@pytest.mark.parametrize(("n_samples", "n_steps"), [(0, 9), (2, 0)])
def test_answers_to_nothing_are_refused(n_samples: int, n_steps: int) -> None:
    with refused(DataError, "known-answers-empty"):
        KnownAnswers("abc", random_raster(0, n_samples, n_steps, 3), recording(n_samples, n_steps))


def test_bytes_for_other_files() -> None:
    answers = KnownAnswers("abc", random_raster(0, 2, 9, 3), recording(2, 9))
    again = KnownAnswers.from_bytes(answers.to_bytes(), "network.onnx")
    assert again.to_bytes() == answers.to_bytes()
    assert again.network_hash == "abc"
    with refused(FileFormatError, "file-damaged") as caught:
        KnownAnswers.from_bytes(answers.to_bytes()[:-40], "network.onnx")
    assert "network.onnx" in caught.value.what


states = st.integers(-(2**31), 2**31 - 1)


def deep(u: list[int], v: list[int], spikes: list[int]) -> Recording:
    """Known answers with arbitrary states of a spiking and a non-spiking neuron."""

    def traced(values: list[int]) -> np.ndarray:
        return np.array(values, np.int32).reshape(1, -1, 1)

    return Recording(
        Readout("out", "max"),
        {"a": Raster.from_dense(np.array(spikes).reshape(1, -1, 1))},
        {"out": traced(v)},
        {"a": traced(u), "out": traced(u)},
        {"a": traced(v)},
    )


@settings(max_examples=examples(3.5))
@given(
    rows=st.lists(st.tuples(states, states, st.integers(0, 2)), min_size=1, max_size=12),
    keep=st.tuples(st.integers(0, 4096), st.integers(0, 4096)),
)
def test_any_states_are_restored_exactly(
    rows: list[tuple[int, int, int]], keep: tuple[int, int]
) -> None:
    """Overflow, and decays that differ from the stored factors, do not change restored states."""
    recording = deep(*(list(column) for column in zip(*rows, strict=True)))
    spikes = Raster.silent(1, len(rows), 3)
    answers = KnownAnswers("abc", spikes, recording, {"a": keep, "out": keep})
    again = KnownAnswers.from_bytes(answers.to_bytes(), "network.onnx")
    assert again.to_bytes() == answers.to_bytes()
    assert again.recording.spikes == recording.spikes
    for group in ("membrane", "current", "potential"):
        for name, mine in getattr(recording, group).items():
            theirs = getattr(again.recording, group)[name]
            assert (theirs.dtype, mine.tolist()) == (np.int32, theirs.tolist())


def test_u_and_v_are_coded_compactly_and_shallow_files_have_version_1() -> None:
    answers = known_answers(random_network(3, n_hidden=1, spiking_output=False))
    plain = replace(answers, decay_factors={})
    assert len(answers.to_bytes()) < 0.8 * len(plain.to_bytes())
    for variant in (answers, plain):
        again = KnownAnswers.from_bytes(variant.to_bytes(), "x").recording
        assert compare_recordings(answers.recording, again).identical
        assert again.current.keys() == answers.recording.current.keys()
    shallow = replace(answers.recording, current={}, potential={})
    without = replace(answers, recording=shallow, decay_factors={})
    assert b'"version": 1' in header(without)
    assert b'"version": 2' in header(answers)
    assert not KnownAnswers.from_bytes(without.to_bytes(), "x").is_deep
    several = Raster.from_dense(answers.spikes.dense() * 2)
    for variant in (answers, without):
        assert b'"version": 3' in header(replace(variant, spikes=several))


def header(answers: KnownAnswers) -> bytes:
    import io

    with np.load(io.BytesIO(answers.to_bytes())) as archive:
        return str(archive["header"][()]).encode()


def test_u_without_v_and_floats_are_refused() -> None:
    right = deep([1, 2], [3, 4], [False, False])
    spikes = Raster.silent(1, 2, 3)
    floats = {name: u.astype(float) for name, u in right.current.items()}
    wider = {name: np.repeat(u, 2, axis=2) for name, u in right.current.items()}
    for wrong in ({"potential": {}}, {"current": floats}, {"current": wider}):
        with refused(DataError, "known-answers-states"):
            KnownAnswers("abc", spikes, replace(right, **wrong))
