"""Networks that run in integers twice, in training's forward pass and in the simulator."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch

from nmtool.hardware_sim.simulator import simulate
from nmtool.network.float_network import Network
from nmtool.network.graph import LI
from nmtool.network.integer_network import IntegerNetwork
from nmtool.quantisation import Calibration, DelayGrid, weight_ranges
from nmtool.raster import Raster
from nmtool.recording import Recording
from nmtool.targets import LOIHI2
from nmtool.training.engines.devices import CPU, Device
from nmtool.training.front.model import SpikingNetwork
from nmtool.training.front.rounding import Rounding
from nmtool.verification.comparison import compare_recordings

FAULTS = ("u_wraps", "v_clips")


def rounding_of(
    network: Network, weight_bits: int = 8, delays: DelayGrid | None = None
) -> Rounding:
    """Integers in which nothing overflows."""
    seen = Calibration(membrane={p.name: 0.5 for p in network.populations if p.kind == LI})
    ranges = weight_ranges(network, weight_bits)
    return Rounding(weight_bits, delays or DelayGrid(), ranges, seen)


@dataclass(frozen=True)
class TooLoud(Rounding):
    """Integers in which u and v overflow: whatever the scale, weights are as large as can be.

    Larger float weights would not do: scales follow from them, or ranges clip them.
    """

    def __call__(self, network: Network) -> IntegerNetwork:
        integers = super().__call__(network)
        largest = LOIHI2.weight_exponents(self.weight_bits)[-1]
        louder = [replace(p, weight_exponent=largest) for p in integers.projections]
        return replace(integers, projections=louder)


def too_loud(rounding: Rounding) -> TooLoud:
    """The same rounding, but overflowing."""
    return TooLoud(**vars(rounding))


def run_both(
    network: Network,
    rounding: Rounding,
    spikes: Raster,
    *,
    device: Device = CPU,
    dtype: torch.dtype = torch.float32,
) -> tuple[SpikingNetwork, Recording, Recording]:
    """The model, what its forward pass recorded, and what the simulator did."""
    model = SpikingNetwork(network, dtype=dtype, device=device, rounding=rounding)
    return model, model.record(spikes), simulate(rounding(model.to_network()), spikes)


def assert_identical(model: SpikingNetwork, mine: Recording, theirs: Recording) -> None:
    """Assert that spikes, membranes, predictions and counts of overflows are the same."""
    assert compare_recordings(theirs, mine).identical
    np.testing.assert_array_equal(mine.predictions, theirs.predictions)
    for name, membrane in theirs.membrane.items():
        assert mine.membrane[name].dtype == membrane.dtype
    assert model.take_faults() == {name: theirs.counts[name] for name in FAULTS}


def assert_all_spiked(recording: Recording) -> None:
    """Assert that no spiking population was silent: equal silence proves nothing."""
    assert recording.spikes
    assert all(raster.n_spikes for raster in recording.spikes.values())
