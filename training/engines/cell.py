"""Constants of the neurons of a layer, as the kernels use them.

CPU kernels read the named tuples. GPU kernels read arrays of the fields that
`engines/cuda/kernels/constants.py` lists.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import DTypeLike, NDArray

from nmtool import dynamics
from nmtool.arithmetic import LOIHI2, Arithmetic
from nmtool.errors import NetworkError
from nmtool.network.any_network import AnyPopulation
from nmtool.network.float_parts import Population
from nmtool.training.populations import check_time_constants, fall


class NeuronConstants(NamedTuple):
    """Per-neuron constants, each [neurons] float.

    Attributes:
        alpha, beta: decay factors of v and u per step.
        b: jump of u per unit of weight.
        gain: 1 − α.
        theta: threshold.
        bias: constant input current; bias_step: its contribution to v in each step.
        tau_mem: membrane time constant in ms.
        per_tau_syn: 1/τ_syn; per_drive: 1/(b·τ_mem); both per ms.
        fall: fall of v at a spike at the threshold, see `nmtool.training.populations`.
        drop: what a spike subtracts from v; 0: v becomes 0. A late reset by c subtracts c/α at
            once, which is the same, since only the next step reads v.
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
    fall: NDArray
    drop: NDArray


class IntegerConstants(NamedTuple):
    """Integer constants of neurons, each [neurons].

    Attributes:
        keep_u, keep_v: int64, decay factors of u and v per step, in units of the arithmetic.
        vth: int64, threshold, before the shift to the scale of v.
        bias: int64, added to v each step.
        drop: int64, the reset, as in `hardware_sim/resets.py`.
        left_from: int64; if v is at least this after a spike, the next spike is left over: above
            the threshold after the reset, a late one included.
        unit: float64, factor from u and v of the float network to the integers.
    """

    keep_u: NDArray[np.int64]
    keep_v: NDArray[np.int64]
    vth: NDArray[np.int64]
    bias: NDArray[np.int64]
    drop: NDArray[np.int64]
    left_from: NDArray[np.int64]
    unit: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Neurons:
    """The neurons of a layer: of one population, or of several that are simulated together.

    Attributes:
        constants: constants as floats; for integer arithmetic, the values that the integers
            represent.
        jump: [neurons] float tensor, jump of u per unit of the trained weights.
        dt_ms: length of a step in ms.
        integers: constants of an integer forward pass; None for floats.
        arithmetic: arithmetic of the integers.
        most_spikes: [neurons] int64, largest number of spikes of each neuron in a step; None if all
            spike at most once.
        faults: for integers, per population [2, its neurons] int64, counts of wraps of u and clips
            of v, increased by every forward pass.
    """

    constants: NeuronConstants
    jump: torch.Tensor
    dt_ms: float
    integers: IntegerConstants | None = None
    arithmetic: Arithmetic = LOIHI2
    most_spikes: NDArray[np.int64] | None = None
    faults: Sequence[NDArray[np.int64]] = ()

    @classmethod
    def joined(cls, parts: Sequence[Neurons]) -> Neurons:
        """Concatenate the neurons of several populations to those of one layer."""
        if len(parts) == 1:
            return parts[0]
        integers = [part.integers for part in parts if part.integers is not None]
        return cls(
            NeuronConstants(*_concatenated([part.constants for part in parts])),
            torch.cat([part.jump for part in parts]),
            parts[0].dt_ms,
            IntegerConstants(*_concatenated(integers)) if integers else None,
            parts[0].arithmetic,
            _joined_limits(parts),
            [counts for part in parts for counts in part.faults],
        )

    def add_faults(self, faults: NDArray[np.int64]) -> None:
        """Add the overflows of a pass, [samples, 2, neurons] int64, to the populations' counts."""
        edges = np.cumsum([counts.shape[1] for counts in self.faults])[:-1]
        parts = np.split(faults.sum(axis=0), edges, axis=1)
        for counts, part in zip(self.faults, parts, strict=True):
            counts += part


def most_spikes(population: AnyPopulation) -> NDArray[np.int64] | None:
    """[size] int64: `Neurons.most_spikes` of a population, None if its neurons spike once."""
    most = population.most_spikes
    return np.full(population.size, most, np.int64) if most > 1 else None


def _joined_limits(parts: Sequence[Neurons]) -> NDArray[np.int64] | None:
    """Concatenate `most_spikes` of several populations; None if none spikes more than once."""
    if all(part.most_spikes is None for part in parts):
        return None
    return np.concatenate(
        [
            np.ones(part.constants.alpha.size, np.int64)
            if part.most_spikes is None
            else part.most_spikes
            for part in parts
        ]
    )


def _concatenated(constants: Sequence[tuple[NDArray, ...]]) -> list[NDArray]:
    """Concatenate each field of the named tuples of several populations."""
    return [np.concatenate(values) for values in zip(*constants, strict=True)]


def neuron_constants(
    population: Population, dt_ms: float, dtype: DTypeLike = np.float32
) -> NeuronConstants:
    """Compute the constants of a population's neurons for steps of `dt_ms`.

    Raises:
        NetworkError: a time constant is 0 or ∞, for which EventProp has no gradient; or the reset
            is late, and so little of v is left after a step that c/α has no float.
    """
    check_time_constants(population, dt_ms)
    tau_mem, tau_syn = population.values("tau_mem_ms"), population.values("tau_syn_ms")
    b = dynamics.drive_scale(tau_mem, tau_syn, dt_ms)
    bias = population.values("bias")
    gain = dynamics.membrane_gain(tau_mem, dt_ms)
    alpha = dynamics.decay(tau_mem, dt_ms)
    with np.errstate(divide="ignore", over="ignore"):
        fallen = fall(population, alpha).astype(dtype)
    if not np.isfinite(fallen).all():
        raise NetworkError(
            f"population '{population.name}' cannot be trained",
            code="network-untrainable",
            why="its reset is late, and its tau_mem_ms so short that nothing of v is left after a "
            f"step of {dt_ms:g} ms",
            fix="train with a longer tau_mem_ms or shorter steps, or with the reset subtract",
        )
    constants = NeuronConstants(
        alpha=alpha,
        beta=dynamics.decay(tau_syn, dt_ms),
        b=b,
        gain=gain,
        theta=population.values("threshold"),
        bias=bias,
        bias_step=gain * bias,
        tau_mem=tau_mem,
        per_tau_syn=1 / tau_syn,
        per_drive=1 / (b * tau_mem),
        fall=fallen,
        drop=np.where(population.drop, fallen, 0),
    )
    # Copies, since kernels are compiled again for arrays that cannot be written.
    return NeuronConstants(*(np.array(values, dtype) for values in constants))
