"""Runs of networks in integers, both in training's forward pass and in the simulator."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from nmtool.hardware_sim.simulator import simulate
from nmtool.network.float_network import Network
from nmtool.network.graph import LI, LIF
from nmtool.network.integer_network import IntegerNetwork, IntegerProjection
from nmtool.quantisation import Calibration, DelayGrid, weight_ranges
from nmtool.raster import Raster
from nmtool.recording import Recording
from nmtool.training.engines.devices import CPU, Device
from nmtool.training.front.model import SpikingNetwork
from nmtool.training.front.rounding import Rounding
from nmtool.verification.comparison import compare_recordings

FAULTS = ("u_wraps", "v_clips")


def rounding_of(
    network: Network, weight_bits: int = 8, delays: DelayGrid | None = None
) -> Rounding:
    """A rounding without overflows, for the target of the delay grid."""
    seen = Calibration(membrane={p.name: 0.5 for p in network.populations if p.kind == LI})
    delays = delays or DelayGrid()
    ranges = weight_ranges(network, weight_bits, delays.target)
    return Rounding(weight_bits, delays, ranges, seen)


@dataclass(frozen=True)
class TooLoud(Rounding):
    """A rounding in which u and v overflow: weights are as large as possible, with any scale.

    Larger float weights would not overflow, since scales or ranges adapt to them. Where weights
    have no large exponents, they have one sign per neuron, and decays are slow.

    Attributes:
        most_spikes: largest number of spikes of a neuron or channel in a step.
    """

    most_spikes: int = 1

    def __call__(self, network: Network) -> IntegerNetwork:
        integers = super().__call__(network)
        runs_in = integers.runs_in
        largest = runs_in.weight_exponents(self.weight_bits)[-1]
        louder = [replace(p, weight_exponent=largest) for p in integers.projections]
        populations = integers.populations
        if not runs_in.max_weight_exponent:
            louder = [replace(p, weight=_one_signed(integers, p, self.most_spikes)) for p in louder]
            slow = {"du": 3, "dv": 3, "vth": runs_in.max_threshold}
            populations = [
                replace(p, **(slow if p.kind == LIF else {"du": 3, "dv": 3})) for p in populations
            ]
        return replace(integers, projections=louder, populations=populations)


def _one_signed(
    network: IntegerNetwork, projection: IntegerProjection, most_spikes: int
) -> NDArray[np.int64]:
    """The largest weights whose sums do not clip, negative for every second neuron."""
    runs_in = projection.runs_in
    step = runs_in.weight_step(projection.weight_bits, mixed_signs=True)
    fan_in = sum(p.shape[0] for p in network.projections if p.target == projection.target)
    largest = (runs_in.sum_limit - 1) // (fan_in * most_spikes)
    size = min(runs_in.weight_limit - step, largest // step * step)
    signs = np.where(np.arange(projection.shape[1]) % 2, -1, 1)
    return np.broadcast_to(size * signs, projection.shape)


def too_loud(rounding: Rounding, most_spikes: int = 1) -> TooLoud:
    """A rounding with larger weights, with which u and v overflow."""
    return TooLoud(**vars(rounding), most_spikes=most_spikes)


def run_both(
    network: Network,
    rounding: Rounding,
    spikes: Raster,
    *,
    device: Device = CPU,
    dtype: torch.dtype = torch.float32,
) -> tuple[SpikingNetwork, Recording, Recording]:
    """The model, the recording of its forward pass, and that of the simulator."""
    model = SpikingNetwork(network, dtype=dtype, device=device, rounding=rounding)
    return model, model.record(spikes), simulate(rounding(model.to_network()), spikes)


def assert_identical(model: SpikingNetwork, actual: Recording, expected: Recording) -> None:
    """Assert that spikes, membranes, predictions and counts of overflows are the same."""
    assert compare_recordings(expected, actual).identical
    np.testing.assert_array_equal(actual.predictions, expected.predictions)
    for name, membrane in expected.membrane.items():
        assert actual.membrane[name].dtype == membrane.dtype
    assert model.take_faults() == {name: expected.counts[name] for name in FAULTS}


def assert_all_spiked(recording: Recording) -> None:
    """Assert that no spiking population was silent: equal silence proves nothing."""
    assert recording.spikes
    assert all(raster.n_spikes for raster in recording.spikes.values())
