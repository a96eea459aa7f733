"""Cost of a network's C program: operations in its source, memory, and time or instructions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from nmtool.errors import MissingError
from nmtool.exporters.c import timing
from nmtool.exporters.c.source import memory, sending
from nmtool.network.graph import INPUT, LIF
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


Measure = Callable[[IntegerNetwork, Raster, Mapping[str, int], Callable[[int], None]], Spread]
"""Function from the network, its input, the simulator's number of spikes by population, and
`on_progress` to statistics over samples. Raises `MissingError` if programs are missing."""


def program_cost(
    network: IntegerNetwork,
    spikes: Raster,
    recording: Recording,
    operations: Operations,
    progress: Progress,
    *,
    measure: Measure,
    estimate: Estimate,
) -> RunningCost:
    """Measure the C program; if this is impossible, the latency has the reason instead of numbers.

    Args:
        network, spikes, recording, operations, progress: as for `Format.running_cost`.
        measure: measures the program, e.g. `time_on_this_computer`.
        estimate: an estimate without numbers, with unit, boundary and note of what is measured. The
            note gets the number of samples.
    """
    latency = _latency(network, spikes, recording, progress, measure, estimate)
    counts = _source_operations(network, spikes, recording, operations)
    return RunningCost("C program", latency, Footprint(*memory(network)), counts)


def time_on_this_computer(
    network: IntegerNetwork,
    spikes: Raster,
    emitted: Mapping[str, int],
    on_progress: Callable[[int], None],
) -> Spread:
    """Time the C program on this computer, in ns; a `Measure`."""
    return Spread.of_samples(timing.measure(network, spikes, emitted, on_progress=on_progress))


def _latency(
    network: IntegerNetwork,
    spikes: Raster,
    recording: Recording,
    progress: Progress,
    measure: Measure,
    estimate: Estimate,
) -> Estimate:
    count = spikes.n_samples
    measured = min(count, MEASURED_SAMPLES)
    chosen = np.unique(np.linspace(0, count - 1, measured).round().astype(int))
    emitted = {name: raster.take(chosen).n_spikes for name, raster in recording.spikes.items()}
    part = f"{len(chosen)} of " if len(chosen) < count else "all "
    try:
        with progress("C program", len(chosen)) as advance:
            spread = measure(network, spikes.take(chosen), emitted, advance)
    except MissingError as error:
        why = f", since {error.why}" if error.why else ""
        return Estimate(estimate.unit, absent=f"{error.what}{why}; {error.fix}")
    worst = int(chosen[spread.worst_sample])
    note = f"{estimate.note}{part}{counted(count, 'sample')}"
    return replace(estimate, note=note, spread=replace(spread, worst_sample=worst))


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
