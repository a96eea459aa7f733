"""The manifest of a run, `run.json`: its data, its first network, its settings and its reset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, get_type_hints

import numpy as np
from numpy.typing import NDArray

from nmtool.data import Dataset
from nmtool.evaluation.accuracy_difference import AccuracyDifference
from nmtool.storage import content_hash
from nmtool.tables import counted
from nmtool.training.options import TrainOptions
from nmtool.values import packed_bits, unpacked_bits
from nmtool.version import __version__


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """Record of a run's origin; fields at their defaults are not written.

    Attributes:
        nmtool: version that started the run.
        data: name of the data, as the user gave it.
        data_hash: content hash of all training samples.
        units: number of channels.
        in_memory: True if the data were in memory, and cannot be found by name.
        train_index_hash: hash of the training samples' indices (`train_index_hash`).
        hold_out: rule by which the validation split was drawn, as JSON; None if it was not drawn.
        validation_samples: number of validation samples.
        ranks: number of processes.
        start, initial: content hash of the network before the first update: that of another run
            (`start`) or a new one (`initial`).
        reset_change: the `ResetChange` of a run that started from another one with another reset,
            as JSON; None if the reset is the same, or without validation samples.
        options: the settings.
    """

    nmtool: str
    data: str
    data_hash: str
    units: int
    in_memory: bool = False
    train_index_hash: str | None = None
    hold_out: dict | None = None
    validation_samples: int
    ranks: int
    start: str | None = None
    initial: str | None = None
    reset_change: dict | None = None
    options: dict

    @classmethod
    def of(cls, options: TrainOptions, dataset: Dataset, **others: Any) -> Manifest:
        """The manifest of a new run on data with a validation split; `others`: further fields."""
        rule, validation = dataset.validation_rule, dataset.validation
        return cls(
            nmtool=__version__,
            data=dataset.name,
            data_hash=dataset.content_hash,
            units=int(dataset.train.n_units),
            in_memory=dataset.in_memory,
            train_index_hash=train_index_hash(dataset),
            hold_out=None if rule is None else rule.as_json(),
            validation_samples=0 if validation is None else validation.n_samples,
            options=options.as_json(),
            **others,
        )

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> Manifest:
        """The manifest that `as_json` wrote; raises `ValueError` for missing or invalid fields."""
        kinds = get_type_hints(cls)
        written = {f.name: values.get(f.name, f.default) for f in fields(cls)}
        for name, value in written.items():
            if not isinstance(value, kinds[name]) or (isinstance(value, int) and value < 0):
                raise ValueError(f"'{name}' is missing or invalid")
        return cls(**written)

    def as_json(self) -> dict[str, Any]:
        """The fields to write, without those at their defaults."""
        values = {field.name: (getattr(self, field.name), field.default) for field in fields(self)}
        return {name: value for name, (value, default) in values.items() if value != default}


def train_index_hash(dataset: Dataset) -> str | None:
    """Hash of the training samples' indices; None unless a validation split was drawn."""
    if dataset.validation_rule is None:
        return None
    return content_hash({}, {"train_index": dataset.train_index})


@dataclass(frozen=True, eq=False)
class ResetChange:
    """A reset that is not the one of the run from which training started.

    Both runs' networks are compared as they are saved, each with its own reset, and in the integers
    if the run trained in integers.

    Attributes:
        reset: reset of this run.
        instead_of: by population with another reset in the first run, that reset.
        before: [samples] bool: validation samples that the network of the first run classifies
            correctly.
        after: the same for the best network of this run; None until training has ended.
    """

    reset: str
    instead_of: Mapping[str, str]
    before: NDArray[np.bool_]
    after: NDArray[np.bool_] | None = None

    @property
    def cost(self) -> AccuracyDifference | None:
        """Accuracy of this run minus that of the first run; None until training has ended."""
        if self.after is None:
            return None
        names = (self.reset, resets_line(self.instead_of))
        return AccuracyDifference(self.after[None], self.before[None], names=[names])

    def as_json(self) -> dict[str, Any]:
        """Plain values for JSON; `from_json` is the inverse."""
        right = {"before": self.before, "after": self.after}
        bits = {name: packed_bits(part) for name, part in right.items() if part is not None}
        return {"reset": self.reset, "instead_of": dict(self.instead_of)} | bits

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> ResetChange:
        """The change that `as_json` wrote; raises an error of `storage.DAMAGE` for other values."""
        after = unpacked_bits(values["after"]) if "after" in values else None
        before = unpacked_bits(values["before"])
        if after is not None and after.size != before.size:
            raise ValueError(f"{before.size} samples before, but {after.size} after")
        instead_of = {str(name): str(reset) for name, reset in values["instead_of"].items()}
        return cls(str(values["reset"]), instead_of, before, after)


def resets_line(resets: Mapping[str, str]) -> str:
    """Resets by population as text.

    >>> resets_line({"hidden1": "subtract", "hidden2": "subtract", "output": "late"})
    'subtract (hidden1, hidden2), late (output)'
    """
    names = {
        reset: [name for name, other in resets.items() if other == reset]
        for reset in resets.values()
    }
    return ", ".join(f"{reset} ({', '.join(those)})" for reset, those in names.items())


def cost_line(cost: AccuracyDifference) -> str:
    """The accuracies with both resets, and their difference with its interval, as text."""
    [(reset, others)], (low, high) = cost.names, cost.interval()
    samples = counted(cost.first.size, "validation sample")
    return (
        f"the reset is {reset} instead of {others}: {cost.first.mean():.2%} on {samples}, "
        f"{cost.second.mean():.2%} before ({cost.points.mean():+.2f} points, 95 % interval "
        f"{low:+.2f} … {high:+.2f})"
    )
