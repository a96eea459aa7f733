"""Layers: mutually recurrent populations run as one, differentiably, with joined synapses.

A device runs a layer with one afferent and one recurrent matrix. For several populations or
sources, these matrices are concatenated from the projections; torch splits the gradients again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nmtool.arithmetic import MAX_TRAINED_DELAY
from nmtool.errors import NetworkError, UsageError
from nmtool.network.float_network import Network
from nmtool.network.graph import INPUT
from nmtool.training.engines.cell import Neurons
from nmtool.training.engines.devices import Backward, Device
from nmtool.training.engines.spike_trains import SpikeTrains, merge
from nmtool.training.engines.synapses import Gradients, Synapses

Push = Callable[[Tensor, int], Tensor]
"""A function from spike counts [neurons] and number of samples to the push on μ_v at a spike."""

Blocks = list[list[int | None]]
"""Blocks of a layer's matrix: a row per source, with the index of the projection (or None) to each
population of the layer."""


@dataclass(frozen=True, eq=False)
class Layer:
    """A group of mutually recurrent populations: its sources and projections.

    Attributes:
        names: names of its populations, in order.
        sizes: number of neurons of each population.
        kind: `lif` or `li`.
        sources: populations (or the input) that project to it, one entry per block of rows; a
            source with parallel projections to one target appears once for each.
        source_sizes: number of neurons of each source.
        rows: blocks of the afferent matrix.
        loops: blocks of the recurrent matrix; empty without recurrence.
    """

    names: list[str]
    sizes: list[int]
    kind: str
    sources: list[str]
    source_sizes: list[int]
    rows: Blocks
    loops: Blocks

    @classmethod
    def of(cls, network: Network, names: list[str]) -> Layer:
        """The layer of a group of mutually recurrent populations.

        Raises:
            NetworkError: two recurrent projections connect the same pair of populations.
        """
        sizes = {INPUT: network.channels.size} | {p.name: p.size for p in network.populations}
        sources: list[str] = []
        rows: Blocks = []
        loops: Blocks = [[None] * len(names) for _ in names]
        for index, projection in enumerate(network.projections):
            if projection.target not in names:
                continue
            source, column = projection.source, names.index(projection.target)
            if source in names:
                row = loops[names.index(source)]
                if row[column] is not None:
                    raise NetworkError(
                        f"two recurrent projections connect {source} to {projection.target}",
                        code="network-untrainable",
                        why="training uses one matrix of recurrent synapses",
                        fix="merge the two projections, or split the population",
                    )
            else:
                free = (r for s, r in zip(sources, rows, strict=True) if s == source)
                row = next((row for row in free if row[column] is None), [])
                if not row:
                    row = [None] * len(names)
                    sources.append(source)
                    rows.append(row)
            row[column] = index
        return cls(
            names=names,
            sizes=[sizes[name] for name in names],
            kind=network.population(names[0]).kind,
            sources=sources,
            source_sizes=[sizes[name] for name in sources],
            rows=rows,
            loops=loops if any(entry is not None for row in loops for entry in row) else [],
        )

    def run_lif(
        self,
        device: Device,
        neurons: Neurons,
        synapses: Sequence[Synapses],
        trains: Mapping[str, SpikeTrains],
        push: Mapping[str, Push],
    ) -> dict[str, SpikeTrains]:
        """Run spiking neurons on spike trains; return their differentiable spike trains by name.

        Args:
            device: device on which the neurons run.
            neurons: constants of the layer's neurons.
            synapses: synapses of each projection, in the network's order.
            trains: spike trains of the input and of every earlier population.
            push: firing-rate regulariser of each population, called with the spike counts of this
                pass.
        """
        source = self._source(trains)
        afferent = _joined(self.rows, self.source_sizes, self.sizes, synapses)
        recurrent = None
        if self.loops:
            recurrent = _joined(self.loops, self.sizes, self.sizes, synapses)
        with torch.no_grad():
            spikes, backward = device.lif(neurons, afferent, recurrent, source)
        dtype = neurons.jump.dtype

        def from_times(gradient: Tensor, *, want_source_time: bool) -> Gradients:
            pushed = self._pushed(push, spikes, neurons.jump)
            per_spike = spikes.per_spike(gradient.to(dtype))
            return backward(per_spike, pushed, want_source_time=want_source_time)

        time_ms = spikes.step.to(dtype).mul_(neurons.dt_ms)
        time_ms = _differentiable(time_ms, from_times, neurons, source, afferent, recurrent)
        spikes = replace(spikes, time_ms=time_ms)
        if len(self.names) == 1:
            return {self.names[0]: spikes}
        ends = np.cumsum(self.sizes).tolist()
        return {
            name: spikes.columns(end - size, end)
            for name, size, end in zip(self.names, self.sizes, ends, strict=True)
        }

    def run_li(
        self,
        device: Device,
        neurons: Neurons,
        synapses: Sequence[Synapses],
        trains: Mapping[str, SpikeTrains],
    ) -> Tensor:
        """Run non-spiking neurons on spike trains; return their membranes, differentiably.

        The arguments are those of `run_lif`.

        Returns:
            [samples, T, neurons] float: v after each step.
        """
        source = self._source(trains)
        afferent = _joined(self.rows, self.source_sizes, self.sizes, synapses)
        with torch.no_grad():
            membrane, backward = device.li(neurons, afferent, source)
        return _differentiable(membrane, backward, neurons, source, afferent)

    def _source(self, trains: Mapping[str, SpikeTrains]) -> SpikeTrains:
        """Join the spikes of all sources of the layer."""
        if not self.sources:
            return SpikeTrains.silent(trains[INPUT], 0)
        return merge([trains[name] for name in self.sources])

    def _pushed(self, push: Mapping[str, Push], spikes: SpikeTrains, like: Tensor) -> Tensor:
        """[neurons] float: the push on μ_v at every spike, 0 without a regulariser."""
        pushed = like.new_zeros(spikes.n_neurons)
        if any(name in push for name in self.names):
            counts = spikes.counts().split(self.sizes)
            parts = [
                push[name](part, spikes.n_samples) if name in push else torch.zeros_like(part)
                for name, part in zip(self.names, counts, strict=True)
            ]
            pushed += torch.cat(parts).to(pushed.dtype)
        return pushed


def _joined(
    blocks: Blocks, pre: list[int], post: list[int], synapses: Sequence[Synapses]
) -> Synapses:
    """Join blocks of projections into one matrix; missing synapses get weight 0."""
    if len(blocks) == 1 and len(post) == 1 and blocks[0][0] is not None:
        return synapses[blocks[0][0]]

    def matrix(name: str) -> Tensor | None:
        matrices = [getattr(projection, name) for projection in synapses]
        if matrices[0] is None:
            return None
        like = matrices[0].detach()
        rows = [
            torch.cat(
                [
                    like.new_zeros((n, m)) if entry is None else matrices[entry]
                    for entry, m in zip(row, post, strict=True)
                ],
                dim=1,
            )
            for row, n in zip(blocks, pre, strict=True)
        ]
        return torch.cat([like.new_zeros((0, sum(post))), *rows])

    matrices: dict[str, Any] = {part.name: matrix(part.name) for part in fields(Synapses)}
    return Synapses(**matrices)


def _differentiable(
    output: Tensor,
    backward: Backward,
    neurons: Neurons,
    source: SpikeTrains,
    *synapses: Synapses | None,
) -> Tensor:
    """Connect the output of a layer to its parameters and to the times of its afferent spikes."""
    parameters = [
        parameter
        for part in synapses
        if part is not None
        for parameter in (part.weight_parameter, part.delay_parameter)
    ]
    return _Pass.apply((output, backward, neurons, source), *parameters, source.time_ms)


class _Pass(torch.autograd.Function):
    """Autograd function of a layer whose output is computed already."""

    @staticmethod
    def forward(
        ctx: Any, values: tuple[Tensor, Backward, Neurons, SpikeTrains], *inputs: Tensor | None
    ) -> Tensor:
        output, *ctx.forward_values = values
        return output

    @staticmethod
    def backward(ctx: Any, *outputs: Any) -> tuple[Tensor | None, ...]:
        values, ctx.forward_values = ctx.forward_values, None  # This frees their memory.
        if values is None:
            raise RuntimeError("EventProp's backward pass runs once per forward pass")
        backward, neurons, source = values
        gradients = backward(outputs[0], want_source_time=ctx.needs_input_grad[-1])
        # Weights are in the paper's units, and delays in steps.
        by_parameter = [
            gradient
            for part in (gradients.afferent, gradients.recurrent)
            if part is not None
            for gradient in (part.weight * neurons.jump, part.delay)
        ]
        return None, *by_parameter, source.per_bin(gradients.source_time)


def whole_steps(delay: Tensor) -> Tensor:
    """Round delays to whole steps: [pre, post] uint8 or int16, on the same device.

    The rule is that of `nmtool.rounding.round_half_away`: halves are rounded away from zero. The
    fraction is exact, so that numbers just below a half are rounded down.

    Raises:
        UsageError: a delay is NaN, negative, or longer than training supports.
    """
    exact = delay.detach()
    steps = exact.trunc()
    beyond = (exact - steps).abs_() >= 0.5
    steps += torch.copysign(beyond.to(exact.dtype), exact)
    # Both extremes are fetched in a single transfer, since every transfer waits for the GPU.
    first, last = torch.stack(steps.aminmax()).tolist() if steps.numel() else (0.0, 0.0)
    # If a delay is NaN, both comparisons are false.
    if not (first >= 0 and last <= MAX_TRAINED_DELAY):
        raise UsageError(
            f"delays must lie in 0 … {MAX_TRAINED_DELAY} steps, not in {first:g} … {last:g}",
            code="delay-out-of-range",
            why="optimisers do not limit parameters",
            fix="call model.clamp_delays() after every optimiser step",
        )
    return steps.to(torch.uint8 if last <= 255 else torch.int16)
