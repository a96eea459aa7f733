"""`Teacher`: soft labels of training samples, for knowledge distillation.

Soft labels are class probabilities, which training learns in addition to the labels. A file has
one array, [samples, classes] of floating-point numbers:

    FILE.npz    `probability`, and perhaps `data_hash`, the content hash of the samples
    FILE.npy    the array alone

The array has a row per training sample of a data set, in order, including samples drawn for
validation. So a sample's row does not depend on a run's validation split.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nmtool import storage
from nmtool.arguments import ARRAY, NAMES, WORD, check_fields
from nmtool.errors import DataError, FileFormatError, UsageError, check_path, listed, reason
from nmtool.tables import Result, Table
from nmtool.values import plain_array

if TYPE_CHECKING:
    from nmtool.data.dataset import Dataset

FILE_KIND = "nmtool teacher"
FILE_VERSION = 1

_MAX_BYTES = 1 << 30
"""Largest size of a file in bytes, packed or unpacked."""

_TOLERANCE = 1e-3
"""Largest difference between a row's sum and 1; probabilities in 16 bits need this tolerance."""


@dataclass(frozen=True, eq=False, repr=False)
class Teacher(Result):
    """Soft labels (class probabilities) of all training samples, for knowledge distillation.

    >>> teacher = Teacher([[0.9, 0.1], [0.25, 0.75]])
    >>> teacher
    <Teacher: 2 samples, 2 classes>
    >>> teacher.agreement(np.array([0, 0]))
    0.5

    Attributes:
        probability: [samples, classes] float64, for every training sample in the order of the data
            set, including samples drawn for validation.
        data_hash: content hash of these samples (`Dataset.content_hash`); '' if unknown.
        networks: content hashes of the teaching networks; empty if unknown.

    Raises:
        DataError: rows are not probabilities.
    """

    _line = "{n_samples:sample}, {n_classes:class}"
    _json = "hash=content_hash data_hash networks samples=n_samples classes=n_classes"

    probability: NDArray[np.float64]
    data_hash: str = ""
    networks: Sequence[str] = field(default=())

    def __post_init__(self) -> None:
        check_fields(self, probability=ARRAY, data_hash=WORD, networks=NAMES)
        object.__setattr__(self, "networks", tuple(self.networks))
        object.__setattr__(self, "probability", _checked(plain_array(self.probability)))

    def as_json(self) -> dict[str, Any]:
        """Plain values: size, hashes, and mean confidence."""
        mean = float(self.probability.max(axis=1).mean())
        return {"kind": "teacher", **super().as_json(), "mean_of_likeliest": mean}

    def tables(self) -> list[Table]:
        """Samples, classes, mean confidence, and hashes of data and networks."""
        values = self.as_json()
        rows = [
            ("samples", self.n_samples),
            ("classes", self.n_classes),
            ("mean probability of the likeliest class", values["mean_of_likeliest"]),
            ("hash", self.content_hash),
            ("hash of the data", self.data_hash),
            *(("hash of a network", network_hash) for network_hash in self.networks),
        ]
        return [Table("teacher", ("", "value"), rows)]

    @property
    def n_samples(self) -> int:
        """Number of samples."""
        return self.probability.shape[0]

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return self.probability.shape[1]

    @property
    def content_hash(self) -> str:
        """SHA-256 of the probabilities in hexadecimal, independent of the kind of file."""
        return storage.content_hash({}, {"probability": self.probability})

    def agreement(self, label: NDArray[np.integer]) -> float:
        """Share of samples whose most probable class is the label ([samples] integers)."""
        return float((self.probability.argmax(axis=1) == label).mean())

    def rows_of(self, dataset: Dataset) -> NDArray[np.float64]:
        """Soft labels of the samples of `dataset.train`, [samples, classes] float64.

        Raises:
            UsageError: the teacher belongs to other data.
            DataError: the teacher has another number of samples or classes.
        """
        if self.data_hash and self.data_hash != dataset.content_hash:
            raise UsageError(
                f"the teacher was not made for '{dataset.name}'",
                code="teacher-data-differ",
                why="the teacher's file has the content hash of other training samples",
                fix="make soft labels of these data: nmtool train DATA -o RUN --teacher NETWORK",
            )
        whole = dataset.undivided
        if self.probability.shape != (whole.n_samples, len(whole.class_names)):
            raise DataError(
                f"the teacher has {self.n_samples} samples and {self.n_classes} classes, but the "
                f"training split of '{dataset.name}' has {whole.n_samples} and "
                f"{len(whole.class_names)}",
                code="teacher-shape",
                why="a teacher needs a row per training sample, also for those drawn for "
                "validation",
                fix="make soft labels of these data: nmtool train DATA -o RUN --teacher NETWORK",
            )
        return self.probability[dataset.train_index]

    def save(self, path: str | Path) -> None:
        """Write one .npz file; on failure, raise `StorageError` and leave no partial file."""
        header = {"data_hash": self.data_hash, "networks": list(self.networks)}
        arrays = {"probability": self.probability}
        storage.write_archive(path, FILE_KIND, FILE_VERSION, header, arrays)

    @classmethod
    def load(cls, path: str | Path) -> Teacher:
        """Read a file from `save`, or an array that another tool wrote with numpy.

        Args:
            path: a .npy file, or a .npz file with `probability` and perhaps `data_hash`.

        Raises:
            FileFormatError: the file is missing, or cannot be read.
            DataError: the rows of the array are not probabilities.
        """
        check_path(path, "the file of a teacher")
        path = Path(path)
        if not path.exists() or path.is_dir():
            raise FileFormatError(
                f"there is no file {path} with a teacher",
                code="teacher-missing",
                fix="check its name and the folder you are in; `nmtool.soft_labels` makes one",
            )
        storage.check_file(path)
        try:
            return cls(*_read_teacher(path))
        except DataError as error:
            raise error.restated(f"{path}: {error.what}", DataError) from error


