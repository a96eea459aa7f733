"""Training in the arithmetic `loihi2`: the forward pass is the deployed network itself.

Every pass rounds the float shadows to an `IntegerNetwork` with `quantisation` and runs it with
`hardware_sim`'s step. Backward, EventProp runs on what the chip holds, translated back into
floats; gradients by rounded weights and delays go straight through to the shadows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import DTypeLike, NDArray
from torch import Tensor

from nmtool import dynamics
from nmtool.arithmetic import DECAY_ONE, keep_current, keep_membrane
from nmtool.network.float_network import Network, Population
from nmtool.network.graph import LIF
from nmtool.network.integer_network import IntegerNetwork, IntegerPopulation, IntegerProjection
from nmtool.quantisation import Calibration, DelayGrid, Quantisation, round_network
from nmtool.quantisation.neurons import held_tau
from nmtool.training.engines.cell import IntegerConstants, neuron_constants
from nmtool.training.engines.devices import Device
from nmtool.training.engines.engine import Synapses
from nmtool.training.front.arithmetic import Pass, join_constants
from nmtool.training.front.functions import Connection, Neurons

if TYPE_CHECKING:
    from nmtool.training.front.model import Projection


@dataclass(frozen=True)
class Rounding:
    """The rounding of float shadows to integers.

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


class IntegerArithmetic:
    """See the module.

    Args:
        network: populations and time step.
        rounding: how shadows become integers; may be replaced while training goes on.
        dtype: of the backward pass, float32 or float64.
        device: where tensors live and which engine runs.

    Attributes:
        faults: per population [2, neurons] int64, wraps of u and clips of v in all passes.
    """

    def __init__(
        self, network: Network, rounding: Rounding, dtype: torch.dtype, device: Device
    ) -> None:
        self.network = network
        self.rounding = rounding
        self._numbers = torch.zeros(0, dtype=dtype).numpy().dtype
        self._device, self._engine = device.torch, device.engine()
        self.faults = {p.name: np.zeros((2, p.size), np.int64) for p in network.populations}

    def network_of(self, projections: Sequence[Projection]) -> Network:
        """The float network of the shadows, its delays as they run."""
        grid = self.rounding.delays
        specs = [replace(p.spec(), delay=grid.snap(_array(p.delays))) for p in projections]
        return replace(self.network, projections=specs)

    def integers_of(self, projections: Sequence[Projection]) -> IntegerNetwork:
        """See `nmtool.training.front.arithmetic.Arithmetic`."""
        return self.rounding(self.network_of(projections))

    def take_faults(self) -> dict[str, int]:
        """Wraps of u and clips of v of all neurons since this was last called."""
        wraps, clips = sum(fault.sum(axis=1) for fault in self.faults.values())
        for fault in self.faults.values():
            fault[:] = 0
        return {"u_wraps": int(wraps), "v_clips": int(clips)}

    def prepare(self, projections: Sequence[Projection]) -> Pass:
        """See `nmtool.training.front.arithmetic.Arithmetic`."""
        integer = self.integers_of(projections)
        connections = [
            self._connection(projection, held, integer.population(held.target))
            for projection, held in zip(projections, integer.projections, strict=True)
        ]
        units = {p.name: p.unit for p in integer.populations}
        return Pass(connections, partial(self._neurons, integer), units)

    def _connection(
        self, projection: Projection, held: IntegerProjection, target: IntegerPopulation
    ) -> Connection:
        shifted = held.shifted_weight
        jumps = (shifted / target.scale).astype(self._numbers)
        delay = held.delay.copy()  # torch knows no tensors that cannot be written to
        tensors = (torch.from_numpy(x).to(self._device) for x in (jumps, delay, shifted))
        return Connection(projection.weight, projection.delays, Synapses(*tensors))

    def _neurons(self, integer: IntegerNetwork, names: Sequence[str]) -> Neurons:
        held = [integer.population(name) for name in names]
        dt_ms, numbers = self.network.dt_ms, self._numbers
        make_block = partial(
            self._engine.integer_block,
            integer_constants=_integer_constants(held),
            faults=[self.faults[name] for name in names],
        )
        cell = join_constants(
            [neuron_constants(held_population(p, dt_ms), dt_ms, numbers) for p in held]
        )
        jump = np.concatenate([self._jump(name) for name in names])
        return Neurons(cell, jump.astype(numbers), dt_ms, make_block)

    def _jump(self, name: str) -> NDArray[np.float64]:
        """Jump of u for a weight of one in the float network, whose weights learn."""
        population = self.network.population(name)
        return dynamics.drive_scale(
            population.values("tau_mem_ms"), population.values("tau_syn_ms"), self.network.dt_ms
        )


def held_population(held: IntegerPopulation, dt_ms: float) -> Population:
    """The float population whose constants are exactly those that a chip holds.

    A threshold of 0, which no float population has, becomes the smallest one, and a current
    without memory gets the shortest that is more than none; nothing but gradients sees either.
    """
    tau_mem_ms = held_tau(held.dv, dt_ms)
    tau_syn_ms = held_tau(min(held.du + 1, DECAY_ONE - 1), dt_ms)
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


def _integer_constants(held: Sequence[IntegerPopulation]) -> IntegerConstants:
    sizes = [p.size for p in held]

    def each(values: Sequence[float], dtype: DTypeLike) -> NDArray:
        return np.repeat(np.asarray(values, dtype), sizes)

    return IntegerConstants(
        keep_u=each([keep_current(p.du) for p in held], np.int64),
        keep_v=each([keep_membrane(p.dv) for p in held], np.int64),
        vth=each([p.vth for p in held], np.int64),
        bias=np.concatenate([p.bias for p in held]),
        unit=each([p.unit for p in held], np.float64),
    )


def _array(delay: Tensor) -> NDArray[np.float64]:
    return delay.detach().cpu().numpy().astype(np.float64)
