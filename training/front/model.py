"""`SpikingNetwork`: a `Network` as a torch module, trained with EventProp.

Any graph of populations is supported: mutually recurrent ones are simulated together as one layer,
and layers run one after another. Gradients of weights and delays are in `.grad`, so any torch
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
from nmtool.errors import DataError, NetworkError, UsageError, check_type, suggestion
from nmtool.network import float_network as plain
from nmtool.network.float_network import Network
from nmtool.network.float_parts import Population
from nmtool.network.graph import INPUT, LI, MOST_SPIKES, RESET, RESET_BY, strongly_connected
from nmtool.network.integer_network import IntegerNetwork
from nmtool.network.properties import check_expressed
from nmtool.network.readout import Readout
from nmtool.raster import Raster
from nmtool.recording import Recording, check_input
from nmtool.tables import Table, Tabular, counted
from nmtool.training.engines.cell import Neurons, most_spikes, neuron_constants
from nmtool.training.engines.devices import CPU, Device
from nmtool.training.engines.spike_trains import SpikeTrains
from nmtool.training.engines.synapses import Synapses
from nmtool.training.front.layers import Layer, Push, whole_steps
from nmtool.training.front.rounding import Rounding, integer_neurons, integer_synapses


@dataclass(frozen=True, eq=False, repr=False)
class Activity:
    """Spikes and membranes of a forward pass, differentiable.

    >>> SpikingNetwork(Network.layers([20, 10, 3]))(torch.ones(4, 100, 20))
    <Activity: hidden 3,492 spikes, output [4, 100, 3] membranes>

    Attributes:
        spikes: spike trains of each spiking population, by name.
        membrane: per non-spiking population [samples, T, neurons] float, v after each step.
        units: per population, the factor from membranes to the chip's integers; empty for floats.
    """

    spikes: Mapping[str, SpikeTrains]
    membrane: Mapping[str, Tensor]
    units: Mapping[str, float] = field(default_factory=dict)

    def recording(self, readout: Readout) -> Recording:
        """Spikes, and membranes in floats or in the chip's integers, as a recording."""
        membrane = {name: v.detach().cpu() for name, v in self.membrane.items()}
        for name, unit in self.units.items():
            if name in membrane:
                membrane[name] = torch.round(membrane[name] * unit).to(torch.int32)
        return Recording(
            readout,
            spikes={name: trains.raster() for name, trains in self.spikes.items()},
            membrane={name: v.numpy() for name, v in membrane.items()},
        )

    def __repr__(self) -> str:
        parts = [
            f"{name} {counted(trains.n_spikes, 'spike')}" for name, trains in self.spikes.items()
        ]
        parts += [f"{name} {list(v.shape)} membranes" for name, v in self.membrane.items()]
        return f"<Activity: {', '.join(parts)}>"


