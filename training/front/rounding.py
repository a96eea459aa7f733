"""Quantisation-aware training: the forward pass is bit-exact with the deployed integer network.

Every forward pass rounds the parameters to an `IntegerNetwork` (`quantisation`) and runs it with
the step of `hardware_sim`. The backward pass is EventProp with the values that the integers
represent; gradients of rounded weights and delays are passed to the parameters unchanged
(straight-through estimator).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import DTypeLike, NDArray
from torch import Tensor

from nmtool import dynamics
from nmtool.network.float_network import Network
from nmtool.network.float_parts import Population
from nmtool.network.graph import LIF, RESET_BY
from nmtool.network.integer_network import IntegerNetwork, IntegerPopulation, IntegerProjection
from nmtool.quantisation import (
    Calibration,
    DelayGrid,
    Quantisation,
    round_network,
    weight_ranges,
)
from nmtool.quantisation.calibration import calibrate, halve_overflowing_scales, overflows
from nmtool.quantisation.neurons import rounded_tau
from nmtool.raster import Raster
from nmtool.training.engines.cell import (
    IntegerConstants,
    Neurons,
    most_spikes,
    neuron_constants,
)
from nmtool.training.engines.synapses import Synapses


@dataclass(frozen=True)
class Rounding:
    """Rounding of a network to integers in quantisation-aware training.

    Attributes:
        weight_bits: bits per weight, 2 … 8.
        delays: grid of the representable delays, which also names the target.
        ranges: weight range per projection (by index), see `nmtool.quantisation`.
        calibration: largest magnitudes of the populations' variables, measured on data; training
            renews ranges and calibration before every epoch.
        integers: a fixed integer network to use instead of rounding; None to round.
    """

    weight_bits: int = 8
    delays: DelayGrid = field(default_factory=DelayGrid)
    ranges: Mapping[int, float] = field(default_factory=dict)
    calibration: Calibration = field(default_factory=Calibration)
    integers: IntegerNetwork | None = None

    def __call__(self, network: Network) -> IntegerNetwork:
        """Round a network to integers."""
        if self.integers is not None:
            return self.integers
        return self.to_integers(network, calibration=self.calibration).network

    def to_integers(self, network: Network, *, calibration: Calibration) -> Quantisation:
        """Round a network with these settings, but with the given calibration."""
        return round_network(
            network,
            weight_bits=self.weight_bits,
            delays=self.delays,
            ranges=self.ranges,
            calibration=calibration,
            target=self.delays.target,
        )

    def calibrated(self, network: Network, samples: Raster) -> Rounding:
        """Choose weight ranges with the least error, and calibrate the scales on samples."""
        ranges = weight_ranges(network, self.weight_bits, self.delays.target)
        rounding = replace(self, ranges=ranges, calibration=Calibration())
        calibration = calibrate(network, samples, to_integers=rounding.to_integers)
        return replace(rounding, calibration=calibration)

    def without_overflow(
        self,
        network: Network,
        integers: IntegerNetwork,
        portions: Callable[[], Iterable[Raster]],
    ) -> IntegerNetwork:
        """Round a network again with smaller scales until nothing overflows on given samples.

        Scales of overflowing populations are halved.

        Args:
            network: the float network.
            integers: its integer network with the current scales.
            portions: function that returns all samples, a portion at a time.
        """
        rounding = self
        while faulty := [part for part in portions() if overflows(integers, part)]:
            calibration = halve_overflowing_scales(
                network,
                Raster.concatenate(faulty),
                rounding.calibration,
                to_integers=rounding.to_integers,
            )
            rounding = replace(rounding, calibration=calibration)
            integers = rounding(network)
        return integers


def integer_neurons(
    chip: IntegerPopulation,
    trained: Population,
    dt_ms: float,
    like: Tensor,
    faults: NDArray[np.int64],
) -> Neurons:
    """The neurons of a population for a forward pass in a chip's integers.

    Args:
        chip: the population in integers.
        trained: the same population in the float network that is trained.
        dt_ms: length of a step in ms.
        like: a tensor with the device, and the dtype of the backward pass.
        faults: [2, neurons] int64, counts of wraps of u and clips of v, increased by every forward
            pass.
    """

    def per_neuron(value: float, dtype: DTypeLike) -> NDArray:
        return np.full(chip.size, value, dtype)

    runs_in = chip.runs_in
    constants = neuron_constants(float_population(chip, dt_ms), dt_ms, like.cpu().numpy().dtype)
    late = max(-chip.drop, 0)
    # A late reset is judged as if it came before the decay, rounded up: v − c/α is at the firing
    # level if v is.
    left_from = runs_in.firing_level(chip.vth) - (-late * runs_in.decay_one // chip.keep_v)
    tau_mem_ms, tau_syn_ms = trained.values("tau_mem_ms"), trained.values("tau_syn_ms")
    return Neurons(
        constants,
        torch.from_numpy(dynamics.drive_scale(tau_mem_ms, tau_syn_ms, dt_ms)).to(like),
        dt_ms,
        IntegerConstants(
            keep_u=per_neuron(chip.keep_u, np.int64),
            keep_v=per_neuron(chip.keep_v, np.int64),
            vth=per_neuron(chip.vth, np.int64),
            bias=chip.bias,
            drop=per_neuron(chip.drop, np.int64),
            left_from=per_neuron(left_from, np.int64),
            unit=per_neuron(chip.unit, np.float64),
        ),
        runs_in,
        most_spikes(chip),
        [faults],
    )


def integer_synapses(
    chip: IntegerProjection, scale: float, weight: Tensor, delay: Tensor
) -> Synapses:
    """The synapses of a projection in a chip's integers, with the parameters that were rounded.

    Args:
        chip: the projection in integers.
        scale: scale of the target population: shifted weight per unit of jump.
        weight, delay: [pre, post] float, the parameters.
    """
    shifted = torch.from_numpy(chip.shifted_weight).to(weight.device)
    jumps = torch.from_numpy(chip.shifted_weight / scale).to(weight)
    # The delays are copied, because they are read-only and torch has no read-only tensors.
    steps = torch.from_numpy(chip.delay.copy()).to(weight.device)
    return Synapses(jumps, steps, shifted, weight, delay)


def float_population(population: IntegerPopulation, dt_ms: float) -> Population:
    """The float population with exactly the constants of an integer population.

    There are two exceptions, which only affect gradients: a threshold of 0, impossible for float
    populations, becomes the smallest positive threshold, and a current without memory gets the
    smallest positive time constant.
    """
    unity = population.runs_in.decay_one
    tau_mem_ms = rounded_tau(unity - population.keep_v, dt_ms, unity)
    tau_syn_ms = rounded_tau(min(unity - population.keep_u, unity - 1), dt_ms, unity)
    gain = dynamics.membrane_gain(tau_mem_ms, dt_ms)
    properties = population.properties
    if population.reset_by is not None:
        properties[RESET_BY.name] = population.reset_by / population.scale
    return Population(
        population.name,
        population.size,
        population.kind,
        tau_mem_ms,
        tau_syn_ms,
        max(1, population.vth) / population.scale if population.kind == LIF else 1.0,
        population.bias / population.unit / gain,
        **properties,
    )