def _read_teacher(path: Path) -> tuple[NDArray, str, tuple[str, ...]]:
    """Read a file: its array, the hash of the data ('' if unknown), and hashes of the networks."""
    if path.suffix.lower() == ".npy":
        return _read_array(path), "", ()
    if storage.archive_kind(path):  # The file was written by nmtool.
        archive = storage.read_archive(path, FILE_KIND, FILE_VERSION, free_bytes=_MAX_BYTES)
        with archive.checked():
            header = archive.header
            networks = tuple(str(network_hash) for network_hash in header["networks"])
            return archive.array("probability"), str(header["data_hash"]), networks
    arrays = storage.read_arrays(path, free_bytes=_MAX_BYTES)
    if "probability" not in arrays:
        raise FileFormatError(
            f"{path} has no array 'probability'",
            code="teacher-array-missing",
            why=f"its arrays are {listed(arrays) or 'none'}",
            fix="save the probabilities by this name: np.savez(FILE, probability=…, data_hash=…)",
        )
    return arrays["probability"], str(arrays.get("data_hash", "")), ()


def _read_array(path: Path) -> NDArray:
    """Read the array of an .npy file; raise `FileFormatError` if that fails."""
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise ValueError(f"it has more than {_MAX_BYTES} bytes")
        with warnings.catch_warnings():
            # numpy warns if Python 2 wrote the header.
            warnings.simplefilter("ignore")
            # The file is memory-mapped, because its header may claim more data than the file
            # contains.
            return np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception as error:
        # numpy reads the header with Python's own parser, which can raise many types of errors.
        raise FileFormatError(
            f"{path} is not a numpy array",
            code="teacher-unreadable",
            why=reason(error),
            fix="write it with np.save",
        ) from error


def _checked(probability: NDArray) -> NDArray[np.float64]:
    """Convert an array to float64; raise `DataError` unless its rows are probabilities."""
    if probability.ndim != 2 or probability.dtype.kind != "f":
        raise DataError(
            f"the teacher's array has dtype {probability.dtype} and shape {probability.shape}",
            code="teacher-no-probabilities",
            why="the array must contain floating-point numbers, [samples, classes]",
            fix="give a row of class probabilities per training sample",
        )
    if not probability.size:
        raise DataError(
            f"the teacher's array of shape {probability.shape} is empty",
            code="teacher-no-probabilities",
            fix="give a row of class probabilities per training sample",
        )
    rows = np.array(probability, np.float64, order="C")
    with np.errstate(over="ignore", invalid="ignore"):
        total = rows.sum(axis=1)
        is_right = (rows >= 0).all(axis=1) & (np.abs(total - 1) <= _TOLERANCE)
    if not is_right.all():
        row = int(np.argmin(is_right))
        raise DataError(
            f"row {row} of the teacher does not contain class probabilities",
            code="teacher-no-probabilities",
            why="class probabilities must be finite, not negative and add up to 1; the sum of "
            f"this row is {total[row]:g}, and its smallest number {rows[row].min():g}",
            fix="write probabilities, not scores: the softmax of each row",
        )
    return rows
