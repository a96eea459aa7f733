"""Teachers: files of class probabilities, errors, and the row of each sample."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st

import nmtool as nm
from nmtool.data import SplitRule
from nmtool.data.teacher import Teacher
from nmtool.errors import DataError, FileFormatError, UsageError
from tests.nmtool.cli import cases
from tests.refusals import refused

EVENTS = cases.spike_events(12, 1)
DATA = nm.Dataset.of(train=EVENTS)


def probabilities(n_samples: int = 12, n_classes: int = 2, seed: int = 0) -> np.ndarray:
    """Probabilities with different rows."""
    return np.random.default_rng(seed).dirichlet(np.ones(n_classes), n_samples)


def test_a_saved_teacher_is_read_back(tmp_path: Path) -> None:
    teacher = Teacher(probabilities(), DATA.content_hash, ["ab", "cd"])
    teacher.save(tmp_path / "t.npz")
    again = Teacher.load(tmp_path / "t.npz")
    np.testing.assert_array_equal(again.probability, teacher.probability)
    assert (again.data_hash, again.networks) == (DATA.content_hash, ("ab", "cd"))
    assert again.content_hash == teacher.content_hash
    assert nm.inspect(tmp_path / "t.npz") == again.as_json()
    assert "ab" in again.summary()


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_a_numpy_array_can_be_a_teacher(dtype: type, tmp_path: Path) -> None:
    rows = probabilities().astype(dtype)
    np.save(tmp_path / "t.npy", rows)
    np.savez(tmp_path / "alone.npz", probability=rows)
    np.savez_compressed(tmp_path / "hash.npz", probability=rows, data_hash=DATA.content_hash)
    teachers = [Teacher.load(tmp_path / name) for name in ("t.npy", "alone.npz", "hash.npz")]
    assert [teacher.data_hash for teacher in teachers] == ["", "", DATA.content_hash]
    assert {teacher.content_hash for teacher in teachers} == {Teacher(rows).content_hash}
    for teacher in teachers:
        np.testing.assert_array_equal(teacher.rows_of(DATA), rows.astype(np.float64))


def test_a_teacher_does_not_change_with_its_file(tmp_path: Path) -> None:
    """Changing the file later does not change a teacher that was read before."""
    np.save(tmp_path / "t.npy", probabilities())
    teacher = Teacher.load(tmp_path / "t.npy")
    mapped = np.load(tmp_path / "t.npy", mmap_mode="r+")
    mapped[:] = 0.5
    mapped.flush()
    np.testing.assert_array_equal(teacher.probability, probabilities())


@given(
    amount=st.sampled_from(["0", "1", "5", "0.3", "last 4"]),
    seed=st.integers(0, 99),
)
def test_every_sample_keeps_its_row_for_any_validation_split(amount: str, seed: int) -> None:
    divided = DATA.with_validation(SplitRule(amount, seed))
    teacher = Teacher(probabilities(), DATA.content_hash)
    rows = teacher.rows_of(divided)
    assert len(rows) == divided.train.n_samples
    assert divided.undivided.content_hash == EVENTS.content_hash == divided.content_hash
    for number, index in enumerate(divided.train_index):
        assert divided.train[number].content_hash == EVENTS[int(index)].content_hash
        np.testing.assert_array_equal(rows[number], teacher.probability[index])


def test_data_with_a_validation_split_of_their_own() -> None:
    data = nm.Dataset.of(train=EVENTS, validation=cases.spike_events(4, 2))
    rows = Teacher(probabilities(), data.content_hash).rows_of(data)
    np.testing.assert_array_equal(rows, probabilities())


def test_agreement_with_the_labels() -> None:
    rows = np.full((12, 2), 0.25)
    rows[np.arange(12), EVENTS.label] = 0.75
    rows[:3] = rows[:3, ::-1]
    assert Teacher(rows).agreement(EVENTS.label) == 0.75


def _changed(row: list[float]) -> np.ndarray:
    rows = probabilities()
    rows[7] = row
    return rows


@pytest.mark.parametrize(
    "rows",
    [
        np.eye(2, dtype=np.int64),
        np.eye(2, dtype=np.complex128),
        np.array([["a", "b"]]),
        probabilities()[0],
        probabilities()[None],
        np.zeros((0, 2)),
        np.zeros((2, 0)),
        _changed([np.nan, 1.0]),
        _changed([np.inf, 0.0]),
        _changed([-0.5, 1.5]),
        _changed([0.5, 0.49]),
        _changed([1e308, 1e308]),
    ],
)
def test_arrays_without_probabilities_are_refused(rows: np.ndarray, tmp_path: Path) -> None:
    with refused(DataError, "teacher-no-probabilities"):
        Teacher(rows)
    np.save(tmp_path / "t.npy", rows)
    with refused(DataError, "teacher-no-probabilities") as caught:
        Teacher.load(tmp_path / "t.npy")
    assert caught.value.what.startswith(str(tmp_path / "t.npy"))


def test_the_invalid_row_is_named() -> None:
    with refused(DataError, "teacher-no-probabilities") as caught:
        Teacher(_changed([-0.5, 1.5]))
    assert "row 7 " in caught.value.what


@pytest.mark.parametrize("shape", [(11, 2), (13, 2), (12, 3)])
def test_other_samples_or_classes(shape: tuple[int, int]) -> None:
    with refused(DataError, "teacher-shape"):
        Teacher(probabilities(*shape)).rows_of(DATA.with_validation("last 1"))


def test_other_data_of_the_same_size() -> None:
    other = nm.Dataset.of(train=cases.spike_events(12, 3))
    teacher = Teacher(probabilities(), other.content_hash)
    assert len(teacher.rows_of(other)) == 12
    with refused(UsageError, "teacher-data-differ"):
        teacher.rows_of(DATA)


def test_unreadable_files_are_refused(tmp_path: Path) -> None:
    with refused(FileFormatError, "teacher-missing"):
        Teacher.load(tmp_path / "no.npz")
    with refused(FileFormatError, "teacher-missing"):
        Teacher.load(tmp_path)
    np.savez(tmp_path / "other.npz", p=probabilities())
    with refused(FileFormatError, "teacher-array-missing") as caught:
        Teacher.load(tmp_path / "other.npz")
    assert caught.value.why.endswith("are p")
    cases.float_network().save(tmp_path / "network.npz")
    with refused(FileFormatError, "file-kind"):
        Teacher.load(tmp_path / "network.npz")
    (tmp_path / "text.npz").write_text("no archive")
    with refused(FileFormatError, "archive-damaged"):
        Teacher.load(tmp_path / "text.npz")
    with refused(UsageError, "argument-type"):
        Teacher.load(3)  # type: ignore[arg-type]


class _Payload:
    """Creates a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.path,))


def test_pickles_are_not_read(tmp_path: Path) -> None:
    objects = np.array([[_Payload(tmp_path / "executed")]], dtype=object)
    np.save(tmp_path / "t.npy", objects, allow_pickle=True)
    np.savez(tmp_path / "t.npz", probability=objects)
    for name, code in (("t.npy", "teacher-unreadable"), ("t.npz", "archive-damaged")):
        with refused(FileFormatError, code):
            Teacher.load(tmp_path / name)
    assert not (tmp_path / "executed").exists()


def test_a_header_that_claims_too_much_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "t.npy", probabilities())
    whole = (tmp_path / "t.npy").read_bytes()
    promised = whole.replace(b"(12, 2), }          ", b"(99999999999, 2), } ")
    assert promised != whole
    (tmp_path / "t.npy").write_bytes(promised)
    with refused(FileFormatError, "teacher-unreadable"):
        Teacher.load(tmp_path / "t.npy")


def test_a_file_that_is_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nmtool.data.teacher._MAX_BYTES", 100)
    np.save(tmp_path / "t.npy", probabilities())
    with refused(FileFormatError, "teacher-unreadable"):
        Teacher.load(tmp_path / "t.npy")
