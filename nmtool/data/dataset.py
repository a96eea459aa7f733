"""`Dataset`: training, validation and test samples, each read only when it is needed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmtool.arguments import WORD, check_all
from nmtool.data.description import describe, table_of
from nmtool.data.dividing import Amount, SplitRule
from nmtool.data.events import SpikeEvents, check_same_numbers
from nmtool.errors import DataError, UsageError, check_type, listed, suggestion, visible
from nmtool.splits import SPLITS
from nmtool.tables import Table, Tabular


class Dataset(Tabular):
    """A data set whose splits are read on first access and stay in memory.

    >>> two = SpikeEvents.from_lists([[1.0], [2.0]], [[0], [1]], [0, 1])
    >>> data = Dataset.of(train=two, test=two[:1])
    >>> data.splits, data.test
    (('train', 'test'), <SpikeEvents: 1 sample, 2 units, 2 classes, 1 event>)

    Args:
        name: name in messages and manifests.
        splits: names of the splits that can be loaded, in the order of `SPLITS`.
        load: function that reads a split; may raise `DataError` or `MissingError`.
        validation_rule: draws validation samples from the training samples; None: the data set's
            own validation split, if any.
        in_memory: False if `load_dataset` can find the data again by name.
        peek: function that reads only the labels of a split; None if that is not cheaper than
            reading the samples.

    For samples in memory, see `Dataset.of`.

    Raises:
        UsageError: there are both a validation rule and a validation split.
    """

    def __init__(
        self,
        name: str,
        splits: Sequence[str],
        load: Callable[[str], SpikeEvents],
        *,
        validation_rule: SplitRule | None = None,
        in_memory: bool = True,
        peek: Callable[[str], NDArray[np.integer] | None] | None = None,
    ) -> None:
        if validation_rule is not None and "validation" in splits:
            raise UsageError(
                f"'{name}' already has a validation split",
                code="validation-exists",
                fix="leave out the number of validation samples",
            )
        self.name = name
        self.in_memory = in_memory
        self._loadable = tuple(splits)
        self._load = load
        self._validation_rule = validation_rule
        self._peek = peek
        self.chosen_split = ""

    @classmethod
    def of(
        cls,
        *,
        train: SpikeEvents,
        validation: SpikeEvents | None = None,
        test: SpikeEvents | None = None,
        name: str = "samples",
    ) -> Dataset:
        """Make a data set from samples in memory.

        >>> two = SpikeEvents.from_lists([[1.0], [2.0]], [[0], [1]], [0, 1])
        >>> Dataset.of(train=two, test=two)
        <Dataset 'samples': train, test>

        Raises:
            DataError: the splits differ in units, classes or `analogue`.
        """
        arguments = {"train": train, "validation": validation, "test": test}
        splits = {split: events for split, events in arguments.items() if events is not None}
        for split, events in splits.items():
            check_type(events, SpikeEvents, f"samples of {split}", "make SpikeEvents of them")
            if (events.n_units, events.class_names) != (train.n_units, train.class_names):
                raise DataError(
                    f"the {split} split differs from the training split in units or classes",
                    code="events-differ",
                    fix="for files, set the same channels with `n_units=N`; in Python, give "
                    "n_units and class_names when you make each split",
                    why=f"the {split} split has {_described(events)}; the training split has "
                    f"{_described(train)}",
                )
            check_same_numbers(train, events, split)
        return cls(name, tuple(splits), splits.__getitem__)

    @classmethod
    def from_torch(
        cls,
        *,
        train: Any,
        validation: Any = None,
        test: Any = None,
        name: str = "samples",
        **keywords: Any,
    ) -> Dataset:
        """Make a data set from data sets or loaders of torch, such as those of tonic and snnTorch.

        >>> pairs = [(np.eye(3), 0), (np.eye(3), 1)]
        >>> Dataset.from_torch(train=pairs, test=pairs[:1], dt_ms=2.0)
        <Dataset 'samples': train, test>

        Args:
            train, validation, test: each yields pairs (sample, label), or batches of pairs.
            name: name in messages and manifests.
            keywords: arguments of `SpikeEvents.from_torch`: `dt_ms`, `class_names` and so on.

        Raises:
            DataError: samples are not spikes, targets are not classes, or splits differ.
            UsageError: an argument is not a data set.
        """
        sources = {"train": train, "validation": validation, "test": test}
        splits = {
            split: SpikeEvents.from_torch(source, **keywords)
            for split, source in sources.items()
            if source is not None
        }
        names = max((events.class_names for events in splits.values()), key=len)
        for split, events in splits.items():
            # A split without samples of the last classes also lacks the names of these classes.
            if events.class_names == names[: len(events.class_names)]:
                splits[split] = replace(events, class_names=names)
        return cls.of(name=name, **splits)

    def __repr__(self) -> str:
        return visible(f"<Dataset '{self.name}': {', '.join(self.splits)}>")

    def tables(self) -> list[Table]:
        """A table of samples, channels, classes, spikes and durations, by split.

        All splits are read.
        """
        return [table_of(self.name, self.describe())]

    def describe(self) -> dict[str, dict[str, Any]]:
        """Statistics by split, from `nmtool.data.describe`; reads all splits."""
        return {split: describe(self.split(split)) for split in self.splits}

    def with_validation(self, rule: SplitRule | Amount) -> Dataset:
        """Add a validation split, drawn from the training samples, if the data set has none.

        With an amount of 0, samples of an existing validation split become training samples.

        >>> two = SpikeEvents.from_lists([[1.0], [2.0]], [[0], [1]], [0, 1])
        >>> Dataset.of(train=two, validation=two).with_validation(0).train.n_samples
        4

        Args:
            rule: a `SplitRule`, or an amount: a share, a number, `last N`, or 0 for none.

        Raises:
            UsageError: the samples cannot be divided in this way.
            DataError: a split is missing, damaged or empty.
        """
        rule = SplitRule.of(rule)
        if "validation" in self.splits:
            return self._without_validation() if rule.is_none else self
        if not self._assigned(rule, self.train).any():
            return self
        divided = Dataset(
            self.name,
            self.splits,
            self.split,
            validation_rule=rule,
            in_memory=self.in_memory,
            peek=self.labels,
        )
        return divided.choose(self.chosen_split)

    def _without_validation(self) -> Dataset:
        """The data set without a validation split: its samples become training samples."""
        splits = [split for split in self.splits if split != "validation"]
        if self._validation_rule is not None:
            return Dataset(self.name, splits, self._read, in_memory=self.in_memory, peek=self._peek)
        both = ("train", "validation")

        def load(split: str) -> SpikeEvents:
            """Read a split; validation samples count as training samples."""
            return joined(self, both) if split == "train" else self.split(split)

        def peek(split: str) -> NDArray[np.integer] | None:
            """Labels of the samples that `load` returns for a split; None if labels are unknown."""
            labels = [self.labels(name) for name in (both if split == "train" else (split,))]
            known = [label for label in labels if label is not None]
            return np.concatenate(known) if len(known) == len(labels) else None

        return Dataset(self.name, splits, load, in_memory=self.in_memory, peek=peek)

    def choose(self, split: str) -> Dataset:
        """The same data set, of which this split is meant where samples are expected.

        >>> two = SpikeEvents.from_lists([[1.0], [2.0]], [[0], [1]], [0, 1])
        >>> Dataset.of(train=two, test=two).choose("train").default_split
        'train'
        """
        dataset = copy(self)
        dataset.chosen_split = split
        return dataset

    def check_whole(self) -> Dataset:
        """Return the data set; raise `UsageError` if it stands for one of its splits."""
        if self.chosen_split:
            raise UsageError(
                f"a whole data set is needed, not its {self.chosen_split} split",
                code="dataset-split",
                fix=f"name '{self.name}', without a split",
            )
        return self

    @property
    def default_split(self) -> str:
        """Name of the split that `choose` chose; else test, else validation, else train."""
        return self.chosen_split or next(name for name in reversed(SPLITS) if name in self.splits)

    @property
    def splits(self) -> tuple[str, ...]:
        """Names of the available splits."""
        extra = () if self._validation_rule is None else ("validation",)
        return tuple(split for split in SPLITS if split in self._loadable + extra)

    @property
    def validation_rule(self) -> SplitRule | None:
        """The rule that draws the validation split from training samples; None without a rule."""
        return self._validation_rule

    def labels(self, split: str) -> NDArray[np.integer] | None:
        """[samples] int64: labels of a split.

        Returns:
            The labels; None if there is no such split, or if reading it would need a download.

        Raises:
            DataError: the split is damaged.
        """
        if split not in self.splits:
            return None
        if (
            split in self.__dict__
            or self._peek is None
            or (self._validation_rule and split != "test")
        ):
            return self.split(split).label
        return self._peek(split)

    @cached_property
    def content_hash(self) -> str:
        """Hexadecimal SHA-256 of all training samples, including samples drawn for validation."""
        return self.undivided.content_hash

    @property
    def undivided(self) -> SpikeEvents:
        """All training samples in order, including the samples drawn for validation."""
        return self.train if self._validation_rule is None else self._read("train")

    @property
    def train_index(self) -> NDArray[np.int64]:
        """[samples of `train`] int64: index of each training sample in `undivided`.

        >>> three = SpikeEvents.from_lists([[1.0]] * 3, [[0]] * 3, [0, 0, 0])
        >>> Dataset.of(train=three).with_validation("last 1").train_index
        array([0, 1])
        """
        whole = self.undivided
        if self._validation_rule is None:
            return np.arange(whole.n_samples)
        return np.flatnonzero(self._assigned(self._validation_rule, whole) == 0)

    @cached_property
    def train(self) -> SpikeEvents:
        """Training samples, without the samples drawn for validation."""
        return self._read("train") if self._validation_rule is None else self._divided[0]

    @cached_property
    def validation(self) -> SpikeEvents | None:
        """Validation samples; None without a validation split."""
        if self._validation_rule is not None:
            return self._divided[1]
        return self._read("validation") if "validation" in self.splits else None

    @cached_property
    def test(self) -> SpikeEvents:
        """Test samples."""
        return self._read("test")

    def split(self, name: str) -> SpikeEvents:
        """The samples of a split: `train`, `validation` or `test`.

        Raises:
            UsageError: there is no split of that name, or no validation split.
            DataError: the split is missing or damaged.
        """
        if name not in SPLITS:
            raise UsageError(
                f"there is no split '{name}'", code="split-unknown", fix=suggestion(name, SPLITS)
            )
        events = getattr(self, name)
        if events is None:
            raise UsageError(
                f"'{self.name}' has no validation split",
                code="validation-missing",
                fix="draw one from the training samples: `validation=0.2`",
            )
        return events

    def filled_split(self, name: str) -> SpikeEvents:
        """Return the samples of a split; raise `DataError` if there are no samples.

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
    def _divided(self) -> list[SpikeEvents]:
        """Training and validation samples, divided by the validation rule."""
        assert self._validation_rule is not None
        events = self._read("train")
        return events.divide(self._assigned(self._validation_rule, events))

    def _assigned(self, rule: SplitRule, events: SpikeEvents) -> NDArray[np.int64]:
        """Parts that a rule assigns to samples, [samples] int64; errors name the data set."""
        try:
            return rule.assign(events)
        except UsageError as error:
            raise error.restated(f"'{self.name}': {error.what}", UsageError) from error

    def _read(self, split: str) -> SpikeEvents:
        """Read the samples of a split; raise `DataError` if the data set lacks the split."""
        if split not in self._loadable:
            raise DataError(
                f"'{self.name}' has no {split} split",
                code="split-missing",
                fix=f"choose an existing split, as in '{self.name}:train'; or draw a test split: "
                "nmtool data IN -o FOLDER --test 0.2",
                why=f"splits of the data set: {', '.join(self._loadable) or 'none'}",
            )
        return self._load(split)


