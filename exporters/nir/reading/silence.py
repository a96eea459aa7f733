"""Populations that no input can make spike, usually because of a wrong time step."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nmtool.float_simulator import Array, StepPopulation, step_network
from nmtool.network.float_network import Network
from nmtool.network.graph import LIF


def silence(network: Network) -> str:
    """Remark on populations that can never spike; '' if all can spike."""
    silent = dict(_silent(network))
    if not silent:
        return ""
    names = ", ".join(silent)
    return (
        f"no input makes {names} spike within {network.n_steps:,} steps: with a spike on every "
        f"synapse in every step, membranes reach {max(silent.values()):.2g} of the threshold"
    )


def _silent(network: Network) -> Iterator[tuple[str, float]]:
    """Names of silent populations, with the largest share of the threshold that v can reach."""
    steps = step_network(network)
    for population in steps.populations:
        incoming = [p.jump for p in steps.projections if p.target == population.name]
        if population.kind == LIF and incoming:
            excitation = np.sum([np.maximum(jump, 0).sum(axis=0) for jump in incoming], axis=0)
            share = _peak_ratio(population, excitation, network.n_steps)
            if share <= 1:
                yield population.name, share


def _peak_ratio(population: StepPopulation, excitation: Array, n_steps: int) -> float:
    """Largest ratio of a membrane to its threshold that any input can reach in a sample.

    The search ends at the first ratio above 1.

    Args:
        population: constants of the population.
        excitation: [size] float64, largest increase of u in every step.
        n_steps: steps of a sample.
    """
    u = v = np.zeros(population.size)
    peak = 0.0
    for _ in range(n_steps):
        u = u * (1 - population.lose_u) + excitation
        v = v * (1 - population.lose_v) + u + population.drive
        peak = max(peak, float((v / population.threshold).max()))
        if peak > 1:
            break
    return peak
