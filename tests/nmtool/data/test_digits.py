from __future__ import annotations

import sys

import numpy as np
import pytest

from nmtool.data import SPLITS, SpikeEvents, load_dataset
from nmtool.data.digits import load_digits, pixel_latency_ms
from nmtool.errors import MissingError
from tests.refusals import refused

pytestmark = pytest.mark.torch  # scikit-learn comes with the same extra


def brightness(events: SpikeEvents) -> np.ndarray:
    """[samples, 64]: the code read backwards."""
    image = np.zeros((events.n_samples, 64))
    image[events.sample_index(), events.unit] = 16 - events.time_ms / 4
    return image


def test_brighter_pixels_spike_earlier_and_dark_ones_never() -> None:
    latency = pixel_latency_ms(np.array([[16.0, 15.0, 1.0, 0.0]]))
    assert latency[0, :3].tolist() == [0.0, 4.0, 60.0]
    assert np.isnan(latency[0, 3])


def test_the_splits_hold_every_digit_once_and_nothing_is_lost() -> None:
    from sklearn.datasets import load_digits as original

    images, label = original(return_X_y=True)
    splits = [load_digits(split) for split in SPLITS]
    assert [events.n_samples for events in splits] == [1297, 200, 300]
    assert np.array_equal(np.concatenate([brightness(events) for events in splits]), images)
    assert np.array_equal(np.concatenate([events.label for events in splits]), label)


def test_a_known_digit() -> None:
    first = load_digits("train").take([0])
    assert first.label.tolist() == [0]
    assert brightness(first)[0, :8].tolist() == [0, 0, 5, 13, 9, 1, 0, 0]
    assert first.class_names == tuple("0123456789")
    assert first.n_units == 64


def test_catalogue_knows_digits() -> None:
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
