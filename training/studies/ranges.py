"""Ranges of a search: the values of each searched setting, as Optuna's distributions.

    lr = { low = 1e-3, high = 5e-2, log = true }
    init_delay_input = { low = 0, high = 30, step = 5 }
    readout = ["weighted", "mean"]

A file of ranges has a line like these for each searched setting: a range or a list of choices.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from nmtool.data import Dataset
from nmtool.data.dividing import AUTO
from nmtool.data.grid import last_spike_ms, usual_end_ms
from nmtool.errors import Finding, UsageError, check_path, listed, quoted, reason, suggestion
from nmtool.toml_files import read_toml
from nmtool.training.options import TrainOptions, example

NOT_SEARCHED = {
    "seed": "the best seed is a coincidence",
    "validation": "scores are only comparable on the same samples",
    "validation_by": "scores are only comparable on the same samples",
    "epochs": "scores are only comparable after the same number of epochs",
}
"""Settings that cannot be searched, with the reason."""

_KEYS = ("low", "high", "log", "step")
_MOST_STEPS, _FEWEST_STEPS = 4000, 50
"""Range of steps per sample in which other time steps are searched by default."""

_ORDERED = 32
"""Fewest channels for which neighbours are assumed to be similar, so that `shift` is searched."""


def read_ranges(source: str | Path | Mapping[str, Any]) -> dict[str, Any]:
    """The table of a file of ranges; a table is returned as a dictionary."""
    if isinstance(source, Mapping):
        return dict(source)
    check_path(source, "the ranges of a search")
    return read_toml(Path(source))


def distributions(
    table: Mapping[str, Any], options: TrainOptions, origin: str
) -> dict[str, BaseDistribution]:
    """Optuna's distribution of each searched setting.

    Args:
        table: by name of the setting, a list of choices, or a table of `low`, `high` and perhaps
            `log` or `step`.
        options: the other settings of all trials, which must agree with the ranges.
        origin: the file of the ranges, for errors.

    Raises:
        UsageError: a range is invalid, or `TrainOptions` refuses one of its ends; the findings list
            every problem.
    """
    by_name: dict[str, BaseDistribution] = {}
    problems: list[Finding] = []
    for name, entry in table.items():
        with _errors_noted(name, problems):
            by_name[name] = _distribution(name, entry)
            for value in _ends(by_name[name]):
                options.with_settings({name: unpacked(name, value)}, name)
    if not table:
        what, fix = "there is nothing to search", "name a setting: lr = [0.001, 0.01]"
        problems.append(Finding("search-empty", "ranges", what, fix))
    if problems:
        raise UsageError(
            f"{origin} has no valid ranges of a search",
            code="search-ranges",
            findings=problems,
            fix="change the ranges; each has `low` and `high`, or is a list of choices",
        )
    return by_name


@contextmanager
def _errors_noted(name: str, problems: list[Finding]) -> Iterator[None]:
    """Add an error of a setting inside the block to the findings, and continue after the block."""
    try:
        yield
    except UsageError as error:
        general = Finding(error.code, name, error.what, error.fix or "change it", error.why)
        problems += error.findings or [general]


def unpacked(name: str, value: Any) -> Any:
    """A value of a trial in the type of its setting; lists are stored as JSON text."""
    is_list = isinstance(value, str) and value.startswith("[")
    return json.loads(value) if is_list else value


def _distribution(name: str, entry: Any) -> BaseDistribution:
    """The distribution of an entry; raises `UsageError`."""
    known = [option.name for option in fields(TrainOptions)]
    if name not in known:
        raise UsageError(
            "there is no setting of this name",
            code="search-setting",
            fix=suggestion(name, known),
        )
    if name in NOT_SEARCHED:
        raise UsageError(
            "this setting cannot be searched",
            code="search-setting",
            why=NOT_SEARCHED[name],
            fix="give it one value for all trials",
        )
    default = example(name)
    if isinstance(entry, list):
        is_float = isinstance(default, float)
        choices = [float(v) if is_float and type(v) is int else _packed(v) for v in entry]
        if len(set(choices)) < max(2, len(choices)):
            raise _invalid(
                "a list of choices needs at least two, all different",
                "list more choices, or give the setting one value for all trials",
            )
        return CategoricalDistribution(choices)
    if not isinstance(entry, dict) or isinstance(default, bool | str | tuple):
        is_number = not isinstance(default, bool | str | tuple)
        raise _invalid(
            f"{quoted(entry)} is not a list of choices{' or a range' * is_number}",
            f"list its choices, like {name} = [{json.dumps(default)}, …], or write a range of "
            "numbers, like {low = 1, high = 2}",
        )
    return _range(name, entry, int if isinstance(default, int) else int | float)


def _range(name: str, entry: Mapping[str, Any], kind: Any) -> BaseDistribution:
    """The distribution of a range of numbers of a kind; raises `UsageError`."""
    if unknown := sorted(entry.keys() - {*_KEYS}):
        raise _invalid(f"a range has no entry {listed(unknown)}", suggestion(unknown[0], _KEYS))
    numbers: dict[str, Any] = {key: entry[key] for key in ("low", "high", "step") if key in entry}
    is_valid = all(
        isinstance(n, kind) and not isinstance(n, bool) and math.isfinite(n)
        for n in numbers.values()
    )
    if not is_valid or not {"low", "high"} <= {*numbers} or not numbers["low"] < numbers["high"]:
        whole = "whole " if kind is int else ""
        raise _invalid(
            f"a range needs {whole}numbers low and high, low below high",
            f"write it like {name} = {{low = 1, high = 2}}",
        )
    is_log = bool(entry.get("log"))
    try:
        if kind is int:
            return IntDistribution(**{"step": 1, **numbers}, log=is_log)
        return FloatDistribution(**numbers, log=is_log)
    except (ValueError, ArithmeticError) as error:
        raise _invalid(
            "Optuna refuses this range",
            "with log, begin above 0 and leave out step; a step is positive and at most the "
            "difference of high and low",
            reason(error) if isinstance(error, ArithmeticError) else str(error),
        ) from error


def _invalid(what: str, fix: str, why: str = "") -> UsageError:
    """The error for an entry that is neither a list of choices nor a range."""
    return UsageError(what, code="search-range", fix=fix, why=why)


def _packed(value: Any) -> Any:
    """A choice as Optuna stores it: lists as JSON text."""
    return json.dumps(value) if isinstance(value, list | tuple | dict) else value


def _ends(distribution: BaseDistribution) -> tuple[Any, ...]:
    """All choices of a list, or both ends of a range."""
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    return distribution.low, distribution.high


# Without ranges of the user


def default_ranges(
    data: Dataset, options: TrainOptions
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Ranges around the defaults for these samples, of all settings that are not given.

    Args:
        data: the samples.
        options: the settings of all trials; a setting that differs from its default is given.

    Returns:
        The table of ranges, and changes of the defaults that have helped on other data, which are
        tried first: augmentation, dropped events, and recurrent delays.
    """
    usual = TrainOptions(dt_ms=options.dt_ms, steps=options.steps)
    fitted = options.fitted_to(data.undivided)
    table = {
        name: entry
        for name, entry in _around(data, fitted).items()
        if getattr(options, name) == getattr(usual, name)
        and _has_several(entry)
        and (name != "dt_ms" or options.dt_ms == AUTO)
    }
    augmented: dict[str, Any] = {"stretch": 0.2}
    if "shift" in table:
        augmented["shift"] = table["shift"][-2]
    if "onset_ms" in table:
        augmented["onset_ms"] = _to_two_digits(0.4 * table["onset_ms"]["high"])
    delayed = {"init_delay_recurrent": table.get("init_delay_recurrent", [0])[-1]}
    prepared: list[dict[str, Any]] = []
    for changes in (augmented, {"drop": 0.3}, augmented | delayed):
        searched = {name: value for name, value in changes.items() if name in table}
        if searched and searched not in prepared:
            prepared.append(searched)
    return table, prepared


