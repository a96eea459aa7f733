"""Cost of a network's C program: its memory, the operations in its source, and measured times."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from nmtool.errors import Finding, MissingError
from nmtool.exporters.c.compiler import Machine
from nmtool.exporters.c.runtime import measure
from nmtool.exporters.c.source import memory, sending
from nmtool.network.graph import INPUT, LIF
from nmtool.network.integer_network import IntegerNetwork
from nmtool.progress import Progress
from nmtool.raster import Raster
from nmtool.recording import Recording
from nmtool.tables import counted
from nmtool.targets import Target
from nmtool.targets.costs import Estimate, RunningCost, Spread
from nmtool.targets.fit import Use
from nmtool.targets.footprint import Footprint

if TYPE_CHECKING:
    from nmtool.hardware_sim.operations import Operations

MEASURED_SAMPLES = 100
"""Number of samples, evenly spread, on which the C program is measured."""

_CODE, _CODE_OF_POPULATION, _CODE_OF_PROJECTION, _CODE_OF_COUNTS = 700, 300, 170, 50
"""Bounds of code in bytes: constant part, per population, per projection, and additionally per
population or projection whose spikes are counted."""

_STACK = 256
"""Bound of the stack of `nmtool_step` in bytes."""

_GAPS = 16
"""Bound of the bytes lost to alignment, per population and per projection."""

_POINTER = 4


@dataclass(frozen=True)
class Sizes:
    """Memory of a network's program in bytes.

    Attributes:
        flash: bytes of code and constants.
        ram: bytes of variables.
        stack: bytes of stack of the deepest call chain, without library functions.
    """

    flash: int
    ram: int
    stack: int


def bounds(network: IntegerNetwork) -> Sizes:
    """Upper bounds of the memory of a network's C program, computed without compiling it.

    Constants and variables are counted. Code and stack have upper bounds, which held for 11
    networks with 2 to 21 populations, and for 14 networks in which the spikes of every population
    are counted, compiled by GCC 14.2 with -O2 for two 32-bit processors. Startup code, drivers and
    the application are not included.
    """
    constants, variables = memory(network)
    n_populations, n_projections = len(network.populations), len(network.projections)
    names = sum(len(name.encode()) + 1 + _POINTER for name in network.class_names)
    code = _CODE + _CODE_OF_POPULATION * n_populations + _CODE_OF_PROJECTION * n_projections
    counting = {name for name, most in network.spike_limits.items() if most > 1}
    code += _CODE_OF_COUNTS * sum(p.name in counting for p in network.populations)
    code += _CODE_OF_COUNTS * sum(p.source in counting for p in network.projections)
    gaps = _GAPS * (n_populations + n_projections)
    return Sizes(constants + names + code + gaps, variables + gaps, _STACK)


def uses(network: IntegerNetwork, target: Target) -> list[Use]:
    """Upper bounds of the flash and RAM that a network needs, and the amounts that a target has.

    Args:
        network: an integer network.
        target: a target; without figures of `memory`, nothing is counted.
    """
    limits = bounds(network)
    amounts = [
        ("bytes of flash", limits.flash, target.memory.flash),
        ("bytes of RAM", limits.ram + limits.stack, target.memory.ram),
    ]
    return [
        Use(name, used, available) for name, used, available in amounts if available is not None
    ]


def too_small(use: Use, target: Target) -> Finding:
    """The finding for a memory that a network does not fit into."""
    return Finding(
        "target-memory",
        target.title or target.name,
        f"the network takes {use.used:,} {use.resource}, but there are only {use.available:,}",
        "shorten delays: each step of delay takes 4 bytes of RAM per neuron; or train a smaller "
        "network"
        if use.resource == "bytes of RAM"
        else "train a network with fewer synapses: each synapse takes 2 bytes of flash",
    )


def running_cost(
    network: IntegerNetwork,
    spikes: Raster,
    recording: Recording,
    operations: Operations,
    progress: Progress,
    machine: Machine,
) -> RunningCost:
    """Measure the C program on a machine.

    Args:
        network, spikes, recording, operations, progress: as for `Format.running_cost`.
        machine: the machine; if it is missing, the latency has the reason instead of numbers.
    """
    latency = _latency(network, spikes, recording, progress, machine)
    counts = _source_operations(network, spikes, recording, operations)
    return RunningCost("C program", latency, Footprint(*memory(network)), counts)


def _latency(
    network: IntegerNetwork,
    spikes: Raster,
    recording: Recording,
    progress: Progress,
    machine: Machine,
) -> Estimate:
    """Time some of the samples."""
    count = spikes.n_samples
    measured = min(count, MEASURED_SAMPLES)
    chosen = np.unique(np.linspace(0, count - 1, measured).round().astype(int))
    emitted = {name: raster.take(chosen).n_spikes for name, raster in recording.spikes.items()}
    try:
        with progress("C program", len(chosen)) as advance:
            times = measure(network, spikes.take(chosen), emitted, machine, on_progress=advance)
    except MissingError as error:
        why = f", since {error.why}" if error.why else ""
        return Estimate(machine.unit, absent=f"{error.what}{why}; {error.fix}")
    total = np.median(times[:, :, 0], axis=0) if machine.passes > 1 else times[0, :, 0]
    spread = Spread.of_samples(total)
    spread = replace(spread, worst_sample=int(chosen[spread.worst_sample]))
    if machine.times_steps:
        steps = {"step_mean": spread.mean / spikes.n_steps, "step_worst": times[..., 1].max()}
        spread = replace(spread, **{name: value.item() for name, value in steps.items()})
    part = f"{len(chosen)} of " if len(chosen) < count else "all "
    note = f"{machine.note}{part}{counted(count, 'sample')}"
    return Estimate(machine.unit, machine.boundary, note, spread)


def _source_operations(
    network: IntegerNetwork, spikes: Raster, recording: Recording, operations: Operations
) -> dict[str, Spread]:
    """Count the operations in the source code of the C program, by name.

    A neuron's step has three products, two of them of 64 bits and followed by a division by 4096;
    a synapse takes a product and a sum; a score of a readout that weights steps takes one more
    product. All spikes of a neuron in a step are sent at once: where their number can vary, a
    synapse takes one more product, and a neuron that spikes one product and one division more.
    Addresses, comparisons and the reset before a sample are not counted.
    """
    none = np.zeros((operations.n_samples, operations.n_steps), np.int64)
    senders = sending(spikes, recording)
    counting = {name for name in senders if network.spike_limits[name] > 1}
    read = sum((senders[p.source] * p.shape[1] for p in network.projections), none)
    multiplied = sum(
        (senders[p.source] * p.shape[1] for p in network.projections if p.source in counting), none
    )
    counted_spikes = sum((senders[name] for name in counting - {INPUT}), none)
    steps = sum(operations.neuron_updates.values(), none)
    answering = senders if network.readout.kind == LIF else operations.neuron_updates
    scored = answering[network.readout.population]
    weighted = scored if network.readout.weights_steps else none
    return {
        "weights_added": Spread.of(read),
        "neuron_steps": Spread.of(steps),
        "products": Spread.of(read + multiplied + counted_spikes + 3 * steps + weighted),
        "divisions": Spread.of(2 * steps + counted_spikes),
        "scores_kept": Spread.of(scored + none),
    }
