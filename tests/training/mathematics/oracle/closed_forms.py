"""One neuron between two events: exact solutions, forward and adjoint.

    τm·V' = −V + I + bias          τs·I' = −I

Over an interval Δ in which nothing arrives, with α = exp(−Δ/τm) and β = exp(−Δ/τs):

    V(Δ) = bias + (V₀ − bias)·α + I₀·g(Δ)        I(Δ) = I₀·β
    g(Δ) = τs/(τm − τs)·(α − β)                  → (Δ/τ)·exp(−Δ/τ) for equal time constants

All functions are scalar; times are in ms, V, I, bias and threshold in one unit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True)
class LifConstants:
    """Constants of one neuron: time constants in ms, threshold (∞: never spikes), bias current.

    At a spike, V falls by `fall`, from the threshold.
    """

    tau_mem: float
    tau_syn: float
    threshold: float
    bias: float
    fall: float


def response(cell: LifConstants, delta: float) -> float:
    """g(Δ), in a form that holds for equal and nearly equal time constants too.

    With x = Δ/τs − Δ/τm:  g = (Δ/τm)·max(α, β)·(1 − exp(−|x|))/|x|.
    """
    x = abs(delta / cell.tau_syn - delta / cell.tau_mem)
    slower = max(cell.tau_mem, cell.tau_syn)
    return delta / cell.tau_mem * math.exp(-delta / slower) * _mean_decay(x)


def _mean_decay(x: float) -> float:
    """(1 − exp(−x))/x, 1 at x = 0."""
    return -math.expm1(-x) / x if x else 1.0


def advance(cell: LifConstants, v: float, i: float, delta: float) -> tuple[float, float]:
    """Compute (V, I) a time Δ later, if no spike arrives or is emitted in between."""
    alpha = math.exp(-delta / cell.tau_mem)
    beta = math.exp(-delta / cell.tau_syn)
    return cell.bias + (v - cell.bias) * alpha + i * response(cell, delta), i * beta


def weighted_integral(cell: LifConstants, v: float, i: float, delta: float, rate: float) -> float:
    """∫₀^Δ exp(−rate·s)·V(s) ds, rate ≥ 0 per ms.

    The integral G of exp(−rate·s)·g(s) follows from τm·g' = −g + β, integrated by parts:
    τm·(exp(−rate·Δ)·g(Δ) + rate·G) = −G + ∫ exp(−rate·s)·β(s) ds.
    """
    by_membrane = _decay_integral(rate + 1 / cell.tau_mem, delta)
    by_current = _decay_integral(rate + 1 / cell.tau_syn, delta)
    end = cell.tau_mem * math.exp(-rate * delta) * response(cell, delta)
    through_g = (by_current - end) / (1 + rate * cell.tau_mem)
    constant = cell.bias * _decay_integral(rate, delta)
    return constant + (v - cell.bias) * by_membrane + i * through_g


def _decay_integral(rate: float, delta: float) -> float:
    """∫₀^Δ exp(−rate·s) ds."""
    return delta * _mean_decay(rate * delta)


def extremum(cell: LifConstants, v: float, i: float) -> float:
    """The only Δ at which V' = 0, which may be negative; ∞ if there is none.

    V' = 0 means exp(−x) = 1 − y with y = ε·(1 − (V₀ − bias)/I₀), ε = (τm − τs)/τm and
    x = Δ/τs − Δ/τm, so Δ = −τs·log(1 − y)/ε, which is τs·(1 − (V₀ − bias)/I₀) for ε = 0.
    """
    if i == 0:
        return math.inf
    reach = 1 - (v - cell.bias) / i
    y = (cell.tau_mem - cell.tau_syn) / cell.tau_mem * reach
    if not y < 1:
        return math.inf
    return cell.tau_syn * reach * (-math.log1p(-y) / y if y else 1.0)


def first_crossing(cell: LifConstants, v: float, i: float, horizon: float) -> float:
    """The first Δ ≤ horizon at which V reaches the threshold from below; ∞ if there is none.

    V is monotone on either side of its extremum, so there is no crossing inside an interval at
    whose ends V is below threshold.
    """
    if math.isinf(cell.threshold):
        return math.inf
    if v >= cell.threshold and i + cell.bias > v:
        # Up to rounding errors, the threshold is crossed at the moment when a spike arrives.
        return 0.0
    turn = extremum(cell, v, i)
    ends = [0.0, turn, horizon] if 0 < turn < horizon else [0.0, horizon]
    for low, high in pairwise(ends):
        if _above(cell, v, i, low) < 0 < _above(cell, v, i, high):
            return _rising_root(cell, v, i, low, high)
    return math.inf


def _above(cell: LifConstants, v: float, i: float, delta: float) -> float:
    """V(Δ) − threshold."""
    return advance(cell, v, i, delta)[0] - cell.threshold


def _rising_root(cell: LifConstants, v: float, i: float, low: float, high: float) -> float:
    """Δ in [low, high] at which V rises through the threshold, by bracketed Newton steps."""
    delta = 0.5 * (low + high)
    for _ in range(200):
        v_now, i_now = advance(cell, v, i, delta)
        excess = v_now - cell.threshold
        low, high = (delta, high) if excess < 0 else (low, delta)
        slope = (i_now + cell.bias - v_now) / cell.tau_mem
        better = delta - excess / slope if slope > 0 else math.nan
        if not low < better < high:
            better = 0.5 * (low + high)
        if better == delta or high - low <= 4e-16 * high:
            break
        delta = better
    return delta


def adjoint_before(
    cell: LifConstants, lam_v: float, lam_i: float, delta: float, drive: float, rate: float
) -> tuple[float, float]:
    """Compute (λ_V, λ_I) a time Δ earlier, if no spike lies in between.

    The equations, with the time s counted backwards,

        τm·dλ_V/ds = −λ_V + drive·exp(rate·s)        τs·dλ_I/ds = −λ_I + λ_V

    are solved by P·exp(rate·s) + (λ_V − P)·α and
    Q·exp(rate·s) + (λ_I − Q)·β + (λ_V − P)·(τm/τs)·g, with P = drive/(1 + rate·τm) and
    Q = P/(1 + rate·τs).

    Args:
        cell: constants of the neuron.
        lam_v, lam_i: adjoints at the later end.
        delta: Δ in ms.
        drive: −∂l_V/∂V at the later end.
        rate: decay of the weight of V in the loss, per ms.
    """
    alpha = math.exp(-delta / cell.tau_mem)
    beta = math.exp(-delta / cell.tau_syn)
    growth = math.exp(rate * delta)
    p = drive / (1 + rate * cell.tau_mem)
    q = p / (1 + rate * cell.tau_syn)
    coupling = cell.tau_mem / cell.tau_syn * response(cell, delta)
    return (
        p * growth + (lam_v - p) * alpha,
        q * growth + (lam_i - q) * beta + (lam_v - p) * coupling,
    )


def adjoint_integral(
    cell: LifConstants, lam_v: float, delta: float, drive: float, rate: float
) -> float:
    """∫ λ_V dt over the interval that `adjoint_before` crosses; arguments as there."""
    p = drive / (1 + rate * cell.tau_mem)
    driven = p * delta * (math.expm1(rate * delta) / (rate * delta) if rate * delta else 1.0)
    return driven + (lam_v - p) * _decay_integral(1 / cell.tau_mem, delta)
