from __future__ import annotations

import sys
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from nmtool import paths
from nmtool.data import SpikeEvents, load_dataset, write_shd
from nmtool.data.tonic_sets import data_folder
from nmtool.errors import DataError, MissingError, UsageError
from tests.refusals import refused


class Downloadable:
    """Imitates tonic's base class, which downloads files that are not where it expects them."""

    served: Path

    def __init__(self, save_to: str, file_name: str) -> None:
        self.folder, self.file_name = Path(save_to) / type(self).__name__, file_name
        if not self._check_exists():
            self.download()
        if not (self.folder / file_name).is_file():
            raise FileNotFoundError(file_name)

    def _check_exists(self) -> bool:
        return (self.folder / f"{self.file_name}.zip").is_file()

    def download(self) -> None:
        print("Downloading")
        archive = self.served / f"{self.file_name}.zip"
        if not archive.is_file():
            raise OSError("no route to host")
        with zipfile.ZipFile(archive) as content:
            content.extractall(self.folder)


class SHD(Downloadable):
    def __init__(self, save_to: str, train: bool = True, transform: Any = None) -> None:
        super().__init__(save_to, f"shd_{'train' if train else 'test'}.h5")


class SSC(Downloadable):
    def __init__(self, save_to: str, split: str = "train", transform: Any = None) -> None:
        super().__init__(save_to, f"ssc_{split}.h5")


class COCHLEA:
    """A data set that tonic decodes: one sample, which depends on the split."""

    sensor_size = (64, 1, 1)
    class_map = {"o": 0, "z": 1}  # noqa: RUF012

    def __init__(self, save_to: str, train: bool = True, single_digits: bool = False) -> None:
        if not single_digits:
            raise ValueError("several digits per sample")
        self.train = train

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> tuple[np.ndarray, int]:
        dtype = np.dtype([("t", int), ("x", int), ("p", int)])
        return np.array([(1000, 63, 1)], dtype), int(self.train)


class UNDIVIDED:
    def __init__(self, save_to: str, transform: Any = None) -> None: ...


class DEMANDING:
    def __init__(self, save_to: str, split: str, selection: str) -> None: ...


@pytest.fixture
def tonic(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, events: SpikeEvents) -> Path:
    """tonic, with a folder of shd_train, ssc_train and ssc_valid as its server."""
    served = tmp_path / "served"
    served.mkdir()
    monkeypatch.setattr(Downloadable, "served", served, raising=False)
    for name in ("shd_train.h5", "ssc_train.h5", "ssc_valid.h5"):
        write_shd(served / name, events)
        with zipfile.ZipFile(served / f"{name}.zip", "w") as archive:
            archive.write(served / name, name)
    package, datasets = ModuleType("tonic"), ModuleType("tonic.datasets")
    classes = [SHD, SSC, COCHLEA, UNDIVIDED, DEMANDING]
    for kind in classes:
        setattr(datasets, kind.__name__, kind)
    datasets.__all__ = [kind.__name__ for kind in classes]  # type: ignore[attr-defined]
    package.datasets = datasets  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "tonic", package)
    monkeypatch.setitem(sys.modules, "tonic.datasets", datasets)
    return served


