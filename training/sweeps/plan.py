"""`STUDY.toml`: what a study searches, on which data, how long, and where it is kept.

data = "digits"          as for `nmtool train`; folders lie relative to STUDY.toml
folder = "digits-study"  of the study, likewise
units = 700              optional: channels of a folder whose files do not say it
data_dir = "data"        optional: where downloaded data sets are kept, likewise
config = "base.toml"     optional: settings to begin with, likewise
trials = 40
seeds = 1                trainings per trial; their mean is its score
prune = true             end trials early that are worse than the median of the others
sampler_seed = 0         decides which settings are tried
keep = false             keep the networks of all trials, not only their logs

[settings]               fixed: any setting of `nmtool train`, epochs too
[search]                 NAME = {low =, high =, log =, step =} or a list of choices
"""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nmtool.data.catalogue import is_name
from nmtool.data.dataset import suggestion
from nmtool.errors import UsageError

if TYPE_CHECKING:
    from nmtool.training.study import SearchSpace


@dataclass(frozen=True)
class StudyPlan:
    """A study, checked.

    Attributes:
        file: the file it was read from.
        data: name of a data set, or its folder.
        folder: of the study.
        space: fixed and searched settings.
        trials: how many are to be finished.
        seeds: trainings per trial, with seeds that follow on each other.
        prune: end bad trials early.
        sampler_seed: decides which settings are tried.
        keep: keep the run folders of all trials.
        data_dir, units: how the data are found, as for `nmtool train`.
    """

    file: Path
    data: str
    folder: Path
    space: SearchSpace
    trials: int
    seeds: int = 1
    prune: bool = True
    sampler_seed: int = 0
    keep: bool = False
    data_dir: Path | None = None
    units: int | None = None

    @property
    def best_file(self) -> Path:
        """Where the best trial's settings are written."""
        return self.folder / "best.toml"

    def conditions(self) -> dict[str, Any]:
        """What must stay as it is for scores to be comparable, beside the search space."""
        data = self.data if is_name(self.data) else f"folder {self._relative(self.data)}"
        return {
            "data": data,
            "seeds": self.seeds,
            "prune": self.prune,
            "sampler_seed": self.sampler_seed,
        }

    def _relative(self, path: str) -> str:
        return Path(os.path.relpath(path, self.folder)).as_posix()


def read_plan(path: str) -> StudyPlan:
    """Read and check a study.

    Raises:
        UsageError: the file cannot be read, or something in it is wrong; everything that is
            wrong is listed.
    """
    from nmtool.cli.train_settings import read_config

    reader = _Reader(Path(path), read_config(path))
    plan = reader.plan()
    if reader.problems:
        raise _complaint(path, reader.problems)
    assert plan is not None
    return plan


def _complaint(path: str, problems: list[str]) -> UsageError:
    if len(problems) == 1:
        return UsageError(f"{path}: {problems[0]}")
    return UsageError(
        f"{path}: {len(problems)} things are wrong", why="\n".join(["", *_indented(problems)])
    )


def _indented(lines: list[str]) -> list[str]:
    return [f"    {line}" for line in lines]


_IS_WHAT: dict[type, str] = {
    str: "text",
    int: "a whole number",
    bool: "true or false",
    dict: "a table",
}


class _Reader:
    """Reads one file and collects everything that is wrong with it in `problems`."""

    def __init__(self, file: Path, table: dict[str, Any]) -> None:
        self._file = file
        self._table = table
        self.problems: list[str] = []
        self._known: list[str] = []

    def plan(self) -> StudyPlan | None:
        """The plan; None where `problems` prevent one."""
        data, folder = self._needed("data", str), self._needed("folder", str)
        rest: dict[str, Any] = {
            "trials": self._needed("trials", int),
            "seeds": self._given("seeds", int, 1),
            "prune": self._given("prune", bool, True),
            "sampler_seed": self._given("sampler_seed", int, 0),
            "keep": self._given("keep", bool, False),
            "units": self._given("units", int, None),
        }
        data_dir = self._given("data_dir", str, None)
        for name in ("trials", "seeds", "units"):
            self._check_least(name, rest[name], 1)
        self._check_least("sampler_seed", rest["sampler_seed"], 0)
        space = self._space()
        self._check_names()
        if self.problems:
            return None
        return StudyPlan(
            file=self._file,
            data=self._data(data),
            folder=self._beside(folder),
            space=space,
            data_dir=None if data_dir is None else self._beside(data_dir),
            **rest,
        )

    def _given(self, name: str, kind: type, default: Any) -> Any:
        """What the file says under a name, if it is of that kind."""
        self._known.append(name)
        value = self._table.get(name, default)
        if name in self._table and type(value) is not kind:
            self.problems.append(f"{name} must be {_IS_WHAT[kind]}, not {value!r}")
            return default
        return value

    def _needed(self, name: str, kind: type) -> Any:
        if name not in self._table:
            self.problems.append(f"{name} is missing")
        value = self._given(name, kind, None)
        if value == "":
            self.problems.append(f"{name} is empty")
        return value

    def _check_least(self, name: str, value: int | None, least: int) -> None:
        if value is not None and value < least:
            self.problems.append(f"{name} must be at least {least}, not {value}")

    def _check_names(self) -> None:
        from nmtool.training.options import TrainOptions

        settings = {option.name for option in fields(TrainOptions)}
        for name in self._table:
            if name in self._known:
                continue
            if name in settings:
                self.problems.append(f"{name} is a setting: it belongs under [settings]")
            else:
                self.problems.append(f"unknown {name}; {suggestion(name, self._known)}")

    def _space(self) -> SearchSpace:
        """The search space, checked as far as what is written lets it be."""
        from nmtool.training.search_table import read_search
        from nmtool.training.study import SearchSpace

        base = self._known_settings(self._base(), str(self._table.get("config")))
        settings = self._known_settings(self._given("settings", dict, {}), "[settings]")
        table = self._given("search", dict, {})
        if not table and isinstance(self._table.get("search", {}), dict):
            self.problems.append("[search] is missing: there is nothing to search")
        searched = read_search(table, self.problems)
        for name in sorted(settings.keys() & table.keys()):
            self.problems.append(f"{name} is in [settings] and in [search]")
        fixed = {name: value for name, value in base.items() if name not in table} | settings
        space = SearchSpace(fixed, searched, "settings")
        self.problems += space.problems()
        return space

    def _base(self) -> dict[str, Any]:
        from nmtool.cli.train_settings import read_config

        config = self._given("config", str, None)
        if config is None:
            return {}
        try:
            return read_config(str(self._beside(config)))
        except UsageError as error:
            self.problems.append(f"{error.what} ({error.why})")
            return {}

    def _known_settings(self, settings: dict[str, Any], origin: str) -> dict[str, Any]:
        from nmtool.training.options import TrainOptions

        known = [option.name for option in fields(TrainOptions)]
        for name in settings:
            if name not in known:
                self.problems.append(f"{origin}: unknown {name}; {suggestion(name, known)}")
        return {name: value for name, value in settings.items() if name in known}

    def _beside(self, path: str) -> Path:
        return Path(os.path.normpath(self._file.parent / path))

    def _data(self, word: str) -> str:
        """The word by which the data set is found from the working folder."""
        if is_name(word):
            return word
        path = str(self._beside(word))
        return f"./{path}" if is_name(path) else path
