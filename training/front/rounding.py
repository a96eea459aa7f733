"""Training in the integers of a chip: the forward pass is the deployed network itself.

Every pass rounds the parameters to an `IntegerNetwork` with `quantisation` and runs it with
`hardware_sim`'s step. Backward, EventProp runs on what the chip holds, translated back into
floats; gradients by rounded weights and delays go straight through to the parameters.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import DTypeLike, NDArray
from torch import Tensor

from nmtool import dynamics
from nmtool.network.float_network import Network, Population
from nmtool.network.graph import LIF
from nmtool.network.integer_network import IntegerNetwork, IntegerPopulation, IntegerProjection
from nmtool.quantisation import Calibration, DelayGrid, Quantisation, round_network
from nmtool.quantisation.neurons import held_tau
from nmtool.training.engines.cell import IntegerConstants, Neurons, neuron_constants
from nmtool.training.engines.synapses import Synapses


@dataclass(frozen=True)
class Rounding:
    """The rounding of a network in training to integers.

    Attributes:
        weight_bits: 2 … 8.
        delays: the grid of delays, and the target that holds them.
        ranges: per projection (by index) the range of its integers, see `nmtool.quantisation`.
        calibration: largest magnitudes that data showed.
        integers: what every network becomes; None: what the others decide.
    """

    weight_bits: int = 8
    delays: DelayGrid = field(default_factory=DelayGrid)
    ranges: Mapping[int, float] = field(default_factory=dict)
    calibration: Calibration = field(default_factory=Calibration)
    integers: IntegerNetwork | None = None

    def __call__(self, network: Network) -> IntegerNetwork:
        """The integers of a network."""
        if self.integers is not None:
            return self.integers
        return self.to_integers(network, calibration=self.calibration).network

    def to_integers(self, network: Network, *, calibration: Calibration) -> Quantisation:
        """Round a network in this way, with another calibration."""
        return round_network(
            network,
            weight_bits=self.weight_bits,
            delays=self.delays,
            ranges=self.ranges,
            calibration=calibration,
            target=self.delays.target,
        )


def integer_neurons(
    chip: IntegerPopulation,
    trained: Population,
    dt_ms: float,
    like: Tensor,
    faults: NDArray[np.int64],
) -> Neurons:
    """The neurons of a population whose forward pass runs in a chip's integers.

    Args:
        chip: the population in integers.
        trained: the same in the network whose weights learn.
        dt_ms: length of a step in ms.
        like: a tensor of the dtype of the backward pass, on the device.
        faults: [2, neurons] int64, wraps of u and clips of v; added to in every forward pass.
    """

    def each(value: float, dtype: DTypeLike) -> NDArray:
        return np.full(chip.size, value, dtype)

    tau_mem_ms, tau_syn_ms = trained.values("tau_mem_ms"), trained.values("tau_syn_ms")
    return Neurons(
        neuron_constants(held_population(chip, dt_ms), dt_ms, like.cpu().numpy().dtype),
        torch.from_numpy(dynamics.drive_scale(tau_mem_ms, tau_syn_ms, dt_ms)).to(like),
        dt_ms,
        IntegerConstants(
            keep_u=each(chip.keep_u, np.int64),
            keep_v=each(chip.keep_v, np.int64),
            vth=each(chip.vth, np.int64),
            bias=chip.bias,
            unit=each(chip.unit, np.float64),
        ),
        chip.runs_in,
        [faults],
    )


def integer_synapses(
    chip: IntegerProjection, scale: float, weight: Tensor, delay: Tensor
) -> Synapses:
    """A projection that runs as a chip holds it, for parameters that learn.

    Args:
        chip: the projection in integers.
        scale: of the population it ends in: shifted weights to a jump of one.
        weight, delay: [pre, post] float, the parameters.
    """
    shifted = torch.from_numpy(chip.shifted_weight).to(weight.device)
    jumps = torch.from_numpy(chip.shifted_weight / scale).to(weight)
    # Copied: torch knows no tensors that cannot be written to.
    steps = torch.from_numpy(chip.delay.copy()).to(weight.device)
    return Synapses(jumps, steps, shifted, weight, delay)


def held_population(held: IntegerPopulation, dt_ms: float) -> Population:
    """The float population whose constants are exactly those that a chip holds.

    A threshold of 0, which no float population has, becomes the smallest one, and a current
    without memory gets the shortest that is more than none; nothing but gradients sees either.
    """
    one = held.runs_in.decay_one
    tau_mem_ms = held_tau(one - held.keep_v, dt_ms, one)
    tau_syn_ms = held_tau(min(one - held.keep_u, one - 1), dt_ms, one)
    gain = dynamics.membrane_gain(tau_mem_ms, dt_ms)
    return Population(
        held.name,
        held.size,
        held.kind,
        tau_mem_ms,
        tau_syn_ms,
        max(1, held.vth) / held.scale if held.kind == LIF else 1.0,
        held.bias / held.unit / gain,
    )
