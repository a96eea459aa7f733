"""The scale of a population: the number of integer weight units per unit of u.

All incoming projections of a population share it. It is the largest S for which

    S·max|w| ≤ (256 − step)·2^e        per projection, step the spacing of its integer weights
    S·Σ± < 2^15                        no step's summed input overflows
    64·S·Σ±·4096/(du + 1) < 2^23       u never wraps, see below
    S·θ ≤ 131071                       the threshold fits
    64·S·bias ≤ 4095·2^7               the bias fits
    64·S·room·max|v| < 2^23            head-room beyond the largest v on calibration data: twice in
                                       non-spiking neurons; 1.25 times in spiking ones, which
                                       inhibition can push far below 0, or less if that keeps
                                       more of their spikes (`pipeline.quantise_network`)
    S ≤ at_most                        half of a scale at which data overflowed

with w, θ and the bias of a step in units of u and Σ± the worst neuron's sum of one sign over all
its inputs. The numbers are those of `loihi2`; another target's arithmetic has its own. If u clips
instead of wrapping around, its head-room is twice its largest value on data, as for v.

The exponents e let small projections keep their bits beside large ones: S is first
set by the projection with the largest weight (e = 0 there), then doubled while the bounds allow
it and some projection still gains. Weights of few bits n have large steps, which a negative
exponent, down to n − 8, makes finer where a projection does not need its range.

Rounded weights can add up to more than the exact ones. The bounds are therefore checked on the
integers (`share_of_ranges`), and S is lowered until they hold.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from nmtool.arithmetic import LOIHI2, Arithmetic, Limits

INPUT, CURRENT, MEMBRANE = "input", "current", "membrane"
THRESHOLD, BIAS, WEIGHTS = "threshold", "bias", "weights"
"""Limits of a scale: the bounds at the head of this file, and weights of very different sizes."""

_MARGIN = 1 - 1 / 1024
"""Safety margin for weights that are rounded up."""


@dataclass(frozen=True)
class Calibration:
    """Largest input, u and v of each population on calibration data, in units of u.

    >>> import nmtool as nm
    >>> seen = nm.Calibration(membrane={"output": 0.5})
    >>> nm.round_network(nm.Network.layers([4, 3]), calibration=seen).report
    <QuantisationReport: 1 population, 1 projection, 0 findings, calibrated>

    Attributes:
        drive: largest magnitude of a step's summed input.
        current: largest magnitude of u.
        membrane: largest magnitude of v. A missing population gets no head-room. A non-spiking
            population whose membrane stayed at 0 gets head-room for every possible input.
        at_most: upper bound of the scale (integer weight units per unit of u), for populations
            that overflowed at a larger scale.
    """

    drive: Mapping[str, float] = field(default_factory=dict)
    current: Mapping[str, float] = field(default_factory=dict)
    membrane: Mapping[str, float] = field(default_factory=dict)
    at_most: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Ceilings:
    """Bounds of a population's input, u, v, threshold and bias, in units of u.

    Attributes:
        drive: bound of a step's summed input.
        current: bound of the magnitude of u.
        membrane: bound of the magnitude of v, including head-room; None if unknown.
        threshold: the threshold θ; None for non-spiking populations.
        bias: largest magnitude of the bias that is added to v in each step.
        static: `drive` is valid for every possible input, not only for calibration data.
        static_current: `current` is valid for every possible input.
    """

    drive: float
    current: float
    membrane: float | None
    threshold: float | None
    bias: float
    static: bool = True
    static_current: bool = True


def one_signed_sum(weights: Sequence[NDArray]) -> float:
    """Σ±: largest magnitude, over all neurons, of the sum of incoming weights of one sign.

    Args:
        weights: [pre, post] weights of all projections onto the population.
    """
    if not weights:
        return 0.0
    positive = sum(np.maximum(w, 0).sum(axis=0) for w in weights)
    negative = sum(np.maximum(-w, 0).sum(axis=0) for w in weights)
    return float(max(np.max(positive), np.max(negative)))


def largest_scale(ceilings: Ceilings, target: Limits = LOIHI2) -> float:
    """The largest scale that all bounds allow; bounds on single weights are left out."""
    return min(_bounds(ceilings, target).values())


def limited_by(ceilings: Ceilings, scale: float, target: Limits = LOIHI2) -> str:
    """The reason why the scale is not twice as large: one of the limits `INPUT` to `WEIGHTS`."""
    bounds = _bounds(ceilings, target)
    first = min(bounds, key=bounds.__getitem__)
    return first if 2 * scale > bounds[first] else WEIGHTS


def _bounds(ceilings: Ceilings, target: Limits) -> dict[str, float]:
    """By limit, the largest scale that its bound allows; bounds on single weights are left out."""
    largest = target.runs_in.state_limit * _MARGIN / target.runs_in.state_one
    bounds = {
        INPUT: _ratio(target.drive_limit * _MARGIN, ceilings.drive),
        CURRENT: _ratio(largest, ceilings.current),
    }
    if target.max_bias > 0:
        bounds[BIAS] = _ratio(target.max_bias / target.runs_in.state_one, ceilings.bias)
    if ceilings.threshold is not None:
        bounds[THRESHOLD] = target.max_threshold / ceilings.threshold
    if ceilings.membrane is not None:
        bounds[MEMBRANE] = _ratio(largest, ceilings.membrane)
    return bounds


def choose_scale(
    ceilings: Ceilings,
    largest: Sequence[float],
    limits: Sequence[int],
    at_most: float = math.inf,
    weight_bits: int = 8,
    target: Limits = LOIHI2,
) -> tuple[float, list[int]]:
    """Choose the scale of a population and the exponents of its projections.

    Args:
        ceilings: bounds of the population's variables.
        largest: max|w| of each incoming projection, in units of u; 0 if all weights are 0.
        limits: largest integer weight of each projection.
        at_most: upper bound of the scale S.
        weight_bits: bits per weight, which determine the smallest exponent.
        target: chip or format to round for.

    Returns:
        The scale S, and one exponent per projection.
    """
    upper_bound = min(largest_scale(ceilings, target), at_most)
    bases = [_ratio(limit, weight) for weight, limit in zip(largest, limits, strict=True)]
    scale = min([upper_bound, *bases])
    if math.isinf(scale):
        return 1.0, [0] * len(bases)
    possible = target.weight_exponents(weight_bits)
    finest = [base * 2.0 ** possible[0] for base in bases if math.isfinite(base)]
    while 2 * scale <= upper_bound and any(2 * scale <= base for base in finest):
        if max(_exponents(2 * scale, bases, possible), default=0) not in possible:
            break
        scale *= 2
    return scale, _exponents(scale, bases, possible)


def current_ceiling(drive: float, du: int, runs_in: Arithmetic = LOIHI2) -> float:
    """Bound of |u| if every step's summed input is at most `drive`; ∞ without decay."""
    lost = du + runs_in.lost_u
    if not lost:
        return math.inf if drive else 0.0
    return drive * runs_in.decay_one / lost


