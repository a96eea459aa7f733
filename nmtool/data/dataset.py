"""`Dataset`: training, validation and test samples, each read only when it is needed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

from nmtool.data.description import describe, table_of
from nmtool.data.events import SpikeEvents
from nmtool.errors import DataError, UsageError, suggestion
from nmtool.tables import Table, Tabular

SPLITS = ("train", "validation", "test")

VALIDATION_SAMPLES = 300
"""Training samples, the last ones, that validate where nothing else is said."""


class Dataset(Tabular):
    """A data set whose splits are read when they are first asked for, and kept.

    Args:
        name: what it is called in messages and manifests.
        splits: those of `SPLITS` that can be loaded.
        load: reads one of them; may raise `DataError` or `MissingError`.
        tail: number of training samples, the last ones, to take for validation.
        in_memory: False where `load_dataset` finds the data again by their name.

    Samples in memory are a data set, too:
    `Dataset("mine", ("train", "test"), {"train": …, "test": …}.__getitem__)`.

    Raises:
        UsageError: a tail is asked for, but there is a validation split already.
    """

    def __init__(
        self,
        name: str,
        splits: Sequence[str],
        load: Callable[[str], SpikeEvents],
        *,
        tail: int | None = None,
        in_memory: bool = True,
    ) -> None:
        if tail is not None and "validation" in splits:
            raise UsageError(
                f"'{name}' has a validation split of its own",
                code="validation-exists",
                fix="leave out the number of validation samples",
            )
        self.name = name
        self.in_memory = in_memory
        self._loadable = tuple(splits)
        self._load = load
        self._tail = tail

    def __repr__(self) -> str:
        return f"<Dataset '{self.name}': {', '.join(self.splits)}>"

    def tables(self) -> list[Table]:
        """Samples, channels, classes, spikes and durations, a column per split; reads them all."""
        return [table_of(self.name, self.describe())]

    def describe(self) -> dict[str, dict[str, Any]]:
        """By split, what `nmtool.data.describe` says of it; reads them all."""
        return {split: describe(self.split(split)) for split in self.splits}

    def with_validation(self, n: int) -> Dataset:
        """Add a validation split: the data's own, else the last n training samples.

        Args:
            n: number of samples; 0 leaves the data as they are.

        Raises:
            UsageError: that would leave no sample to train on.
        """
        if "validation" in self.splits or not n:
            return self
        if self.train.n_samples <= n:
            raise UsageError(
                f"the last {n} training samples are to validate, but '{self.name}' has "
                f"{self.train.n_samples}",
                code="validation-range",
                fix="take fewer, --validation N, or none: --validation 0",
            )
        return Dataset(self.name, self.splits, self.split, tail=n, in_memory=self.in_memory)

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits there are."""
        extra = () if self._tail is None else ("validation",)
        return tuple(split for split in SPLITS if split in self._loadable + extra)

    @property
    def tail(self) -> int:
        """Number of training samples, the last ones, that were taken for validation."""
        return self._tail or 0

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 of all training samples, those that validate too, in hexadecimal."""
        return (self.train if self._tail is None else self._read("train")).content_hash

    @cached_property
    def train(self) -> SpikeEvents:
        """Training samples, without those taken for validation."""
        return self._read("train") if self._tail is None else self._head_and_tail[0]

    @cached_property
    def validation(self) -> SpikeEvents | None:
        """Validation samples; None where there are none."""
        if self._tail is not None:
            return self._head_and_tail[1]
        return self._read("validation") if "validation" in self.splits else None

    @cached_property
    def test(self) -> SpikeEvents:
        """Test samples."""
        return self._read("test")

    def split(self, name: str) -> SpikeEvents:
        """The split of that name: `train`, `validation` or `test`.

        Raises:
            UsageError: there is no split of that name, or no validation split.
            DataError: the split is missing or damaged.
        """
        if name not in SPLITS:
            raise UsageError(
                f"there is no split '{name}'", code="split-unknown", fix=suggestion(name, SPLITS)
            )
        found = getattr(self, name)
        if found is None:
            raise UsageError(
                f"'{self.name}' has no validation split",
                code="validation-missing",
                fix="make one of the last N training samples: --validation N",
            )
        return found

    def filled_split(self, name: str) -> SpikeEvents:
        """The split of that name, which must have samples.

        Raises:
            UsageError: there is no split of that name, or no validation split.
            DataError: the split is missing, damaged or empty.
        """
        events = self.split(name)
        if not events.n_samples:
            raise DataError(
                f"'{self.name}' has no sample in its {name} split",
                code="split-empty",
                fix="name another split, or data with samples",
            )
        return events

    @cached_property
    def _head_and_tail(self) -> tuple[SpikeEvents, SpikeEvents]:
        return self._read("train").split_tail(self.tail)

    def _read(self, split: str) -> SpikeEvents:
        if split not in self._loadable:
            raise DataError(
                f"'{self.name}' has no {split} split",
                code="split-missing",
                fix="choose one of those",
                why=f"it has {', '.join(self._loadable) or 'none'}",
            )
        return self._load(split)
