"""Remarks on data and settings, made before a run begins."""

from __future__ import annotations

import numpy as np
import pytest

from nmtool.data import Dataset, SpikeEvents
from nmtool.training.loop.remarks import remarks
from nmtool.training.options import TrainOptions
from tests.training.small_data import small_dataset, small_events, small_options


def _labelled(label: np.ndarray) -> SpikeEvents:
    """Silent samples of the given classes."""
    names = [str(index) for index in range(1 + label.max())]
    return SpikeEvents([], [], np.zeros(label.size + 1, int), label, 3, names)


def _of_labels(label: np.ndarray, tail: int) -> list[Finding]:
    dataset = Dataset.of(train=_labelled(label)).with_validation(f"last {tail}")
    return list(remarks(dataset, TrainOptions()))


def test_data_as_they_should_be() -> None:
    assert list(remarks(small_dataset(), small_options())) == []
    for amount in ("auto", 12, "last 12"):
        dataset = Dataset.of(train=small_events(40, 1)).with_validation(amount)
        assert list(remarks(dataset, small_options())) == []


def test_events_after_the_last_step() -> None:
    dataset = small_dataset()
    late = int((dataset.train.time_ms >= 2 * 20).sum())
    (told,) = remarks(dataset, small_options(steps=20))
    assert told.startswith(f"{late} of the {dataset.train.n_events} events ")
    assert " 40 ms" in told
    assert "--steps" in told


@pytest.mark.parametrize(("max_delay", "n_lines"), [(6, 0), (7, 0), (8, 1), (12, 1)])
def test_bits_of_delays_that_end_a_stride_early(max_delay: int, n_lines: int) -> None:
    grid = {"delay_bits": 2, "delay_stride": 2, "max_delay": max_delay}
    told = list(remarks(small_dataset(), small_options(arithmetic="integer", **grid)))
    assert len(told) == n_lines
    for line in told:
        assert " 2 bits in strides of 2 steps end at 6," in line
        assert f"max_delay is {max_delay};" in line
    assert list(remarks(small_dataset(), small_options(arithmetic="float", **grid))) == []


@pytest.mark.parametrize(("each", "tail"), [(150, 300), (6, 12)])
def test_the_samples_that_validate_lack_classes(each: int, tail: int) -> None:
    (told,) = _of_labels(np.repeat(np.arange(10), each), tail)
    assert told.startswith(f"the last {tail} training samples")
    assert " 2 of the 10 classes" in told


def test_the_samples_that_are_learnt_from_lack_classes() -> None:
    mostly = np.concatenate([np.zeros(150, int), np.repeat([1, 2], 150), np.arange(300) % 4])
    (told,) = _of_labels(mostly, 300)
    assert told.startswith("the training samples but for the last 300")
    assert " 3 of the 4 classes" in told


def test_few_samples_lack_classes_by_chance() -> None:
    assert _of_labels(np.arange(400) % 20, 5) == []
    assert _of_labels(np.array([0] * 200 + [1] * 3), 100) == []
    for seed in range(20):
        shuffled = np.random.default_rng(seed).permutation(np.repeat(np.arange(20), 30))
        assert _of_labels(shuffled, 40) == []


def test_a_validation_split_of_its_own_is_as_it_is() -> None:
    train = _labelled(np.repeat([0, 1], 150))
    splits = {"train": train, "validation": train[:100]}
    dataset = Dataset("sorted", tuple(splits), splits.__getitem__)
    assert list(remarks(dataset, TrainOptions())) == []
