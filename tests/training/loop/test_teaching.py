"""Learning from a teacher: the probabilities of each sample, files, and errors."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nmtool as nm
from nmtool.data import Dataset, SplitRule, stored, write_shd
from nmtool.data.teacher import Teacher
from nmtool.errors import DataError, FileFormatError, UsageError
from nmtool.training.loop.run import first_network
from nmtool.training.loop.trainer import Trainer
from nmtool.training.options import TrainOptions
from nmtool.training.processes.ranks import ALONE, Ranks
from tests.nmtool.data.test_stored import is_on_disk
from tests.refusals import refused
from tests.training.small_data import small_dataset, small_events, small_options, without_seconds
from tests.training.stops import stop_after

pytestmark = pytest.mark.torch

N = 40


def probabilities(seed: int = 0, n_samples: int = N) -> np.ndarray:
    """Probabilities with different rows."""
    return np.random.default_rng(seed).dirichlet(np.ones(3), n_samples)


@pytest.fixture
def teacher(tmp_path: Path) -> Path:
    """The file of a teacher of the 40 samples of `small_dataset`."""
    path = tmp_path / "teacher.npz"
    Teacher(probabilities(), small_dataset().content_hash).save(path)
    return path


def _trainer(data: Dataset, ranks: Ranks = ALONE, **settings: Any) -> Trainer:
    """A trainer that learns from `probabilities()` alone."""
    soft_labels = Teacher(probabilities()).rows_of(data)
    alone = {"teacher": "in memory", "teacher_share": 1.0, "shift": 0, "stretch": 0.0}
    options = small_options(**alone | settings)
    return Trainer(options, data.train, data.validation, soft_labels=soft_labels, ranks=ranks)


class _Alone(Ranks):
    """A rank without other ranks."""

    def check_same(self, *arguments: Any) -> None:
        pass

    def copy_from_first(self, *arguments: Any) -> None:
        pass


def _targets(trainer: Trainer, epoch: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """The samples of an epoch in the order of training, and the target of each sample."""
    batches = list(trainer._shuffled(epoch))
    inputs = [trainer._portion(*batch) for batch in batches]
    targets = [batch.target for batch in inputs if batch.target is not None]
    return np.concatenate([samples for samples, _ in batches]), np.concatenate(targets)


@pytest.mark.parametrize("amount", ["0", "7", "last 7"])
def test_every_sample_has_its_own_row(amount: str) -> None:
    data = Dataset.of(train=small_events(N, 1)).with_validation(SplitRule(amount, seed=3))
    samples, targets = _targets(_trainer(data))
    rows = probabilities()[data.train_index]
    np.testing.assert_array_equal(targets, rows[samples])
    assert len(targets) == data.train.n_samples


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_labels_and_teacher_are_mixed(share: float) -> None:
    data = small_dataset(N)
    samples, targets = _targets(_trainer(data, teacher_share=share))
    expected = (1 - share) * np.eye(3)[data.train.label] + share * probabilities()
    np.testing.assert_allclose(targets, expected[samples], atol=1e-15)


def test_a_blend_has_the_mean_of_both() -> None:
    """Events show their source, since each sample spikes on a different channel."""
    events = nm.SpikeEvents.from_lists(
        [np.arange(20.0)] * N, [[n] * 20 for n in range(N)], [n % 3 for n in range(N)], n_units=N
    )
    data = Dataset.of(train=events)
    trainer = _trainer(data, blend=0.6, steps=20, dt_ms=1.0, validation=0)
    seen = []
    for samples, rng in trainer._shuffled(1):
        batch = trainer._portion(samples, rng)
        assert batch.target is not None
        for place, raster in enumerate(batch.binned.raster):
            own, sources = samples[place], set(np.unique(raster.neuron).tolist())
            both = np.mean(probabilities()[sorted(sources | {own})], axis=0)
            if len(sources) == 2:
                np.testing.assert_allclose(batch.target[place], both, atol=1e-15)
                assert len({n % 3 for n in sources}) == 1
            elif sources == {own}:
                np.testing.assert_array_equal(batch.target[place], probabilities()[own])
            seen.append(len(sources))
    assert 0.3 * N < seen.count(2) < 0.8 * N


def test_ranks_get_their_share_of_the_same_targets() -> None:
    data = small_dataset(N)
    settings = {"blend": 0.5, "batch_size": 7}
    whole = _trainer(data, **settings)
    parts = [_trainer(data, _Alone(rank, 2), **settings) for rank in (0, 1)]
    for samples, _ in whole._shuffled(1):
        rng = [np.random.default_rng(5) for _ in range(3)]
        joint, first, second = (
            trainer._portion(samples, own)
            for trainer, own in zip((whole, *parts), rng, strict=True)
        )
        assert joint.target is not None
        np.testing.assert_array_equal(np.concatenate([first.target, second.target]), joint.target)
        np.testing.assert_array_equal(np.concatenate([first.label, second.label]), joint.label)


def _same(first: nm.Run, second: nm.Run) -> bool:
    return first.network.content_hash == second.network.content_hash and without_seconds(
        first.log
    ) == without_seconds(second.log)


def test_a_network_learns_the_classes_of_its_teacher(tmp_path: Path) -> None:
    """The teacher's class of every sample is the one after its label."""
    data, path = small_dataset(120), tmp_path / "t.npy"
    np.save(path, np.eye(3)[(data.train.label + 1) % 3])
    options = small_options(teacher=path, teacher_share=1.0, epochs=6)
    run = nm.train(data, options, folder=tmp_path / "run")
    evaluation = nm.evaluate(run, data.train)
    assert (evaluation.predictions == (data.train.label + 1) % 3).mean() > 0.8
    assert evaluation.accuracy < 0.15
    assert evaluation.loss is not None
    # The log contains the loss for the labels of the teacher.
    assert evaluation.loss > run.log[-1]["loss"]


