from __future__ import annotations

import sys

import numpy as np
import pytest

from nmtool.data import SPLITS, load_dataset
from nmtool.data.digits import (
    STRONGEST,
    WEAKEST,
    edge_latency_ms,
    edge_strength,
    load_digits,
)
from nmtool.errors import MissingError
from tests.refusals import refused

# The same optional dependencies install scikit-learn and torch.
pytestmark = pytest.mark.torch


def image(*bright: tuple[int, int]) -> np.ndarray:
    """[1, 64]: a dark image with pixels of brightness 16 at (row, column)."""
    pixels = np.zeros((8, 8))
    pixels[tuple(np.transpose(bright))] = 16.0
    return pixels.reshape(1, 64)


def test_a_pixel_is_brighter_than_its_four_neighbours() -> None:
    """The pixel is right of its left neighbour (0°) and below its upper neighbour (90°)."""
    strength = edge_strength(image((3, 3)))[0].reshape(8, 4, 4)
    wanted = np.zeros((8, 4, 4))
    wanted[0, 1, 1] = 16.0  # The pixel is brighter than (3, 2).
    wanted[2, 1, 1] = 16.0  # The pixel is brighter than (2, 3).
    wanted[4, 1, 2] = 16.0  # The pixel is brighter than (3, 4).
    wanted[6, 2, 1] = 16.0  # The pixel is brighter than (4, 3).
    assert strength == pytest.approx(wanted, abs=1e-12)


def test_a_slanted_gradient_is_shared_by_the_two_nearest_directions() -> None:
    """At (3, 3), the gradient is (16, 16), exactly at 45°; with 8 below, it is at 26.6°."""
    at = edge_strength(image((3, 4), (4, 3)))[0].reshape(8, 4, 4)[:, 1, 1]
    assert at[1] == pytest.approx(np.hypot(16, 16))
    flatter = image((3, 4), (4, 3))
    flatter[0, 4 * 8 + 3] = 8.0
    at = edge_strength(flatter)[0].reshape(8, 4, 4)[:, 1, 1]
    length, share = np.hypot(16, 8), np.arctan2(8, 16) / (np.pi / 4)
    assert at[1] == pytest.approx(length * share)
    assert at[0] == pytest.approx(length * (1 - share))


def test_gradients_turn_with_the_image() -> None:
    drawn = np.random.default_rng(0).integers(0, 17, (5, 8, 8)).astype(float)
    # The images are turned clockwise, so that the right side becomes the lower side.
    turned = np.rot90(drawn, -1, axes=(1, 2))
    before, after = (edge_strength(i.reshape(5, 64)).reshape(5, 8, 4, 4) for i in (drawn, turned))
    assert np.roll(np.rot90(before, -1, axes=(2, 3)), 2, axis=1) == pytest.approx(after, abs=1e-9)


def test_strong_edges_spike_early_and_weak_edges_never() -> None:
    strength = STRONGEST * np.array([[2.0, 1.0, 0.5, WEAKEST, WEAKEST - 0.001, 0.0]])
    latency = edge_latency_ms(strength)[0]
    assert latency[:4].tolist() == [0.0, 0.0, 30.0, 55.0]
    assert np.isnan(latency[4:]).all()


def test_the_splits_contain_every_digit_once() -> None:
    from sklearn.datasets import load_digits as original

    label = original(return_X_y=True)[1]
    splits = [load_digits(split) for split in SPLITS]
    assert [events.n_samples for events in splits] == [1297, 200, 300]
    assert np.array_equal(np.concatenate([events.label for events in splits]), label)


def test_every_unit_spikes_in_training_and_at_most_once_per_digit() -> None:
    train = load_digits("train")
    assert np.unique(train.unit).tolist() == list(range(train.n_units))
    assert {load_digits(split).n_units for split in SPLITS} == {107}
    pairs = np.stack([train.sample_index(), train.unit])
    assert np.unique(pairs, axis=1).shape[1] == train.n_events
    assert train.time_ms.min() == 0.0
    assert train.time_ms.max() == 55.0
    assert train.class_names == tuple("0123456789")


def test_a_digit_equals_an_independent_computation() -> None:
    """The strengths of the first digit, a zero, are computed pixel by pixel in complex numbers."""
    from sklearn.datasets import load_digits as original

    pixels = original(return_X_y=True)[0][:1]
    padded = np.pad(pixels.reshape(8, 8), 1)
    wanted = np.zeros((8, 4, 4))
    for row in range(8):
        for column in range(8):
            around = padded[row : row + 3, column : column + 3]
            slope = complex(around[1, 2] - around[1, 0], around[2, 1] - around[0, 1])
            turns = np.angle(slope) / (np.pi / 4) % 8
            low, part = int(turns) % 8, turns % 1
            wanted[low, row // 2, column // 2] += abs(slope) * (1 - part)
            wanted[(low + 1) % 8, row // 2, column // 2] += abs(slope) * part
    assert edge_strength(pixels)[0] == pytest.approx(wanted.ravel(), abs=1e-9)
    first = load_digits("train").take([0])
    spiking = edge_strength(pixels)[0] >= WEAKEST * STRONGEST
    assert first.label.tolist() == [0]
    assert first.n_events == np.count_nonzero(spiking) == 38


def test_digits_are_in_the_catalogue() -> None:
    data = load_dataset("digits")
    assert data.validation is not None
    assert (data.train.n_samples, data.validation.n_samples) == (1297, 200)


def test_without_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with refused(MissingError, "library-missing") as caught:
        load_digits("test")
    assert caught.value.exit_code == 3
    assert "scikit-learn" in caught.value.what
    assert "'scikit-learn<" in caught.value.fix
