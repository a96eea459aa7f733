"""Decays, thresholds and biases of neurons in a chip's integers, and findings on changes."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from nmtool import dynamics
from nmtool.arithmetic import Arithmetic, Limits
from nmtool.errors import Finding
from nmtool.network.float_network import Network
from nmtool.network.float_parts import Population
from nmtool.network.graph import LIF, TO_ZERO
from nmtool.network.integer_network import IntegerNetwork, IntegerPopulation
from nmtool.rounding import round_half_away

THRESHOLD_TOLERANCE = 0.05
"""Largest relative error of a threshold, or of what a reset subtracts, without a finding."""


def common_value(values: NDArray[np.float64]) -> float:
    """The value that all neurons of a population share, or else the mean of their values."""
    same = (values == values[0]).all()
    return float(values[0] if same else np.mean(values))


def current_decay(population: Population, dt_ms: float, target: Limits) -> int:
    """The decay of u as an integer, du, rounded and clipped to the target's range.

    Where the arithmetic decays u by du + 1, du is the rounded decay minus 1. u always decays, since
    it would have no bound otherwise.
    """
    lost_u = target.runs_in.lost_u
    exact = _lost_per_step(population, "tau_syn_ms", dt_ms, target) - lost_u
    return min(max(exact, 1 - lost_u), target.max_du)


def membrane_decay(population: Population, dt_ms: float, target: Limits) -> int:
    """The decay of v as an integer, dv, rounded and clipped to the target's range."""
    exact = _lost_per_step(population, "tau_mem_ms", dt_ms, target) - target.runs_in.lost_v
    return min(max(exact, 0), target.max_dv)


def _lost_per_step(population: Population, key: str, dt_ms: float, target: Limits) -> int:
    """Share of a state that is lost per step, in units of 1/`decay_one`, rounded.

    The share is (1 − exp(−dt/τ)); `key` is the name of the time constant.
    """
    tau_ms = common_value(population.values(key))
    decay_one = target.runs_in.decay_one
    return int(round_half_away(decay_one * (1 - float(dynamics.decay(tau_ms, dt_ms)))))


def rounded_tau(lost: int, dt_ms: float, decay_one: int) -> float:
    """Time constant in ms of a state that loses the share `lost`/`decay_one` in each step."""
    if lost == 0:
        return math.inf
    return 0.0 if lost >= decay_one else -dt_ms / math.log1p(-lost / decay_one)


def bias_per_step(population: Population, dt_ms: float) -> NDArray[np.float64]:
    """[neurons] float64: bias that is added to v in each step, in units of u."""
    gain = dynamics.membrane_gain(population.values("tau_mem_ms"), dt_ms)
    return population.values("bias") * gain


def bias_integers(
    population: Population, dt_ms: float, scale: float, target: Limits
) -> tuple[NDArray[np.int16], int]:
    """Bias mantissas, [neurons] int16, and their common exponent; 0 if the target has no biases.

    Args:
        population: the population with exact biases.
        dt_ms: length of a step in ms.
        scale: number of integer weight units per unit of u.
        target: chip or format to round for.
    """
    if target.max_bias <= 0:
        return np.zeros(population.size, np.int16), 0
    exact = bias_per_step(population, dt_ms) * scale * target.runs_in.state_one
    limit = target.bias_limit - 1
    largest = float(np.abs(exact).max())
    exponent = max(0, math.ceil(math.log2(largest / limit))) if largest > limit else 0
    exponent = min(exponent, target.max_bias_exponent)
    mantissa = np.clip(round_half_away(exact / 2**exponent), -limit, limit)
    return mantissa.astype(np.int16), exponent


def reset_integer(population: Population, vth: int, scale: float, runs_in: Arithmetic) -> int:
    """The constant that a reset subtracts, as an integer; the threshold stays the threshold.

    Args:
        population: a population with a reset by subtraction, now or late.
        vth: its rounded threshold.
        scale: number of integer weight units per unit of u.
        runs_in: the arithmetic.
    """
    is_threshold = (population.values("reset_by") == population.values("threshold")).all()
    rounded = (
        vth
        if is_threshold
        else int(round_half_away(scale * common_value(population.values("reset_by"))))
    )
    return min(max(rounded, 1), vth + (-runs_in.lowest >> runs_in.state_shift))


def threshold_error(exact: Population, integer: IntegerPopulation) -> float:
    """Relative error of the rounded threshold; 0 for non-spiking populations."""
    if integer.kind != LIF:
        return 0.0
    return integer.vth / (integer.scale * common_value(exact.values("threshold"))) - 1


def constant_findings(network: Network, target: Limits) -> Iterator[Finding]:
    """Findings for constants that a target cannot represent with any scale."""
    for population in network.populations:
        yield from _averaging_findings(population)
        if not _is_clock(network, population):
            yield from _decay_findings(population, network.dt_ms, target)
        if target.max_bias <= 0 and (biased := np.count_nonzero(population.values("bias"))):
            what = f"{biased} neurons have a bias, but the target has no biases"
            fix = "the biases were dropped; train without biases"
            yield Finding("bias-lost", population.name, what, fix)


