"""Rasters as tensors: the same results as rasters, and gradients assigned to spikes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, strategies as st
from hypothesis.extra.numpy import arrays

from nmtool.raster import Raster
from nmtool.training.engines.spike_trains import SpikeTrains, merge

pytestmark = pytest.mark.torch


def _dense(n_neurons: int) -> st.SearchStrategy[np.ndarray]:
    """Numbers of spikes, [3, 5, neurons]: at most one per bin, or counts."""
    shape = 3, 5, n_neurons
    return arrays(np.bool_, shape) | arrays(np.uint8, shape, elements=st.integers(0, 255))


RASTERS = _dense(4).map(Raster.from_dense)


def _timed(raster: Raster) -> SpikeTrains:
    trains = SpikeTrains.from_raster(raster)
    return replace(trains, time_ms=trains.step.to(torch.float64).requires_grad_())


def _same(actual: SpikeTrains, expected: Raster) -> None:
    np.testing.assert_array_equal(actual.raster().dense_counts(), expected.dense_counts())
    np.testing.assert_array_equal(actual.offset, expected.offset)


@given(RASTERS)
def test_a_raster_survives_a_round_trip(raster: Raster) -> None:
    trains = SpikeTrains.from_raster(raster)
    _same(trains, raster)
    np.testing.assert_array_equal(trains.sample_index(), raster.sample_index())
    np.testing.assert_array_equal(trains.counts(), raster.counts().sum(axis=0))
    assert (trains.n_samples, trains.n_spikes) == (raster.n_samples, raster.n_spikes)


@given(RASTERS, st.integers(0, 4), st.integers(0, 4))
def test_columns_are_renumbered_from_0(raster: Raster, a: int, b: int) -> None:
    first, last = sorted((a, b))
    part = _timed(raster).columns(first, last)
    _same(part, Raster.from_dense(raster.dense_counts()[:, :, first:last]))
    np.testing.assert_array_equal(part.time_ms.detach(), part.step)


@given(_dense(4), _dense(2))
def test_merging_numbers_neurons_consecutively(left: np.ndarray, right: np.ndarray) -> None:
    untimed = SpikeTrains.from_raster(Raster.from_dense(left))
    whole = merge([untimed, _timed(Raster.from_dense(right))])
    _same(whole, Raster.from_dense(np.concatenate([left, right], axis=2)))
    right_spikes = whole.neuron >= 4
    np.testing.assert_array_equal(whole.time_ms.detach(), torch.where(right_spikes, whole.step, 0))


def test_gradients_of_merged_times_reach_the_parts() -> None:
    dense = np.random.default_rng(0).random((2, 6, 3)) < 0.5
    parts = [_timed(Raster.from_dense(dense)), _timed(Raster.from_dense(~dense))]
    whole = merge(parts)
    coefficient = torch.arange(whole.n_spikes, dtype=torch.float64)
    (whole.time_ms * coefficient).sum().backward()
    for part, shift in zip(parts, (0, 3), strict=True):
        for k in range(part.n_spikes):
            sample = part.sample_index()[k]
            place = (
                (whole.sample_index() == sample)
                & (whole.step == part.step[k])
                & (whole.neuron == part.neuron[k] + shift)
            )
            assert part.time_ms.grad[k] == coefficient[place]


def test_the_spikes_of_a_bin_share_its_time() -> None:
    trains = SpikeTrains.from_raster(Raster.from_dense([[[0, 4], [1, 0]]]))
    shared = torch.tensor([2.0, -1.0])
    np.testing.assert_array_equal(trains.per_spike(shared), [0.5, -1.0])
    np.testing.assert_array_equal(trains.per_bin(trains.per_spike(shared)), shared)


def test_silence() -> None:
    like = SpikeTrains.from_raster(Raster.from_dense(np.ones((2, 3, 4))))
    _same(SpikeTrains.silent(like, 5), Raster.silent(2, 3, 5))


@given(RASTERS)
def test_first_times(raster: Raster) -> None:
    first = _timed(raster).first_ms(99.0)
    expected = np.where(raster.first_step() == raster.n_steps, 99.0, raster.first_step())
    np.testing.assert_array_equal(first.detach(), expected)
