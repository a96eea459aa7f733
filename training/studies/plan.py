"""`STUDY.toml`: search space, data, length and folder of a study (hyperparameter search).

data = "digits"          data set, as for `nmtool train`; all paths are relative to STUDY.toml
folder = "digits-study"  folder of the study
units = 700              optional: number of channels, if the files do not give it
data_dir = "data"        optional: folder for downloaded data sets
config = "base.toml"     optional: file of initial settings, or a recipe
trials = 40              number of trials to finish; or minutes
minutes = 30             no trial begins once all trials together have taken this long
seeds = 1                training runs per trial, whose mean accuracy is its score
prune = true             end trials early that are worse than the median of the others
sampler_seed = 0         seed of the choice of settings
keep = false             keep the networks of all trials, not only their logs
heartbeat_s = 10         seconds between heartbeats of a trial; after six missed ones it is dead

[settings]               fixed settings: any of `nmtool train`, including epochs
[search]                 NAME = {low =, high =, log =, step =} or a list of choices
[[first]]                optional, once per trial: NAME = value, searched settings of one of the
                         first trials; later trials are drawn near the best
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from nmtool.data.catalogue import is_name
from nmtool.errors import Finding, UsageError, quoted, suggestion
from nmtool.network.graph import MAX_CHANNELS
from nmtool.toml_files import read_toml, toml_value
from nmtool.training.options import TrainOptions
from nmtool.training.recipes import read_settings
from nmtool.training.studies.space import SearchSpace, findings_of, read_search


@dataclass(frozen=True)
class StudyPlan:
    """A validated study.

    Attributes:
        file: path of STUDY.toml.
        data: name of a data set, or its folder.
        folder: folder of the study.
        space: fixed and searched settings.
        trials: number of trials to finish; None if only the time is limited.
        minutes: time for all trials together; after that no trial begins, and a running one ends
            with its current epoch. None if only the number of trials is limited.
        seeds: training runs per trial, with consecutive seeds.
        prune: True to end trials early that are worse than the median of the others.
        sampler_seed: seed of the choice of settings.
        keep: True to save the networks of all trials, not only their logs.
        heartbeat_s: seconds between heartbeats of a running trial.
        data_dir, units: options for finding the data, as for `nmtool train`.
        first: searched settings of the first trials, a table per trial; settings missing in a table
            are drawn. Without tables, the first ten trials are random.
    """

    file: Path
    data: str
    folder: Path
    space: SearchSpace
    trials: int | None = None
    minutes: int | None = None
    seeds: int = 1
    prune: bool = True
    sampler_seed: int = 0
    keep: bool = False
    heartbeat_s: int = 10
    data_dir: Path | None = None
    units: int | None = None
    first: Sequence[Mapping[str, Any]] = ()

    @property
    def best_file(self) -> Path:
        """The file for the best trial's settings."""
        return self.folder / "best.toml"

    @property
    def training(self) -> str:
        """The command that trains with the best trial's settings."""
        return shlex.join(
            ["nmtool", "train", self.data, "-o", "RUN", "--config", str(self.best_file)]
        )

    def conditions(self) -> dict[str, Any]:
        """Entries other than settings that must not change once the study has begun.

        With other data or seeds, scores of trials would not be comparable.
        """
        relative = Path(os.path.relpath(self.data, self.folder)).as_posix()
        return {
            "data": self.data if is_name(self.data) else f"folder {relative}",
            "seeds": self.seeds,
            "prune": self.prune,
            "sampler_seed": self.sampler_seed,
            **({"first": [*self.first]} if self.first else {}),
        }


def read_plan(path: str | Path) -> StudyPlan:
    """Read and check a study.

    Args:
        path: path of `STUDY.toml`.

    Raises:
        UsageError: the file cannot be read, or is invalid; the findings list every problem.
    """
    reader = _Reader(Path(path), read_toml(Path(path)))
    plan = reader.plan()
    if plan is None:
        raise UsageError(
            f"{path} is not a valid study", code="study-wrong", findings=reader.problems
        )
    return plan


_KINDS: dict[type, str] = {
    str: "text",
    int: "a whole number",
    bool: "true or false",
    dict: "a table",
    list: "one table or several",
}
_EXAMPLES: dict[str, Any] = {
    "data": "digits",
    "folder": "study",
    "trials": 40,
    "minutes": 30,
    "seeds": 1,
    "prune": True,
    "sampler_seed": 0,
    "keep": False,
    "heartbeat_s": 10,
    "units": 700,
    "data_dir": "data",
    "config": "base.toml",
    "settings": {"lr": 0.01},
    "search": {"lr": [0.01, 0.02]},
    "first": [{"lr": 0.01}],
}
"""A valid value of every entry, by name; other values must have the same type."""

_NEEDED = ("data", "folder")
_LIMITS = {
    **dict.fromkeys(("trials", "minutes", "seeds"), range(1, 1 << 30)),
    "sampler_seed": range(1 << 63),
    "heartbeat_s": range(1, 86_401),
    "units": range(1, MAX_CHANNELS + 1),
}
"""Possible values of entries that are numbers."""


