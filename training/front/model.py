"""`SpikingNetwork`: a `Network` as a torch module, trained by EventProp.

Any graph of populations runs: those that can reach each other are simulated together as one
layer, layers follow one another. Gradients of weights and delays arrive in `.grad`; any torch
optimiser works.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from nmtool.arguments import SWITCH, WHOLE
from nmtool.arithmetic import LOIHI2, MAX_TRAINED_DELAY
from nmtool.batches import MAX_SAMPLES, in_batches
from nmtool.description import network_line
from nmtool.errors import NetworkError, UsageError, check_type, suggestion
from nmtool.network import float_network as plain
from nmtool.network.float_network import Network, Population
from nmtool.network.graph import INPUT, LI, strongly_connected
from nmtool.network.integer_network import IntegerNetwork
from nmtool.raster import Raster
from nmtool.recording import Recording, check_input
from nmtool.tables import Table, Tabular
from nmtool.training.engines.cell import Neurons, neuron_constants
from nmtool.training.engines.devices import CPU, Device
from nmtool.training.engines.spike_trains import SpikeTrains
from nmtool.training.engines.synapses import Synapses
from nmtool.training.front.functions import Push, run_li, run_lif, whole_steps
from nmtool.training.front.rounding import Rounding, integer_neurons, integer_synapses
from nmtool.training.front.wiring import Wiring, wire

_INPUT = "pass a Raster, as network.bin(events).raster, or a tensor [samples, steps, channels]"


@dataclass(frozen=True, eq=False, repr=False)
class Activity:
    """Result of a forward pass, differentiable.

    >>> SpikingNetwork(Network.layers([20, 10, 3]))(torch.ones(4, 100, 20))
    <Activity: hidden 3,492 spikes, output [4, 100, 3] membranes>

    Attributes:
        spikes: per spiking population, its spike trains.
        membrane: per non-spiking population [samples, T, neurons] float, v after each step.
        units: per population, the integers that make one unit of its membrane; empty for floats.
    """

    spikes: Mapping[str, SpikeTrains]
    membrane: Mapping[str, Tensor]
    units: Mapping[str, float] = field(default_factory=dict)

    def __repr__(self) -> str:
        parts = [f"{name} {trains.n_spikes:,} spikes" for name, trains in self.spikes.items()]
        parts += [f"{name} {list(v.shape)} membranes" for name, v in self.membrane.items()]
        return f"<Activity: {', '.join(parts)}>"


class Projection(nn.Module):
    """Trainable synapses.

    Attributes:
        weight: [pre, post] parameter, in the paper's units.
        delay: [pre, post] parameter, in steps, the float shadow of the whole steps that run;
            [pre, 1] where delays are axonal.
        max_delay: `clamp_delays` keeps delays in 0 … max_delay steps. It may be set, so that one
            projection has another limit than the others.

    Args:
        spec: initial weights and delays.
        max_delay: as above.
        like: a tensor of the dtype and on the device that the parameters shall have.
        axonal: all synapses of a source neuron have one delay.

    Raises:
        NetworkError: delays are to be axonal, and those of a source neuron differ.
    """

    def __init__(
        self, spec: plain.Projection, max_delay: int, like: Tensor, *, axonal: bool = False
    ) -> None:
        super().__init__()
        self.source, self.target = spec.source, spec.target
        self.max_delay = max_delay
        self.weight = nn.Parameter(torch.tensor(spec.weight).to(like))
        delay = spec.delay[:, :1] if axonal else spec.delay
        if not (delay == spec.delay).all():
            raise NetworkError(
                f"projection {spec.source} → {spec.target}: delays of a source neuron differ",
                code="axonal-delays-differ",
                why="axonal delays are one per source neuron",
                fix="give each row one delay, or let every synapse have its own (axonal=False)",
            )
        self.delay = nn.Parameter(torch.tensor(delay).to(like))

    @property
    def delays(self) -> Tensor:
        """[pre, post]: the delay of every synapse, in steps, differentiable."""
        return self.delay.expand_as(self.weight)

    def clamp_delays(self) -> None:
        """Bring delays back into 0 … max_delay; call it after every optimiser step."""
        with torch.no_grad():
            self.delay.clamp_(0, self.max_delay)

    def spec(self) -> plain.Projection:
        """The synapses as they run: weights, and delays in whole steps."""
        weight = self.weight.detach().cpu().numpy().astype(np.float64)
        return plain.Projection(
            self.source, self.target, weight, whole_steps(self.delays).to(torch.int32).cpu().numpy()
        )


class SpikingNetwork(nn.Module, Tabular):
    """A network with trainable weights and delays.

    >>> model = SpikingNetwork(Network.layers([20, 10, 3], delays=20))
    >>> activity = model(Raster.from_dense(np.ones((4, 100, 20))))
    >>> activity.membrane["output"].shape
    torch.Size([4, 100, 3])
    >>> [tuple(synapses.delay.shape) for synapses in model.synapses]
    [(20, 10), (10, 10), (10, 3)]
    >>> model.to_network()
    <Network: 20 channels, hidden 10 lif, output 3 li, 100 steps of 1 ms>

    Args:
        network: topology, constants and initial synapses.
        max_delay: largest delay in steps that training may reach.
        axonal: one delay per source neuron of a projection, not one per synapse.
        dtype: arithmetic of the kernels, float32 or float64.
        device: where parameters live, and the engine that runs there.
        rounding: run in a chip's integers: those that parameters are rounded to so, or an
            `IntegerNetwork` of the same populations and projections; None runs floats.

    Attributes:
        rounding: as above; training replaces it between epochs.
        faults: in integers, per population [2, neurons] int64, wraps of u and clips of v in all
            passes since `take_faults`.

    Raises:
        NetworkError: time constants of 0 or ∞; parallel recurrent projections; no projections;
            longer delays in the network than the largest; delays that are not axonal.
        UsageError: the largest delay is longer than training can hold.
    """

    def __init__(
        self,
        network: Network,
        *,
        max_delay: int = LOIHI2.max_delay,
        axonal: bool = False,
        dtype: torch.dtype = torch.float32,
        device: Device = CPU,
        rounding: Rounding | IntegerNetwork | None = None,
    ) -> None:
        super().__init__()
        fix = "pass a float nmtool.Network; nmtool.load reads one"
        check_type(network, Network, "the network of a SpikingNetwork", fix)
        WHOLE.check("max_delay", max_delay)
        SWITCH.check("axonal", axonal)
        check_type(dtype, torch.dtype, "dtype", "pass torch.float32 or torch.float64")
        check_type(device, Device, "device", "leave it out, or pass what find_device gives")
        if not network.projections:
            raise NetworkError(
                "the network has no projections: there is nothing to train",
                code="projections-missing",
                fix="let the input project to a population",
            )
        if max_delay > MAX_TRAINED_DELAY:
            raise UsageError(
                f"delays of up to {max_delay} steps are too long to train or to run in floats",
                code="max-delay-too-long",
                why=f"they are held in 16 bits, which reach to {MAX_TRAINED_DELAY}",
                fix="a longer time step (dt_ms) reaches as far with fewer steps",
            )
        if network.max_delay > max_delay:
            raise NetworkError(
                f"the network has delays up to {network.max_delay} steps, the limit is {max_delay}",
                code="delays-beyond-limit",
                fix=f"allow max_delay={network.max_delay}, or cut the network's delays",
            )
        self.network = network
        self.device = replace(device)  # with scratch memory of its own
        like = torch.zeros(0, dtype=dtype, device=device.torch)
        self.projections = nn.ModuleList(
            Projection(spec, max_delay, like, axonal=axonal) for spec in network.projections
        )
        edges = [(p.source, p.target) for p in network.projections]
        names = [p.name for p in network.populations]
        groups = strongly_connected(names, edges)
        self.layers: list[Wiring] = [wire(network, group) for group in groups]
        if isinstance(rounding, IntegerNetwork):
            _check_same_graph(network, rounding)
            rounding.check_sums()
            rounding = Rounding(integers=rounding)
        self.rounding = rounding
        self._like, self._neurons = like, {}
        self.faults: dict[str, NDArray[np.int64]] = {}
        if rounding is None:
            self._neurons = {p.name: self._float_neurons(p) for p in network.populations}
        else:
            self.faults = {p.name: np.zeros((2, p.size), np.int64) for p in network.populations}

    def __repr__(self) -> str:
        return f"<SpikingNetwork: {network_line(self.network)}, on {self.device.torch}>"

    def tables(self) -> list[Table]:
        """The network as it runs now."""
        return self.to_network().tables()

    @property
    def synapses(self) -> list[Projection]:
        """The projections, in the order of the network's."""
        return [cast(Projection, projection) for projection in self.projections]

    def forward(self, spikes: Raster | Tensor, push: Mapping[str, Push] | None = None) -> Activity:
        """Run a batch.

        Args:
            spikes: input raster, or a tensor [samples, steps, channels] of spikes or their counts,
                as loaders of `torch_dataset` give it. No gradient goes back to it.
            push: firing-rate regulariser of each spiking population, by name.

        Raises:
            DataError: the input has other channels than the network, or other axes; numbers that
                are no counts.
            UsageError: the input is neither, or a regulariser is of no spiking population.
        """
        check_type(spikes, (Raster, Tensor), "the input of a network", _INPUT)
        if isinstance(spikes, Tensor):
            spikes = Raster.from_dense(spikes.detach().to_dense().cpu())
        self._check_push(push or {})
        check_input(self.network, spikes)
        trains = {INPUT: SpikeTrains.from_raster(spikes, self.device.torch)}
        membrane: dict[str, Tensor] = {}
        integers = self.to_integers()
        populations, synapses = self._running(integers)
        for layer in self.layers:
            neurons = Neurons.joined([populations[name] for name in layer.names])
            afferent, source = layer.afferent(synapses), layer.source(trains)
            if layer.kind == LI:
                membrane[layer.names[0]] = run_li(self.device, neurons, afferent, source)
                continue
            recurrent, joint = layer.recurrent(synapses), layer.push(push or {})
            spiked = run_lif(self.device, neurons, afferent, recurrent, source, joint)
            trains |= layer.split(spiked)
        del trains[INPUT]
        units = {} if integers is None else {p.name: p.unit for p in integers.populations}
        return Activity(trains, membrane, units)

    def _running(
        self, integers: IntegerNetwork | None
    ) -> tuple[Mapping[str, Neurons], list[Synapses]]:
        """Neurons by population and synapses by projection, as they run in this pass."""
        if integers is None:
            return self._neurons, [self._float_synapses(p) for p in self.synapses]
        network = self.network
        neurons = {
            p.name: integer_neurons(
                integers.population(p.name), p, network.dt_ms, self._like, self.faults[p.name]
            )
            for p in network.populations
        }
        synapses = [
            integer_synapses(chip, integers.population(chip.target).scale, p.weight, p.delays)
            for chip, p in zip(integers.projections, self.synapses, strict=True)
        ]
        return neurons, synapses

    def _float_neurons(self, population: Population) -> Neurons:
        dt_ms, dtype = self.network.dt_ms, self._like.cpu().numpy().dtype
        constants = neuron_constants(population, dt_ms, dtype)
        return Neurons(constants, torch.from_numpy(constants.b).to(self._like), dt_ms)

    def _float_synapses(self, projection: Projection) -> Synapses:
        weight, delay = projection.weight, projection.delays
        jumps = (weight.detach() * self._neurons[projection.target].jump).contiguous()
        steps = whole_steps(delay).contiguous()
        return Synapses(jumps, steps, weight_parameter=weight, delay_parameter=delay)

    def _check_push(self, push: Mapping[str, Push]) -> None:
        spiking = [name for layer in self.layers if layer.kind != LI for name in layer.names]
        for name in push:
            if name not in spiking:
                raise UsageError(
                    f"there is no spiking population '{name}' to push",
                    code="push-unknown",
                    fix=suggestion(name, spiking) if spiking else "leave it out",
                )

    def record(
        self, spikes: Raster, *, on_progress: Callable[[int], None] | None = None
    ) -> Recording:
        """Run without gradients; the float counterpart of `nmtool.hardware_sim.simulate`.

        Args:
            spikes: input raster.
            on_progress: called with the number of samples finished since the last call.
        """
        with torch.no_grad():
            return in_batches(
                lambda some: self._recorded(self(some)), spikes, MAX_SAMPLES, on_progress
            )

    def _recorded(self, activity: Activity) -> Recording:
        membranes = activity.membrane.items()
        return Recording(
            self.network.readout,
            spikes={name: trains.raster() for name, trains in activity.spikes.items()},
            membrane={name: _plain(v, activity.units.get(name)) for name, v in membranes},
        )

    def clamp_delays(self) -> None:
        """Bring all delays back into range; call it after every optimiser step."""
        for projection in self.synapses:
            projection.clamp_delays()

    def to_network(self) -> Network:
        """The network as it runs now, delays in whole steps."""
        projections = [p.spec() for p in self.synapses]
        if self.rounding is not None:
            delays = [p.delays.detach().cpu().numpy().astype(np.float64) for p in self.synapses]
            projections = [
                replace(projection, delay=self.rounding.delays.snap(delay))
                for projection, delay in zip(projections, delays, strict=True)
            ]
        return replace(self.network, projections=projections)

    def to_integers(self) -> IntegerNetwork | None:
        """The integers as they run now; None in float arithmetic."""
        return None if self.rounding is None else self.rounding(self.to_network())

    def take_faults(self) -> dict[str, int]:
        """Wraps of u and clips of v of all neurons since this was last called; empty in floats."""
        if self.rounding is None:
            return {}
        wraps, clips = sum(faults.sum(axis=1) for faults in self.faults.values())
        for faults in self.faults.values():
            faults[:] = 0
        return {"u_wraps": int(wraps), "v_clips": int(clips)}


def _plain(membrane: Tensor, unit: float | None) -> NDArray:
    """Membranes as a recording holds them: floats, or the integers they stand for."""
    if unit is None:
        return membrane.cpu().numpy()
    return torch.round(membrane * unit).to(torch.int32).cpu().numpy()


def _check_same_graph(network: Network, integers: IntegerNetwork) -> None:
    """Raise `UsageError` unless both have the same populations and projections."""

    def graph(one: Network | IntegerNetwork) -> list[tuple[object, ...]]:
        populations = [(p.name, p.kind, p.size) for p in one.populations]
        return populations + [(p.source, p.target, p.shape) for p in one.projections]

    if graph(network) != graph(integers):
        raise UsageError(
            "the integers are those of another network",
            code="integers-other-graph",
            why="their populations or projections differ",
            fix="pass integers that this network was rounded to",
        )
