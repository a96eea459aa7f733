"""What a study takes from Optuna: its storage, sampler, pruner, and values of the options."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nmtool.errors import FileFormatError
from nmtool.training.sweeps.plan import StudyPlan
from nmtool.training.sweeps.space import Range

if TYPE_CHECKING:
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler
    from optuna.storages import RDBStorage
    from optuna.trial import Trial

    from nmtool.training.sweeps.space import Searched

_BUSY_S = 120.0
_UNHEEDED_SHARE = 4
"""No trial is pruned within the first epochs, one of so many, or the first."""


def quiet() -> None:
    """Keep Optuna from talking."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)


def open_storage(file: Path) -> RDBStorage:
    """A SQLite file, new or one that is there; raises `FileFormatError` if it is none."""
    from optuna.storages import RDBStorage
    from sqlalchemy.exc import SQLAlchemyError

    try:
        return RDBStorage(
            f"sqlite:///{file.absolute()}",
            engine_kwargs={"connect_args": {"timeout": _BUSY_S}},
        )
    except (SQLAlchemyError, RuntimeError) as error:
        raise FileFormatError(
            f"{file} cannot be read as the store of a study",
            code="file-damaged",
            why=str(error).partition("\n")[0],
            fix="name another folder in the study's file",
        ) from error


def sampler(seed: int, index: int) -> BaseSampler:
    """The sampler of a trial, decided by the study's seed and how many trials came before."""
    from optuna.samplers import TPESampler

    words = np.random.SeedSequence([seed, index]).generate_state(1)
    return TPESampler(seed=int(words[0]))


def pruner(plan: StudyPlan) -> BasePruner:
    """What decides which trials end early: none, or those below the median of the others."""
    from optuna.pruners import MedianPruner, NopPruner

    if not plan.prune:
        return NopPruner()
    unheeded = max(1, plan.space.first_options().epochs // _UNHEEDED_SHARE)
    return MedianPruner(n_warmup_steps=unheeded + 1)


def suggested(trial: Trial, name: str, searched: Searched) -> Any:
    """The trial's value of an option."""
    if not isinstance(searched, Range):
        return trial.suggest_categorical(name, searched.words)
    low, high, step = searched.low, searched.high, searched.step
    if searched.is_whole:
        step = 1 if step is None else int(step)
        return trial.suggest_int(name, int(low), int(high), step=step, log=searched.log)
    return trial.suggest_float(name, low, high, step=step, log=searched.log)
