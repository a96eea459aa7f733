"""Constants of one time step, derived from time constants in milliseconds.

One step n of every population (`docs/architecture.md`, "One time step"):

    a[n]  = Σ b·weight of all spikes that arrive at step n
    u[n]  = β·u[n−1] + a[n]
    v[n]  = α·v[n−1] + u[n] + (1−α)·bias
    spike iff v[n] > θ, then v[n] ← 0

with β = exp(−dt/τ_syn), α = exp(−dt/τ_mem) and b = (1−α)·κ, κ = (τ_syn/dt)·(1−β).
The step is the exact solution of τ_mem·V' = −V + I, τ_syn·I' = −I with the synaptic current
I = u/b averaged over the step (Mészáros, Knight & Nowotny 2025).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

HOP_LATENCY = 1
"""Steps that every hop takes in addition to its delay: a spike of step n arrives at n+1+delay."""


def decay(tau_ms: ArrayLike, dt_ms: float) -> NDArray[np.float64]:
    """exp(−dt/τ) for τ in ms; 0 for τ = 0, 1 for τ = ∞."""
    return np.exp(-_steps(tau_ms, dt_ms))


def loss(tau_ms: ArrayLike, dt_ms: float) -> NDArray[np.float64]:
    """1 − exp(−dt/τ) for τ in ms, exact for long τ; 1 for τ = 0, 0 for τ = ∞."""
    return -np.expm1(-_steps(tau_ms, dt_ms))


def membrane_gain(tau_mem_ms: ArrayLike, dt_ms: float) -> NDArray[np.float64]:
    """1 − α: the part of a constant input current that reaches the membrane in one step.

    For a perfect integrator (τ_mem = ∞), V' = I per ms, and the part is dt in ms.
    """
    return np.where(np.isinf(tau_mem_ms), dt_ms, loss(tau_mem_ms, dt_ms))


def current_gain(tau_syn_ms: ArrayLike, dt_ms: float) -> NDArray[np.float64]:
    """κ = (τ_syn/dt)·(1−β): mean over one step of a current that starts at 1.

    For a current without memory (τ_syn = 0), which lasts one full step, κ is 1.
    """
    ratio = _steps(tau_syn_ms, dt_ms)
    with np.errstate(invalid="ignore"):
        gain = -np.expm1(-ratio) / ratio
    return np.where((ratio > 0) & (np.asarray(tau_syn_ms) > 0), gain, 1.0)


def _steps(tau_ms: ArrayLike, dt_ms: float) -> NDArray[np.float64]:
    """dt/τ; ∞ for τ = 0, 0 for τ = ∞."""
    with np.errstate(divide="ignore", over="ignore"):
        return dt_ms / np.asarray(tau_ms, np.float64)


def drive_scale(tau_mem_ms: ArrayLike, tau_syn_ms: ArrayLike, dt_ms: float) -> NDArray[np.float64]:
    """b: the factor that converts a weight in the paper's units into a jump of u."""
    return membrane_gain(tau_mem_ms, dt_ms) * current_gain(tau_syn_ms, dt_ms)
