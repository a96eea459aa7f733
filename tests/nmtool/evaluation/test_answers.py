"""`Answers`: predictions of networks in a file, with their samples and folds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nmtool import storage
from nmtool.data import SpikeEvents
from nmtool.data.dividing import Folds
from nmtool.errors import FileFormatError, UsageError
from nmtool.evaluation.answers import NONE_YET, Answers, holds_answers
from tests.refusals import refused


def events(n: int = 6, first: float = 0.0) -> SpikeEvents:
    times = [[first + sample] for sample in range(n)]
    return SpikeEvents.from_lists(
        times,
        [[0]] * n,
        [sample % 2 for sample in range(n)],
        n_units=1,
        class_names=["no", "yes"],
        groups={"speaker": [sample // 2 for sample in range(n)]},
    )


def blank(of: SpikeEvents | None = None, **changes: Any) -> Answers:
    arguments: dict[str, Any] = {
        "data": "six",
        "splits": ("train",),
        "rule": Folds("speaker"),
        "seeds": (4, 5),
        "model": "a guess",
        "settings": {"lr": 0.1, "init": (1.0, 2.0)},
    }
    return Answers.empty(of or events(), **arguments | changes)


def finished(**changes: Any) -> Answers:
    """Answers of two seeds: the first is always right, the second for the last speaker only."""
    answers = blank(**changes)
    last = answers.groups["speaker"] == 2
    right = np.stack([answers.label, np.where(last, answers.label, 1 - answers.label)])
    return replace(answers, predictions=right)


def test_answers_come_fold_by_fold() -> None:
    answers = blank()
    assert not answers.is_finished
    assert answers.predictions.tolist() == [[NONE_YET] * 6] * 2
    with refused(UsageError, "answers-unfinished") as caught:
        answers.summary()
    assert "12 of 12" in caught.value.what
    later = answers.with_fold(1, 2, np.array([1, 0]))
    assert later.predictions.tolist() == [[-1] * 6, [-1, -1, -1, -1, 1, 0]]
    assert (later.has(1, 2), later.has(0, 2), later.has(1, 1)) == (True, False, False)
    assert not answers.has(1, 2)


def test_accuracies() -> None:
    answers = finished()
    assert answers.fold_accuracy.tolist() == [[1, 1, 1], [0, 0, 1]]
    np.testing.assert_allclose(answers.seed_accuracy, [1, 1 / 3])
    assert answers.accuracy == pytest.approx(2 / 3)
    assert [part.seeds for part in answers.each_seed()] == [(4,), (5,)]
    assert answers.each_seed()[1].accuracy == pytest.approx(1 / 3)
    assert answers.as_json()["seeds"][1] == {
        "seed": 5,
        "accuracy": pytest.approx(1 / 3),
        "folds": [0, 0, 1],
    }
    [table] = answers.tables()
    assert table.rows[-1] == ("all", 6, "100.00%", "33.33%")
    assert table.rows[1] == ("1 (speaker 1)", 2, "100.00%", "0.00%")
    for rule in (Folds(2), Folds("speaker", 3)):
        assert finished(rule=rule).tables()[0].rows[1][0] == "1"
    assert "accuracy 66.67% of 6 samples, 3 folds, 2 seeds" in repr(answers)


def test_answers_are_saved_and_loaded(tmp_path: Path) -> None:
    answers = finished()
    answers.save(tmp_path / "answers.npz")
    for path in (tmp_path, tmp_path / "answers.npz"):
        assert holds_answers(path)
        read = Answers.load(path)
        for name in ("predictions", "label", "fold"):
            assert np.array_equal(getattr(read, name), getattr(answers, name))
        assert read.groups["speaker"].tolist() == [0, 0, 1, 1, 2, 2]
        for name in ("data", "data_hash", "splits", "rule", "seeds", "model", "class_names"):
            assert getattr(read, name) == getattr(answers, name), name
        assert read.settings == {"lr": 0.1, "init": [1.0, 2.0]}
        assert read.path == path
    again = tmp_path / "again.npz"
    answers.save(again)
    assert again.read_bytes() == (tmp_path / "answers.npz").read_bytes()


def test_a_split_without_a_rule_is_one_fold() -> None:
    answers = blank(rule=None)
    assert (answers.n_folds, answers.fold.tolist()) == (1, [0] * 6)


def test_other_files_are_refused(tmp_path: Path) -> None:
    assert not holds_answers(tmp_path)
    with refused(FileFormatError, "file-missing"):
        Answers.load(tmp_path)
    np.savez(tmp_path / "other.npz", x=np.zeros(2))
    assert not holds_answers(tmp_path / "other.npz")
    with refused(FileFormatError, "file-damaged"):
        Answers.load(tmp_path / "other.npz")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("predictions", np.zeros((1, 6), np.int64)),
        ("predictions", np.full((2, 6), 2)),
        ("predictions", np.full((2, 6), -2)),
        ("label", np.full(6, 2)),
        ("label", np.zeros(0, np.int64)),
        ("fold", np.array([0, 0, 2, 2, 2, 2])),
        ("fold", np.array([0, 0, 1, 1, 1, 1 << 40])),
        ("fold", np.full(6, -1)),
        ("fold", np.zeros(5, np.int64)),
        ("group.speaker", np.zeros(5, np.int64)),
        ("seeds", []),
        ("seeds", "x"),
        ("rule", {"by": [], "n": 1, "seed": 0}),
        ("rule", 3),
        ("rule", {"by": "sex", "n": None, "seed": 0}),
        ("settings", 3),
        ("class_names", None),
    ],
)
def test_damaged_files_are_refused(name: str, value: Any, tmp_path: Path) -> None:
    finished().save(tmp_path / "answers.npz")
    archive = storage.read_archive(tmp_path / "answers.npz", Answers.file_kind, 1)
    part = archive.arrays if name in archive.arrays else archive.header
    part[name] = value
    header = {n: v for n, v in archive.header.items() if n not in ("kind", "version")}
    storage.write_archive(tmp_path / "answers.npz", Answers.file_kind, 1, header, archive.arrays)
    with refused(FileFormatError, "file-damaged"):
        Answers.load(tmp_path)


def test_answers_for_other_samples_or_folds_are_refused() -> None:
    answers = finished()
    answers.check_same_samples(finished(seeds=(0,) * 2))
    with refused(UsageError, "answers-samples-differ"):
        answers.check_same_samples(finished(of=events(first=1.0)))
    with refused(UsageError, "answers-samples-differ"):
        answers.check_same_samples(finished(of=events(8)))
    with refused(UsageError, "answers-folds-differ") as caught:
        answers.check_same_samples(finished(rule=Folds(3)))
    assert "blocks of 3" in caught.value.why
    answers.check_answer_to(events(), "six")
    with refused(UsageError, "answers-samples-differ"):
        answers.check_answer_to(events()[[1, 0, 2, 3, 4, 5]], "six")
