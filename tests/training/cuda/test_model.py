"""Whole networks, through torch, on the CUDA engine and on the CPU's."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from hardware_sim.simulator import simulate
from nmtool.network import Network
from nmtool.quantise import Calibration, DelayGrid, weight_ranges
from nmtool.raster import Raster
from nmtool.verify import compare
from tests.training.cuda.engines import SMALL, needs_device
from tests.training.nets import random_input, random_network
from training.cuda.available import require
from training.cuda.engine import CudaEngine
from training.devices import CPU, Device
from training.integer_arithmetic import Rounding
from training.model import SpikingNetwork

pytestmark = pytest.mark.torch
pytestmark = [pytestmark, pytest.mark.cuda, needs_device]


def _gpu() -> Device:
    return Device("cuda", require(), lambda: CudaEngine(SMALL))


def _gradients(
    network: Network, spikes: Raster, device: Device, rounding: Rounding | None = None
) -> list[np.ndarray]:
    """Gradients of a loss on membranes and spike times, with a push, by every parameter."""
    model = SpikingNetwork(network, dtype=torch.float64, device=device, rounding=rounding)
    push = {"hidden": lambda counts, n_samples: 0.01 * counts.to(torch.float64) / n_samples}
    activity = model(spikes, push)
    loss = (activity.membrane["output"] ** 2).mean()
    for trains in activity.spikes.values():
        assert trains.n_spikes > 6
        loss = loss + (trains.time_ms**2).mean()
    loss.backward()
    return [p.grad.cpu().numpy() for p in model.parameters() if p.grad is not None]


@pytest.mark.parametrize("topology", ["two layers", "feedback and skips"])
def test_gradients_equal_the_cpu_engine(topology: str) -> None:
    network = random_network(
        topology, seed=1, channels=6, hidden=6, second=5, n_steps=28, max_delay=4
    )
    spikes = random_input(network, 2, seed=2, density=0.4)
    mine = _gradients(network, spikes, _gpu())
    theirs = _gradients(network, spikes, CPU)
    assert len(mine) == len(theirs) == 2 * len(network.projections)
    for one, other in zip(mine, theirs, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-9 * np.abs(other).max())


def test_no_samples_at_all() -> None:
    network = random_network("recurrent", seed=1, hidden=5, n_steps=10)
    nothing = Raster.silent(0, network.n_steps, network.channels.size)
    recording = SpikingNetwork(network, device=_gpu()).record(nothing)
    assert recording.membrane["output"].shape == (0, 10, 3)
    assert recording.spikes["hidden"].n_spikes == 0


def _rounding(network: Network, weight_bits: int = 8) -> Rounding:
    """Integers with so little room for the output that some of its membranes saturate."""
    ranges = weight_ranges(network, weight_bits)
    return Rounding(weight_bits, DelayGrid(2, 2), ranges, Calibration(membrane={"output": 0.5}))


@pytest.mark.parametrize("topology", ["recurrent", "feedback and skips"])
@pytest.mark.parametrize("strength", [1.0, 3000.0])
def test_integers_are_those_of_the_chip(topology: str, strength: float) -> None:
    network = random_network(topology, seed=4, channels=6, hidden=6, n_steps=24, max_delay=4)
    louder = [replace(p, weight=p.weight * strength) for p in network.projections]
    network = network.with_projections(louder)
    spikes, rounding = random_input(network, 2, seed=2, density=0.3), _rounding(network)
    model = SpikingNetwork(network, device=_gpu(), rounding=rounding)
    mine, theirs = model.record(spikes), simulate(rounding(model.to_network()), spikes)
    comparison = compare(theirs, mine)
    assert comparison.spikes_different == comparison.membrane_different == 0
    assert theirs.spikes["hidden"].n_spikes > 0
    np.testing.assert_array_equal(mine.predictions, theirs.predictions)
    assert model.arithmetic.take_faults() == {
        name: theirs.counts[name] for name in ("u_wraps", "v_clips")
    }


def test_gradients_of_integers_equal_the_cpu_engine() -> None:
    network = random_network("recurrent", seed=4, channels=6, hidden=6, n_steps=24, max_delay=4)
    spikes = random_input(network, 2, seed=2, density=0.4)
    mine = _gradients(network, spikes, _gpu(), _rounding(network))
    theirs = _gradients(network, spikes, CPU, _rounding(network))
    for one, other in zip(mine, theirs, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-9 * np.abs(other).max())
