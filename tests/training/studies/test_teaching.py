"""`soft_labels`: probabilities of networks for training samples."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nmtool as nm
from nmtool.data import Dataset, stored, write_shd
from nmtool.errors import DataError, UsageError
from nmtool.network.graph import LIF
from nmtool.running import record_portions
from tests.nmtool.cli import cases
from tests.nmtool.data.test_stored import is_on_disk
from tests.refusals import refused

FLOATS = cases.float_network()


@pytest.fixture
def data() -> Dataset:
    """Twelve training samples, in memory."""
    return Dataset.of(train=cases.spike_events(cases.N_TRAIN, 1))


def _softmax(scores: np.ndarray) -> np.ndarray:
    powers = np.exp(scores)
    return powers / powers.sum(axis=1, keepdims=True)


def _scores(network: nm.Network, events: nm.SpikeEvents) -> np.ndarray:
    return nm.evaluate(network, events).scores


def test_probabilities_of_one_network(data: Dataset) -> None:
    teacher = nm.soft_labels([FLOATS], data, gain=3.0)
    np.testing.assert_allclose(
        teacher.probability, _softmax(3.0 * _scores(FLOATS, data.train)), rtol=1e-12
    )
    assert (teacher.data_hash, teacher.networks) == (data.content_hash, (FLOATS.content_hash,))
    np.testing.assert_array_equal(teacher.rows_of(data), teacher.probability)


def test_several_networks_have_the_mean_of_their_probabilities(data: Dataset) -> None:
    scaled = replace(
        FLOATS, projections=[replace(p, weight=1.5 * p.weight) for p in FLOATS.projections]
    )
    both = nm.soft_labels([FLOATS, scaled], data, gain=3.0)
    alone = [nm.soft_labels([network], data, gain=3.0).probability for network in (FLOATS, scaled)]
    assert not np.allclose(alone[0], alone[1])
    np.testing.assert_allclose(both.probability, np.mean(alone, axis=0), rtol=1e-12)
    assert both.networks == (FLOATS.content_hash, scaled.content_hash)


def test_a_smaller_gain_spreads_them(data: Dataset) -> None:
    sure, unsure = (nm.soft_labels([FLOATS], data, gain=gain) for gain in (30.0, 0.3))
    assert sure.probability.max(axis=1).mean() > unsure.probability.max(axis=1).mean() + 0.1


def test_large_gains_do_not_overflow(data: Dataset) -> None:
    probability = nm.soft_labels([FLOATS], data, gain=1e9).probability
    assert np.isfinite(probability).all()


def test_validation_samples_get_probabilities_too(data: Dataset) -> None:
    divided = data.with_validation("last 5")
    teacher = nm.soft_labels([FLOATS], divided, gain=1.0)
    assert teacher.n_samples == cases.N_TRAIN
    assert teacher.content_hash == nm.soft_labels([FLOATS], data.train, gain=1.0).content_hash
    assert len(teacher.rows_of(divided)) == cases.N_TRAIN - 5


def test_integers_answer_in_the_units_of_floats(data: Dataset) -> None:
    integers = nm.quantise(FLOATS, calibrate_on=data.train).network
    floats = nm.soft_labels([FLOATS], data, gain=2.0).probability
    probability = nm.soft_labels([integers], data, gain=2.0).probability
    assert np.abs(floats - 0.5).max() > 0.1
    np.testing.assert_allclose(probability, floats, atol=0.1)


def test_first_spikes_count_in_ms(data: Dataset) -> None:
    output = replace(FLOATS.populations[1], kind=LIF, threshold=0.05)
    readout = nm.Readout("out", "first_spike")
    network = replace(
        FLOATS, populations=[FLOATS.populations[0], output], readout=readout, dt_ms=2.0
    )
    steps = -_scores(network, data.train)
    assert len(np.unique(steps)) > 2
    probability = nm.soft_labels([network], data, gain=0.25).probability
    np.testing.assert_allclose(probability, _softmax(-0.25 * 2.0 * steps), rtol=1e-12)


def test_probabilities_are_computed_in_portions(
    data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Membranes of a whole training split may not fit into memory."""
    whole = nm.soft_labels([FLOATS], data, gain=1.0)
    values_per_sample = FLOATS.n_steps * FLOATS.populations[1].size
    monkeypatch.setattr("nmtool.batches.MAX_RECORDED", 5 * values_per_sample)
    sizes = [len(part.label) for part, _ in record_portions(FLOATS, data.train)]
    assert sizes == [5, 5, 2]
    parts = nm.soft_labels([FLOATS], data, gain=1.0)
    np.testing.assert_allclose(parts.probability, whole.probability, rtol=1e-6)