@pytest.mark.parametrize("settings", [{}, {"readout": "first_spike", "init_output": [20, 9]}])
def test_a_teacher_of_one_hot_labels_changes_next_to_nothing(
    settings: dict[str, Any], tmp_path: Path
) -> None:
    data, path = small_dataset(), tmp_path / "t.npy"
    np.save(path, np.eye(3)[data.train.label])
    options = small_options(epochs=1, gain=5.0, **settings)
    alone = nm.train(data, options)
    taught = nm.train(data, replace(options, teacher=path, teacher_share=0.5))
    assert taught.log[0]["loss"] == pytest.approx(alone.log[0]["loss"], rel=1e-4)
    assert first_network(taught.options, data).content_hash == (
        first_network(options, data).content_hash
    )


def test_a_teacher_for_training_in_integers(teacher: Path) -> None:
    data = small_dataset()
    run = nm.train(data, small_options(teacher=teacher, arithmetic="integer", epochs=2))
    assert run.integers is not None
    assert run.log[-1]["loss"] < run.log[0]["loss"] * 1.2


def test_samples_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nmtool.paths.cache_folder", lambda: tmp_path / "cache")
    monkeypatch.setattr(stored, "IN_MEMORY_BYTES", 0)
    write_shd(tmp_path / "small_train.h5", small_events(N, 1))
    on_disk, in_memory = nm.load_dataset(tmp_path), nm.load_dataset(tmp_path, in_memory=True)
    assert is_on_disk(on_disk.train)
    Teacher(probabilities(), in_memory.content_hash).save(tmp_path / "t.npz")
    options = small_options(
        teacher=tmp_path / "t.npz", epochs=2, blend=0.4, validation=9, validation_by=None
    )
    assert _same(nm.train(on_disk, options), nm.train(in_memory, options))


# Tests of the run's files and settings


