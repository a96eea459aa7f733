"""Retiming: convert between hops that take a step and hops that take none, by shifting populations.

A population that runs p steps later spikes in the same way, only later. A delay D from s to t is
thus equivalent to D + p(t) − p(s). This gives a system of difference constraints on p, which
shortest paths solve (Bellman & Ford).
"""

from __future__ import annotations

import math
from collections.abc import Mapping


def largest_shifts(
    start: Mapping[str, float], limits: Mapping[tuple[str, str], int]
) -> dict[str, float] | None:
    """The largest p with p ≤ start and p(t) ≤ p(s) + limit(s, t); None if there is no solution.

    Args:
        start: upper bound of p for each node; may be ∞.
        limits: limit per pair (s, t), in steps.
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
    """Number of steps by which each population runs earlier in the graph than in the network.

    The numbers are chosen so that the written delays are as short as possible.

    Args:
        populations: names of the populations.
        least_delays: smallest written delay per pair (pre, post), in steps, ≥ 0.
        source: the input, which is not shifted.
    """
    start = {source: 0.0, **dict.fromkeys(populations, math.inf)}
    shift = largest_shifts(start, least_delays)
    assert shift is not None  # A solution always exists, since no delay is negative.
    for name in populations:
        if math.isinf(shift[name]):  # No path leads from the input to this population.
            start[name] = 0.0
    shift = largest_shifts(start, least_delays)
    assert shift is not None
    return {name: int(steps) for name, steps in shift.items()}


def steps_behind(
    populations: list[str], least_delays: Mapping[tuple[str, str], int], source: str
) -> dict[str, int] | None:
    """Number of steps by which each population must run later in the network than in the graph.

    With these numbers, every hop takes at least one step. None if the delays of a loop add up to
    fewer steps than the loop has hops.
    """
    start = {source: 0.0, **dict.fromkeys(populations, 0.0)}
    limits = {pair: delay - 1 for pair, delay in least_delays.items()}
    shift = largest_shifts(start, limits)
    return None if shift is None else {name: int(-steps) for name, steps in shift.items()}
