"""Networks of two layers for the CUDA engine, and their comparison with the reference.

The engine runs in Numba's simulator (NUMBA_ENABLE_CUDASIM=1) or on the emulated GPU, both with
tensors on the CPU, or on a GPU.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from numpy.typing import DTypeLike, NDArray
from torch import Tensor

from nmtool.network.float_network import Network
from nmtool.network.graph import TO_ZERO
from nmtool.raster import Raster
from nmtool.training.engines.cuda import SIMULATED
from nmtool.training.engines.cuda.layer import Layer
from nmtool.training.engines.cuda.limits import Limits
from nmtool.training.engines.devices import Cuda
from nmtool.training.engines.spike_trains import SpikeTrains
from nmtool.training.mathematics import reference
from tests.networks.resets import with_reset
from tests.networks.trainable import random_input, random_network
from tests.training.engines import passes
from tests.training.engines.cuda import emulator
from tests.training.engines.passes import (
    Losses,
    assert_close,
    assert_gradients,
    backward,
    reference_gradients,
    slopes,
)

DEVICE = "cpu" if SIMULATED or emulator.ACTIVE else "cuda"

needs_device = pytest.mark.skipif(
    not SIMULATED and not torch.cuda.is_available(),
    reason="needs NUMBA_ENABLE_CUDASIM=1, the emulated GPU (make emulated) or a GPU",
)

unless_simulated = pytest.mark.skipif(
    SIMULATED, reason="takes long in Numba's simulator; the emulated GPU runs it (make emulated)"
)

SMALL = Limits(threads=32)
"""One warp per block: the simulator starts a Python thread for each CUDA thread."""


@dataclass(frozen=True)
class Case:
    """A network, its input, and the division of work.

    Attributes:
        topology: feed-forward or recurrent, with one hidden population.
        n_samples, n_steps, channels, hidden, max_delay, density: sizes of network and input.
        delays: dtype of the delays.
        limits: limits that divide the work.
        seed: seed of all random numbers.
        reset: reset of the hidden neurons; with subtraction, of 0.4 thresholds.
        most_spikes: largest number of spikes of a hidden neuron or channel in a step.
        eager: True if hidden neurons have a bias beyond their threshold, and spike in step 0.
    """

    topology: str = "recurrent"
    n_samples: int = 3
    n_steps: int = 24
    channels: int = 6
    hidden: int = 7
    max_delay: int = 5
    density: float = 0.08
    delays: DTypeLike = np.uint8
    limits: Limits = SMALL
    seed: int = 1
    reset: str = TO_ZERO
    most_spikes: int = 1
    eager: bool = False

    @property
    def device(self) -> Cuda:
        return Cuda("cuda", torch.device(DEVICE), self.limits)

    def network(self) -> Network:
        sizes = {"channels": self.channels, "hidden": self.hidden, "classes": 3}
        network = random_network(
            self.topology,
            self.seed,
            n_steps=self.n_steps,
            max_delay=self.max_delay,
            **sizes,
        )
        network = with_reset(network, self.reset, 0.4, self.most_spikes)
        return made_eager(network) if self.eager else network

    def input(self) -> Raster:
        if self.density == 0:
            return Raster.silent(self.n_samples, self.n_steps, self.channels)
        return random_input(self.network(), self.n_samples, self.seed + 1, self.density)


def made_eager(network: Network) -> Network:
    """The network with a bias that makes hidden neurons spike in step 0."""
    populations = [
        replace(p, threshold=0.05, bias=2.0) if p.name == "hidden" else p
        for p in network.populations
    ]
    return replace(network, populations=tuple(populations))


def tensor(values: NDArray, dtype: DTypeLike) -> Tensor:
    """A tensor of values on the engine's device."""
    return passes.tensor(values, dtype, DEVICE)


def layers(network: Network, case: Case, dtype: DTypeLike = np.float64) -> tuple[Layer, Layer]:
    """The hidden and the output layer."""
    return passes.layers(network, case.device, dtype, case.delays)


def compare(case: Case) -> int:
    """Assert that engine and reference agree on spikes, q, membranes and all gradients.

    Returns:
        Number of spikes of the hidden population.
    """
    network, spikes = case.network(), case.input()
    trace = reference.forward(network, spikes)
    hidden, output = layers(network, case)
    source = SpikeTrains.from_raster(spikes, DEVICE)
    run = hidden.run_lif(source)
    _assert_same_spikes(run.spikes, trace.spikes["hidden"])
    assert_close(run.slope, slopes(trace))
    assert_close(output.run_li(run.spikes), trace.membrane["output"])
    losses = Losses.random(trace, case.seed + 2)
    actual = backward(hidden, output, source, run, losses)
    assert_gradients(network, actual, reference_gradients(network, spikes, trace, losses), 1e-9)
    return run.spikes.n_spikes


def _assert_same_spikes(actual: SpikeTrains, expected: Raster) -> None:
    raster = actual.raster()
    np.testing.assert_array_equal(raster.offset, expected.offset)
    np.testing.assert_array_equal(raster.step, expected.step)
    np.testing.assert_array_equal(raster.neuron, expected.neuron)
    np.testing.assert_array_equal(raster.bin_counts(), expected.bin_counts())


def longer(case: Case, n_steps: int) -> Case:
    """The same case with another number of steps."""
    return replace(case, n_steps=n_steps)
