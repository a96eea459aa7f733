"""The manifest of a run, `run.json`: its data, its first network and its settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, get_type_hints

from nmtool.data import Dataset
from nmtool.storage import content_hash
from nmtool.training.options import TrainOptions
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