def with_test(dataset: Dataset, rule: SplitRule | Amount) -> Dataset:
    """Draw a test split from the training samples of a data set; return the new data set.

    >>> four = SpikeEvents.from_lists([[1.0]] * 4, [[0]] * 4, [0, 1, 0, 1])
    >>> with_test(Dataset.of(train=four), SplitRule("last 1")).splits
    ('train', 'test')

    Args:
        dataset: a data set without a test split.
        rule: the samples to take: a share like 0.2, a number, `last N`, or a `SplitRule`.

    Raises:
        UsageError: there is a test split already, or the samples cannot be divided in this way.
    """
    rule = SplitRule.of(rule)
    if "test" in dataset.splits:
        raise UsageError(
            f"'{dataset.name}' already has a test split",
            code="test-exists",
            fix="leave out `test=`",
        )
    try:
        part = rule.assign(dataset.train)
    except UsageError as error:
        if error.code != "validation-range":
            by_groups = "name a column of the files that groups samples, or draw per class"
            raise error.restated(
                error.what, UsageError, fix=by_groups if rule.by else ""
            ) from error
        n_samples = dataset.train.n_samples
        raise UsageError(
            f"the test split cannot have {rule.amount} of the {n_samples} samples",
            code="test-range",
            fix="give more samples, or leave out `test=`"
            if n_samples < 2
            else f"choose 1 to {n_samples - 1} test samples: `test=N`",
        ) from error
    train, test = dataset.train.divide(part)
    return Dataset.of(name=dataset.name, train=train, validation=dataset.validation, test=test)


