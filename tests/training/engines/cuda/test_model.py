"""Whole torch modules on the CUDA engine, compared with the CPU engine."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from nmtool.arithmetic import LOIHI2, Arithmetic
from nmtool.network.float_network import Network
from nmtool.network.graph import LATE, RESETS, SUBTRACT, TO_ZERO
from nmtool.quantisation import DelayGrid
from nmtool.raster import Raster
from nmtool.training.engines.cuda.available import require
from nmtool.training.engines.devices import CPU, Cuda, Device
from nmtool.training.front.model import SpikingNetwork
from nmtool.training.front.rounding import Rounding
from tests.networks.resets import with_reset, with_several_resets
from tests.networks.trainable import random_input, random_network, with_readout
from tests.tiny8.nmtool_tiny8 import TINY8
from tests.training.engines.cuda.engines import SMALL, needs_device, unless_simulated
from tests.training.integer_runs import (
    FAULTS,
    assert_all_spiked,
    assert_identical,
    rounding_of,
    run_both,
    too_loud,
)

pytestmark = pytest.mark.torch
pytestmark = [pytestmark, pytest.mark.cuda, needs_device]
pytestmark = [*pytestmark, pytest.mark.usefixtures("tiny8")]


def _gpu() -> Device:
    return Cuda("cuda", require(), SMALL)


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


@unless_simulated
@pytest.mark.parametrize(
    ("topology", "most"), [("two layers", 1), ("feedback and skips", 1), ("feedback and skips", 3)]
)
def test_gradients_equal_the_cpu_engine(topology: str, most: int) -> None:
    network = random_network(
        topology, seed=1, channels=6, hidden=6, second=5, n_steps=28, max_delay=4
    )
    network = with_several_resets(network, 0, most) if most > 1 else network
    spikes = random_input(network, 2, seed=2, density=0.4)
    on_gpu = _gradients(network, spikes, _gpu())
    on_cpu = _gradients(network, spikes, CPU)
    assert len(on_gpu) == len(on_cpu) == 2 * len(network.projections)
    for gradient, expected in zip(on_gpu, on_cpu, strict=True):
        np.testing.assert_allclose(gradient, expected, rtol=0, atol=1e-9 * np.abs(expected).max())


def test_no_samples_at_all() -> None:
    network = random_network("recurrent", seed=1, hidden=5, n_steps=10)
    nothing = Raster.silent(0, network.n_steps, network.channels.size)
    recording = SpikingNetwork(network, device=_gpu()).record(nothing)
    assert recording.membrane["output"].shape == (0, 10, 3)
    assert recording.spikes["hidden"].n_spikes == 0


@pytest.mark.parametrize(
    ("topology", "rule", "weight_bits", "grid", "reset", "most"),
    [
        ("recurrent", "mean", 8, DelayGrid(2, 2), LATE, 1),
        ("recurrent", "mean", 8, DelayGrid(2, 2), SUBTRACT, 3),
        pytest.param(
            *("recurrent", "mean", 5, DelayGrid(2, 2, target=TINY8), TO_ZERO, 1),
            marks=unless_simulated,
        ),
        pytest.param(
            *("recurrent", "mean", 5, DelayGrid(2, 2, target=TINY8), LATE, 1),
            marks=unless_simulated,
        ),
        pytest.param(
            "feedback and skips", "mean", 8, DelayGrid(2, 2), SUBTRACT, 1, marks=unless_simulated
        ),
        pytest.param("two layers", "max", 2, DelayGrid(1, 5), TO_ZERO, 1, marks=unless_simulated),
        pytest.param(
            "two layers", "max", 2, DelayGrid(1, 5), SUBTRACT, 255, marks=unless_simulated
        ),
        pytest.param(
            "recurrent", "first_spike", 4, DelayGrid(3, 1), SUBTRACT, 1, marks=unless_simulated
        ),
    ],
)
def test_integers_are_those_of_the_chip(
    topology: str, rule: str, weight_bits: int, grid: DelayGrid, reset: str, most: int
) -> None:
    network = with_readout(with_reset(_small_network(topology), reset, 0.4, most), rule)
    spikes = random_input(network, 2, seed=2, density=0.3)
    both = run_both(network, rounding_of(network, weight_bits, grid), spikes, device=_gpu())
    assert_identical(*both)
    assert_all_spiked(both[-1])


def _small_network(topology: str) -> Network:
    return random_network(topology, seed=4, channels=6, hidden=6, second=5, n_steps=24, max_delay=5)


@pytest.mark.parametrize(
    ("topology", "target"),
    [
        pytest.param("recurrent", LOIHI2, marks=unless_simulated),
        ("recurrent", TINY8),
        pytest.param("feedback and skips", LOIHI2, marks=unless_simulated),
    ],
)
def test_integers_overflow_as_those_of_the_chip(topology: str, target: Arithmetic) -> None:
    network = _small_network(topology)
    spikes = random_input(network, 2, seed=2, density=0.4 if target == LOIHI2 else 1.0)
    grid = DelayGrid(target.delay_bits[-1], target=target)
    rounding = too_loud(rounding_of(network, target.weight_bits[-1], grid))
    both = run_both(network, rounding, spikes, device=_gpu())
    assert_identical(*both)
    assert_all_spiked(both[-1])
    assert all(both[-1].counts[name] > 0 for name in FAULTS)


@unless_simulated
@pytest.mark.parametrize(("reset", "most"), [*((reset, 1) for reset in RESETS), (SUBTRACT, 3)])
def test_gradients_of_integers_equal_the_cpu_engine(reset: str, most: int) -> None:
    network = random_network("recurrent", seed=4, channels=6, hidden=6, n_steps=24, max_delay=4)
    network = with_reset(network, reset, 0.4, most)
    spikes = random_input(network, 2, seed=2, density=0.4)
    on_gpu = _gradients(network, spikes, _gpu(), rounding_of(network, delays=DelayGrid(2, 2)))
    on_cpu = _gradients(network, spikes, CPU, rounding_of(network, delays=DelayGrid(2, 2)))
    for gradient, expected in zip(on_gpu, on_cpu, strict=True):
        np.testing.assert_allclose(gradient, expected, rtol=0, atol=1e-9 * np.abs(expected).max())