@pytest.fixture
def no_tonic(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tonic", None)


@pytest.mark.usefixtures("no_tonic")
@pytest.mark.parametrize("sub_folder", ["SHD", "."])
def test_an_unpacked_file_is_read_without_tonic(
    tmp_path: Path, events: SpikeEvents, sub_folder: str
) -> None:
    folder = tmp_path / sub_folder
    folder.mkdir(exist_ok=True)
    write_shd(folder / "shd_test.h5", events)
    for name in ("shd", "tonic:SHD"):
        assert load_dataset(name, data_dir=tmp_path).split("test").n_samples == 4


@pytest.mark.usefixtures("no_tonic")
@pytest.mark.parametrize("name", ["shd", "ssc", "tonic:SHD", "tonic:NMNIST"])
def test_a_missing_tonic_is_an_error(tmp_path: Path, name: str) -> None:
    with refused(MissingError, "library-missing") as caught:
        load_dataset(name, data_dir=tmp_path).split("train")
    assert caught.value.exit_code == 3
    assert "tonic" in caught.value.what
    assert "'tonic<" in caught.value.fix


@pytest.mark.usefixtures("tonic")
def test_a_missing_file_is_fetched_once(
    tmp_path: Path, capsys: pytest.CaptureFixture, tonic: Path
) -> None:
    data = load_dataset("ssc", data_dir=tmp_path / "cache")
    assert data.train.n_samples == 4
    assert data.validation is not None
    assert data.validation.n_samples == 4
    assert (tmp_path / "cache" / "SSC" / "ssc_valid.h5").is_file()
    out, err = capsys.readouterr()
    assert (out, err) == ("", "Downloading\n" * 2)
    for archive in tonic.iterdir():
        archive.unlink()
    assert load_dataset("ssc", data_dir=tmp_path / "cache").split("train").n_samples == 4


@pytest.mark.usefixtures("tonic")
def test_a_zip_without_its_unpacked_file_is_fetched_again(tmp_path: Path) -> None:
    (tmp_path / "SHD").mkdir()
    (tmp_path / "SHD" / "shd_train.h5.zip").touch()
    assert load_dataset("shd", data_dir=tmp_path).split("train").n_samples == 4


@pytest.mark.usefixtures("tonic")
def test_a_failed_download(tmp_path: Path) -> None:
    with refused(MissingError, "dataset-not-fetched") as caught:
        load_dataset("shd", data_dir=tmp_path).split("test")
    assert "shd_test.h5" in caught.value.what
    assert "no route to host" in caught.value.why
    assert str(tmp_path / "SHD") in caught.value.fix


def test_a_damaged_cached_file(tmp_path: Path) -> None:
    (tmp_path / "shd_train.h5").write_text("half")
    with refused(DataError, "shd-damaged") as caught:
        load_dataset("shd", data_dir=tmp_path).split("train")
    assert "shd_train.h5" in caught.value.what


@pytest.mark.usefixtures("tonic")
def test_other_sets_are_decoded_by_tonic(tmp_path: Path) -> None:
    data = load_dataset("tonic:COCHLEA", data_dir=tmp_path)
    assert data.train.label.tolist() == [1]
    assert data.test.label.tolist() == [0]
    assert data.test.unit.tolist() == [63]
    assert data.validation is None


@pytest.mark.usefixtures("tonic")
@pytest.mark.parametrize(
    ("name", "code", "fix"),
    [
        ("tonic:cochlea", "dataset-unknown", "tonic:COCHLEA"),
        ("tonic:", "dataset-unknown", "SHD, SSC, COCHLEA"),
        ("tonic:UNDIVIDED", "dataset-unsuitable", ""),
        ("tonic:DEMANDING", "dataset-unsuitable", ""),
    ],
)
def test_unknown_and_unsuitable_data_sets_are_refused(name: str, code: str, fix: str) -> None:
    with refused(UsageError, code) as caught:
        load_dataset(name)
    assert f"'{name.removeprefix('tonic:')}'" in caught.value.what
    assert fix in caught.value.fix


@pytest.mark.usefixtures("tonic")
def test_a_library_that_tonic_lacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def download(self: Downloadable) -> None:
        raise ModuleNotFoundError("No module named 'gdown'", name="gdown")

    monkeypatch.setattr(Downloadable, "download", download)
    with refused(MissingError, "library-missing") as caught:
        load_dataset("shd", data_dir=tmp_path).split("train")
    assert "gdown" in caught.value.what


def test_the_data_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("NMTOOL_DATA", raising=False)
    assert data_folder() == paths.cache_folder() / "data"
    monkeypatch.setenv("NMTOOL_DATA", str(tmp_path))
    assert data_folder() == tmp_path
    assert data_folder("~/here") == Path.home() / "here"