def threshold_findings(network: Network, integers: IntegerNetwork) -> Iterator[Finding]:
    """Findings for thresholds that rounding changed by more than `THRESHOLD_TOLERANCE`.

    Args:
        network: the float network.
        integers: the rounded network.
    """
    fix = "the threshold is too small relative to the weights; bring them closer in size"
    for exact, integer in zip(network.populations, integers.populations, strict=True):
        error = threshold_error(exact, integer)
        if integer.vth == 0:
            what = "the threshold became 0: any positive membrane spikes"
            yield Finding("threshold-lost", integer.name, what, fix)
        elif abs(error) > THRESHOLD_TOLERANCE:
            what = f"the threshold became {integer.vth}, with an error of {error:+.0%}"
            yield Finding("threshold-error", integer.name, what, fix)


def reset_findings(network: Network, integers: IntegerNetwork) -> Iterator[Finding]:
    """Findings for resets whose constant rounding changed by more than `THRESHOLD_TOLERANCE`.

    A constant that equals the threshold has the error of the threshold, and no finding of its own.

    Args:
        network: the float network.
        integers: the rounded network.
    """
    fix = "choose a constant closer in size to the threshold, e.g. the threshold itself"
    for exact, integer in zip(network.populations, integers.populations, strict=True):
        if integer.reset == TO_ZERO or integer.reset_by == integer.vth:
            continue
        error = integer.reset_by / (integer.scale * common_value(exact.values("reset_by"))) - 1
        if abs(error) > THRESHOLD_TOLERANCE:
            what = f"the reset subtracts {integer.reset_by}, with an error of {error:+.0%}"
            yield Finding("reset-error", integer.name, what, fix)


def _averaging_findings(population: Population) -> Iterator[Finding]:
    """Findings for constants that differ between neurons and were replaced by their mean."""
    name = population.name
    if _are_different(population.values("tau_mem_ms")):
        what, fix = f"tau_mem_ms {_DIFFERS}", _mean_was_used(population.values("tau_mem_ms"))
        yield Finding("per-neuron-tau-mem", name, what, fix)
    if _are_different(population.values("tau_syn_ms")):
        what, fix = f"tau_syn_ms {_DIFFERS}", _mean_was_used(population.values("tau_syn_ms"))
        yield Finding("per-neuron-tau-syn", name, what, fix)
    if population.kind == LIF and _are_different(population.values("threshold")):
        what, fix = f"threshold {_DIFFERS}", _mean_was_used(population.values("threshold"))
        yield Finding("per-neuron-threshold", name, what, fix)
    if population.reset != TO_ZERO and _are_different(population.values("reset_by")):
        what, fix = f"reset_by {_DIFFERS}", _mean_was_used(population.values("reset_by"))
        yield Finding("per-neuron-reset", name, what, fix)


_DIFFERS = "differs between neurons, but the target has one value per population"


def _are_different(values: NDArray[np.float64]) -> bool:
    """True if the values of a population's neurons differ."""
    return bool((values != values[0]).any())


def _mean_was_used(values: NDArray[np.float64]) -> str:
    """Text of a fix: the mean of the values was used."""
    return f"the mean, {common_value(values):g}, was used"


def _is_clock(network: Network, population: Population) -> bool:
    """True for a clock: a population without input whose neurons spike in every step.

    Importers add clocks. The decays of a clock have no effect.
    """
    if population.kind != LIF or any(p.target == population.name for p in network.projections):
        return False
    above = bias_per_step(population, network.dt_ms) > population.values("threshold")
    return bool(above.all())


def _decay_findings(population: Population, dt_ms: float, target: Limits) -> Iterator[Finding]:
    """Findings for time constants outside the range of the target's decays."""
    runs_in = target.runs_in
    decays = {
        "tau_mem_ms": membrane_decay(population, dt_ms, target) + runs_in.lost_v,
        "tau_syn_ms": current_decay(population, dt_ms, target) + runs_in.lost_u,
    }
    decay = f"a {runs_in.neuron.decay_bits}-bit decay"
    for key, lost in decays.items():
        tau_ms = common_value(population.values(key))
        text = f"{key} = {tau_ms:g} ms"
        if lost != _lost_per_step(population, key, dt_ms, target):
            what = f"{text} is outside the range of {decay}"
            fix = f"the nearest, {rounded_tau(lost, dt_ms, runs_in.decay_one):.4g} ms, was used"
            yield Finding("decay-range", population.name, what, fix)
        elif lost == 0 and math.isfinite(tau_ms):
            what = f"{text} is so long that {decay} rounds to no decay at all"
            longest = rounded_tau(1, dt_ms, runs_in.decay_one)
            fix = f"the time constant became infinite; the longest finite one is {longest:.4g} ms"
            yield Finding("decay-range", population.name, what, fix)
