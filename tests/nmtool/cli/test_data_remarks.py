"""What `nmtool train` remarks about data before it learns from them."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from nmtool.data import Dataset, SpikeEvents, load_dataset, write_shd
from nmtool.training.options import TrainOptions
from nmtool.training.remarks import remarks
from tests.nmtool.cli import cases
from tests.nmtool.cli.conftest import Nmtool

pytestmark = pytest.mark.torch


def _labelled(label: np.ndarray) -> SpikeEvents:
    """Silent samples of the given classes."""
    names = [str(index) for index in range(1 + label.max())]
    return SpikeEvents([], [], np.zeros(label.size + 1, int), label, 3, names)


def _of_labels(label: np.ndarray, tail: int) -> list[str]:
    dataset = Dataset("digits", ("train",), lambda split: _labelled(label), tail=tail)
    return list(remarks(dataset, TrainOptions()))


def _without_units(folder: Path) -> None:
    for path in folder.iterdir():
        with h5py.File(path, "a") as file:
            del file.attrs["n_units"]


def test_data_as_they_should_be(data: Path) -> None:
    dataset = load_dataset(data, validation=4)
    assert list(remarks(dataset, TrainOptions())) == []


def test_a_number_of_channels_that_is_assumed(nmtool: Nmtool, data: Path) -> None:
    _without_units(data)
    said = nmtool("train", "two", "-o", "run", *cases.SETTINGS, "--epochs", 1)
    assert said.code == 0
    first, *others = said.err.splitlines()
    assert first == (
        "the files in two do not say how many channels there are: 700 are assumed, as in SHD; "
        "--units N, or their attribute n_units, says otherwise"
    )
    assert [line[:5] for line in others] == ["epoch"]
    said = nmtool("train", "two", "-o", "four", *cases.SETTINGS, "--epochs", 1, "--units", 4)
    assert len(said.err.splitlines()) == 1


def test_events_after_the_last_step(nmtool: Nmtool, data: Path) -> None:
    train = cases.spike_events(cases.N_TRAIN, 1)
    kept = train.split_tail(4)[0]
    late = int((kept.time_ms >= 2 * 9).sum())
    assert late > 3
    words = ("train", "two", "-o", "run", *cases.SETTINGS, "--dt", 2, "--steps", 9, "--epochs", 2)
    said = nmtool(*words)
    told = said.err.splitlines()
    assert told[0] == (
        f"{late} of the {kept.n_events} events of an epoch lie after the last step "
        "(dt × steps = 18 ms) and are dropped; more --steps keep them"
    )
    assert [line[:5] for line in told[1:]] == ["epoch"] * 2
    said = nmtool("train", "two", "-o", "run", "--resume")
    assert (said.code, said.err) == (0, "")


def test_bits_of_delays_that_end_early(nmtool: Nmtool, data: Path) -> None:
    del data
    integers = ("--arithmetic", "integer", "--epochs", 1)
    few = (*integers, "--delay-bits", 2, "--delay-stride", 2)
    told = (
        "delays of 2 bits in strides of 2 steps end at 6, longer ones are cut: max_delay is 9; "
        "more --delay-bits or another --delay-stride reach further"
    )
    train = ("train", "two", "-o", "run", *cases.SETTINGS)
    for words in (train, ("finetune", "run", "-o", "fine")):
        said = nmtool(*words, *few)
        assert said.code == 0, said.err
        assert said.err.count(told) == 1
    said = nmtool("train", "two", "-o", "near", *cases.SETTINGS, *integers, "--delay-bits", 2)
    assert [line[:5] for line in said.err.splitlines()] == ["epoch"]


def test_the_samples_that_validate_lack_classes() -> None:
    in_order = np.repeat(np.arange(10), 150)
    assert _of_labels(in_order, 300) == [
        "the last 300 training samples, which validate, hold only 2 of the 10 classes; "
        "shuffle the file"
    ]
    assert _of_labels(np.repeat(np.arange(10), 6), 12) == [
        "the last 12 training samples, which validate, hold only 2 of the 10 classes; "
        "shuffle the file"
    ]


def test_the_samples_that_are_learnt_from_lack_classes() -> None:
    mostly = np.concatenate([np.zeros(150, int), np.repeat([1, 2], 150), np.arange(300) % 4])
    assert _of_labels(mostly, 300) == [
        "the training samples but for the last 300, which validate, hold only 3 of the 4 classes; "
        "shuffle the file"
    ]


def test_few_samples_lack_classes_by_chance() -> None:
    assert _of_labels(np.arange(400) % 20, 5) == []
    assert _of_labels(np.array([0] * 200 + [1] * 3), 100) == []
    for seed in range(20):
        shuffled = np.random.default_rng(seed).permutation(np.repeat(np.arange(20), 30))
        assert _of_labels(shuffled, 40) == []


def test_a_validation_split_of_its_own_is_as_it_is(data: Path) -> None:
    label = np.repeat([0, 1], 150)
    train = _labelled(label)
    only_one = train.take(range(100))
    write_shd(data / "two_train.h5", train)
    write_shd(data / "two_valid.h5", only_one)
    write_shd(data / "two_test.h5", only_one)
    assert list(remarks(load_dataset(data), TrainOptions())) == []