def test_a_resumed_run_finds_the_same_teacher(
    teacher: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    data, options = small_dataset(), small_options(teacher="teacher.npz", blend=0.4)
    whole = nm.train(data, options, folder="whole")
    manifest = json.loads(Path("whole/run.json").read_text())
    assert manifest["teacher"] == Teacher.load(teacher).content_hash
    assert manifest["options"]["teacher"] == "teacher.npz"
    with pytest.raises(KeyboardInterrupt):
        nm.train(data, options, folder="run", on_batch=stop_after(2))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    resumed = nm.train(data, folder=tmp_path / "run", resume=True)
    assert _same(resumed, whole)
    assert nm.train(data, folder=tmp_path / "run", resume=True).log == resumed.log


@pytest.mark.parametrize("stop", [0, 2])
def test_resuming_with_another_teacher_is_refused(stop: int, teacher: Path, tmp_path: Path) -> None:
    data, options = small_dataset(), small_options(teacher=teacher)
    with pytest.raises(KeyboardInterrupt):
        nm.train(data, options, folder=tmp_path / "run", on_batch=stop_after(stop))
    before = teacher.read_bytes()
    Teacher(probabilities(seed=1)).save(teacher)
    with refused(UsageError, "resume-teacher-differs"):
        nm.train(data, folder=tmp_path / "run", resume=True)
    teacher.write_bytes(before)
    assert len(nm.train(data, folder=tmp_path / "run", resume=True).log) == options.epochs


def test_the_same_numbers_in_another_file_are_the_same_teacher(
    teacher: Path, tmp_path: Path
) -> None:
    data, options = small_dataset(), small_options(teacher=teacher, epochs=2)
    run = nm.train(data, options, folder=tmp_path / "run")
    teacher.unlink()
    np.savez(teacher, probability=probabilities())
    assert nm.train(data, folder=tmp_path / "run", resume=True).log == run.log


def test_finetuning_keeps_the_teacher_by_default(
    teacher: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    data = small_dataset()
    nm.train(data, small_options(teacher="teacher.npz", epochs=2), folder="run")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    tuned = nm.finetune(tmp_path / "run", {"epochs": 1}, data, folder="tuned")
    assert tuned.options.teacher == "teacher.npz"
    assert json.loads(Path("tuned/run.json").read_text())["teacher"]
    alone = nm.finetune(tmp_path / "run", {"epochs": 1, "teacher": "none"}, data, folder="alone")
    assert alone.options.teacher is None
    assert "teacher" not in json.loads(Path("alone/run.json").read_text())
    assert tuned.log[0]["loss"] != alone.log[0]["loss"]


# Tests of remarks and errors


def test_a_teacher_of_other_rows_is_remarked(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data, path = small_dataset(), tmp_path / "t.npy"
    caplog.set_level(logging.INFO)
    for turn, remarked in ((0, False), (1, True)):
        caplog.clear()
        np.save(path, np.eye(3)[(data.train.label + turn) % 3])
        nm.train(data, small_options(teacher=path, epochs=1))
        text = caplog.text
        assert ("remark[teacher-against-labels]" in text) == remarked
        assert f"the label for {100 - 100 * turn:.1f}% of the training samples" in text


def test_invalid_teachers_are_refused(teacher: Path, tmp_path: Path) -> None:
    data = small_dataset()
    with refused(UsageError, "teacher-with-margin"):
        TrainOptions(readout="first_spike", margin_ms=3.0, teacher=teacher)
    with refused(UsageError, "setting-range"):
        TrainOptions(teacher_share=1.5)
    with refused(UsageError, "setting-type"):
        TrainOptions(teacher=3)  # type: ignore[arg-type]
    with refused(FileFormatError, "teacher-missing"):
        nm.train(data, small_options(teacher="no.npz"), folder=tmp_path / "run")
    with refused(UsageError, "teacher-data-differ"):
        nm.train(small_dataset(41), small_options(teacher=teacher), folder=tmp_path / "run")
    np.save(tmp_path / "t.npy", probabilities(n_samples=41))
    with refused(DataError, "teacher-shape"):
        nm.train(data, small_options(teacher=tmp_path / "t.npy"), folder=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_teacher_path_is_a_string_in_the_settings(teacher: Path) -> None:
    options = TrainOptions(teacher=teacher)
    assert options == TrainOptions(teacher=str(teacher))
    assert json.loads(json.dumps(options.as_json()))["teacher"] == str(teacher)
    assert TrainOptions(teacher="none").teacher is None


def test_a_report_needs_no_teacher_file(teacher: Path, tmp_path: Path) -> None:
    """The initial network depends only on settings and data."""
    data = small_dataset()
    run = nm.train(data, small_options(teacher=teacher, epochs=1), folder=tmp_path / "run")
    of_teacher = Teacher.load(teacher).content_hash
    teacher.unlink()
    network = first_network(run.options, data)
    assert (
        network.content_hash == json.loads((tmp_path / "run" / "run.json").read_text())["initial"]
    )
    report = json.dumps(nm.report(run, data.train).as_json())
    assert f'"learnt from the teacher": "{of_teacher}"' in report