def test_samples_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nmtool.paths.cache_folder", lambda: tmp_path / "cache")
    monkeypatch.setattr(stored, "IN_MEMORY_BYTES", 0)
    monkeypatch.setattr("nmtool.data.events.AT_ONCE", 5)
    write_shd(tmp_path / "two_train.h5", cases.spike_events(12, 1))
    on_disk, in_memory = nm.load_dataset(tmp_path), nm.load_dataset(tmp_path, in_memory=True)
    assert is_on_disk(on_disk.train)
    first, second = (nm.soft_labels([FLOATS], data, gain=1.0) for data in (on_disk, in_memory))
    assert first.data_hash == second.data_hash
    np.testing.assert_allclose(first.probability, second.probability, rtol=1e-6)


@pytest.mark.torch
def test_gain_and_data_are_those_of_the_run_by_default(tmp_path: Path) -> None:
    write_shd(tmp_path / "two_train.h5", cases.spike_events(12, 1))
    gains = {"one": 30.0, "other": 60.0}
    settings: dict[str, Any] = {"hidden": 6, "steps": 30, "max_delay": 9, "epochs": 1}
    runs = []
    for name, gain in gains.items():
        options = nm.TrainOptions(**settings, gain=gain, validation=4)
        runs.append(nm.train(str(tmp_path), options, folder=tmp_path / name))
    data = nm.load_dataset(tmp_path)
    teacher = nm.soft_labels([tmp_path / name for name in gains])
    assert teacher.data_hash == data.content_hash
    parts = [
        nm.soft_labels([run.network], data, gain=gain).probability
        for run, gain in zip(runs, gains.values(), strict=True)
    ]
    np.testing.assert_allclose(teacher.probability, np.mean(parts, axis=0), rtol=1e-12)
    assert nm.soft_labels(runs).content_hash == teacher.content_hash
    alone = nm.soft_labels([tmp_path / "one" / "network.npz"])
    np.testing.assert_allclose(alone.probability, parts[0], rtol=1e-12)


def test_invalid_arguments_are_refused(data: Dataset, tmp_path: Path) -> None:
    FLOATS.save(tmp_path / "floats.npz")
    with refused(UsageError, "networks-missing"):
        nm.soft_labels([], data)
    with refused(UsageError, "gain-unknown"):
        nm.soft_labels([FLOATS], data)
    with refused(UsageError, "gain-unknown") as caught:
        nm.soft_labels([tmp_path / "floats.npz"], data)
    assert "floats.npz" in caught.value.what
    for gain in (0.0, -1.0, float("nan"), float("inf")):
        with refused(UsageError, "setting-range"):
            nm.soft_labels([FLOATS], data, gain=gain)
    with refused(UsageError, "data-missing"):
        nm.soft_labels([FLOATS], gain=1.0)
    with refused(UsageError, "argument-type"):
        nm.soft_labels(FLOATS, data)  # type: ignore[arg-type]
    with refused(UsageError, "argument-type"):
        nm.soft_labels([FLOATS], 3, gain=1.0)  # type: ignore[arg-type]
    with refused(DataError, "split-empty"):
        nm.soft_labels([FLOATS], data.train[:0], gain=1.0)
    events = nm.SpikeEvents.from_lists([[1.0], [2.0]], [[0], [8]], [0, 1])
    with pytest.raises(UsageError):
        nm.soft_labels([FLOATS], events, gain=1.0)


@pytest.mark.torch
def test_folds_give_probabilities_for_held_out_samples(tmp_path: Path, data: Dataset) -> None:
    settings: dict[str, Any] = {"hidden": 6, "steps": 30, "max_delay": 9, "epochs": 1}
    options = nm.TrainOptions(**settings, gain=30.0, validation=0)
    answers = nm.cross_validate(data, options, by=4, seeds=2, folder=tmp_path)
    teacher = nm.soft_labels([tmp_path], data)
    expected = np.zeros((cases.N_TRAIN, 2))
    for fold in range(3):
        rows = np.flatnonzero(answers.fold == fold)
        runs = [tmp_path / "folds" / f"000{fold}" / f"seed{seed}" for seed in (0, 1)]
        for network in (nm.Run.load(run).network for run in runs):
            expected[rows] += 0.5 * _softmax(30.0 * _scores(network, data.train[rows]))
    np.testing.assert_allclose(teacher.probability, expected, rtol=1e-9)
    assert len(set(teacher.networks)) == 6
    both = nm.soft_labels([tmp_path, FLOATS], data, gain=30.0).probability
    alone = nm.soft_labels([FLOATS], data, gain=30.0).probability
    np.testing.assert_allclose(both, 0.5 * (expected + alone), rtol=1e-9)
    run = nm.train(data, options, teacher=[tmp_path])
    assert run.options.teacher is not None
    with refused(UsageError, "answers-samples-differ"):
        nm.soft_labels([tmp_path], Dataset.of(train=data.train[:8]))


@pytest.mark.torch
def test_folds_of_other_splits_are_refused(tmp_path: Path, data: Dataset) -> None:
    both = Dataset.of(train=data.train, test=data.train)
    options = nm.TrainOptions(hidden=3, steps=30, epochs=1, validation=0)
    nm.cross_validate(both, options, by=6, splits=("train", "test"), folder=tmp_path)
    with refused(UsageError, "teacher-folds-splits"):
        nm.soft_labels([tmp_path], both)
