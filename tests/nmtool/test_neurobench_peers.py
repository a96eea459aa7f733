"""Footprint, sparsity and synaptic operations against NeuroBench's own metrics on a torch copy.

`make peers` installs the library and runs this file, which fails without it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nmtool as nm
from nmtool.data.samples import Samples
from nmtool.dynamics import HOP_LATENCY
from nmtool.network.graph import INPUT, LIF
from nmtool.network.integer_network import IntegerNetwork
from nmtool.raster import Raster
from tests.networks.speech import speech_network, speech_raster

pytestmark = [pytest.mark.peers, pytest.mark.filterwarnings("ignore")]


def torch_copy(network: IntegerNetwork, n_samples: int) -> Any:
    """A module of torch with float32 numbers that runs the network's integers.

    A projection is an `nn.Linear`, whose weights NeuroBench reads. Its output is added to the sums
    of its target by step of arrival, separately from the layer's return value.
    """
    import torch
    from torch import nn

    class Synapses(nn.Linear):
        def __init__(self, projection: Any) -> None:
            pre, post = projection.shape
            super().__init__(pre, post, bias=False)
            weight = torch.tensor(projection.weight.T.astype(np.float32))
            self.weight = nn.Parameter(weight, requires_grad=False)
            delay = torch.tensor(projection.delay.T.astype(np.float32))
            self.delay = nn.Parameter(delay, requires_grad=False)

    class Neurons(nn.Module):
        def __init__(self, population: Any, slots: int) -> None:
            super().__init__()
            p, size = population, population.size
            self.spikes = p.kind == LIF
            for name, value in (
                *(("keep_u", 4096 - (p.du + 1)), ("keep_v", 4096 - p.dv)),
                *(("threshold", p.vth * 64), ("bias", 0.0)),
            ):
                self.register_buffer(name, torch.full((size,), float(value)))
            self.register_buffer("u", torch.zeros(size))
            self.register_buffer("v", torch.zeros(size))
            self.register_buffer("arriving", torch.zeros(slots, size))
            self.start(0)

        def start(self, n_samples: int) -> None:
            """Reset the states, which have an entry per sample and are not in the buffers."""
            self.state = [
                torch.zeros(n_samples, *state.shape, dtype=torch.float64)
                for state in (self.u, self.v, self.arriving)
            ]

        def forward(self, arrived: Any) -> Any:
            u, v, _ = self.state
            u = torch.trunc(u * self.keep_u.double() / 4096) + 64 * arrived
            v = torch.trunc(v * self.keep_v.double() / 4096) + u
            fired = (v > self.threshold) & self.spikes
            self.state[:2] = u, torch.where(fired, 0.0, v)
            return fired.float()

    class Activity(Neurons):
        """Neurons whose output NeuroBench counts as activations."""

    class Copy(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.synapses = nn.ModuleList(Synapses(p) for p in network.projections)
            self.neurons = nn.ModuleDict()
            for p in network.populations:
                incoming = [q for q in network.projections if q.target == p.name]
                slots = max(int(q.delay.max()) for q in incoming) + HOP_LATENCY
                self.neurons[p.name] = (Activity if p.kind == LIF else Neurons)(p, slots)

        def forward(self, batch: Any) -> Any:
            for neurons in self.neurons.values():
                neurons.start(len(batch))
            fired = []
            for step in range(batch.shape[1]):
                spikes = {INPUT: batch[:, step]}
                for name, neurons in self.neurons.items():
                    ring = neurons.state[2]
                    arrived, neurons.state[2] = ring[:, 0], torch.roll(ring, -1, 1)
                    neurons.state[2][:, -1] = 0
                    spikes[name] = neurons(arrived)
                for layer, p in zip(self.synapses, network.projections, strict=True):
                    layer(spikes[p.source])
                    sent = spikes[p.source].double()[:, None, :] * layer.weight.double()
                    ring = self.neurons[p.target].state[2]
                    for delay in layer.delay.unique():
                        ring[:, int(delay)] += (sent * (layer.delay == delay)).sum(2)
                fired.append(spikes["hidden"])
            return torch.stack(fired, dim=1)

    return Copy(), Activity


@pytest.mark.parametrize("recurrent", [False, True])
def test_figures_equal_those_of_neurobench(recurrent: bool) -> None:
    import torch
    from neurobench.benchmarks import Benchmark
    from neurobench.metrics.static import ConnectionSparsity, Footprint
    from neurobench.metrics.workload import ActivationSparsity, SynapticOperations
    from neurobench.models import TorchModel
    from torch.utils.data import DataLoader, TensorDataset

    network = speech_network(60, 40, 5, recurrent=recurrent, n_steps=30)
    raster = speech_raster(60, n_samples=4, n_steps=30)
    cost = nm.cost(network, Samples(raster, np.zeros(4, np.int64)))
    copy, activity = torch_copy(network, raster.n_samples)
    model = TorchModel(copy)
    model.add_activation_module(activity)
    dense = torch.tensor(raster.dense(), dtype=torch.float32)
    with torch.no_grad():
        fired = Raster.from_dense(copy(dense).numpy())
        assert fired.n_spikes == cost.spikes.parts["hidden"].total > 50
        data = DataLoader(TensorDataset(dense, torch.zeros(4)), batch_size=2)
        metrics = [
            [Footprint, ConnectionSparsity],
            [ActivationSparsity, SynapticOperations],
        ]
        results = Benchmark(model, data, [], [], metrics).run(quiet=True)
    operations = results["SynapticOperations"]
    assert results["Footprint"] == cost.footprint["torch copy"].total
    assert results["ConnectionSparsity"] == round(cost.connection_sparsity or 0, 4)
    assert results["ActivationSparsity"] == pytest.approx(cost.activation_sparsity)
    assert operations["Effective_ACs"] == cost.effective_acs
    assert operations["Effective_MACs"] == cost.effective_macs
    assert operations["Dense"] == cost.dense_operations
