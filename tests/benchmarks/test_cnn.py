"""The CNN baseline on tiny data: its input, its choice of the epoch, and its files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import nmtool as nm
from benchmarks import cnn
from nmtool.data import Dataset, SpikeEvents, catalogue, write_shd
from nmtool.training.loop import batches as batch_module
from nmtool.training.loop.augment import augmented
from nmtool.training.options import TrainOptions
from tests.training.small_data import N_UNITS, small_dataset, small_events, small_options

pytestmark = pytest.mark.torch

OPTIONS = small_options(epochs=5, batch_size=8)
FAST = cnn.Settings(lr=0.01)


def speakers(n: int, seed: int) -> SpikeEvents:
    return replace(small_events(n, seed), groups={"speaker": np.arange(n) % 4})


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with the data set `small` and settings `few.toml`."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small").mkdir()
    for split, n, seed in (("train", 32, 1), ("test", 20, 3)):
        write_shd(tmp_path / "small" / f"small_{split}.h5", speakers(n, seed))
    (tmp_path / "few.toml").write_text(
        "hidden = 6\ndt_ms = 2.0\nsteps = 30\nmax_delay = 9\nbatch_size = 8\nepochs = 4\n"
        "shift = 1\nstretch = 0.1\nvalidation = 8\n"
    )
    return tmp_path


def command(*words: object) -> int:
    return cnn.main([str(word) for word in ("small", "--config", "few.toml", *words)])


# Tests of the network's input


def test_events_are_counted_in_bins_of_channels() -> None:
    events = SpikeEvents.from_lists(
        [[0.0, 9.99, 10.0, 29.9, 30.0], [], [15.0]], [[0, 1, 2, 4, 4], [], [3]], [0, 0, 0],
        n_units=5,
    )  # fmt: skip
    counting = cnn.Counting(bin_ms=10.0, n_bins=3, group=2)
    counts = counting(events).numpy()
    assert (counts.shape, counts.dtype) == ((3, 3, 3), np.float32)
    expected = np.zeros((3, 3, 3))
    expected[0, 0, 0] = np.sqrt(2)  # Units 0 and 1 have one event each in this bin.
    expected[0, 1, 1] = 1
    expected[0, 2, 2] = 1  # The event at 30 ms is dropped.
    expected[2, 1, 1] = 1
    np.testing.assert_allclose(counts, expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("dt_ms", "steps", "bin_ms", "bins"),
    [(2.0, 30, 10.0, 6), (1.0, None, 10.0, 100), (1.0, 61, 10.0, 7), (0.1, 300, 10.0, 3)],
)
def test_bins_cover_the_steps_of_a_spiking_network(
    dt_ms: float, steps: int | None, bin_ms: float, bins: int
) -> None:
    options = TrainOptions(dt_ms=dt_ms, steps=steps)
    assert cnn.Counting.of(cnn.Settings(bin_ms=bin_ms), options).n_bins == bins


def test_batches_are_those_of_a_spiking_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """A CNN and a spiking network get the same samples, with the same random augmentation."""

    def note(batches: list[bytes]) -> None:
        def changed(*arguments: Any) -> Any:
            events = augmented(*arguments)
            batches.append(
                events.time_ms.tobytes() + events.unit.tobytes() + events.label.tobytes()
            )
            return events

        for module in (cnn, batch_module):
            monkeypatch.setattr(module, "augmented", changed)

    options = small_options(epochs=2, blend=0.2, onset_ms=2.0, jitter_ms=0.5, drop=0.1)
    spiking: list[bytes] = []
    note(spiking)
    nm.train(small_dataset(), options)
    counted: list[bytes] = []
    note(counted)
    cnn.learn(small_dataset(), options, FAST)
    assert len(spiking) == 6
    assert counted == spiking


# Tests of training


@pytest.mark.long
def test_training_learns_and_is_reproducible() -> None:
    lines: list[str] = []
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = cnn.learn(small_dataset(), replace(OPTIONS, epochs=12), FAST, lines.append)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    again = cnn.learn(small_dataset(), replace(OPTIONS, epochs=12), FAST)
    assert len(lines) == len(first.log) == 12
    assert first.log == again.log
    test = small_events(60, 3)
    assert np.array_equal(first.probabilities(test), again.probabilities(test))
    assert (first.predictions(test) == test.label).mean() > 0.7
    reseeded = cnn.learn(small_dataset(), replace(OPTIONS, epochs=1, seed=1), FAST)
    once = cnn.learn(small_dataset(), replace(OPTIONS, epochs=1), FAST)
    assert reseeded.log != once.log


@pytest.mark.parametrize(
    "changes", [{}, pytest.param({"judge_epochs": 2}, marks=pytest.mark.long), {"average": 0.9}]
)
def test_the_epoch_with_the_best_validation_accuracy_is_returned(changes: dict[str, Any]) -> None:
    options = replace(OPTIONS, **changes)
    learnt = cnn.learn(small_dataset(), options, FAST)
    accuracies = [entry["validation_accuracy"] for entry in learnt.log]
    window = options.judge_epochs
    judged = [np.mean(accuracies[max(0, n - window) : n]) for n in range(1, len(accuracies) + 1)]
    assert judged[learnt.best["epoch"] - 1] == max(judged)
    validation = small_dataset().validation
    assert validation is not None
    right = learnt.predictions(validation) == validation.label
    assert right.mean() == learnt.best["validation_accuracy"]


def test_updates_after_the_best_epoch_are_discarded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The second of four epochs is chosen: the network equals that of a run of two epochs."""
    steady = replace(OPTIONS, schedule="constant", warmup=0.0)
    monkeypatch.setattr(cnn, "is_best", lambda log, judge_epochs: len(log) <= 2)
    chosen = cnn.learn(small_dataset(), replace(steady, epochs=4), FAST)
    second = cnn.learn(small_dataset(), replace(steady, epochs=2), FAST)
    assert [learnt.best["epoch"] for learnt in (chosen, second)] == [2, 2]
    assert len(chosen.log) == 4
    events = small_events(30, 5)
    assert np.array_equal(chosen.probabilities(events), second.probabilities(events))


