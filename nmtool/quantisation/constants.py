"""Constants of neurons as a chip holds them: 12-bit decays of a population, 13-bit biases."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from nmtool import dynamics, targets
from nmtool.errors import Finding
from nmtool.graph import LIF
from nmtool.network import Network, Population
from nmtool.quantisation.exact import single
from nmtool.quantisation.scale import held_tau
from nmtool.rounding import round_half_away
from nmtool.targets import DECAY_ONE, STATE_SHIFT


def current_decay(population: Population, dt_ms: float) -> int:
    """du, to which the chip adds 1: the nearest one where the exact one is out of range."""
    exact = _lost(population, "tau_syn_ms", dt_ms) - 1
    return min(max(exact, 0), targets.MAX_DU)


def membrane_decay(population: Population, dt_ms: float) -> int:
    """dv, the nearest one where the exact one is out of range."""
    return min(_lost(population, "tau_mem_ms", dt_ms), targets.MAX_DV)


def _lost(population: Population, key: str, dt_ms: float) -> int:
    """What a step loses of 4096: 4096·(1 − exp(−dt/τ))."""
    tau_ms = single(population.values(key))
    return int(round_half_away(DECAY_ONE * (1 - float(dynamics.decay(tau_ms, dt_ms)))))


def bias_per_step(population: Population, dt_ms: float) -> NDArray[np.float64]:
    """[size]: what is added to v each step, in units of u."""
    gain = dynamics.membrane_gain(population.values("tau_mem_ms"), dt_ms)
    return population.values("bias") * gain


def bias_integers(
    population: Population, dt_ms: float, scale: float
) -> tuple[NDArray[np.int16], int]:
    """[size] mantissas and their common exponent.

    Args:
        population: with the exact biases.
        dt_ms: length of a step.
        scale: integer weight per unit of u.
    """
    exact = bias_per_step(population, dt_ms) * scale * (1 << STATE_SHIFT)
    limit = targets.BIAS_MANTISSA_LIMIT - 1
    largest = float(np.abs(exact).max())
    exponent = max(0, math.ceil(math.log2(largest / limit))) if largest > limit else 0
    exponent = min(exponent, targets.MAX_BIAS_EXPONENT)
    mantissa = np.clip(round_half_away(exact / 2**exponent), -limit, limit)
    return mantissa.astype(np.int16), exponent


def constant_findings(network: Network) -> Iterator[Finding]:
    """Constants that a chip cannot hold as they are, whatever the scale."""
    for population in network.populations:
        yield from _averaged(population)
        yield from _decays(population, network.dt_ms)


def _averaged(population: Population) -> Iterator[Finding]:
    name = population.name
    if _differ(population.values("tau_mem_ms")):
        what, fix = f"tau_mem_ms {_DIFFERS}", _mean_taken(population.values("tau_mem_ms"))
        yield Finding("per-neuron-tau-mem", name, what, fix)
    if _differ(population.values("tau_syn_ms")):
        what, fix = f"tau_syn_ms {_DIFFERS}", _mean_taken(population.values("tau_syn_ms"))
        yield Finding("per-neuron-tau-syn", name, what, fix)
    if population.kind == LIF and _differ(population.values("threshold")):
        what, fix = f"threshold {_DIFFERS}", _mean_taken(population.values("threshold"))
        yield Finding("per-neuron-threshold", name, what, fix)


_DIFFERS = "differs between neurons; the target holds one value per population"


def _differ(values: NDArray[np.float64]) -> bool:
    return bool((values != values[0]).any())


def _mean_taken(values: NDArray[np.float64]) -> str:
    return f"the mean, {single(values):g}, was taken"


def _decays(population: Population, dt_ms: float) -> Iterator[Finding]:
    held = {
        "tau_mem_ms": membrane_decay(population, dt_ms),
        "tau_syn_ms": current_decay(population, dt_ms) + 1,
    }
    for key, lost in held.items():
        tau_ms = single(population.values(key))
        text = f"{key} = {tau_ms:g} ms"
        if lost != _lost(population, key, dt_ms):
            what = f"{text} is outside what a 12-bit decay holds"
            fix = f"the nearest, {held_tau(lost, dt_ms):.4g} ms, was taken"
            yield Finding("decay-range", population.name, what, fix)
        elif lost == 0 and math.isfinite(tau_ms):
            what = f"{text} is so long that a 12-bit decay loses nothing in a step"
            fix = f"it became infinite; the longest that is held is {held_tau(1, dt_ms):.4g} ms"
            yield Finding("decay-range", population.name, what, fix)