def _is_like(value: Any, example: Any) -> bool:
    """True if a value has the type of an example; in lists, members must match the example's."""
    if type(value) is not type(example):
        return False
    return not isinstance(value, list) or all(_is_like(member, example[0]) for member in value)


class _Reader:
    """Reads one file and collects everything that is wrong with it in `problems`."""

    def __init__(self, file: Path, table: dict[str, Any]) -> None:
        self._file = file
        self._table = table
        self.problems: list[Finding] = []

    def plan(self) -> StudyPlan | None:
        """The plan; None if there are `problems`."""
        values = {name: self._table[name] for name in _EXAMPLES if self._has_valid_entry(name)}
        config = values.pop("config", None)
        space = self._space(config, values.pop("settings", {}), values.pop("search", {}))
        for first in values.get("first", ()):
            self.problems += space.outside(first)
        if not self._table.keys() & {"trials", "minutes"}:
            what, fix = "both trials and minutes are missing", "set one of them: trials = 40"
            self.problems.append(Finding("study-entry-missing", "trials", what, fix))
        self._check_names()
        if self.problems:
            return None
        values["data"] = self._data_name(values["data"])
        for name in values.keys() & {"folder", "data_dir"}:
            values[name] = self._path_beside_file(values[name])
        return StudyPlan(file=self._file, space=space, **values)

    def _has_valid_entry(self, name: str) -> bool:
        """True if the file has a valid entry; False if it is invalid, or optional and missing."""
        value, example = self._table.get(name), _EXAMPLES[name]
        if name in _NEEDED and value in (None, ""):
            what = "is missing" if value is None else "is empty"
            fix = f"set it at the top of the file: {name} = {toml_value(example)}"
            self.problems.append(Finding("study-entry-missing", name, what, fix))
        elif value is not None and not _is_like(value, example):
            what = f"must be {_KINDS[type(example)]}, not {quoted(value)}"
            fix = f"write it like {toml_value(example)}"
            self.problems.append(Finding("study-entry-kind", name, what, fix))
        elif value is not None and name in _LIMITS and value not in _LIMITS[name]:
            span = f"{_LIMITS[name].start} … {_LIMITS[name].stop - 1}"
            what, fix = f"must be {span}, not {value}", "write a number in this range"
            self.problems.append(Finding("study-entry-range", name, what, fix))
        else:
            return value is not None
        return False

    def _check_names(self) -> None:
        """Add a finding for every unknown or misplaced entry."""
        settings = {option.name for option in fields(TrainOptions)}
        for name in self._table:
            if name in _EXAMPLES:
                continue
            if name in settings:
                what, fix = "this is a setting of the trials", "move it to [settings]"
                self.problems.append(Finding("study-entry-misplaced", name, what, fix))
            else:
                fix = suggestion(name, list(_EXAMPLES))
                self.problems.append(
                    Finding("study-entry-unknown", name, "there is no such entry", fix)
                )

    def _space(
        self, config: str | None, settings: dict[str, Any], table: dict[str, Any]
    ) -> SearchSpace:
        """The search space; findings on invalid entries are added to `problems`."""
        base = self._known_settings(self._initial_settings(config), str(config))
        settings = self._known_settings(settings, "[settings]")
        if not table and isinstance(self._table.get("search", {}), dict):
            what = "there is nothing to search"
            fix = (
                "name options below this heading, such as lr = {low = 1e-3, high = 0.1, log = true}"
            )
            self.problems.append(Finding("search-missing", "[search]", what, fix))
        searched = read_search(table, self.problems)
        for name in sorted(settings.keys() & table.keys()):
            what = "it is both in [settings] and in [search]"
            self.problems.append(
                Finding(
                    "study-setting-twice",
                    name,
                    what,
                    "leave it out of [settings] or out of [search]",
                )
            )
        fixed = {name: value for name, value in base.items() if name not in table} | settings
        space = SearchSpace(fixed, searched, "settings")
        self.problems += space.problems()
        return space

    def _initial_settings(self, config: str | None) -> dict[str, Any]:
        """Read the settings of the file or recipe in the entry `config`."""
        if config is None:
            return {}
        try:
            return read_settings(config, folder=self._file.parent)
        except UsageError as error:
            self.problems += findings_of(error, "config")
            return {}

    def _known_settings(self, settings: dict[str, Any], origin: str) -> dict[str, Any]:
        """The settings that exist; adds a finding for each unknown one."""
        known = [option.name for option in fields(TrainOptions)]
        for name in settings:
            if name not in known:
                what, fix = f"there is no setting {name}", suggestion(name, known)
                self.problems.append(Finding("study-setting-unknown", origin, what, fix))
        return {name: value for name, value in settings.items() if name in known}

    def _path_beside_file(self, path: str) -> Path:
        """Resolve a path in STUDY.toml, which is relative to the folder of this file."""
        return Path(os.path.normpath(self._file.parent / path))

    def _data_name(self, word: str) -> str:
        """The name of a data set, or its path relative to the working folder."""
        if is_name(word):
            return word
        path = str(self._path_beside_file(word))
        return f"./{path}" if is_name(path) else path
