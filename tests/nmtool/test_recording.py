from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, strategies as st
from numpy.typing import NDArray

from nmtool.errors import DataError
from nmtool.hardware_sim.simulator import simulate
from nmtool.network.readout import Readout, membrane_scores
from nmtool.raster import Raster
from nmtool.recording import Recording, check_input, check_steps
from nmtool.testing.networks import random_network, random_raster
from tests.networks.drawn import recordings
from tests.refusals import refused


@given(recordings(), st.data())
def test_concatenate_puts_samples_one_after_the_other(
    recording: Recording, data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, recording.n_samples))
    samples = np.arange(recording.n_samples)
    parts = [recording.take(samples[:cut]), recording.take(samples[cut:])]
    assert Recording.concatenate(parts) == replace(recording, counts={})
    joined = Recording.concatenate([recording, recording])
    assert joined.counts == {name: 2 * count for name, count in recording.counts.items()}
    assert joined.n_samples == 2 * recording.n_samples
    for group in ("spikes", "membrane", "current", "potential"):
        assert list(getattr(joined, group)) == list(getattr(recording, group))


def test_v_is_a_membrane_or_a_potential_by_kind() -> None:
    network = random_network(0, n_hidden=2, spiking_output=False)
    deep = simulate(network, random_raster(0, 2, 30, 5), deep=True)
    again = Recording.of(network, deep.spikes, deep.v, deep.current, deep.counts)
    assert again == deep
    assert list(deep.potential) == [p.name for p in network.spiking]
    assert list(deep.membrane) == [p.name for p in network.integrating]


def test_some_populations_and_samples_without_counts() -> None:
    network = random_network(0, n_hidden=2, spiking_output=False)
    deep = simulate(network, random_raster(0, 4, 30, 5), deep=True)
    name = network.spiking[0].name
    some = deep.only([name])
    groups = some.spikes, some.membrane, some.current, some.potential, some.counts
    assert [list(group) for group in groups] == [[name], [], [name], [name], []]
    taken = deep.take([3, 1])
    assert (taken.n_samples, taken.counts) == (2, {})
    assert taken == deep.take([1, 3]).take([1, 0]) != deep.take([1, 3])


@given(recordings())
def test_all_states_are_changed_and_nothing_else(recording: Recording) -> None:
    calls: list[tuple[str, str]] = []

    def negated(group: str, name: str, values: NDArray) -> NDArray:
        calls.append((group, name))
        return -values

    changed = recording.with_states(negated)
    groups = ("membrane", "current", "potential")
    assert calls == [(group, name) for group in groups for name in getattr(recording, group)]
    assert changed.with_states(negated) == recording
    assert (changed.spikes, changed.counts) == (recording.spikes, recording.counts)


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


def test_some_inputs_need_a_step() -> None:
    network = random_network(0, n_hidden=1, spiking_output=False)
    check_steps(network, Raster.silent(1, 1, 5))
    with refused(DataError, "input-steps-missing"):
        check_steps(network, Raster.silent(1, 0, 5))