def membrane_ceiling(current: float, dv: int, runs_in: Arithmetic = LOIHI2) -> float:
    """Bound of |v| of a non-spiking neuron if |u| is at most `current`; ∞ without leak."""
    lost = dv + runs_in.lost_v
    return current * runs_in.decay_one / lost if lost else math.inf


def share_of_ranges(
    drive: float,
    du: int,
    *,
    of_current: bool = True,
    output_dv: int | None = None,
    output_bias: float = 0.0,
    target: Limits = LOIHI2,
) -> float:
    """Largest share of its range that the summed input, u or v can reach.

    The share must be below 1. Only for non-spiking populations, v is included.

    Args:
        drive: largest sum of shifted integer weights of one sign onto a neuron.
        du: current decay.
        of_current: True to include u.
        output_dv: membrane decay of a non-spiking population; None: leave out v. v is also left out
            if the membrane has no leak.
        output_bias: largest magnitude of the population's bias per step.
        target: chip or format to round for.
    """
    runs_in = target.runs_in
    current = current_ceiling(drive, du, runs_in) * runs_in.state_one
    shares = [drive / target.drive_limit]
    if of_current:
        shares.append(current / runs_in.state_limit)
    if output_dv is not None:
        membrane = membrane_ceiling(current + output_bias, output_dv, runs_in)
        if math.isfinite(membrane):
            shares.append(membrane / runs_in.state_limit)
    return max(shares)


def _exponents(scale: float, bases: Sequence[float], possible: range) -> list[int]:
    """Smallest exponent with which each projection's weights fit; 0 if all weights are 0.

    Args:
        scale: scale of the population.
        bases: largest scale for each projection if its exponent is 0.
        possible: exponents of the target.
    """
    return [
        max(possible[0], math.ceil(math.log2(scale / base) - 1e-9)) if math.isfinite(base) else 0
        for base in bases
    ]


def _ratio(limit: float, value: float) -> float:
    """The limit divided by a value; ∞ if the value is 0."""
    return limit / value if value > 0 else math.inf