class Projection(nn.Module):
    """Trainable weights and delays of a projection.

    >>> SpikingNetwork(Network.layers([20, 10, 3])).synapses[0]
    Projection(input → hidden: 20 × 10 synapses, delays 0 … 0)

    Attributes:
        weight: [pre, post] parameter, in the paper's units.
        delay: [pre, post] parameter, in steps, rounded to whole steps in every pass; [pre, 1] for
            axonal delays.
        max_delay: largest delay after `clamp_delays`, in steps; may be changed for individual
            projections.

    Args:
        spec: initial weights and delays.
        max_delay: initial value of the attribute.
        like: a tensor with the dtype and device of the parameters.
        axonal: True if all synapses of a source neuron have the same delay.

    Raises:
        NetworkError: `axonal` is set, but the delays of a source neuron differ.
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
                code="network-untrainable",
                why="with axonal delays, each source neuron has one delay",
                fix="give all synapses of a source neuron the same delay, or allow one delay per "
                "synapse (axonal=False)",
            )
        self.delay = nn.Parameter(torch.tensor(delay).to(like))

    def extra_repr(self) -> str:
        """Names, size and range of delays, which torch puts between the brackets of `repr`."""
        pre, post = self.weight.shape
        line = f"{self.source} → {self.target}: {pre} × {post} synapses"
        if not self.delay.numel():
            return line
        kind = "axonal delays" if self.delay.shape != self.weight.shape else "delays"
        # Optimisers may leave the range, which `spec` refuses.
        return f"{line}, {kind} {self.delay.min():g} … {self.delay.max():g}"

    @property
    def delays(self) -> Tensor:
        """[pre, post]: the delay of every synapse, in steps, differentiable."""
        return self.delay.expand_as(self.weight)

    def clamp_delays(self) -> None:
        """Clamp delays to 0 … max_delay; call it after every optimiser step."""
        with torch.no_grad():
            self.delay.clamp_(0, self.max_delay)

    def spec(self) -> plain.Projection:
        """The current synapses: weights, and delays in whole steps."""
        weight = self.weight.detach().cpu().numpy().astype(np.float64)
        return plain.Projection(
            self.source, self.target, weight, whole_steps(self.delays).to(torch.int32).cpu().numpy()
        )


class SpikingNetwork(nn.Module, Tabular):
    """A spiking network with trainable weights and delays, as a torch module.

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
        max_delay: largest delay in steps during training.
        axonal: True for one delay per source neuron of a projection, instead of one per synapse.
        dtype: type of the kernels, float32 or float64.
        device: device of the parameters, which determines the engine.
        rounding: for quantisation-aware training, the rounding of parameters to the chip's
            integers, in which the forward pass runs; or an `IntegerNetwork` of the same
            populations and projections. None: floats.

    Attributes:
        rounding: the argument; training replaces it between epochs.
        faults: for integers, per population [2, neurons] int64, counts of wraps of u and clips of v
            since `take_faults` was called.

    Raises:
        NetworkError: time constants of 0 or ∞; parallel recurrent projections; no projections;
            delays above `max_delay`; `axonal` for a network whose delays are not axonal.
        UsageError: `max_delay` is larger than training supports.
        DoesNotFitError: the network has a property that training lacks.
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
        check_type(device, Device, "device", "omit it, or pass the result of find_device")
        if not network.projections:
            raise NetworkError(
                "the network has no projections to train",
                code="network-untrainable",
                fix="add a projection from the input to a population",
            )
        if max_delay > MAX_TRAINED_DELAY:
            raise UsageError(
                f"delays of up to {max_delay} steps are too long to train or to run in floats",
                code="max-delay-too-long",
                why=f"delays are stored in 16 bits, up to {MAX_TRAINED_DELAY} steps",
                fix="use a longer time step (`dt_ms=`), with which delays take fewer steps",
            )
        if network.max_delay > max_delay:
            raise NetworkError(
                f"the network has delays of up to {network.max_delay} steps, but the limit is "
                f"{max_delay}",
                code="network-untrainable",
                fix=f"set max_delay={network.max_delay}, or clip the network's delays",
            )
        check_expressed(network, (RESET, RESET_BY, MOST_SPIKES), "training")
        self.network = network
        # Each model has its own copy, because a device includes scratch memory.
        self.device = replace(device)
        like = torch.zeros(0, dtype=dtype, device=device.torch)
        self.projections = nn.ModuleList(
            Projection(spec, max_delay, like, axonal=axonal) for spec in network.projections
        )
        edges = [(p.source, p.target) for p in network.projections]
        names = [p.name for p in network.populations]
        groups = strongly_connected(names, edges)
        self.layers = [Layer.of(network, group) for group in groups]
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
        """The tables of the current network."""
        return self.to_network().tables()

    @property
    def synapses(self) -> list[Projection]:
        """The projections, in the network's order."""
        return [cast(Projection, projection) for projection in self.projections]

    def forward(self, spikes: Raster | Tensor, push: Mapping[str, Push] | None = None) -> Activity:
        """Run the network on a batch of samples.

        Args:
            spikes: input raster, or a tensor [samples, steps, channels] of spikes or spike counts,
                e.g. from a loader of `torch_dataset`. It receives no gradient.
            push: firing-rate regulariser of each spiking population, by name.

        Raises:
            DataError: the input has another number of channels or axes, seems to have the steps
                before the samples, or contains numbers that are not counts, or larger ones than
                the channels carry.
            UsageError: the input has another type, or `push` names a population that does not
                spike.
        """
        fix = "pass a Raster, as network.bin(events).raster, or a tensor [samples, steps, channels]"
        check_type(spikes, (Raster, Tensor), "the input of a network", fix)
        if isinstance(spikes, Tensor):
            self._check_axes(spikes)
            spikes = Raster.from_dense(spikes.detach().to_dense().cpu().numpy())
        for name in push or {}:
            spiking = [name for layer in self.layers if layer.kind != LI for name in layer.names]
            if name not in spiking:
                raise UsageError(
                    f"push: no spiking population is named '{name}'",
                    code="push-unknown",
                    fix=suggestion(name, spiking) if spiking else "leave out `push`",
                )
        check_input(self.network, spikes)
        trains = {INPUT: SpikeTrains.from_raster(spikes, self.device.torch)}
        membrane: dict[str, Tensor] = {}
        integers = self.to_integers()
        populations, synapses = self._prepare(integers)
        for layer in self.layers:
            neurons = Neurons.joined([populations[name] for name in layer.names])
            if layer.kind == LI:
                membrane[layer.names[0]] = layer.run_li(self.device, neurons, synapses, trains)
            else:
                trains |= layer.run_lif(self.device, neurons, synapses, trains, push or {})
        del trains[INPUT]
        units = {} if integers is None else {p.name: p.unit for p in integers.populations}
        return Activity(trains, membrane, units)

    def _prepare(
        self, integers: IntegerNetwork | None
    ) -> tuple[Mapping[str, Neurons], list[Synapses]]:
        """Prepare the neurons of each population and the synapses of each projection for a pass."""
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
        jump = torch.from_numpy(constants.b).to(self._like)
        return Neurons(constants, jump, dt_ms, most_spikes=most_spikes(population))

    def _float_synapses(self, projection: Projection) -> Synapses:
        weight, delay = projection.weight, projection.delays
        jumps = (weight.detach() * self._neurons[projection.target].jump).contiguous()
        steps = whole_steps(delay).contiguous()
        return Synapses(jumps, steps, weight_parameter=weight, delay_parameter=delay)

    def _check_axes(self, spikes: Tensor) -> None:
        """Raise `DataError` for a tensor with the steps before the samples, as in snnTorch."""
        n_steps = self.network.n_steps
        if spikes.ndim == 3 and spikes.shape[0] == n_steps != spikes.shape[1]:
            raise DataError(
                f"spikes in the shape {tuple(spikes.shape)} seem to be [steps, samples, channels]",
                code="raster-dimensions",
                why=f"samples come first, and the network has {n_steps} steps",
                fix="swap the axes: spikes.transpose(0, 1); if the samples are first already, pass "
                "Raster.from_dense(spikes)",
            )

    def record(
        self, spikes: Raster, *, on_progress: Callable[[int], None] | None = None
    ) -> Recording:
        """Run the network without gradients, and record spikes and membranes.

        `nmtool.hardware_sim.simulate` does the same for an `IntegerNetwork`.

        Args:
            spikes: input raster.
            on_progress: called with the number of samples finished since the last call.
        """
        with torch.no_grad():
            return in_batches(
                lambda batch: self(batch).recording(self.network.readout),
                spikes,
                MAX_SAMPLES,
                on_progress,
            )

    def clamp_delays(self) -> None:
        """Clamp all delays to their range; call it after every optimiser step."""
        for projection in self.synapses:
            projection.clamp_delays()

    def to_network(self) -> Network:
        """The current network as a `Network`, with delays in whole steps."""
        projections = [p.spec() for p in self.synapses]
        if self.rounding is not None:
            delays = [p.delays.detach().cpu().numpy().astype(np.float64) for p in self.synapses]
            projections = [
                replace(projection, delay=self.rounding.delays.snap(delay))
                for projection, delay in zip(projections, delays, strict=True)
            ]
        return replace(self.network, projections=projections)

    def to_integers(self) -> IntegerNetwork | None:
        """The current network as an `IntegerNetwork`; None in float arithmetic."""
        return None if self.rounding is None else self.rounding(self.to_network())

    def take_faults(self) -> dict[str, int]:
        """Numbers of wraps of u and clips of v since the last call; empty for floats."""
        if self.rounding is None:
            return {}
        wraps, clips = sum(faults.sum(axis=1) for faults in self.faults.values())
        for faults in self.faults.values():
            faults[:] = 0
        return {"u_wraps": int(wraps), "v_clips": int(clips)}


def _check_same_graph(network: Network, integers: IntegerNetwork) -> None:
    """Raise `UsageError` unless both networks have the same populations and projections."""

    def graph(candidate: Network | IntegerNetwork) -> list[tuple[object, ...]]:
        populations = [(p.name, p.kind, p.size) for p in candidate.populations]
        return populations + [(p.source, p.target, p.shape) for p in candidate.projections]

    if graph(network) != graph(integers):
        raise UsageError(
            "the IntegerNetwork belongs to another network",
            code="integers-other-graph",
            why="its populations or projections differ",
            fix="pass an IntegerNetwork that was quantised from this network",
        )
