"""Known answers belong to their inputs. Files of them are tested with all other files."""

from __future__ import annotations

import pytest

from nmtool.errors import DataError, FileFormatError
from nmtool.known_answers import KnownAnswers
from nmtool.readout import Readout
from nmtool.recording import Recording
from tests.integer_nets import random_raster
from tests.refusals import refused


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
