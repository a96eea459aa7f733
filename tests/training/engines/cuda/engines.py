"""A network of two layers on the CUDA engine and on the reference, and their comparison.

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

from nmtool.network.float_network import Network, Projection
from nmtool.raster import Raster
from nmtool.training.engines.cell import Neurons, neuron_constants
from nmtool.training.engines.cuda import SIMULATED
from nmtool.training.engines.cuda.layer import Layer
from nmtool.training.engines.cuda.limits import Limits
from nmtool.training.engines.spike_trains import LifRun, SpikeTrains
from nmtool.training.engines.synapses import Gradients, SynapseGradients, Synapses
from nmtool.training.mathematics import reference
from tests.networks.trainable import random_input, random_network
from tests.training.engines.cuda import emulator

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
    """A network, its input, and how its work is cut.

    Attributes:
        topology: feed-forward or recurrent, with one hidden population.
        n_samples, n_steps, channels, hidden, max_delay, density: of network and input.
        delays: type of the delays.
        limits: how work is cut.
        seed: of everything.
        eager: the bias of hidden neurons is beyond their threshold: they spike in step 0.
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
    eager: bool = False

    def network(self) -> Network:
        sizes = {"channels": self.channels, "hidden": self.hidden, "classes": 3}
        network = random_network(
            self.topology,
            self.seed,
            n_steps=self.n_steps,
            max_delay=self.max_delay,
            **sizes,
        )
        return made_eager(network) if self.eager else network

    def input(self) -> Raster:
        if self.density == 0:
            return Raster.silent(self.n_samples, self.n_steps, self.channels)
        return random_input(self.network(), self.n_samples, self.seed + 1, self.density)


def made_eager(network: Network) -> Network:
    """The network with hidden neurons that their bias alone makes spike in step 0."""
    populations = [
        replace(p, threshold=0.05, bias=2.0) if p.name == "hidden" else p
        for p in network.populations
    ]
    return replace(network, populations=tuple(populations))


@dataclass(frozen=True, eq=False)
class Losses:
    """What comes back to the network: ∂L/∂v of the output, ∂L/∂t of hidden spikes, and push."""

    membrane: NDArray
    spike_time: NDArray
    push: NDArray

    @classmethod
    def random(cls, trace: reference.Trace, seed: int) -> Losses:
        rng = np.random.default_rng(seed)
        return cls(
            rng.normal(size=trace.membrane["output"].shape),
            rng.normal(size=trace.q["hidden"].shape),
            rng.normal(scale=0.01, size=trace.membrane["hidden"].shape[2]),
        )


def tensor(values: NDArray, dtype: DTypeLike) -> Tensor:
    """The values on the engine's device."""
    return torch.from_numpy(np.ascontiguousarray(values, dtype)).to(DEVICE)


def layer(
    network: Network,
    afferent: Projection,
    recurrent: Projection | None,
    case: Case,
    dtype: DTypeLike = np.float64,
) -> Layer:
    """The layer that a projection ends in."""
    cell = neuron_constants(network.population(afferent.target), network.dt_ms, dtype)

    def synapses(projection: Projection) -> Synapses:
        jumps = projection.weight.astype(dtype) * cell.b
        return Synapses(tensor(jumps, dtype), tensor(projection.delay, case.delays))

    neurons = Neurons(cell, tensor(cell.b, dtype), network.dt_ms)
    loop = synapses(recurrent) if recurrent else None
    return Layer(neurons, synapses(afferent), loop, case.limits)


def layers(network: Network, case: Case, dtype: DTypeLike = np.float64) -> tuple[Layer, Layer]:
    """The hidden and the output layer."""
    into_hidden, *loop, into_output = network.projections
    hidden = layer(network, into_hidden, loop[0] if loop else None, case, dtype)
    return hidden, layer(network, into_output, None, case, dtype)


def backward(
    hidden: Layer, output: Layer, source: SpikeTrains, run: LifRun, losses: Losses
) -> tuple[Gradients, Gradients]:
    """Gradients of the hidden and of the output layer."""
    dtype = run.slope.cpu().numpy().dtype
    d_membrane = tensor(losses.membrane, dtype)
    of_output = output.backward_li(run.spikes, d_membrane, want_source_time=True)
    assert of_output.source_time is not None
    time_gradient = of_output.source_time + tensor(losses.spike_time, dtype)
    push = tensor(losses.push, dtype)
    of_hidden = hidden.backward_lif(source, run, time_gradient, push, want_source_time=True)
    return of_hidden, of_output


def compare(case: Case) -> int:
    """Assert that engine and reference agree on spikes, q, membranes and all gradients.

    Returns:
        How many spikes the hidden population had.
    """
    network, spikes = case.network(), case.input()
    trace = reference.forward(network, spikes)
    hidden, output = layers(network, case)
    source = SpikeTrains.from_raster(spikes, DEVICE)
    run = hidden.run_lif(source)
    _assert_same_spikes(run.spikes, trace.spikes["hidden"])
    assert_close(run.slope, trace.q["hidden"])
    assert_close(output.run_li(run.spikes), trace.membrane["output"])
    losses = Losses.random(trace, case.seed + 2)
    mine = backward(hidden, output, source, run, losses)
    assert_gradients(network, mine, reference_gradients(network, spikes, trace, losses), 1e-9)
    return run.spikes.n_spikes


def reference_gradients(
    network: Network, spikes: Raster, trace: reference.Trace, losses: Losses
) -> reference.Gradients:
    """What the reference says of the same losses."""
    return reference.backward(
        network,
        spikes,
        trace,
        {"output": losses.membrane},
        {"hidden": losses.spike_time},
        {"hidden": losses.push},
    )


def assert_gradients(
    network: Network,
    mine: tuple[Gradients, Gradients],
    theirs: reference.Gradients,
    tolerance: float,
) -> None:
    """Assert that gradients agree, relative to the largest of each group."""
    of_hidden, of_output = mine
    groups: list[tuple[SynapseGradients | None, str]] = [(of_hidden.afferent, "hidden")]
    if len(network.projections) == 3:
        groups.append((of_hidden.recurrent, "hidden"))
    groups.append((of_output.afferent, "output"))
    for index, (group, target) in enumerate(groups):
        assert group is not None
        b = neuron_constants(network.population(target), network.dt_ms, np.float64).b
        assert_close(group.weight.cpu() * torch.from_numpy(b), theirs.weight[index], tolerance)
        assert_close(group.delay, theirs.delay[index], tolerance)
    assert of_hidden.source_time is not None
    assert_close(of_hidden.source_time, theirs.spike_time["input"], tolerance)


def assert_close(mine: Tensor, theirs: NDArray, tolerance: float = 1e-9) -> None:
    """Assert equality up to a part of the largest of the expected values."""
    largest = np.abs(theirs).max(initial=1e-300)
    np.testing.assert_allclose(mine.cpu().numpy(), theirs, rtol=0, atol=tolerance * largest)


def _assert_same_spikes(mine: SpikeTrains, theirs: Raster) -> None:
    raster = mine.raster()
    np.testing.assert_array_equal(raster.offset, theirs.offset)
    np.testing.assert_array_equal(raster.step, theirs.step)
    np.testing.assert_array_equal(raster.neuron, theirs.neuron)


def longer(case: Case, n_steps: int) -> Case:
    """The same with another number of steps."""
    return replace(case, n_steps=n_steps)
