"""`rate_factor`: learning rates over a run. Needs no torch, since reports use it, too."""

from __future__ import annotations

import math
from collections.abc import Callable


def rate_factor(schedule: str, n_updates: int, warmup: float) -> Callable[[int], float]:
    """Factor of the learning rate by update (from 0): a linear warm-up to 1, then the schedule.

    Args:
        schedule: one of `SCHEDULES`; decreasing schedules reach 0 after the last update.
        n_updates: number of updates of the whole run.
        warmup: share of all updates that the warm-up takes.
    """
    n_warmup, after_warmup = round(warmup * n_updates), _AFTER_WARMUP[schedule]

    def factor(update: int) -> float:
        if update < n_warmup:
            return (update + 1) / n_warmup
        done = (update - n_warmup) / max(1, n_updates - n_warmup)
        return after_warmup(min(1.0, done))

    return factor


_AFTER_WARMUP: dict[str, Callable[[float], float]] = {
    "cosine": lambda done: 0.5 * (1 + math.cos(math.pi * done)),
    "linear": lambda done: 1 - done,
    "constant": lambda done: 1.0,
}
"""By schedule, the factor as a function of the share of the updates done after the warm-up."""