def _around(data: Dataset, fitted: TrainOptions) -> dict[str, Any]:
    """The ranges around the default of each setting; `fitted` has no `auto`."""
    length_ms = usual_end_ms(last_spike_ms(data.undivided))
    steps = {factor: length_ms / (factor * fitted.dt_ms) for factor in (0.5, 2)}
    fine = [0.5 * fitted.dt_ms] if steps[0.5] <= _MOST_STEPS else []
    coarse = [2 * fitted.dt_ms] if steps[2] >= _FEWEST_STEPS else []
    units = data.undivided.n_units if data.undivided.n_units >= _ORDERED else 0
    longest = max(4, length_ms / 5 / fitted.tau_mem_ms)
    return {
        "lr": _factors(fitted.lr, 1 / 4, 4),
        "delay_lr": _factors(fitted.delay_lr, 1 / 8, 4),
        "dt_ms": [*fine, fitted.dt_ms, *coarse],
        "tau_mem_ms": _factors(fitted.tau_mem_ms, 1 / 2, longest),
        "tau_syn_ms": _factors(fitted.tau_syn_ms, 1 / 2, 4),
        "gain": _factors(fitted.gain, 1 / 4, 4),
        "hidden": sorted({fitted.hidden, 128, 512}) if isinstance(fitted.hidden, int) else [],
        "init_delay_recurrent": sorted({0, fitted.max_delay // 2}),
        "shift": sorted({0, *(math.ceil(units / share) for share in (150, 50, 30))}),
        "stretch": {"low": 0.0, "high": 0.3},
        "onset_ms": {"low": 0.0, "high": _to_two_digits(min(1000.0, length_ms / 10))},
        "drop": {"low": 0.0, "high": 0.5},
    }


def _has_several(searched: list[Any] | dict[str, Any]) -> bool:
    """True if a list or range contains more than one value."""
    if isinstance(searched, list):
        return len(searched) > 1
    return bool(searched["low"] < searched["high"])


def _factors(value: float, low: float, high: float) -> dict[str, Any]:
    """A logarithmic range around a value, from `low` times to `high` times the value."""
    return {"low": _to_two_digits(low * value), "high": _to_two_digits(high * value), "log": True}


def _to_two_digits(value: float) -> float:
    """Round a value to two significant digits."""
    return float(f"{value:.2g}")
