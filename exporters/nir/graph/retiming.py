"""Retiming: hops that cost a step and hops that cost none, made equal by shifting populations.

A population that runs p steps later than in another description sees and does the same. So a
delay D from s to t and a delay D + p(t) − p(s) mean the same, which is a system of difference
constraints on p; its solution is a shortest path (Bellman & Ford).
"""

from __future__ import annotations

import math
from collections.abc import Mapping


def largest_shifts(
    start: Mapping[str, float], limits: Mapping[tuple[str, str], int]
) -> dict[str, float] | None:
    """The largest p with p ≤ start and p(t) ≤ p(s) + limit(s, t); None where there is no end.

    Args:
        start: per node an upper bound, ∞ allowed.
        limits: per pair (s, t) the limit, in steps.
    """
    shift = dict(start)
    for _ in range(len(shift) + 1):
        changed = False
        for (pre, post), limit in limits.items():
            if shift[pre] + limit < shift[post]:
                shift[post] = shift[pre] + limit
                changed = True
        if not changed:
            return shift
    return None


def steps_ahead(
    populations: list[str], least_delays: Mapping[tuple[str, str], int], source: str
) -> dict[str, int]:
    """Steps that each population can run ahead, for delays to become as small as they can.

    Args:
        populations: names.
        least_delays: per pair (pre, post) the least delay that is written, in steps, ≥ 0.
        source: the input, which stays.
    """
    start = {source: 0.0, **dict.fromkeys(populations, math.inf)}
    shift = largest_shifts(start, least_delays)
    assert shift is not None  # no delay is negative
    for name in populations:
        if math.isinf(shift[name]):  # the input does not reach it
            start[name] = 0.0
    shift = largest_shifts(start, least_delays)
    assert shift is not None
    return {name: int(steps) for name, steps in shift.items()}


def steps_behind(
    populations: list[str], least_delays: Mapping[tuple[str, str], int], source: str
) -> dict[str, int] | None:
    """Steps that each population must run later, for every hop to cost at least a step.

    None where a loop is shorter than the hops in it.
    """
    start = {source: 0.0, **dict.fromkeys(populations, 0.0)}
    limits = {pair: delay - 1 for pair, delay in least_delays.items()}
    shift = largest_shifts(start, limits)
    return None if shift is None else {name: int(-steps) for name, steps in shift.items()}
