"""Constants of a population's neurons, in the form that kernels read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from nmtool import dynamics
from nmtool.network.float_network import Population
from nmtool.training.time_constants import check_time_constants


class NeuronConstants(NamedTuple):
    """Per-neuron constants, each [neurons] float.

    Attributes:
        alpha, beta: decay of v and u per step.
        b: jump of u per unit of weight.
        gain: 1 − α.
        theta: threshold.
        bias: constant input current; bias_step: what it adds to v each step.
        tau_mem: ms.
        per_tau_syn: 1/τ_syn; per_drive: 1/(b·τ_mem); both per ms.
    """

    alpha: NDArray
    beta: NDArray
    b: NDArray
    gain: NDArray
    theta: NDArray
    bias: NDArray
    bias_step: NDArray
    tau_mem: NDArray
    per_tau_syn: NDArray
    per_drive: NDArray


class IntegerConstants(NamedTuple):
    """Integer constants of neurons, each [neurons].

    Attributes:
        keep_u, keep_v: int64, of 4096, what a step keeps of u and v.
        vth: int64, threshold before the shift by 6 bits.
        bias: int64, added to v each step.
        unit: float64, integers of u and v to one unit of the float network's u.
    """

    keep_u: NDArray[np.int64]
    keep_v: NDArray[np.int64]
    vth: NDArray[np.int64]
    bias: NDArray[np.int64]
    unit: NDArray[np.float64]


def add_faults(totals: Sequence[NDArray[np.int64]], faults: NDArray[np.int64]) -> None:
    """Add what happened in a pass over a block to the totals of its populations.

    Args:
        totals: per population [2, its neurons], wraps of u and clips of v; added to.
        faults: [samples, 2, neurons of the block] int64.
    """
    edges = np.cumsum([part.shape[1] for part in totals])[:-1]
    for total, part in zip(totals, np.split(faults.sum(axis=0), edges, axis=1), strict=True):
        total += part


def neuron_constants(
    population: Population, dt_ms: float, dtype: DTypeLike = np.float32
) -> NeuronConstants:
    """The constants of a population at a time step of `dt_ms`.

    Raises:
        NetworkError: a time constant is 0 or ∞, for which there is no exact gradient here.
    """
    check_time_constants(population, dt_ms)
    tau_mem, tau_syn = population.values("tau_mem_ms"), population.values("tau_syn_ms")
    b = dynamics.drive_scale(tau_mem, tau_syn, dt_ms)
    bias = population.values("bias")
    gain = dynamics.membrane_gain(tau_mem, dt_ms)
    constants = NeuronConstants(
        alpha=dynamics.decay(tau_mem, dt_ms),
        beta=dynamics.decay(tau_syn, dt_ms),
        b=b,
        gain=gain,
        theta=population.values("threshold"),
        bias=bias,
        bias_step=gain * bias,
        tau_mem=tau_mem,
        per_tau_syn=1 / tau_syn,
        per_drive=1 / (b * tau_mem),
    )
    return NeuronConstants(*(np.ascontiguousarray(values, dtype) for values in constants))