def test_the_averaged_network_is_validated() -> None:
    """With a decay of 1, the network has the mean of all weights since the first update."""
    plain = cnn.learn(small_dataset(), replace(OPTIONS, epochs=1), FAST)
    mean = cnn.learn(small_dataset(), replace(OPTIONS, epochs=1, average=1.0), FAST)
    assert plain.log[0]["loss"] == mean.log[0]["loss"]
    first = {n: v for n, v in plain.model.state_dict().items() if n.endswith("weight")}
    assert any(not torch.equal(v, mean.model.state_dict()[n]) for n, v in first.items())


def test_early_stopping_ends_training() -> None:
    slow = cnn.Settings(lr=0.0)
    learnt = cnn.learn(small_dataset(), replace(OPTIONS, epochs=9, patience=2), slow)
    assert len(learnt.log) < 9


def test_only_training_and_validation_samples_are_read() -> None:
    splits: list[str] = []

    def load(split: str) -> SpikeEvents:
        splits.append(split)
        return small_events(24, 1)

    cnn.learn(Dataset("three", ("train", "test"), load), replace(OPTIONS, epochs=1), FAST)
    assert set(splits) == {"train"}


# Tests of the command


def test_the_test_split_is_only_used_with_the_option(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def note(path: Path, *more: Any, **keywords: Any) -> SpikeEvents:
        read.append(path.name)
        return original(path, *more, **keywords)

    read: list[str] = []
    original = catalogue.read_events
    monkeypatch.setattr(catalogue, "read_events", note)
    write_shd(folder / "small" / "small_valid.h5", speakers(12, 2))
    assert command("--seeds", 2) == 0
    assert sorted(read) == ["small_train.h5", "small_valid.h5"]
    printed = capsys.readouterr().out
    assert "seed 0: epoch" in printed
    assert "seed 1: epoch" in printed


def test_predictions_on_the_test_split_pair_with_networks(folder: Path) -> None:
    assert command("--seeds", 2, "--test", "-o", "cnn.npz") == 0
    answers = nm.Answers.load("cnn.npz")
    data = nm.load_dataset("small")
    assert (answers.model, answers.splits, answers.seeds) == ("cnn", ("test",), (0, 1))
    assert answers.data_hash == data.test.content_hash
    assert answers.settings["shift"] == 1
    assert "hidden" not in answers.settings
    run = nm.train(data, TrainOptions.from_file("few.toml"))
    difference = nm.compare_accuracy([run, run], ["cnn.npz"], data.test, clusters=["speaker"])
    assert np.array_equal(difference.second, answers.right)
    assert command("--test", "-o", "cnn.npz") == 2


def test_cross_validation_uses_the_folds_of_spiking_networks(folder: Path) -> None:
    words = ("--by", "speaker", "--folds", 2, "--fold-seed", 5, "--splits", "train", "test")
    assert command(*words, "-o", "cnn") == 0
    before = Path("cnn/answers.npz").read_bytes()
    # The second call has nothing left to train.
    assert command(*words, "-o", "cnn") == 0
    assert Path("cnn/answers.npz").read_bytes() == before
    assert command(*words, "-o", "cnn", "--lr", 0.5) == 2
    spiking = nm.cross_validate(
        "small", "few.toml", by="speaker", folds=2, fold_seed=5, splits=["train", "test"]
    )
    difference = nm.compare_accuracy([spiking], ["cnn"], clusters=["speaker"])
    assert difference.first.shape == (1, 52)


def test_a_fold_is_trained_on_the_other_folds_only(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[set[bytes]] = []

    def learn(data: Dataset, *more: Any) -> cnn.TrainedCnn:
        seen.append({sample.time_ms.tobytes() for sample in data.train})
        assert data.splits == ("train",)
        return original(data, *more)

    original = cnn.learn
    monkeypatch.setattr(cnn, "learn", learn)
    assert command("--by", 8, "--epochs", 1) == 0
    train = nm.load_dataset("small").train
    for fold, learnt in enumerate(seen):
        held_out = {
            sample.time_ms.tobytes() for sample in train[8 * fold : 8 * fold + 8] if sample.n_events
        }
        assert held_out
        assert not held_out & learnt
    assert len(seen) == 4


@pytest.mark.parametrize(
    "words",
    [
        ("-o", "cnn.npz"),
        ("--by", 8, "--test"),
        ("--by", "sex"),
    ],
)
@pytest.mark.usefixtures("folder")
def test_invalid_arguments_are_refused_before_training(
    words: tuple[object, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cnn, "learn", None)
    assert command(*words) == 2
    assert not list(Path().glob("*.npz"))


def test_channels_of_the_small_set_are_grouped() -> None:
    assert cnn.Counting(10.0, 6, 4).channels(small_events(3, 1)) == -(-N_UNITS // 4)
