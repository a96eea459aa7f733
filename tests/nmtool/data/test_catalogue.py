from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from nmtool import data as public
from nmtool.data import Dataset, SpikeEvents, load_dataset, write_shd
from nmtool.errors import DataError, UsageError
from tests.refusals import refused


@pytest.fixture
def folder(tmp_path: Path, events: SpikeEvents) -> Path:
    """A data set of 4 training samples and 1 test sample, without a validation split."""
    write_shd(tmp_path / "toy_train.h5", events)
    write_shd(tmp_path / "toy_test.h5", events.take([2]))
    return tmp_path


def test_every_public_name_exists() -> None:
    assert all(hasattr(public, name) for name in public.__all__)


def test_splits_are_named_without_being_read(folder: Path) -> None:
    for path in folder.iterdir():
        path.write_text("not read")
    assert load_dataset(folder).splits == ("train", "test")
    assert load_dataset(folder, validation=1).splits == ("train", "validation", "test")
    assert load_dataset("yinyang").splits == ("train", "validation", "test")


def test_a_folder_is_the_same_in_another_process(folder: Path) -> None:
    again = pickle.loads(pickle.dumps(load_dataset(folder)))
    assert again.content_hash == load_dataset(folder).content_hash
    assert again.labels("test").tolist() == load_dataset(folder).test.label.tolist()


def test_samples_in_memory_are_a_data_set(events: SpikeEvents) -> None:
    data = Dataset("mine", ("train",), {"train": events}.__getitem__)
    assert data.train is events
    assert data.validation is None
    with refused(DataError, "split-missing") as caught:
        _ = data.test
    assert "'mine'" in caught.value.what
    assert "train" in caught.value.why


def test_a_folder_without_validation(folder: Path) -> None:
    data = load_dataset(str(folder))
    assert data.name == str(folder)
    assert (data.train.n_samples, data.test.n_samples) == (4, 1)
    assert data.validation is None
    with refused(UsageError, "validation-missing"):
        data.split("validation")


def test_the_last_training_samples_may_be_the_validation_split(
    folder: Path, events: SpikeEvents
) -> None:
    data = load_dataset(folder, validation="last 3")
    assert data.train.label.tolist() == events.label[:1].tolist()
    assert data.validation is not None
    assert data.validation.unit.tolist() == [3, 0]
    assert data.split("validation") is data.validation
    assert data.test.n_samples == 1


@pytest.mark.parametrize("validation", [None, 1])
def test_a_split_is_read_once(folder: Path, validation: int | None) -> None:
    data = load_dataset(folder, validation=validation)
    train, test = data.train, data.test
    for path in folder.iterdir():
        path.unlink()
    assert data.train is train
    assert data.test is test
    assert (data.validation is None) == (validation is None)


def test_too_many_validation_samples(folder: Path) -> None:
    with refused(UsageError, "validation-range"):
        _ = load_dataset(folder, validation=4).train


def test_a_validation_split_of_its_own(folder: Path, events: SpikeEvents) -> None:
    write_shd(folder / "toy_valid.h5", events.take([0, 1]))
    data = load_dataset(folder)
    assert data.validation is not None
    assert (data.train.n_samples, data.validation.n_samples) == (4, 2)
    with refused(UsageError, "validation-exists"):
        load_dataset(folder, validation=1)


def test_only_requested_splits_are_read(folder: Path) -> None:
    (folder / "toy_train.h5").unlink()
    assert load_dataset(str(folder)).split("test").n_samples == 1
    with refused(DataError, "split-missing"):
        load_dataset(folder).split("train")


def test_a_folder_for_downloads_needs_a_download(folder: Path) -> None:
    for data in (folder, "yinyang"):
        with refused(UsageError, "option-unused"):
            load_dataset(data, data_dir=folder)
    with refused(UsageError, "dataset-unknown"):
        load_dataset("yingyang", data_dir=folder)


def test_units_of_a_folder_can_be_chosen(folder: Path) -> None:
    assert load_dataset(folder, n_units=9).split("test").n_units == 9
    with refused(UsageError, "units-known"):
        load_dataset("yinyang", n_units=9).split("test")


def test_yinyang_has_all_splits() -> None:
    data = load_dataset("yinyang")
    assert data.validation is not None
    assert (data.validation.n_samples, data.test.n_samples) == (1000, 1000)
    assert load_dataset("yinyang").split("test").n_units == 4


@pytest.mark.parametrize(
    ("name", "guess"),
    [("digit", "'digits'"), ("SHD", "'shd'"), ("qqq", "")],
)
def test_an_unknown_name(name: str, guess: str) -> None:
    with refused(UsageError, "dataset-unknown") as caught:
        load_dataset(name)
    assert f"'{name}'" in caught.value.what
    assert guess in caught.value.fix
    assert "digits, yinyang, shd, ssc, tonic:NAME" in caught.value.fix
    assert caught.value.exit_code == 2


def test_an_unknown_split(folder: Path) -> None:
    with refused(UsageError, "split-unknown") as caught:
        load_dataset(folder).split("tset")
    assert "'tset'" in caught.value.what
    assert "'test'" in caught.value.fix
    assert "train, validation, test" in caught.value.fix


def test_a_file_in_place_of_its_folder(folder: Path) -> None:
    with refused(UsageError, "folder-is-file") as caught:
        load_dataset(str(folder / "toy_train.h5"))
    assert str(folder) in caught.value.fix


def test_a_path_is_not_looked_up_as_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "digits").mkdir()
    for folder in (Path("digits"), "./digits"):
        with refused(DataError, "shd-missing"):
            load_dataset(folder)
