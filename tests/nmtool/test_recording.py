from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st

from nmtool.errors import DataError
from nmtool.network.readout import Readout, membrane_scores
from nmtool.raster import Raster
from nmtool.recording import Recording, check_input, check_steps
from tests.networks.drawn import recordings
from tests.networks.integers import random_network
from tests.refusals import refused


def take(recording: Recording, samples: np.ndarray) -> Recording:
    groups: dict[str, Any] = {
        group: {name: array[samples] for name, array in getattr(recording, group).items()}
        for group in ("membrane", "current", "potential")
    }
    spikes = {name: raster.take(samples) for name, raster in recording.spikes.items()}
    return replace(recording, spikes=spikes, **groups)


@given(recordings(), st.data())
def test_concatenate_puts_samples_one_after_the_other(
    recording: Recording, data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, recording.n_samples))
    samples = np.arange(recording.n_samples)
    joined = Recording.concatenate([take(recording, samples[:cut]), take(recording, samples[cut:])])
    for group in ("membrane", "current", "potential"):
        assert list(getattr(joined, group)) == list(getattr(recording, group))
        for name, array in getattr(recording, group).items():
            assert np.array_equal(getattr(joined, group)[name], array)
            assert getattr(joined, group)[name].dtype == array.dtype
    for name, raster in recording.spikes.items():
        assert np.array_equal(joined.spikes[name].dense(), raster.dense())
    assert joined.counts == {name: 2 * count for name, count in recording.counts.items()}
    assert joined.readout == recording.readout
    assert joined.n_samples == recording.n_samples


def test_the_output_membrane_decides() -> None:
    membrane = np.zeros((3, 4, 2), np.int32)
    membrane[1, :, 1] = membrane[2, 0, 0] = 9
    recording = Recording(Readout("out", "mean"), {}, {"out": membrane, "other": membrane[..., :1]})
    assert recording.n_samples == 3
    assert np.array_equal(recording.scores, membrane_scores(membrane, Readout("out", "mean")))
    assert recording.predictions.tolist() == [0, 1, 0]
    assert recording.accuracy(np.array([1, 1, 0])) == pytest.approx(2 / 3)


def test_the_first_spike_decides() -> None:
    dense = np.zeros((2, 5, 3))
    dense[0, 3, 1] = dense[0, 2, 2] = 1
    rasters = {"other": Raster.silent(2, 5, 7), "out": Raster.from_dense(dense)}
    recording = Recording(Readout("out", "first_spike"), rasters, {})
    assert recording.n_samples == 2
    assert recording.scores.tolist() == [[-5, -3, -2], [-5, -5, -5]]
    assert recording.predictions.tolist() == [2, 0]


def test_input_must_have_the_channels() -> None:
    network = random_network(0, n_hidden=1, spiking_output=False)
    check_input(network, Raster.silent(1, 3, 5))
    with refused(DataError, "input-channels-differ"):
        check_input(network, Raster.silent(1, 3, 4))


def test_input_may_have_to_have_steps() -> None:
    network = random_network(0, n_hidden=1, spiking_output=False)
    check_steps(network, Raster.silent(1, 1, 5))
    with refused(DataError, "input-steps-missing"):
        check_steps(network, Raster.silent(1, 0, 5))
