"""Run samples, each from a fresh state, all of them on one core."""

from __future__ import annotations

from collections.abc import Iterator

from .arrays import NetworkArrays
from .events import Events
from .memory import layers, plan
from .model import Core
from .traces import Trace


def run_samples(
    arrays: NetworkArrays, events: Events, deep: bool, on_board: bool
) -> Iterator[dict[str, Trace]]:
    """Run every sample, and yield its traces by population.

    Args:
        arrays: the network.
        events: the input; every sample has its number of steps, not the network's.
        deep: record u and v of every population.
        on_board: run on a board instead of in the simulator.

    Raises:
        ValueError: the network does not fit into a core.
    """
    if events.n_samples == 0:
        return
    memory = plan(arrays.n_channels, layers(arrays, deep), events.n_steps)
    core = Core(arrays, memory, deep, on_board)
    for sample in range(events.n_samples):
        yield core.run(events.dense(sample).T)
