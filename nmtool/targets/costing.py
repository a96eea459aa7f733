"""`cost` and `compare_cost`: operations, memory, latency and energy of networks on samples."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nmtool.arguments import Count, checked
from nmtool.arithmetic import LOIHI2
from nmtool.data.dataset import Dataset
from nmtool.data.events import SpikeEvents
from nmtool.data.samples import Samples, bin_for, check_in_time, choose_samples, only_classes
from nmtool.errors import DataError, UsageError
from nmtool.exporters.formats import format_named, places
from nmtool.loading import Source, as_network, as_samples
from nmtool.network.any_network import AnyNetwork
from nmtool.network.graph import INPUT
from nmtool.network.integer_network import IntegerNetwork
from nmtool.progress import Progress, silent
from nmtool.raster import Raster
from nmtool.recording import Recording, check_steps
from nmtool.running import record_portions
from nmtool.targets import Target, target_named
from nmtool.targets.costs import (
    Constant,
    Cost,
    Counted,
    Estimate,
    RunningCost,
    Spread,
    Tradeoff,
)
from nmtool.targets.footprint import (
    Footprint,
    connection_sparsity,
    integer_footprint,
    torch_footprint,
)
from nmtool.targets.resources import resources
from nmtool.targets.target import CHIP, SOFTWARE, Origin

if TYPE_CHECKING:
    from nmtool.hardware_sim.operations import Core, Counter, Operations

_PJ_PER_UJ, _NS_PER_US = 1e6, 1e3


@checked
def cost(
    network: Source,
    data: SpikeEvents | Samples | Dataset | str | Path,
    *,
    samples: Count | None = None,
    target: str | Path | Target | None = None,
    energy_of: str | Path | Target | None = None,
    progress: Progress = silent,
) -> Cost:
    """Count a network's operations on samples, and estimate latency and energy on a target.

    Operations are counted exactly, in the network's own arithmetic, per inference (a sample from a
    fresh state), by population and projection, and over steps. Latency and energy are estimated if
    the target's figures per event are known. If the target's format can measure its runtime, such
    as `c`, which times the C program on this machine, latency is measured.

    >>> cost(q.network, data.test)  # doctest: +SKIP
    <Cost: 12,345 synaptic events per inference, 300 samples>

    Args:
        network: float or integer network, a run, a torch model, or a path. Chips run integers:
            quantise a float network first.
        data: samples, a data set, or its name, e.g. `digits:test`; also samples already binned for
            the network.
        samples: number of samples to draw, in proportion to the classes; by default all, or 1,000
            if the data are on disk.
        target: chip or software to run on: a name, e.g. `loihi1`, the path of a target's file, or
            a `Target`.
        energy_of: use another target's figures per event, e.g. `loihi1` for Loihi 2, which has no
            published figures; latency and energy then name that target.
        progress: shows progress, e.g. `nmtool.progress_bar`.

    Raises:
        DataError: there is no sample, or most events lie beyond the network's steps.
        UsageError: the data have other channels or classes than the network, or there is no such
            target.
    """
    from nmtool.hardware_sim.operations import Counter

    chip = None if target is None else target_named(target)
    figures = None if energy_of is None else target_named(energy_of)
    chip, figures = chip or figures, figures or chip
    loaded_network = as_network(network)
    events = choose_samples(as_samples(data, [network], progress), samples)
    if isinstance(events, SpikeEvents):
        events = events.excerpt(None if samples is None else events.n_samples)
        # The cost includes the accuracy, which means nothing if most events come after the last
        # step. In this case, `check_in_time` raises an error.
        check_in_time(loaded_network, events)
    binned = events if isinstance(events, Samples) else bin_for(loaded_network, events)
    check_steps(loaded_network, binned.raster)
    if not binned.raster.n_samples:
        raise DataError(
            "counting the cost needs samples", code="split-empty", fix="pass at least one sample"
        )
    recordings, predictions = [], []
    for _, portion in record_portions(loaded_network, binned, progress=progress):
        predictions.append(portion.predictions)
        # Operations are counted from spikes; membranes of all samples may not fit into memory.
        recordings.append(replace(portion, membrane={}))
    recording = Recording.concatenate(recordings)
    placement = _place_on_cores(loaded_network, chip)
    counter = Counter(
        loaded_network, binned.raster, recording, placement.cores, dense=_stores_zeros(chip)
    )
    operations = counter.operations()
    running = _running_cost(loaded_network, chip, binned.raster, recording, operations, progress)
    shape = (operations.n_samples, operations.n_steps)
    spikes = {name: counts for name, counts in operations.spikes.items() if name != INPUT}
    class_remark = only_classes(
        np.bincount(binned.label, minlength=len(loaded_network.class_names))
    )
    return Cost(
        network_hash=loaded_network.content_hash,
        arithmetic=loaded_network.arithmetic,
        bits=_bits(loaded_network) if isinstance(loaded_network, IntegerNetwork) else "",
        samples=operations.n_samples,
        steps=operations.n_steps,
        accuracy=float((np.concatenate(predictions) == binned.label).mean()),
        target="" if chip is None else chip.name,
        cores=len(placement.cores) or None,
        grouping=placement.words,
        synaptic_events=Counted.of(
            _named_by_projection(loaded_network, operations.synaptic_events), shape
        ),
        synapses_read=Counted.of(
            _named_by_projection(loaded_network, operations.synapses_read), shape
        ),
        neuron_updates=Counted.of(operations.neuron_updates, shape),
        input_spikes=Counted(Spread.of(operations.spikes[INPUT])),
        spikes=Counted.of(spikes, shape),
        messages=Counted.of(operations.messages, shape),
        effective_acs=_total_count(operations.synaptic_events) / operations.n_samples,
        effective_macs=0.0,
        dense_operations=float(_n_synapses(loaded_network) * operations.n_steps),
        activation_sparsity=_activation_sparsity(operations, spikes),
        connection_sparsity=connection_sparsity(loaded_network),
        footprint=dict(_footprints(loaded_network, running)),
        energy=_energy(loaded_network, placement, figures, operations),
        latency=running.latency
        if running
        else _latency(loaded_network, placement, figures, counter),
        program=running.program if running else "",
        operations=running.operations if running else {},
        absent=dict(_unknown_quantities(loaded_network, spikes)),
        remarks=(
            *_remarks(loaded_network, chip, operations, spikes),
            *([f"samples and accuracy cover only {class_remark}"] if class_remark else []),
        ),
    )


@checked
def compare_cost(
    networks: Mapping[str, Source] | Sequence[Source],
    data: SpikeEvents | Dataset | str | Path,
    *,
    samples: Count | None = None,
    target: str | Path | Target | None = None,
    energy_of: str | Path | Target | None = None,
    progress: Progress = silent,
) -> Tradeoff:
    """Compare accuracy and cost of several networks on the same samples.

    >>> compare_cost({"8 bits": q.network}, data.test)  # doctest: +SKIP
    <Tradeoff: 1 network>

    Args:
        networks: networks by name; or a list, in which paths serve as names and networks in memory
            are numbered from 1.
        data: samples, a data set, or its name, e.g. `digits:test`.
        samples, target, energy_of: as for `cost`.
        progress: shows progress, e.g. `nmtool.progress_bar`.

    Raises:
        UsageError, DataError: as for `cost`; or there are no networks.
    """
    if not isinstance(networks, Mapping):
        networks = {
            str(network) if isinstance(network, str | Path) else f"network {number}": network
            for number, network in enumerate(networks, 1)
        }
    if not networks:
        raise UsageError(
            "there are no networks to compare",
            code="networks-missing",
            fix="name at least one network",
        )
    events = as_samples(data, networks.values(), progress)
    return Tradeoff(
        {
            name: cost(
                network,
                events,
                samples=samples,
                target=target,
                energy_of=energy_of,
                progress=progress,
            )
            for name, network in networks.items()
        }
    )


# Counts of operations


def _named_by_projection(
    network: AnyNetwork, counts: Sequence[NDArray[np.int64]]
) -> dict[str, NDArray[np.int64]]:
    """Counts by name of the projection, e.g. `input → hidden`; equal names are numbered."""
    by_projection: dict[str, NDArray[np.int64]] = {}
    for projection, count in zip(network.projections, counts, strict=True):
        name = label = f"{projection.source} → {projection.target}"
        for number in range(2, len(by_projection) + 2):
            if label in by_projection:
                label = f"{name} ({number})"
        by_projection[label] = count
    return by_projection


def _total_count(counts: Sequence[NDArray[np.int64]]) -> int:
    """Sum of all entries of several arrays."""
    return sum(int(count.sum()) for count in counts)


def _n_synapses(network: AnyNetwork) -> int:
    """Number of synapses of a network, including weights of 0."""
    return sum(projection.weight.size for projection in network.projections)


def _activation_sparsity(
    operations: Operations, spikes: Mapping[str, NDArray[np.int64]]
) -> float | None:
    """Share of bins (neurons × steps) without a spike; None if no population can spike."""
    bins = sum(operations.neurons[name] for name in spikes)
    bins *= operations.n_samples * operations.n_steps
    return (bins - _total_count([*spikes.values()])) / bins if bins else None


def _bits(network: IntegerNetwork) -> str:
    """Text with the bits of weights and of delays, e.g. `8/6`.

    Delays are counted in multiples of their greatest common divisor.
    """
    weights = {projection.weight_bits for projection in network.projections}
    # Synapses of weight 0 have no effect.
    used = [p.delay[p.weight != 0] for p in network.projections]
    delays = np.concatenate(used or [np.zeros(0, int)])
    stride = math.gcd(*map(int, np.unique(delays))) or 1
    bits = (int(delays.max(initial=0)) // stride).bit_length()
    return f"{'–'.join(map(str, sorted({min(weights), max(weights)})))}/{bits}" if weights else ""


def _footprints(
    network: AnyNetwork, running: RunningCost | None
) -> Iterator[tuple[str, Footprint]]:
    """Yield footprints of a network, each with its kind of storage."""
    if isinstance(network, IntegerNetwork):
        yield "chip integers", integer_footprint(network)
    if running is not None:
        yield running.program, running.footprint
    yield "torch copy", torch_footprint(network)


def _unknown_quantities(
    network: AnyNetwork, spikes: Mapping[str, NDArray[np.int64]]
) -> Iterator[tuple[str, str]]:
    """Yield the name of each unknown quantity except latency and energy, and why it is unknown."""
    if not isinstance(network, IntegerNetwork):
        yield "footprint of chip integers", "the network is float: quantise it"
    if not spikes:
        yield "activation_sparsity", "no population of the network can spike"
    if not _n_synapses(network):
        yield "connection_sparsity", "the network has no synapses"


def _remarks(
    network: AnyNetwork,
    chip: Target | None,
    operations: Operations,
    spikes: Mapping[str, NDArray[np.int64]],
) -> Iterator[str]:
    """Yield sentences that limit the meaning of the counts, e.g. if no neuron spiked."""
    emitted = _total_count([*spikes.values()])
    if not emitted and not operations.spikes[INPUT].any():
        yield "there were neither input spikes nor emitted spikes"
    elif not _total_count(operations.synaptic_events):
        yield "no spike passed a synapse of nonzero weight"
    elif spikes and not emitted:
        yield "no population spiked: all operations are due to the input"
    arithmetic = network.arithmetic if isinstance(network, IntegerNetwork) else LOIHI2.name
    if chip is not None and chip.arithmetic != arithmetic:
        title = chip.title or chip.name
        yield f"spikes were simulated in {arithmetic}, but {title} has another arithmetic"


# Measurements, and estimates of energy and latency


def _running_cost(
    network: AnyNetwork,
    chip: Target | None,
    spikes: Raster,
    recording: Recording,
    operations: Operations,
    progress: Progress,
) -> RunningCost | None:
    """Measure the cost in the runtime of a target's format; None if it is not measured.

    The runtime of a chip's format is this computer, which says nothing of the chip: for a chip,
    only the emulated processor is measured that the target names.
    """
    if chip is None or not isinstance(network, IntegerNetwork):
        return None
    name = chip.processor or (chip.format if chip.kind == SOFTWARE else "")
    if name not in places():
        return None
    return format_named(name).running_cost(network, spikes, recording, operations, progress)


def _stores_zeros(chip: Target | None) -> bool:
    """True for a chip whose cores store synapses of weight 0, or may store them."""
    return chip is not None and chip.kind == CHIP and chip.core.dense is not False


@dataclass(frozen=True)
class _Placement:
    """Placement of a network's neurons on the cores of a chip.

    Attributes:
        chip: the target; None without one.
        cores: neurons on each core; empty if unknown.
        words: number of cores in words, with the assumptions behind it.
        misfit: reason why a neuron does not fit on a core; '' if all neurons fit.
    """

    chip: Target | None
    cores: Sequence[Core] = ()
    words: str = ""
    misfit: str = ""


def _place_on_cores(network: AnyNetwork, chip: Target | None) -> _Placement:
    if chip is None or chip.kind != CHIP or not isinstance(network, IntegerNetwork):
        return _Placement(chip)
    needed = resources(network, chip)
    for entry in needed.populations:
        if entry.binding and not entry.per_core[entry.binding]:
            reason = (
                f"one neuron of '{entry.population}' takes more {entry.binding} than a core has"
            )
            return _Placement(chip, misfit=f"{reason}: see nmtool check")
    if needed.cores is None:
        return _Placement(chip)
    cores = [
        [(population.population, *part)]
        for population in needed.populations
        for part in pairwise(
            population.neurons * k // (population.cores or 1)
            for k in range((population.cores or 1) + 1)
        )
    ]
    return _Placement(chip, cores, needed.in_words())


def _energy(
    network: AnyNetwork,
    placement: _Placement,
    figures: Target | None,
    operations: Operations,
) -> Estimate:
    """Estimate the energy per inference, or give the reason why it is unknown."""
    from nmtool.hardware_sim.estimates import energy

    chip = placement.chip
    absent = _reason_against_estimate(network, figures, "energy_pj") or placement.misfit
    if absent or chip is None or figures is None:
        return Estimate("µJ", absent=absent)
    microjoules = energy(operations, figures.energy_pj, dense=_stores_zeros(chip)) / _PJ_PER_UJ
    used, unknown = _split_figures(figures, "energy_pj", "pJ")
    return Estimate(
        "µJ",
        f"dynamic energy, cores, {_words_on_figures(chip, figures, used)}",
        _note_on_estimate(placement, unknown),
        Spread.of(microjoules),
        constants=tuple(used),
    )


def _latency(
    network: AnyNetwork,
    placement: _Placement,
    figures: Target | None,
    counter: Counter,
) -> Estimate:
    """Estimate the latency per inference, or give the reason why it is unknown."""
    from nmtool.hardware_sim.estimates import step_time

    chip = placement.chip
    absent = _reason_against_estimate(network, figures, "time_ns") or placement.misfit
    if absent or chip is None or figures is None:
        return Estimate("µs", absent=absent)
    barrier = figures.barrier(len(counter.cores))
    microseconds = step_time(counter, figures.time_ns, barrier or 0.0) / _NS_PER_US
    used, unknown = _split_figures(figures, "time_ns", "ns")
    if barrier is None:
        unknown.append("the barrier of a step")
    else:
        origin = figures.origin("barrier_us")
        used.append(
            Constant("barrier", barrier, "µs", origin.mark, _source_text(origin), figures.name)
        )
    covers = "slowest core of each step" if barrier is None else "slowest core and barrier of steps"
    return Estimate(
        "µs",
        f"{covers}, {_words_on_figures(chip, figures, used)}",
        _note_on_estimate(placement, unknown),
        Spread.of(microseconds),
        constants=tuple(used),
    )


def _reason_against_estimate(network: AnyNetwork, figures: Target | None, section: str) -> str:
    """The reason why an estimate is impossible; '' if the estimate is possible.

    Args:
        network: the network.
        figures: target whose figures per event are used; None without one.
        section: `energy_pj` or `time_ns`.
    """
    from nmtool.hardware_sim.estimates import NEEDED

    if figures is None:
        return "no target with known figures per event, such as loihi1, was named"
    if not isinstance(network, IntegerNetwork):
        return "a chip runs integers: quantise the network"
    missing = {
        noun: any(getattr(getattr(figures, name), event) is None for event in NEEDED)
        for name, noun in (("time_ns", "time"), ("energy_pj", "energy"))
    }
    if missing["energy" if section == "energy_pj" else "time"]:
        nouns = " and the ".join(noun for noun, is_missing in missing.items() if is_missing)
        title = figures.title or figures.name
        if figures.kind == SOFTWARE:
            return (
                f"{figures.name} is software; there are no figures for the {nouns} per event of "
                "its computer"
            )
        return (
            f"nobody publishes the {nouns} per event for {title}; to use the figures of another "
            "chip, name it, e.g. `energy_of=loihi1`"
        )
    return ""


def _split_figures(figures: Target, section: str, unit: str) -> tuple[list[Constant], list[str]]:
    """The known figures of a section, as `Constant`s, and the names of its unknown figures."""
    from nmtool.hardware_sim.estimates import USED

    used, unknown = [], []
    for name in USED:
        value = getattr(getattr(figures, section), name)
        origin = figures.origin(f"{section}.{name}")
        if value is None:
            unknown.append(name.replace("_", " "))
        else:
            used.append(
                Constant(name, value, unit, origin.mark, _source_text(origin), figures.name)
            )
    return used, unknown


def _source_text(origin: Origin) -> str:
    """Source of a figure and the note on it, as one text."""
    return "; ".join(part for part in (origin.source, origin.note) if part)


def _words_on_figures(chip: Target, figures: Target, used: Sequence[Constant]) -> str:
    """Describe the figures that an estimate uses: their marks, and the chip they belong to."""
    marks = " and ".join(dict.fromkeys(constant.mark for constant in used))
    figures_text = f"{marks} per-event figures of {figures.title or figures.name}"
    return (
        figures_text
        if chip.name == figures.name
        else f"{figures_text}, not of {chip.title or chip.name}"
    )


def _note_on_estimate(placement: _Placement, unknown: Sequence[str]) -> str:
    """List the parts of the system that an estimate includes, and the excluded parts."""
    parts = ["all neurons updated in every step"]
    if _stores_zeros(placement.chip):
        parts.append("synapses of weight 0 included")
    if not placement.cores:
        parts.append("each population on one core, since the chip's cores are unknown")
    parts.append("routers, input to the chip and host not included")
    if unknown:
        parts.append(f"not included, because no figure is published: {', '.join(unknown)}")
    return "; ".join(parts)
