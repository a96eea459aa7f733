"""The workload has the documented statistics, and is determined by its seed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.workload import Workload
from tests.benchmarks.tiny import TINY


def test_the_default_workload_is_that_of_the_readme() -> None:
    workload = Workload()
    assert (workload.channels, workload.classes, workload.n_steps) == (700, 20, 1000)
    assert (workload.input_spikes, workload.batch, workload.max_delay) == (8000, 32, 61)
    assert workload.hidden_rate == 14


def test_every_sample_has_its_spikes_spread_over_channels_and_steps() -> None:
    workload = Workload(batch=8)
    spikes = workload.spikes()
    assert (spikes.n_steps, spikes.n_neurons) == (1000, 700)
    assert np.diff(spikes.offset).tolist() == [8000] * 8
    for bins, size in ((spikes.neuron, 700), (spikes.step, 1000)):
        count = np.bincount(bins, minlength=size)
        mean = 8 * 8000 / size
        assert abs(count - mean).max() < 6 * np.sqrt(mean)


def test_the_number_of_spikes_does_not_depend_on_the_number_of_steps() -> None:
    assert replace(TINY, n_steps=80).spikes().n_spikes == TINY.spikes().n_spikes


def test_delays_are_uniform_on_every_projection() -> None:
    network = Workload(max_delay=61).network()
    edges = [(p.source, p.target) for p in network.projections]
    assert edges == [("input", "hidden"), ("hidden", "hidden"), ("hidden", "output")]
    for projection in network.projections:
        share = np.bincount(projection.delay.ravel(), minlength=62) / projection.delay.size
        assert share.size == 62
        assert abs(share - 1 / 62).max() < 6 * np.sqrt(1 / 62 / projection.delay.size)


@pytest.mark.parametrize("max_delay", [0, 255])
def test_the_longest_delay_can_be_chosen(max_delay: int) -> None:
    assert Workload(max_delay=max_delay).network().max_delay == max_delay


def test_without_recurrence_there_is_one_projection_fewer() -> None:
    network = replace(TINY, recurrent=False).network()
    assert [(p.source, p.target) for p in network.projections] == [
        ("input", "hidden"),
        ("hidden", "output"),
    ]


def test_the_drive_scales_input_weights_only() -> None:
    plain, driven = TINY.network().projections, TINY.network(drive=3.0).projections
    np.testing.assert_array_equal(driven[0].weight, 3.0 * plain[0].weight)
    for left, right in zip(plain[1:], driven[1:], strict=True):
        np.testing.assert_array_equal(left.weight, right.weight)


def test_labels_are_classes() -> None:
    labels = replace(TINY, batch=200).labels()
    assert sorted(set(labels.tolist())) == [0, 1, 2, 3]


def test_a_seed_decides_everything() -> None:
    same, other = TINY, replace(TINY, seed=1)
    assert same.network().content_hash == TINY.network().content_hash
    assert other.network().content_hash != TINY.network().content_hash
    np.testing.assert_array_equal(same.spikes().flat_index(), TINY.spikes().flat_index())
    assert not np.array_equal(other.spikes().flat_index(), TINY.spikes().flat_index())


def test_an_event_is_a_spike_over_a_synapse() -> None:
    assert TINY.events_per_sample(10) == 120 * 12 + 10 * (12 + 4)
    assert replace(TINY, recurrent=False).events_per_sample(10) == 120 * 12 + 10 * 4
