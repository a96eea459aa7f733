"""Cost of a network's C program: operations in its source, memory, and time or instructions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from nmtool.errors import MissingError
from nmtool.exporters.c.source import memory
from nmtool.exporters.c.timing import PASSES, measure
from nmtool.machine import cpu_name
from nmtool.network.graph import LIF
from nmtool.network.integer_network import IntegerNetwork
from nmtool.progress import Progress
from nmtool.raster import Raster
from nmtool.recording import Recording
from nmtool.tables import counted
from nmtool.targets.costs import Estimate, RunningCost, Spread
from nmtool.targets.footprint import Footprint

if TYPE_CHECKING:
    from nmtool.hardware_sim.operations import Operations

MEASURED_SAMPLES = 100
"""Number of samples, evenly spread, on which the C program is measured."""


@dataclass(frozen=True)
class Meter:
    """A way to measure the C program.

    Attributes:
        unit: unit of the numbers.
        boundary: the part of the system that the numbers cover, as in `Estimate`.
        note: further remarks, which end before the number of samples.
        measure: function from the network, its input, the simulator's number of spikes by
            population, and `on_progress` to statistics over samples. Raises `MissingError` if
            programs are missing.
    """

    unit: str
    boundary: str
    note: str
    measure: Callable[[IntegerNetwork, Raster, Mapping[str, int], Callable[[int], None]], Spread]


def clock() -> Meter:
    """The meter of time on this computer."""
    return Meter(
        "ns",
        f"measured, C program, one thread of {cpu_name()}",
        f"from reset to answer, input in memory; median of {PASSES} passes over ",
        lambda network, spikes, emitted, on_progress: Spread.of_samples(
            measure(network, spikes, emitted, on_progress=on_progress)
        ),
    )


def program_cost(
    network: IntegerNetwork,
    spikes: Raster,
    recording: Recording,
    operations: Operations,
    meter: Meter,
    progress: Progress,
) -> RunningCost:
    """Measure the C program; if this is impossible, the latency has the reason instead of numbers.

    Args:
        network, spikes, recording, operations, progress: as for `Format.running_cost`.
        meter: a way to measure the program.
    """
    latency = _latency(network, spikes, recording, meter, progress)
    counts = _source_operations(network, operations)
    return RunningCost("C program", latency, Footprint(*memory(network)), counts)


def _latency(
    network: IntegerNetwork,
    spikes: Raster,
    recording: Recording,
    meter: Meter,
    progress: Progress,
) -> Estimate:
    count = spikes.n_samples
    measured = min(count, MEASURED_SAMPLES)
    chosen = np.unique(np.linspace(0, count - 1, measured).round().astype(int))
    emitted = {name: raster.take(chosen).n_spikes for name, raster in recording.spikes.items()}
    part = f"{len(chosen)} of " if len(chosen) < count else "all "
    try:
        with progress("C program", len(chosen)) as advance:
            spread = meter.measure(network, spikes.take(chosen), emitted, advance)
    except MissingError as error:
        why = f", since {error.why}" if error.why else ""
        return Estimate(meter.unit, absent=f"{error.what}{why}; {error.fix}")
    worst = int(chosen[spread.worst_sample])
    note = f"{meter.note}{part}{counted(count, 'sample')}"
    return Estimate(meter.unit, meter.boundary, note, replace(spread, worst_sample=worst))


def _source_operations(network: IntegerNetwork, operations: Operations) -> dict[str, Spread]:
    """Count the operations in the source code of the C program, by name.

    A neuron's step has three products, two of them of 64 bits and followed by a division by 4096;
    a synapse takes a product and a sum; a score of a readout that weights steps takes one more
    product. Addresses, comparisons and the reset before a sample are not counted.
    """
    shape = (operations.n_samples, operations.n_steps)
    none = np.zeros(shape, np.int64)
    read = sum(operations.synapses_read, none)
    steps = sum(operations.neuron_updates.values(), none)
    spiking = network.readout.kind == LIF
    answering = operations.spikes if spiking else operations.neuron_updates
    scored = answering[network.readout.population]
    weighted = scored if network.readout.weights_steps else none
    return {
        "weights_added": Spread.of(read),
        "neuron_steps": Spread.of(steps),
        "products": Spread.of(read + 3 * steps + weighted),
        "divisions": Spread.of(2 * steps),
        "scores_kept": Spread.of(scored + none),
    }
