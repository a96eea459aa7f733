"""The number format of the forward pass, float or chip integers, and parameters in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch

from nmtool.network.float_network import Network
from nmtool.network.integer_network import IntegerNetwork
from nmtool.training.engines.cell import NeuronConstants, neuron_constants
from nmtool.training.engines.devices import Device
from nmtool.training.engines.engine import Synapses
from nmtool.training.front.functions import Connection, Neurons, whole_steps

if TYPE_CHECKING:
    from nmtool.training.front.model import Projection


@dataclass(frozen=True, eq=False)
class Pass:
    """The parameters as one forward and backward pass sees them.

    Attributes:
        connections: the projections, in the order of the network's.
        neurons: gives the neurons of some populations, joined, by the populations' names.
        units: per population, integers to one unit of its membrane; empty for floats.
    """

    connections: Sequence[Connection]
    neurons: Callable[[Sequence[str]], Neurons]
    units: Mapping[str, float] = field(default_factory=dict)


class Arithmetic(Protocol):
    """Float, or a chip's integers."""

    def prepare(self, projections: Sequence[Projection]) -> Pass:
        """Read the parameters once, for a forward pass and its backward pass.

        Args:
            projections: the trainable synapses, in the order of the network's.
        """

    def network_of(self, projections: Sequence[Projection]) -> Network:
        """The float network the parameters stand for, its delays as they run."""

    def integers_of(self, projections: Sequence[Projection]) -> IntegerNetwork | None:
        """The integer network the parameters stand for; None in floats."""

    def take_faults(self) -> dict[str, int]:
        """Overflows by kind since this was last called; empty in floats."""


class FloatArithmetic:
    """Weights as they are, delays in whole steps, constants from the time constants.

    Args:
        network: populations and time step.
        dtype: of the kernels, float32 or float64.
        device: where tensors live and which engine runs.
    """

    def __init__(self, network: Network, dtype: torch.dtype, device: Device) -> None:
        numbers = torch.zeros(0, dtype=dtype).numpy().dtype
        self._network, self._engine = network, device.engine()
        self._cells = {
            p.name: neuron_constants(p, network.dt_ms, numbers) for p in network.populations
        }
        self._jump = {
            name: torch.from_numpy(cell.b).to(device.torch) for name, cell in self._cells.items()
        }

    def prepare(self, projections: Sequence[Projection]) -> Pass:
        """See `Arithmetic`."""
        return Pass([self._connection(projection) for projection in projections], self._neurons)

    def network_of(self, projections: Sequence[Projection]) -> Network:
        """See `Arithmetic`."""
        return replace(self._network, projections=[p.spec() for p in projections])

    def integers_of(self, projections: Sequence[Projection]) -> None:
        """See `Arithmetic`."""

    def take_faults(self) -> dict[str, int]:
        """See `Arithmetic`."""
        return {}

    def _connection(self, projection: Projection) -> Connection:
        weight, delay = projection.weight, projection.delays
        jumps = (weight.detach() * self._jump[projection.target]).contiguous()
        return Connection(weight, delay, Synapses(jumps, whole_steps(delay).contiguous()))

    def _neurons(self, names: Sequence[str]) -> Neurons:
        cell = join_constants([self._cells[name] for name in names])
        return Neurons(cell, cell.b, self._network.dt_ms, self._engine.block)


def join_constants(cells: Sequence[NeuronConstants]) -> NeuronConstants:
    """Constants of several populations, one after the other."""
    return NeuronConstants(*(np.concatenate(values) for values in zip(*cells, strict=True)))