def joined(data: Dataset, splits: tuple[str, ...]) -> SpikeEvents:
    """Join the samples of several splits, one split after the other; a single split is not copied.

    Raises:
        UsageError: no split is named, a split is named twice, or there is no such split.
        DataError: a split is missing, damaged or empty.
    """
    check_all("splits", splits, WORD)
    if not splits or len(set(splits)) != len(splits):
        raise UsageError(
            f"at least one split must be named, and each only once, not '{' '.join(splits)}'",
            code="splits-repeated",
            fix="name train, validation or test",
        )
    parts = [data.filled_split(name) for name in splits]
    return parts[0] if len(parts) == 1 else SpikeEvents.concatenate(parts)


def without_fold(events: SpikeEvents, fold: NDArray[np.integer], number: int, name: str) -> Dataset:
    """All samples except those of one fold, for training the network that is tested on this fold.

    The data set has only a training split, from which validation samples are drawn.

    Args:
        events: all samples.
        fold: [samples] int64, fold of each sample.
        number: the fold to leave out.
        name: name of the data.
    """
    return Dataset.of(train=events[fold != number], name=f"{name} without fold {number}")


def _described(events: SpikeEvents) -> str:
    """Text with the numbers of units and classes, and the names of the classes."""
    names = events.class_names
    return f"{events.n_units} units and {len(names)} classes: {listed(names)}"
